package importer_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/store"
)

// TestUndoLeavesEdits: what somebody has changed since stays and is named.
func TestUndoLeavesEdits(t *testing.T) {
	purchase := audience.EventWrite{Contact: audience.Key("n2"), Type: "purchase", Time: now, ID: "o1"}
	w := newWorld(t)
	w.put(row("key=u1", "email=ann", "first=Ann", "city=Oslo", "tags=x").Write, row("key=u2", "email=bob").Write, row("key=u3", "email=cid").Write, row("key=u4").Write)
	before := w.dump(true)
	plan := attested("spring")
	plan.Mode, plan.Tags = importer.Overwrite, importer.TagsReplace
	w.run(plan, importer.Options{Limits: importer.Limits{BatchRows: 3}},
		row("key=u1", "first=Bea", "city=Rome", "score=1", "tags=y", "phone=1", "status=subscribed", "list=vip"), row("key=u2", "email=bo", "shop=s2"), row("key=u3", "status=unsubscribed"),
		row("key=u4", "first=Dot"), row("key=n1"), row("key=n2"), row("key=n3"), row("key=n4", "status=subscribed"), row("key=n5"), row("key=n6"), row("key=n7", "first=Fay"), row("key=n7", "first=Gus"))

	w.now = now.Add(time.Hour)
	w.put(row("key=u1", "city=Bonn", "first=Bea").Write, row("key=n1", "first=Eve").Write, row("key=u2", "email=bobby").Write)
	w.update(func(tx *store.Tx) error {
		ctx := t.Context()
		_, err := tx.Append(ctx, purchase)
		require.NoError(t, err)
		require.NoError(t, tx.AddToList(ctx, "pals", audience.Source{}, audience.Key("n3")))
		_, err = tx.Record(ctx, audience.ConsentWrite{Contact: audience.Key("n4"), Kind: audience.ConsentRequested})
		require.NoError(t, err)
		require.NoError(t, tx.Merge(ctx, audience.Key("u4"), audience.Key("n5"), audience.Source{}))
		require.NoError(t, tx.Delete(ctx, audience.Source{}, audience.Key("n6")))
		return nil
	})

	var left []importer.LeftBehind
	report, err := importer.Undo(t.Context(), w.Audience, "spring", importer.UndoOptions{OnLeft: func(l importer.LeftBehind) { left = append(left, l) }})
	require.NoError(t, err)
	require.Equal(t, left, report.Contacts)
	what := make(map[string][]string)
	for _, l := range left {
		c, err := w.Contact(t.Context(), audience.ID(l.Contact))
		require.NoError(t, err)
		what[c.Key()] = append(what[c.Key()], l.What...)
	}
	require.Equal(t, map[string][]string{
		"u1": {"city"}, "u2": {"email"}, "n1": {"changed"}, "n2": {"events"}, "n3": {"lists"}, "n4": {"consent"}, "n5": {"merged"},
	}, what, "n5 is found as whom she was merged into, whose first key it is")
	require.Equal(t, []int{1, 2, 7, 1, 2, 1}, []int{report.Deleted, report.Restored, report.Left, report.Gone, report.Retracted, report.Refusals})

	ann := w.contact(audience.Key("u1"))
	schema := w.Schema()
	require.Equal(t, []string{"Ann", "Bonn", "", ""}, []string{ann.FirstName.Reveal(), ann.Field(&schema, "city").Reveal(), ann.Field(&schema, "score").Reveal(), ann.Phone.Reveal()})
	require.Equal(t, []string{"x"}, ann.TagNames())
	require.Equal(t, "none", w.status(audience.Key("u1")), "the grant is taken back")
	require.Equal(t, "unsubscribed", w.status(audience.Key("u3")), "a refusal never is")
	bob := w.contact(audience.Key("u2"))
	require.Len(t, bob.External, 1)
	require.NotEqual(t, "subscribed", w.status(audience.Key("n4")))
	require.NotContains(t, before, "n7")
	_, err = w.Contact(t.Context(), audience.Key("n7"))
	require.ErrorIs(t, err, audience.ErrNotFound)
	require.Contains(t, report.String(), "1 contacts deleted, 2 restored, 7 left with something, 1 gone already")
}

