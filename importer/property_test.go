package importer_test

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

const seeds = 60

func allStatuses() []string {
	return []string{"subscribed", "subscribed", "pending", "unsubscribed", "bounced", "complained"}
}

// trial is a random audience, plan and file.
type trial struct {
	seed uint64
	plan *importer.Plan
	rows []*importer.Contact
}

func newTrial(seed uint64, statuses []string) *trial {
	r := rand.New(rand.NewPCG(seed, 1))
	return &trial{seed: seed, plan: randomPlan(r), rows: randomRows(r, 10+r.IntN(40), statuses)}
}

func (tr *trial) String() string { return fmt.Sprintf("seed %d, plan %+v", tr.seed, *tr.plan) }

// world gives the audience that the trial begins with, always the same.
func (tr *trial) world(t *testing.T) *world {
	w := newWorld(t)
	w.populate(rand.New(rand.NewPCG(tr.seed, 2)))
	return w
}

// outcome is what an import gave: the report, what became of each row, and the
// audience.
type outcome struct {
	report string
	rows   []string
	dump   string
}

// rowText tells a result without ids of contacts.
func rowText(r importer.RowResult) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d: %d skip %d merged %t first %d %v", r.Line, r.Outcome, r.Skip, r.Merged, r.FirstLine, r.Changes)
	for _, d := range r.Changes {
		fmt.Fprintf(&text, " %s %q -> %q", d.Name, d.Before.Reveal(), d.After.Reveal())
	}
	if r.Err != nil {
		text.WriteString(" " + r.Err.Code())
	}
	return text.String()
}

func (tr *trial) run(t *testing.T, w *world, size int, preview bool) outcome {
	t.Helper()
	var out outcome
	opts := importer.Options{
		Diffs: true, Limits: importer.Limits{BatchRows: size},
		OnRow: func(r importer.RowResult) { out.rows = append(out.rows, rowText(r)) },
	}
	do := importer.Contacts
	if preview {
		do = importer.PreviewContacts
	}
	report, err := do(t.Context(), w.Audience, sequence(tr.rows), tr.plan, opts)
	require.NoError(t, err, tr)
	require.NoError(t, report.Check(), tr)
	out.report, out.dump = report.String(), w.dump(false)
	return out
}

// TestPreviewIsRun: a preview tells what a run does, row by row, and changes
// nothing.
func TestPreviewIsRun(t *testing.T) {
	for seed := range uint64(seeds) {
		tr := newTrial(seed, allStatuses())
		w := tr.world(t)
		before := w.dump(true)
		for _, size := range []int{1, 7, 1000} {
			preview := tr.run(t, w, size, true)
			require.Equal(t, before, w.dump(true), tr)
			run := tr.run(t, tr.world(t), size, false)
			require.Equal(t, run.rows, preview.rows, "%s, batches of %d", tr, size)
			require.Equal(t, run.report, preview.report, tr)
		}
	}
}

// TestBatchesDoNotShow: how rows are put into batches makes no difference.
func TestBatchesDoNotShow(t *testing.T) {
	for seed := range uint64(seeds) {
		tr := newTrial(seed, allStatuses())
		want := tr.run(t, tr.world(t), 1, false)
		for _, size := range []int{2, 5, 1000} {
			require.Equal(t, want, tr.run(t, tr.world(t), size, false), "%s, batches of %d", tr, size)
		}
	}
}

