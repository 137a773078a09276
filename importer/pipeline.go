package importer

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// item is one row on its way into the store.
type item interface {
	line() int
	size() int64
}

func (c *Contact) line() int   { return c.Line }
func (c *Contact) size() int64 { return c.Bytes }
func (e *Event) line() int     { return e.Line }
func (e *Event) size() int64   { return e.Bytes }

// refused maps positions in a batch to why the row cannot be used.
type refused map[int]error

// writer writes batches of rows in one transaction each.
type writer[T item] struct {
	aud    *store.Audience
	opts   *Options
	report *Report
	// try writes rows within a transaction. Rows that it refuses are the first
	// result: then the transaction is rolled back and the others are tried
	// again. It may be called again for the same rows and must have no other
	// effects.
	try   func(ctx context.Context, tx *store.Tx, rows []T) (refused, counts, error)
	bad   []*RowError // of the batch that is being filled
	rows  []T
	bytes int64
	done  Progress
}

// counts is what a batch adds to a report.
type counts struct {
	created, updated, unchanged, recorded, pending, kept int
}

// run writes everything that rows yields. A [*RowError] it yields is a bad
// row; any other error ends the import and is returned.
func (w *writer[T]) run(ctx context.Context, rows iter.Seq2[T, error]) error {
	for row, err := range rows {
		var bad *RowError
		switch {
		case err == nil:
			w.rows = append(w.rows, row)
			w.bytes += row.size()
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
func (w *writer[T]) flush(ctx context.Context) error {
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

func (w *writer[T]) reportBad() {
	slices.SortStableFunc(w.bad, func(a, b *RowError) int { return a.Line - b.Line })
	for _, bad := range w.bad {
		w.report.Rows++
		w.report.Bad++
		if len(w.report.Errors) < w.opts.Limits.Errors {
			w.report.Errors = append(w.report.Errors, bad)
		}
		if w.opts.OnError != nil {
			w.opts.OnError(bad)
		}
	}
}

// maxRounds is how often a batch is tried without the rows refused so far
// before it is halved, so that rows which are refused one after the other
// cannot make it slow.
const maxRounds = 4

// write commits rows, leaving out those that the store refuses.
func (w *writer[T]) write(ctx context.Context, rows []T) error {
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
		var rest []T
		for i, row := range rows {
			if why, ok := no[i]; ok {
				w.bad = append(w.bad, asRowError(row.line(), why))
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

var errRefused = errors.New("rows were refused")

// commit tries rows in one transaction.
func (w *writer[T]) commit(ctx context.Context, rows []T) (no refused, done counts, err error) {
	_, err = w.aud.Update(ctx, func(tx *store.Tx) error {
		no, done, err = w.try(ctx, tx, rows)
		if err == nil && len(no) > 0 {
			return errRefused
		}
		return err
	})
	if len(no) > 0 && errors.Is(err, errRefused) {
		return no, counts{}, nil
	}
	return nil, done, err
}

func (w *writer[T]) add(rows int, c counts) {
	w.report.Rows += rows
	w.report.Created += c.created
	w.report.Updated += c.updated
	w.report.Unchanged += c.unchanged
	w.report.Recorded += c.recorded
	w.report.Pending += c.pending
	w.report.Kept += c.kept
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