// TestUndoWhatWasTouchedAgain: the same value, written again by somebody else.
func TestUndoWhatWasTouchedAgain(t *testing.T) {
	w := newWorld(t)
	w.put(row("key=u1", "city=Oslo").Write)
	w.run(&importer.Plan{Job: "spring"}, importer.Options{}, row("key=u1", "city=Rome", "tags=x"))
	w.put(row("key=u1", "city=Bonn").Write)
	w.put(row("key=u1", "city=Rome").Write)
	report, err := importer.Undo(t.Context(), w.Audience, "spring", importer.UndoOptions{})
	require.NoError(t, err)
	require.Equal(t, []importer.LeftBehind{{Contact: 1, What: []string{"city"}}}, report.Contacts)
	require.Contains(t, w.dump(false), "city=Rome tags []")
}

func TestUndoRefused(t *testing.T) {
	w := newWorld(t)
	undo := func(job string) error {
		_, err := importer.Undo(t.Context(), w.Audience, job, importer.UndoOptions{})
		return err
	}
	require.ErrorIs(t, undo("spring"), audience.ErrNotFound)
	w.run(&importer.Plan{Job: "never", UndoFor: -1}, importer.Options{}, row("key=u1"))
	require.ErrorIs(t, undo("never"), audience.ErrDenied)
	w.run(&importer.Plan{Job: "day", UndoFor: 24 * time.Hour}, importer.Options{}, row("key=u2"))
	w.now = w.now.Add(24 * time.Hour)
	require.ErrorIs(t, undo("day"), audience.ErrDenied)
}

// TestUndoIsErased: what is kept for undoing somebody goes when she is erased.
func TestUndoIsErased(t *testing.T) {
	w := newWorld(t)
	w.put(row("key=u1", "email=ann", "first=Secret").Write)
	w.run(&importer.Plan{Job: "spring"}, importer.Options{}, row("key=u1", "first=Ann"))
	kept := func() (n int) {
		w.view(func(r *store.Reader) error {
			all, err := r.Records(t.Context(), "imports", "contact/", "", 100)
			n = len(all)
			return err
		})
		return n
	}
	require.Equal(t, 1, kept())
	w.update(func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, audience.Key("u1")) })
	require.Zero(t, kept())
	report, err := importer.Undo(t.Context(), w.Audience, "spring", importer.UndoOptions{})
	require.NoError(t, err)
	require.Equal(t, importer.UndoReport{Job: "spring"}, *report)
}

// TestOneImportAtATime: of two that are at one import the slower one is told,
// and neither loses anything.
func TestOneImportAtATime(t *testing.T) {
	w := newWorld(t)
	rows := many(10)
	plan := &importer.Plan{Job: "spring"}
	opts := importer.Options{Limits: importer.Limits{BatchRows: 2}}
	slow := opts
	overtaken := false
	slow.OnProgress = func(importer.Progress) {
		if !overtaken {
			overtaken = true
			w.run(plan, opts, rows...)
		}
	}
	_, err := importer.Contacts(t.Context(), w.Audience, sequence(rows), plan, slow)
	require.ErrorIs(t, err, audience.ErrConflict)
	require.ErrorContains(t, err, "another process")
	job, err := importer.FindJob(t.Context(), w.Audience, "spring")
	require.NoError(t, err)
	require.Equal(t, []int{10, 10}, []int{job.Report.Rows, job.Report.Created})

	other := *plan
	other.Mode = importer.FillBlanks
	_, err = importer.Contacts(t.Context(), w.Audience, sequence(rows), &other, opts)
	require.ErrorIs(t, err, audience.ErrConflict, "another plan")
}

