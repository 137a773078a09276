package importer

import (
	"context"
	"iter"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Events writes events into an audience, in order and in batches of one
// transaction each. A [*RowError] among the rows is reported and passed over; any
// other error ends the import, and so does a cancelled ctx: what was committed
// before stays, and the report says how much that is. An event is about the contact with its external id, else the one with its
// address; one whose contact is unknown, or whose names belong to different
// contacts, is bad. One without an id gets it from [EventIDs]. An event that is
// stored already is skipped as unchanged.
func Events(ctx context.Context, aud *store.Audience, rows iter.Seq2[*Event, error], opts Options) (*Report, error) {
	report := &Report{}
	if err := opts.check(aud); err != nil {
		return report, err
	}
	opts.Limits = opts.Limits.in(aud)
	w := &eventWriter{aud: aud, opts: &opts, report: report}
	w.try = func(ctx context.Context, tx *store.Tx, rows []*Event) (refused, counts, error) {
		return (&eventBatch{tx: tx, opts: &opts, rows: rows}).write(ctx)
	}
	return report, w.run(ctx, identified(rows))
}

// identified gives ids to the rows that have none, before they are put into
// batches: a batch may be tried more than once.
func identified(rows iter.Seq2[*Event, error]) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		var ids EventIDs
		for row, err := range rows {
			if err == nil && row.Write.ID == "" {
				w := row.Write
				if w.Contact = audience.AddressRef(row.Email); !row.ExternalID.IsZero() {
					w.Contact = audience.Key(row.ExternalID.Reveal())
				}
				row.Write.ID = ids.ID(&w)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// eventBatch writes rows within one transaction.
type eventBatch struct {
	tx   *store.Tx
	opts *Options
	rows []*Event
}

func (b *eventBatch) write(ctx context.Context) (refused, counts, error) {
	rows := make([][]label, len(b.rows))
	for i, row := range b.rows {
		if !row.ExternalID.IsZero() {
			rows[i] = append(rows[i], externalLabel(audience.ExternalID{System: audience.HostSystem, ID: row.ExternalID}))
		}
		if !row.Email.IsZero() {
			rows[i] = append(rows[i], addressLabel(row.Email))
		}
	}
	people, err := findPeople(ctx, &b.tx.Reader, rows, &peopleRoom{})
	if err != nil {
		return nil, counts{}, err
	}
	no := make(refused)
	writes := make([]audience.EventWrite, 0, len(rows))
	at := make([]int, 0, len(rows))
	for i, row := range b.rows {
		who, clash, err := people.find(ctx, rows[i])
		switch {
		case err != nil:
			return nil, counts{}, err
		case clash != nil:
			no[i] = clash
			continue
		case who == nil:
			no[i] = &audience.NotFoundError{Kind: "contact"}
			continue
		}
		w := row.Write
		w.Contact, w.Source = audience.ID(who.id), b.opts.source()
		writes, at = append(writes, w), append(at, i)
	}
	if len(no) > 0 || len(writes) == 0 {
		return no, counts{}, nil
	}
	results, err := b.tx.Append(ctx, writes...)
	if err != nil {
		no, err := refusedItems(err, at)
		return no, counts{}, err
	}
	var done counts
	for _, r := range results {
		switch r.Outcome {
		case store.EventAdded:
			done.created++
		case store.EventRevised:
			done.updated++
		default:
			done.unchanged++
		}
	}
	return nil, done, nil
}
