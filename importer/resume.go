package importer

import (
	"context"
	"errors"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// runJournaled imports and keeps how far it has come, going on where an
// earlier run of the same import was.
func (r *runner) runJournaled(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, r.rejects.close()) }()
	if err := r.begin(ctx); err != nil || r.journal.head.State == JobDone {
		return err
	}
	if err := sweepSome(ctx, r.aud); err != nil {
		return err
	}
	if err := r.lookAhead(ctx); err != nil {
		return err
	}
	done := r.report.Rows
	past, err := r.loadPast(ctx)
	if err != nil {
		return err
	}
	for rows, err := range r.entries(ctx, done) {
		switch {
		case err != nil:
			return err
		case rows[0].n < done:
			err = r.pass(rows, past)
		default:
			err = r.commitJournaled(ctx, rows)
		}
		if err != nil {
			return err
		}
	}
	return r.finish(ctx)
}

// begin finds out how the import stands and declares the fields it brings.
func (r *runner) begin(ctx context.Context) error {
	h := jobHead{Name: r.plan.Job, State: JobRunning, Content: r.feed.content, Plan: planHash(r.plan)}
	var j *journal
	_, err := r.aud.Update(ctx, func(tx *store.Tx) (err error) {
		if j, err = loadJournal(ctx, &tx.Reader, h.Name); err != nil {
			return err
		}
		if j.version > 0 {
			if err := j.head.goesOn(&h); err != nil || j.head.State == JobDone {
				return err
			}
			return tx.Declare(ctx, r.feed.brings)
		}
		if err := tx.Declare(ctx, r.feed.brings); err != nil {
			return err
		}
		h.Started = tx.At()
		if r.plan.UndoFor >= 0 {
			h.UndoUntil = tx.At().Add(keptFor(r.plan))
		}
		j.head = h
		j.version, err = (&journal{}).save(ctx, tx, &j.head)
		return err
	})
	if err != nil {
		return err
	}
	r.journal = j
	*r.report = *j.head.Report.clone()
	r.report.Job = h.Name
	r.report.Already = j.head.State == JobDone
	if !r.report.Already {
		r.report.Resumed = r.report.Rows
	}
	return nil
}

// goesOn reports why an import is not the one that is kept, or nil.
func (h *jobHead) goesOn(now *jobHead) error {
	conflict := func(hint string) error { return &audience.ConflictError{Kind: "import", Hint: hint} }
	switch {
	case h.State == JobUndoing, h.State == JobUndone:
		return conflict("this import was undone; give Plan.Job another name to import it again")
	case h.Content != now.Content:
		return conflict("an import of this name was of another file; give Plan.Job another name")
	case h.Plan != now.Plan:
		return conflict("an import of this name had another plan; give Plan.Job another name")
	}
	return nil
}

// loadPast reads the journal of the batches that were done: whom their rows
// were about, and those that the store refused.
func (r *runner) loadPast(ctx context.Context) (map[int]*RowError, error) {
	refused := make(map[int]*RowError)
	if r.journal.head.Batches == 0 {
		return refused, nil
	}
	err := r.aud.View(ctx, func(rd *store.Reader) error {
		for n := 1; n <= r.journal.head.Batches; n++ {
			rec, err := loadBatch(ctx, rd, r.plan.Job, n)
			switch {
			case err != nil:
				return err
			case rec == nil: // expired
				continue
			}
			made, err1 := unpackIDs(rec.Made)
			seen, err2 := unpackIDs(rec.Seen)
			err3 := rec.Refused.all(func(n int, e *RowError) { refused[n] = e })
			if err := errors.Join(err1, err2, err3); err != nil {
				return err
			}
			for _, c := range seen {
				r.seen[c.id] = sighting{line: uint32(c.version)}
			}
			for _, c := range made {
				r.seen[c.id] = sighting{line: r.seen[c.id].line, mine: true}
			}
		}
		return nil
	})
	return refused, err
}

// pass passes over rows that were done, and tells of those that were rejected
// once more.
func (r *runner) pass(rows []*entry, refused map[int]*RowError) error {
	for _, e := range rows {
		why := e.bad
		if why == nil {
			why = refused[e.n]
		}
		if why == nil {
			continue
		}
		r.report.keep(why, r.opts.Limits.Errors)
		if err := r.tellRejected(e.row, why); err != nil {
			return err
		}
	}
	r.told = rows[len(rows)-1].n + 1
	r.before = r.pastBytes(rows)
	return nil
}

// commitJournaled writes a batch and how the import stands behind it.
func (r *runner) commitJournaled(ctx context.Context, rows []*entry) error {
	var next jobHead
	var version uint64
	err := r.commit(ctx, rows, func(ctx context.Context, b *batch) (err error) {
		next = r.journal.head
		report := r.report.clone()
		for _, e := range rows {
			report.add(e, 0)
		}
		report.Resumed, report.Errors = 0, nil
		next.Report = *report
		next.Batches++
		if version, err = r.journal.save(ctx, b.tx, &next); err != nil {
			return err
		}
		return r.journal.saveBatch(ctx, b, rows)
	})
	if err != nil {
		return err
	}
	r.journal.head, r.journal.version = next, version
	return r.tell(rows)
}

// finish writes that the import is done.
func (r *runner) finish(ctx context.Context) error {
	next := r.journal.head
	next.State, next.Errors = JobDone, &reasons{}
	for i, e := range r.report.Errors {
		if i*errorBytes > r.limits.RecordBytes/2 {
			break
		}
		next.Errors.add(i, e)
	}
	var version uint64
	_, err := r.aud.Update(ctx, func(tx *store.Tx) (err error) {
		version, err = r.journal.save(ctx, tx, &next)
		return err
	})
	if err == nil {
		r.journal.head, r.journal.version = next, version
	}
	return err
}

// errorBytes is what a rejected row takes in the journal, with its reason.
const errorBytes = 300