func TestJobs(t *testing.T) {
	w := newWorld(t)
	broken := errors.New("broken")
	for _, name := range []string{"b", "a/1", "a"} {
		w.run(&importer.Plan{Job: name}, importer.Options{}, row("key="+name))
	}
	_, err := importer.Contacts(t.Context(), w.Audience, func(yield func(*importer.Contact, error) bool) { yield(nil, broken) }, &importer.Plan{Job: "c"}, importer.Options{})
	require.ErrorIs(t, err, broken)
	_, err = importer.Undo(t.Context(), w.Audience, "a/1", importer.UndoOptions{})
	require.NoError(t, err)
	var got []string
	for job, err := range importer.Jobs(t.Context(), w.Audience) {
		require.NoError(t, err)
		got = append(got, job.Name+" "+string(job.State))
	}
	require.Equal(t, []string{"a done", "a/1 undone", "b done", "c running"}, got)
	_, err = w.Contact(t.Context(), audience.Key("a"))
	require.NoError(t, err, "of another import")
	_, err = w.Contact(t.Context(), audience.Key("a/1"))
	require.ErrorIs(t, err, audience.ErrNotFound)
	_, err = importer.FindJob(t.Context(), w.Audience, "d")
	require.ErrorIs(t, err, audience.ErrNotFound)
}

// TestWrite: rows within a transaction of the host's.
func TestWrite(t *testing.T) {
	w := newWorld(t)
	w.update(func(tx *store.Tx) error {
		results, report, err := importer.Write(t.Context(), tx, []*importer.Contact{row("key=u1"), row("key=u1", "first=Ann"), row("list=none", "key=u2")}, nil, importer.Options{})
		require.NoError(t, err)
		require.NoError(t, report.Check())
		require.Equal(t, []importer.Outcome{importer.Created, importer.Updated, importer.Rejected}, []importer.Outcome{results[0].Outcome, results[1].Outcome, results[2].Outcome})
		require.Equal(t, results[0].Contact, results[1].Contact)
		return nil
	})
	require.Equal(t, "Ann", func() string { c := w.contact(audience.Key("u1")); return c.FirstName.Reveal() }())
}

// stopAfter runs an import until n rows are done.
func stopAfter(w *world, plan *importer.Plan, batch, n int, rows ...*importer.Contact) {
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	opts := importer.Options{Limits: importer.Limits{BatchRows: batch}, OnProgress: func(p importer.Progress) {
		if p.Rows >= n {
			cancel()
		}
	}}
	_, err := importer.Contacts(ctx, w.Audience, sequence(rows), plan, opts)
	require.ErrorIs(w.t, err, context.Canceled)
}

// TestUndoForIsOfTheFirstRun: how long an import can be undone does not change
// when it goes on, else a part of it could not be.
func TestUndoForIsOfTheFirstRun(t *testing.T) {
	for _, d := range []time.Duration{-1, time.Hour} {
		t.Run(d.String(), func(t *testing.T) {
			w := newWorld(t)
			w.put(row("key=u1", "first=Ann").Write, row("key=u2", "first=Bob").Write)
			before := w.dump(true)
			rows := []*importer.Contact{row("key=u1", "first=X"), row("key=u2", "first=Y"), row("key=n1")}
			stopAfter(w, &importer.Plan{Job: "spring"}, 1, 1, rows...)
			w.run(&importer.Plan{Job: "spring", UndoFor: d}, importer.Options{}, rows...)
			w.now = w.now.Add(2 * time.Hour)
			report, err := importer.Undo(t.Context(), w.Audience, "spring", importer.UndoOptions{})
			require.NoError(t, err)
			require.Empty(t, report.Contacts)
			require.Equal(t, before, w.dump(true))
		})
	}
}

