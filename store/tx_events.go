package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// AppendOutcome says what became of one event write.
type AppendOutcome uint8

// The outcomes.
const (
	EventAdded    AppendOutcome = iota + 1 // it is new
	EventRevised                           // it superseded an earlier revision, or took it back
	EventRepeated                          // the same was stored already
	EventIgnored                           // a higher revision is stored
)

// String gives "added", "revised", "repeated" or "ignored"; "none" for any
// other.
func (o AppendOutcome) String() string {
	switch o {
	case EventAdded:
		return "added"
	case EventRevised:
		return "revised"
	case EventRepeated:
		return "repeated"
	case EventIgnored:
		return "ignored"
	default:
		return "none"
	}
}

// AppendResult tells what became of one event write.
type AppendResult struct {
	Contact audience.ContactID
	ID      string // given by the store when the write had none
	Outcome AppendOutcome
}

// Append stores events, revises and takes back events: see
// [audience.EventWrite]. Event types and properties of unknown names are
// added to the schema with the type of their first value. Results are in the
// order of writes.
//
// Refused items: [audience.ErrInvalid], [audience.ErrNotFound] for an
// unknown contact, [audience.ErrConflict] for the revision of an event that
// is stored with other content.
func (tx *Tx) Append(ctx context.Context, writes ...audience.EventWrite) ([]AppendResult, error) {
	if err := checkBatch(tx.audience.limits, writes, func(w *audience.EventWrite) error {
		return w.Check(tx.audience.limits)
	}); err != nil || len(writes) == 0 {
		return nil, err
	}
	refs := make([]audience.Ref, len(writes))
	for i := range writes {
		refs[i] = writes[i].Contact
	}
	ids, _, err := tx.resolveAll(ctx, refs)
	if err != nil {
		return nil, err
	}
	b, err := tx.newEventBatch(ctx, ids, writes)
	if err != nil {
		return nil, err
	}
	var refused audience.BatchError
	for i := range writes {
		if err := b.try(ids[i], &writes[i]); err != nil {
			refused.Add(i, err)
		}
	}
	if err := refused.OrNil(); err != nil {
		return nil, err
	}
	return b.commit(ctx)
}

// eventBatch applies event writes in memory.
type eventBatch struct {
	tx       *Tx
	lineages *lineages
	stored   map[contactEvent]*audience.Event // what counts now, by contact and event id
	counts   map[EventCountKey]int
	types    map[string]*audience.EventType // with what the batch adds
	inferred bool
	puts     []audience.Event
	putAt    map[EventKey]int // in puts
	changes  []Change
	results  []AppendResult
}

// contactEvent names an event by who has it now.
type contactEvent struct {
	contact audience.ContactID
	id      string
}

func (tx *Tx) newEventBatch(ctx context.Context, ids []audience.ContactID, writes []audience.EventWrite) (*eventBatch, error) {
	roots := slices.Clone(ids)
	slices.Sort(roots)
	l, err := tx.lineages(ctx, slices.Compact(roots))
	if err != nil {
		return nil, err
	}
	b := &eventBatch{
		tx: tx, lineages: l,
		stored:  make(map[contactEvent]*audience.Event, len(writes)),
		types:   make(map[string]*audience.EventType),
		putAt:   make(map[EventKey]int, len(writes)),
		puts:    make([]audience.Event, 0, len(writes)),
		changes: make([]Change, 0, len(writes)),
		results: make([]AppendResult, 0, len(writes)),
	}
	if err := b.loadStored(ctx, ids, writes); err != nil {
		return nil, err
	}
	return b, b.loadCounts(ctx, ids, writes)
}

