package importer

import (
	"context"
	"encoding/hex"
	"errors"
	"iter"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// JobState is how an import stands.
type JobState string

// The states. One that is running, or being undone, may have been stopped:
// [Run] or [Undo] of the same goes on.
const (
	JobRunning JobState = "running"
	JobDone    JobState = "done"
	JobUndoing JobState = "undoing"
	JobUndone  JobState = "undone"
)

// Job is how an import stands. Nothing in it is personal.
type Job struct {
	Name      string
	State     JobState
	Content   [32]byte // SHA-256 of the file; zero of a host's own rows
	Started   time.Time
	Changed   time.Time   // when the last batch was committed
	UndoUntil time.Time   // until when it can be undone; zero: it cannot
	Report    Report      // what was done so far
	Undone    *UndoReport // what was undone so far; nil: nothing
}

func (h *jobHead) job() *Job {
	j := &Job{
		Name: h.Name, State: h.State, Started: h.Started, Changed: h.Changed, UndoUntil: h.UndoUntil, Report: h.Report, Undone: h.Undone,
	}
	_, _ = hex.Decode(j.Content[:], []byte(h.Content)) // what is not there stays zero
	return j
}

// FindJob tells how the import of a name stands, [audience.ErrNotFound] if
// there was none.
func FindJob(ctx context.Context, aud *store.Audience, name string) (*Job, error) {
	var j *journal
	err := aud.View(ctx, func(r *store.Reader) (err error) {
		j, err = loadJournal(ctx, r, name)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case j.version == 0:
		return nil, &audience.NotFoundError{Kind: "import", Name: name}
	}
	return j.head.job(), nil
}

// Jobs goes through all imports of an audience in order of their names. An
// error ends it and comes last.
func Jobs(ctx context.Context, aud *store.Audience) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		const some = 100
		for after := ""; ; {
			var records []store.Record
			err := aud.View(ctx, func(r *store.Reader) (err error) {
				records, err = r.Records(ctx, namespace, headKey(""), after, some)
				return err
			})
			for i := range records {
				after = records[i].Key
				j := &journal{}
				if err = errors.Join(err, j.decode(&records[i])); err == nil && !yield(j.head.job(), nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if len(records) < some {
				return
			}
		}
	}
}
