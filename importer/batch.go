package importer

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// importing is one import of contacts under way.
type importing struct {
	aud      *store.Audience
	plan     *Plan
	opts     *Options
	limits   audience.Limits
	source   audience.Source
	attested []byte // the evidence of rows without any of their own
	survey   *survey
	seen     map[audience.ContactID]sighting
	// forced are rows, by their number, that the store refused when others had
	// been written in the same transaction.
	forced  map[int]error
	spare   spare
	preview bool // nothing is kept, and ids of contacts that are made mean nothing
}

// spare is what deciding about a batch needs and nobody keeps, to be used again
// for the next one.
type spare struct {
	writes    []audience.ContactWrite
	at        []int
	labels    []label
	rows      [][]label // parts of labels
	people    peopleRoom
	persons   room[person] // whom the batch makes
	weighed   room[weighed]
	consents  []audience.ConsentWrite
	addresses []audience.Address
	good      []*entry
	now       map[audience.ContactID]sighting
	folk      map[audience.ContactID]*person
	order     []audience.ContactID
}

// sighting is what an import remembers of a contact whom its rows are about.
type sighting struct {
	line uint32 // of the first one
	mine bool   // the import made her
}

// entry is one row on its way into the store.
type entry struct {
	n       int      // its number in the source, from 0
	contact *Contact // nil: it could not be read
	row     *Row
	bad     *RowError // why it could not be read

	// What a batch decides.
	result  RowResult
	says    audience.Status // of consent, with what rows say in whose place it counts
	who     *person
	consent *weighed // nil: it says nothing of it
	lists   []string // that she is put on
	write   int      // position among the writes, -1: none
	makes   bool
}

func (e *entry) line() int {
	if e.bad != nil {
		return e.bad.Line
	}
	return e.contact.Line
}

// clear forgets what was decided.
func (e *entry) clear() {
	e.result, e.who, e.consent, e.lists, e.write, e.makes = RowResult{Line: e.line()}, nil, nil, nil, -1, false
}

func (e *entry) reject(why error) {
	bad, ok := errors.AsType[*RowError](why)
	if !ok {
		bad = &RowError{Line: e.line(), Err: why}
	}
	e.clear()
	e.result.Outcome, e.result.Err = Rejected, bad
}

// records reports whether the row records a consent or a refusal.
func (e *entry) records() bool { return e.consent != nil && e.consent.record }

func (e *entry) skip(why SkipReason) { e.result.Outcome, e.result.Skip = Skipped, why }

// batch is what one transaction writes. It is made anew when the transaction
// begins again.
type batch struct {
	*importing
	tx     *store.Tx
	fields *fields
	now    map[audience.ContactID]sighting // to be remembered when the transaction is committed
	folk   map[audience.ContactID]*person  // whom the batch changed or made, as the last part of it knows them
	order  []audience.ContactID            // of folk
}

// errAgain says that a transaction has to begin again, without rows that are
// forced out now.
var errAgain = errors.New("importer: rows were refused")

// maxRounds is how often rows are tried without those refused so far before
// half of them are, so that rows which are refused one after the other cannot
// make it slow.
const maxRounds = 4

// writeBatch decides what becomes of rows and writes it.
func (im *importing) writeBatch(ctx context.Context, tx *store.Tx, rows []*entry) (*batch, error) {
	b := im.newBatch(tx, len(rows))
	good := im.spare.good[:0]
	for _, e := range rows {
		switch why, forced := im.forced[e.n]; {
		case e.bad != nil:
			e.reject(e.bad)
		case forced:
			e.reject(why)
		default:
			good = append(good, e)
		}
	}
	im.spare.good = good
	return b, b.part(ctx, good)
}

// newBatch begins a batch with what the one before used: nobody keeps anything
// of that.
func (im *importing) newBatch(tx *store.Tx, rows int) *batch {
	s := &im.spare
	if s.now == nil {
		s.now, s.folk = make(map[audience.ContactID]sighting, rows), make(map[audience.ContactID]*person, rows)
	}
	clear(s.now)
	clear(s.folk)
	s.persons.empty()
	s.weighed.empty()
	return &batch{importing: im, tx: tx, fields: newFields(tx.Schema()), now: s.now, folk: s.folk, order: s.order[:0]}
}

// part writes rows, leaving out those that the store refuses. Where rows have
// to wait for others it goes on with few of them at a time, so that deciding
// about all the others again and again cannot make it slow.
func (b *batch) part(ctx context.Context, rows []*entry) error {
	const few = 16
	for some, rounds := len(rows), 0; len(rows) > 0; {
		some = max(1, min(some, len(rows)))
		refused, done, err := b.try(ctx, rows[:some])
		switch {
		case err != nil:
			return err
		case len(refused) == 0 && done < some:
			rows, some, rounds = rows[done:], max(few, 2*done), 0
			continue
		case len(refused) == 0:
			rows, some, rounds = rows[done:], 2*some, 0
			continue
		}
		rest := make([]*entry, 0, len(rows))
		for i, e := range rows {
			if why, no := refused[i]; no {
				e.reject(why)
				continue
			}
			rest = append(rest, e)
		}
		some -= len(rows) - len(rest)
		rows = rest
		if rounds++; rounds == maxRounds {
			some, rounds = (some+1)/2, 0
		}
	}
	return nil
}