// loadStored finds the events that the batch names, under every id a contact
// was ever known by.
func (b *eventBatch) loadStored(ctx context.Context, ids []audience.ContactID, writes []audience.EventWrite) error {
	keys := make([]EventKey, 0, len(writes))
	for i := range writes {
		if writes[i].ID == "" {
			continue
		}
		for _, origin := range b.lineages.originsOf(ids[i]) {
			keys = append(keys, EventKey{Origin: origin, ID: writes[i].ID})
		}
	}
	if len(keys) == 0 {
		return nil
	}
	found, err := b.tx.roles.EventsByKey(ctx, keys)
	if err != nil {
		return err
	}
	slices.SortFunc(found, func(x, y audience.Event) int { // the one that counts comes last
		if c := cmp.Compare(x.Revision, y.Revision); c != 0 {
			return c
		}
		return cmp.Compare(b.lineages.rank[y.Origin], b.lineages.rank[x.Origin])
	})
	for i := range found {
		e := found[i]
		e.Contact = b.lineages.root[e.Origin]
		b.stored[contactEvent{e.Contact, e.ID}] = &e
	}
	return nil
}

// loadCounts counts what there is of the types, where the batch may exceed the
// limit with it.
func (b *eventBatch) loadCounts(ctx context.Context, ids []audience.ContactID, writes []audience.EventWrite) error {
	b.counts = make(map[EventCountKey]int)
	spare, err := b.spare(ctx, len(writes))
	if err != nil {
		return err
	}
	var keys []EventCountKey
	for i := range writes {
		for _, origin := range b.lineages.originsOf(ids[i]) { // a revision stays where the event was written
			if spare(origin) {
				continue
			}
			key := EventCountKey{Origin: origin, Type: writes[i].Type}
			if _, seen := b.counts[key]; !seen {
				b.counts[key] = 0
				keys = append(keys, key)
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	counts, err := b.tx.roles.EventCounts(ctx, keys)
	if err != nil {
		return err
	}
	for i, key := range keys {
		b.counts[key] = counts[i]
	}
	return nil
}

// spare tells of which origins no type can exceed the limit by so many writes.
func (b *eventBatch) spare(ctx context.Context, writes int) (func(audience.ContactID) bool, error) {
	least := b.tx.audience.limits.EventsPerType - writes
	r, ok := As[CrowdReader](b.tx.roles)
	if !ok || least < 1 {
		return func(audience.ContactID) bool { return false }, nil
	}
	crowded, err := r.Crowded(ctx, b.lineages.origins, least)
	if err != nil {
		return nil, err
	}
	many := make(map[audience.ContactID]bool, len(crowded))
	for _, origin := range crowded {
		many[origin] = true
	}
	return func(origin audience.ContactID) bool { return !many[origin] }, nil
}

// try is apply; what it refuses fixes no types.
func (b *eventBatch) try(contact audience.ContactID, w *audience.EventWrite) error {
	known := b.types[w.Type]
	var before audience.EventType
	if known != nil {
		before = *known
	}
	err := b.apply(contact, w)
	if err == nil {
		return nil
	}
	if known != nil {
		*known = before
	} else {
		delete(b.types, w.Type)
	}
	return err
}

func (b *eventBatch) apply(contact audience.ContactID, w *audience.EventWrite) error {
	t, err := b.eventType(w)
	if err != nil {
		return err
	}
	e, err := w.Event(contact, *t)
	if err != nil {
		return err
	}
	if e.ID == "" {
		if e.ID, err = b.tx.newEventID(); err != nil {
			return err
		}
	}
	key := contactEvent{contact, e.ID}
	old := b.stored[key]
	if old == nil {
		return b.add(key, e, w)
	}
	outcome := EventRevised
	switch {
	case e.Revision < old.Revision:
		outcome = EventIgnored
	case e.Revision == old.Revision && e.SameContent(old):
		outcome = EventRepeated
	case e.Revision == old.Revision:
		return &audience.ConflictError{Kind: "event", Contact: contact, Hint: "this revision of the event is stored with other content; give a higher revision"}
	default:
		e.Origin = old.Origin // a row stays where it was written
		if e.Type != old.Type {
			if err := b.count(e); err != nil {
				return err
			}
			b.counts[EventCountKey{Origin: old.Origin, Type: old.Type}]--
		}
		b.put(key, e, old, w)
	}
	b.results = append(b.results, AppendResult{Contact: contact, ID: e.ID, Outcome: outcome})
	return nil
}

// count takes a place among the events of its type.
func (b *eventBatch) count(e audience.Event) error {
	key := EventCountKey{Origin: e.Origin, Type: e.Type}
	if limit := b.tx.audience.limits.EventsPerType; b.counts[key] >= limit {
		return &audience.FieldError{Path: "events", Rule: "max-items", Hint: fmt.Sprintf("at most %d events of one type of one contact", limit), Limit: true}
	}
	b.counts[key]++
	return nil
}

func (b *eventBatch) add(key contactEvent, e audience.Event, w *audience.EventWrite) error {
	if err := b.count(e); err != nil {
		return err
	}
	b.put(key, e, nil, w)
	b.results = append(b.results, AppendResult{Contact: key.contact, ID: e.ID, Outcome: EventAdded})
	return nil
}

func (b *eventBatch) put(key contactEvent, e audience.Event, old *audience.Event, w *audience.EventWrite) {
	b.stored[key] = &e
	row := EventKey{Origin: e.Origin, ID: e.ID}
	if i, ok := b.putAt[row]; ok {
		b.puts[i] = e
	} else {
		b.putAt[row] = len(b.puts)
		b.puts = append(b.puts, e)
	}
	b.changes = append(b.changes, Change{Kind: ChangeEvent, Contact: key.contact, Event: &e, Before: old, Source: w.Source})
}

// eventType gives the type of a write with all its properties, adding what
// the schema does not know yet.
func (b *eventBatch) eventType(w *audience.EventWrite) (*audience.EventType, error) {
	t := b.types[w.Type]
	if t == nil {
		known, ok := b.tx.settings.Schema.EventNamed(w.Type)
		if !ok {
			known = audience.EventType{Name: w.Type}
			b.inferred = true
		}
		known.Props = slices.Clone(known.Props)
		t = &known
		b.types[w.Type] = t
	}
	var unknown []string
	for name := range w.Props {
		if _, ok := t.PropNamed(name); !ok {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown) // stable numbers do not depend on map order
	for _, name := range unknown {
		if limit := b.tx.audience.limits.EventProps; len(t.Props) >= limit {
			return nil, &audience.FieldError{Path: "props", Rule: "max-items", Hint: fmt.Sprintf("at most %d properties of one event type", limit), Limit: true}
		}
		t.Props = append(t.Props, audience.Prop{Name: name, Type: w.Props[name].Type()})
		numberProps(t)
		b.inferred = true
	}
	return t, nil
}

func (b *eventBatch) commit(ctx context.Context) ([]AppendResult, error) {
	if b.inferred {
		next := b.extendedSchema()
		if err := next.Check(b.tx.audience.limits); err != nil {
			return nil, err
		}
		b.tx.change().Schema = next
	}
	if len(b.puts) == 0 {
		return b.results, nil
	}
	if err := b.tx.whole(func() error {
		if err := b.tx.write.PutEvents(ctx, b.puts); err != nil {
			return err
		}
		return b.tx.log(ctx, b.changes...)
	}); err != nil {
		return nil, err
	}
	return b.results, nil
}

// extendedSchema gives the schema with what the batch adds.
func (b *eventBatch) extendedSchema() audience.Schema {
	s := b.tx.settings.Schema.Clone()
	names := make([]string, 0, len(b.types))
	for name := range b.types {
		names = append(names, name)
	}
	slices.Sort(names) // stable numbers do not depend on map order
	for _, name := range names {
		i := slices.IndexFunc(s.Events, func(e audience.EventType) bool { return e.Name == name })
		if i < 0 {
			s.Events = append(s.Events, *b.types[name])
			continue
		}
		s.Events[i].Props = b.types[name].Props
	}
	m := schemaMerger{out: &s}
	m.number()
	return s
}

// newEventID gives an id that sorts by commit instant and by order within
// the transaction, with 64 random bits against collisions.
func (tx *Tx) newEventID() (string, error) {
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", err
	}
	tx.eventNumber++
	since := audience.Micros(tx.at) - audience.Micros(audience.MinInstant())
	return fmt.Sprintf("~%016x%08x%s", since, tx.eventNumber, hex.EncodeToString(random[:])), nil
}
