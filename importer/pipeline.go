package importer

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// refused maps positions in a batch to why the row cannot be used.
type refused map[int]error

// eventWriter writes batches of events in one transaction each.
type eventWriter struct {
	aud    *store.Audience
	opts   *Options
	report *Report
	// try writes rows within a transaction. Rows that it refuses are the first
	// result: then the transaction is rolled back and the others are tried
	// again. It may be called again for the same rows and must have no other
	// effects.
	try   func(ctx context.Context, tx *store.Tx, rows []*Event) (refused, counts, error)
	bad   []*RowError // of the batch that is being filled
	rows  []*Event
	bytes int64
	done  Progress
}

// counts is what a batch adds to a report.
type counts struct {
	created, updated, unchanged int
}

// run writes everything that rows yields. A [*RowError] it yields is a bad
// row; any other error ends the import and is returned.
func (w *eventWriter) run(ctx context.Context, rows iter.Seq2[*Event, error]) error {
	for row, err := range rows {
		var bad *RowError
		switch {
		case err == nil:
			w.rows = append(w.rows, row)
			w.bytes += row.Bytes
		case errors.As(err, &bad):
			w.bad = append(w.bad, bad)
		default:
			return err
		}
		if len(w.rows)+len(w.bad) >= w.opts.Limits.BatchRows || w.bytes >= int64(w.opts.Limits.BatchBytes) {
			if err := w.flush(ctx); err != nil {
				return err
			}
		}
	}
	return w.flush(ctx)
}

// flush writes the batch and reports it.
func (w *eventWriter) flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n := len(w.rows) + len(w.bad)
	if n == 0 {
		return nil
	}
	if err := w.write(ctx, w.rows); err != nil {
		return err
	}
	w.done.Rows += n
	w.done.Bytes += w.bytes
	w.reportBad()
	w.rows, w.bad, w.bytes = w.rows[:0], nil, 0
	if w.opts.OnProgress != nil {
		w.opts.OnProgress(w.done)
	}
	return nil
}

func (w *eventWriter) reportBad() {
	slices.SortStableFunc(w.bad, func(a, b *RowError) int { return a.Line - b.Line })
	for _, bad := range w.bad {
		w.report.Rows++
		w.report.reject(bad, w.opts.Limits.Errors)
		if w.opts.OnError != nil {
			w.opts.OnError(bad)
		}
	}
}

// write commits rows, leaving out those that the store refuses.
func (w *eventWriter) write(ctx context.Context, rows []*Event) error {
	for range maxRounds {
		if len(rows) == 0 {
			return nil
		}
		no, done, err := w.commit(ctx, rows)
		if err != nil {
			return err
		}
		if len(no) == 0 {
			w.add(len(rows), done)
			return nil
		}
		var rest []*Event
		for i, row := range rows {
			if why, ok := no[i]; ok {
				w.bad = append(w.bad, asRowError(row.Line, why))
				continue
			}
			rest = append(rest, row)
		}
		rows = rest
	}
	half := (len(rows) + 1) / 2
	if err := w.write(ctx, rows[:half]); err != nil {
		return err
	}
	return w.write(ctx, rows[half:])
}

func asRowError(line int, why error) *RowError {
	if bad, ok := errors.AsType[*RowError](why); ok {
		return bad
	}
	return &RowError{Line: line, Err: why}
}

// commit tries rows in one transaction.
func (w *eventWriter) commit(ctx context.Context, rows []*Event) (no refused, done counts, err error) {
	_, err = w.aud.Update(ctx, func(tx *store.Tx) error {
		no, done, err = w.try(ctx, tx, rows)
		if err == nil && len(no) > 0 {
			return errAgain
		}
		return err
	})
	if len(no) > 0 && errors.Is(err, errAgain) {
		return no, counts{}, nil
	}
	return nil, done, err
}

func (w *eventWriter) add(rows int, c counts) {
	w.report.Rows += rows
	w.report.Created += c.created
	w.report.Updated += c.updated
	w.report.Skipped += c.unchanged
	w.report.Skips.Unchanged += c.unchanged
}

// refusedItems takes the refused items of a batch out of its error. at gives
// for each item of the batch the position of its row.
func refusedItems(err error, at []int) (refused, error) {
	var batch *audience.BatchError
	if !errors.As(err, &batch) {
		return nil, err
	}
	no := make(refused, len(batch.Items))
	for _, it := range batch.Items {
		if _, ok := no[at[it.Index]]; !ok {
			no[at[it.Index]] = it.Err
		}
	}
	return no, nil
}