// try decides about rows and writes them, and gives how many, from the first,
// are done; or those that the store refuses: then nothing was written.
func (b *batch) try(ctx context.Context, rows []*entry) (no refused, done int, err error) {
	d, err := b.decided(ctx, rows)
	if err != nil {
		return nil, 0, err
	}
	results, err := b.tx.Put(ctx, d.writes...)
	if err != nil {
		no, err = refusedItems(err, d.at)
		return no, 0, err
	}
	rows = rows[:d.rows]
	for _, e := range rows {
		if e.write >= 0 {
			r := results[e.write]
			e.who.id, e.who.version = r.ID, r.Version
		}
		if e.who != nil {
			b.see(e)
		}
		if e.result.Outcome == 0 {
			b.settle(e)
		}
	}
	if err := b.record(ctx, rows); err != nil {
		return nil, 0, err
	}
	return nil, len(rows), b.join(ctx, rows)
}

// settle says what became of a row that went in.
func (b *batch) settle(e *entry) {
	switch {
	case e.makes:
		e.result.Outcome = Created
	case e.write >= 0 || e.records() || len(e.lists) > 0:
		e.result.Outcome = Updated
	default:
		e.skip(SkippedUnchanged)
	}
	if e.records() {
		e.result.Recorded = e.consent.write.Kind
	}
	if e.result.Contact = e.who.id; b.preview && e.who.mine {
		e.result.Contact = 0
	}
	if e.result.Outcome != Skipped && b.folk[e.who.id] != e.who {
		e.who.follow(b.folk[e.who.id])
		if b.folk[e.who.id] == nil {
			b.order = append(b.order, e.who.id)
			b.spare.order = b.order
		}
		b.folk[e.who.id] = e.who
	}
}

// follow goes on from what an earlier part of the batch made of her.
func (who *person) follow(earlier *person) {
	if earlier == nil {
		return
	}
	if earlier.known != nil {
		who.know().stored = earlier.known.stored
	}
	who.consents = append(earlier.consents, who.consents...)
	who.lists = append(earlier.lists, who.lists...)
	who.version = max(who.version, earlier.version)
}

// see remembers which row is the first about her.
func (b *batch) see(e *entry) {
	if e.who.id == 0 {
		return
	}
	if _, known := b.sighting(e.who.id); !known {
		b.now[e.who.id] = sighting{line: uint32(e.who.line), mine: e.who.mine}
	}
}

func (b *batch) sighting(id audience.ContactID) (sighting, bool) {
	if s, ok := b.now[id]; ok {
		return s, true
	}
	s, ok := b.seen[id]
	return s, ok
}

// committed remembers what is to be remembered.
func (b *batch) committed() {
	maps.Copy(b.seen, b.now)
}

// record puts what rows say about consent into the ledger. It was weighed, so
// that the store refuses it only if something else has happened meanwhile.
func (b *batch) record(ctx context.Context, rows []*entry) error {
	n := 0
	for _, e := range rows {
		if e.records() {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	writes, of := slices.Grow(b.spare.consents[:0], n), make([]*entry, 0, n)
	b.spare.consents = writes
	for _, e := range rows {
		if e.records() {
			e.consent.write.Contact = audience.ID(e.who.id)
			writes, of = append(writes, e.consent.write), append(of, e)
		}
	}
	records, err := b.tx.Record(ctx, writes...)
	if batch, ok := errors.AsType[*audience.BatchError](err); ok {
		for _, it := range batch.Items {
			b.forced[of[it.Index].n] = it.Err
		}
		return errAgain
	}
	if err != nil {
		return err
	}
	for i, r := range records {
		of[i].who.consents = append(of[i].who.consents, consentMade{Seq: r.Seq, Kind: r.Kind})
	}
	return nil
}

// join puts contacts on lists.
func (b *batch) join(ctx context.Context, rows []*entry) error {
	refs := make(map[string][]audience.Ref)
	var order []string
	for _, e := range rows {
		for _, list := range e.lists {
			if refs[list] == nil {
				order = append(order, list)
			}
			refs[list] = append(refs[list], audience.ID(e.who.id))
		}
	}
	for _, list := range order {
		if err := b.tx.AddToList(ctx, list, b.source, refs[list]...); err != nil {
			return err
		}
	}
	return nil
}