// TestResumeIsRun: an import that stops behind every batch and goes on gives
// what one gives that does not stop, and once it is done nothing is done again.
func TestResumeIsRun(t *testing.T) {
	broken := errors.New("broken")
	for seed := range uint64(seeds) {
		tr := newTrial(seed, allStatuses())
		tr.plan.Job = "spring"
		size := 1 + int(seed%7)
		whole := tr.world(t)
		want := tr.run(t, whole, size, false)
		w := tr.world(t)
		var got outcome
		var report *importer.Report
		opts := importer.Options{
			Diffs: true, Limits: importer.Limits{BatchRows: size},
			OnRow: func(r importer.RowResult) { got.rows = append(got.rows, rowText(r)) },
		}
		for stop := size; ; stop += size {
			stopped := func(yield func(*importer.Contact, error) bool) {
				n := 0
				for c, err := range sequence(tr.rows) {
					if n++; n > stop {
						yield(nil, broken)
						return
					}
					if !yield(c, err) {
						return
					}
				}
			}
			var err error
			if report, err = importer.Contacts(t.Context(), w.Audience, iter.Seq2[*importer.Contact, error](stopped), tr.plan, opts); err == nil {
				break
			}
			require.ErrorIs(t, err, broken, tr)
		}
		report.Resumed = 0
		got.report, got.dump = report.String(), w.dump(false)
		require.Equal(t, want, got, tr)

		job, err := importer.FindJob(t.Context(), w.Audience, "spring")
		require.NoError(t, err)
		require.Equal(t, importer.JobDone, job.State)
		again, err := importer.Contacts(t.Context(), w.Audience, sequence(tr.rows), tr.plan, opts)
		require.NoError(t, err)
		require.True(t, again.Already)
		again.Already = false
		require.Equal(t, want.report, again.String())
		require.Len(t, again.Errors, again.Rejected)
		require.Len(t, report.Errors, report.Rejected)
		for i, e := range again.Errors {
			require.Equal(t, report.Errors[i].Error(), e.Error())
		}
		require.Equal(t, want.dump, w.dump(false))
	}
}

// TestTwiceIsOnce: the same file with another name changes nothing.
func TestTwiceIsOnce(t *testing.T) {
	for seed := range uint64(seeds) {
		tr := newTrial(seed, allStatuses())
		tr.plan.Tags, tr.plan.Blanks = importer.TagsAdd, importer.BlanksKeep
		w := tr.world(t)
		first := tr.run(t, w, 1000, false)
		second := tr.run(t, w, 1000, false)
		if strings.Contains(first.report, "rejected for") {
			continue // a row that clashed may not any more
		}
		require.Equal(t, first.dump, second.dump, tr)
	}
}

// TestUndoIsBefore: an import that is undone, whole or as far as it came, leaves
// everybody as they were; refusals stay.
func TestUndoIsBefore(t *testing.T) {
	for seed := range uint64(seeds) {
		statuses := []string{"subscribed", "pending"}
		if seed%3 == 0 {
			statuses = allStatuses()
		}
		tr := newTrial(seed, statuses)
		tr.plan.Job = "spring"
		w := tr.world(t)
		before := w.dump(true)
		rows := tr.rows
		if seed%2 == 0 { // another job in front of it
			tr.rows = tr.rows[:len(rows)/2]
			tr.plan.Job = "winter"
			tr.run(t, w, 4, false)
			before = w.dump(true)
			tr.rows, tr.plan.Job = rows, "spring"
		}
		tr.run(t, w, 1+int(seed%5), false)
		after := w.dump(true)

		tried, err := importer.Undo(t.Context(), w.Audience, "spring", importer.UndoOptions{DryRun: true, BatchRows: 3})
		require.NoError(t, err, tr)
		require.Equal(t, after, w.dump(true))
		report, err := importer.Undo(t.Context(), w.Audience, "spring", importer.UndoOptions{BatchRows: 2})
		require.NoError(t, err, tr)
		require.Equal(t, tried, report)
		require.Zero(t, report.Left, "%s: %s", tr, report)
		if seed%3 == 0 {
			require.Equal(t, withoutStanding(before), withoutStanding(w.dump(true)), tr)
		} else {
			require.Equal(t, before, w.dump(true), tr)
		}
		again, err := importer.Undo(t.Context(), w.Audience, "spring", importer.UndoOptions{})
		require.NoError(t, err)
		require.True(t, again.Already)
		_, err = importer.Contacts(t.Context(), w.Audience, sequence(tr.rows), tr.plan, importer.Options{})
		require.ErrorIs(t, err, audience.ErrConflict, "it was undone")
	}
}

// withoutStanding leaves out of a dump what refusals change.
func withoutStanding(dump string) string {
	lines := strings.Split(dump, "\n")
	for i, line := range lines {
		at := strings.LastIndex(line, "]")
		lines[i] = line[:at]
	}
	return strings.Join(lines, "\n")
}
