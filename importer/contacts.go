package importer

import (
	"context"
	"fmt"
	"iter"
	"maps"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Contacts writes contacts into an audience, in order and in batches of one
// transaction each. A [*RowError] among the rows is reported and passed over;
// any other error ends the import, and so does a cancelled ctx. What was
// committed before stays, and the report says how much that is.
//
// A row is about the contact with its external id, else the one with its
// address, else a new one. A row whose names belong to different contacts, or
// whose address belongs to somebody with another external id, is bad. What a
// row says replaces what was known; what it does not mention stays.
//
// An Attestation needs an audience with keys: without them it is
// [audience.ErrDenied].
func Contacts(ctx context.Context, aud *store.Audience, rows iter.Seq2[*Contact, error], opts Options) (*Report, error) {
	report := &Report{}
	if err := opts.check(aud); err != nil {
		return report, err
	}
	if !opts.Attestation.IsZero() && aud.Keys().IsZero() {
		return report, &audience.DeniedError{Rule: "key", Hint: "an attested import needs an audience that was opened with keys"}
	}
	if n, limit := len(opts.Attestation.Text), aud.Limits().EvidenceBytes; n > limit {
		return report, &audience.FieldError{Path: "attestation", Rule: "max-length", Hint: fmt.Sprintf("at most %d bytes", limit), Limit: true}
	}
	opts.Limits = opts.Limits.in(aud)
	w := &writer[*Contact]{aud: aud, opts: &opts, report: report}
	w.try = func(ctx context.Context, tx *store.Tx, rows []*Contact) (refused, counts, error) {
		return (&contactBatch{tx: tx, opts: &opts, rows: rows}).write(ctx)
	}
	return report, w.run(ctx, rows)
}

// in bounds a batch by what the audience takes.
func (l Limits) in(aud *store.Audience) Limits {
	l = l.WithDefaults()
	l.BatchRows = min(l.BatchRows, aud.Limits().BatchItems)
	return l
}

// contactBatch writes rows within one transaction.
type contactBatch struct {
	tx   *store.Tx
	opts *Options
	rows []*Contact

	at      []int // for each write, the position of its row
	writes  []audience.ContactWrite
	clashes refused // with what is stored
	hanging refused // with other rows of the batch
	done    counts
}

// write refuses a row that clashes with another one of the batch only once
// that one is known to go in: else a good row would be lost to a bad one.
func (b *contactBatch) write(ctx context.Context) (refused, counts, error) {
	if err := b.plan(ctx); err != nil {
		return nil, counts{}, err
	}
	if len(b.writes) == 0 || len(b.clashes) > 0 && len(b.hanging) == 0 {
		return b.clashes, b.done, nil
	}
	results, err := b.tx.Put(ctx, b.writes...)
	if err != nil {
		no, err := refusedItems(err, b.at)
		return b.withClashes(no), counts{}, err
	}
	recorded, no, err := b.record(ctx, results)
	if err != nil || len(no) > 0 {
		return b.withClashes(no), counts{}, err
	}
	if no := b.withClashes(b.hanging); len(no) > 0 {
		return no, counts{}, nil
	}
	for i, r := range results {
		switch {
		case r.Created:
			b.done.created++
		case r.Changed || recorded[i]:
			b.done.updated++
		default:
			b.done.unchanged++
		}
	}
	return nil, b.done, nil
}

// withClashes adds the rows that clash whatever becomes of the others.
func (b *contactBatch) withClashes(no refused) refused {
	maps.Copy(b.clashes, no)
	return b.clashes
}

// plan finds who the rows are about, and those that clash.
func (b *contactBatch) plan(ctx context.Context) error {
	rows := make([]names, len(b.rows))
	for i, row := range b.rows {
		rows[i].mail = row.Write.Email
		for _, x := range row.Write.External {
			rows[i].key = x.ID.Reveal()
		}
	}
	people, err := findPeople(ctx, b.tx, rows)
	if err != nil {
		return err
	}
	b.clashes, b.hanging = make(refused), make(refused)
	for i, row := range b.rows {
		who, clash, err := people.find(ctx, rows[i])
		switch {
		case err != nil:
			return err
		case clash != nil && clash.hangs:
			b.hanging[i] = clash.err
			continue
		case clash != nil:
			b.clashes[i] = clash.err
			continue
		}
		people.add(who, rows[i])
		w := row.Write
		w.Match, w.Mode, w.Source = audience.Ref{}, audience.Upsert, b.opts.source()
		b.at = append(b.at, i)
		b.writes = append(b.writes, w)
	}
	return nil
}

// record puts status cells into the ledger; it tells which rows did. Cells of
// one contact are weighed in order.
func (b *contactBatch) record(ctx context.Context, results []store.PutResult) ([]bool, refused, error) {
	known := make(map[audience.ContactID]*standing)
	recorded := make([]bool, len(results))
	var writes []audience.ConsentWrite
	var at []int
	for i, r := range results {
		row := b.rows[b.at[i]]
		if row.Status == audience.StatusNone {
			continue
		}
		now, err := b.standing(ctx, r.ID, known)
		if err != nil {
			return nil, nil, err
		}
		w, write, kept := b.opts.consentOf(row.Status, *now)
		if kept {
			b.done.kept++
		}
		if !write {
			continue
		}
		if row.Status == audience.StatusSubscribed && w.Kind == audience.ConsentRequested {
			b.done.pending++
		}
		w.Contact = audience.ID(r.ID)
		writes, at = append(writes, w), append(at, b.at[i])
		recorded[i] = true
		now.status = statusOf(w.Kind)
	}
	b.done.recorded = len(writes)
	if len(writes) == 0 {
		return recorded, nil, nil
	}
	if _, err := b.tx.Record(ctx, writes...); err != nil {
		no, err := refusedItems(err, at)
		return nil, no, err
	}
	return recorded, nil, nil
}

func (b *contactBatch) standing(ctx context.Context, id audience.ContactID, known map[audience.ContactID]*standing) (*standing, error) {
	if s, ok := known[id]; ok {
		return s, nil
	}
	p, err := b.tx.Profile(ctx, audience.ID(id), audience.ProfileParts{Ledger: true, Suppressed: true})
	if err != nil {
		return nil, err
	}
	s := &standing{status: p.Status(b.tx.At()).Status, suppressed: p.IsSuppressed(b.tx.At())}
	known[id] = s
	return s, nil
}

func statusOf(k audience.ConsentKind) audience.Status {
	switch k {
	case audience.ConsentRequested:
		return audience.StatusPending
	case audience.ConsentGranted:
		return audience.StatusSubscribed
	case audience.ConsentWithdrawn:
		return audience.StatusUnsubscribed
	case audience.ConsentBounced:
		return audience.StatusBounced
	case audience.ConsentComplained:
		return audience.StatusComplained
	default:
		return audience.StatusNone
	}
}