// TestUndoLeavesLists: who was put on a list again by somebody stays there.
func TestUndoLeavesLists(t *testing.T) {
	w := newWorld(t)
	w.put(row("key=u1").Write)
	w.run(&importer.Plan{Job: "spring"}, importer.Options{}, row("key=u1", "list=vip"))
	w.update(func(tx *store.Tx) error {
		require.NoError(t, tx.RemoveFromList(t.Context(), "vip", audience.Source{}, audience.Key("u1")))
		return tx.AddToList(t.Context(), "vip", audience.Source{}, audience.Key("u1"))
	})
	report, err := importer.Undo(t.Context(), w.Audience, "spring", importer.UndoOptions{})
	require.NoError(t, err)
	require.Equal(t, []importer.LeftBehind{{Contact: 1, What: []string{"lists"}}}, report.Contacts)
	require.Contains(t, w.dump(true), "lists [vip]")
}

// TestUndoFitsIntoARecord: however many contacts are left with something.
func TestUndoFitsIntoARecord(t *testing.T) {
	w := newWorld(t, func(o *store.Options) { o.Limits.RecordBytes = 8192 })
	var rows []*importer.Contact
	for i := range 1500 {
		rows = append(rows, row(fmt.Sprint("key=u", i)))
	}
	w.run(&importer.Plan{Job: "spring"}, importer.Options{}, rows...)
	for i := range 1500 {
		w.put(row(fmt.Sprint("key=u", i), "first=Z").Write)
	}
	report, err := importer.Undo(t.Context(), w.Audience, "spring", importer.UndoOptions{})
	require.NoError(t, err)
	require.Equal(t, 1500, report.Left)
}

// TestUndoTells: a dry run tells the same as undoing does.
func TestUndoTells(t *testing.T) {
	w := newWorld(t, func(o *store.Options) { o.Keys = audience.Keys{} })
	w.run(&importer.Plan{Job: "spring"}, importer.Options{}, row("key=u1", "email=ann", "status=pending"), row("key=u1", "status=unsubscribed"), row("key=u2"))
	w.put(row("key=u2", "first=Bea").Write)
	var told [2][]importer.LeftBehind
	var reports [2]*importer.UndoReport
	for i := range told {
		opts := importer.UndoOptions{DryRun: i == 0, OnLeft: func(l importer.LeftBehind) { told[i] = append(told[i], l) }}
		var err error
		reports[i], err = importer.Undo(t.Context(), w.Audience, "spring", opts)
		require.NoError(t, err)
	}
	require.Equal(t, reports[0], reports[1])
	require.Equal(t, told[0], told[1])
	require.ElementsMatch(t, []importer.LeftBehind{{Contact: 1, What: []string{"refused"}}, {Contact: 2, What: []string{"changed"}}}, told[0])
	require.Equal(t, []int{1, 1}, []int{reports[1].Retracted, reports[1].Refusals}, "of whom the store does not delete")
}

// TestUndoKeepsEditsBetweenBatches: somebody has changed a contact whom the
// import made, before it changed her again itself.
func TestUndoKeepsEditsBetweenBatches(t *testing.T) {
	for _, after := range []int{2, 3} { // rows: before the import changes her again, and after that
		testUndoKeepsEdit(t, after)
	}
}

func testUndoKeepsEdit(t *testing.T, after int) {
	w := newWorld(t)
	rows := []*importer.Contact{row("key=n1", "first=A"), row("key=n2"), row("key=n1", "first=B"), row("key=n2", "first=C"), row("key=n1", "first=D")}
	stopAfter(w, &importer.Plan{Job: "spring"}, 1, after, rows...)
	w.put(row("key=n1", "last=Lee").Write)
	w.run(&importer.Plan{Job: "spring"}, importer.Options{Limits: importer.Limits{BatchRows: 1}}, rows...)
	report, err := importer.Undo(t.Context(), w.Audience, "spring", importer.UndoOptions{})
	require.NoError(t, err)
	require.Equal(t, 1, report.Deleted)
	require.Equal(t, []importer.LeftBehind{{Contact: 1, What: []string{"changed"}}}, report.Contacts)
	require.Contains(t, w.dump(false), `"D" "Lee"`)
}
