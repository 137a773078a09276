package importer_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// expired counts the records of imports that are over and still there.
func (w *world) expired() int {
	w.t.Helper()
	total := 0
	require.NoError(w.t, w.Try(w.t.Context(), func(tx *store.Tx) error {
		for after := ""; ; {
			n, next, err := tx.SweepRecords(w.t.Context(), "imports", after, 1000)
			if total, after = total+n, next; err != nil || after == "" {
				return err
			}
		}
	}, func(*store.Tx, []store.Change) error { return nil }))
	return total
}

// TestExpiredUndoIsSwept: what was kept for undoing goes when its time is over,
// a bounded part with each import, and all of it when the host asks.
func TestExpiredUndoIsSwept(t *testing.T) {
	const people = 1500
	for _, asked := range []bool{false, true} {
		t.Run(strconv.FormatBool(asked), func(t *testing.T) {
			w := newWorld(t)
			var rows []*importer.Contact
			for i := range people {
				c := row(fmt.Sprint("key=u", i), "first=Ann")
				w.put(c.Write)
				c.Write.FirstName = audience.NewPrivate("Bea")
				rows = append(rows, c)
			}
			w.run(&importer.Plan{Job: "spring", UndoFor: time.Hour}, importer.Options{}, rows...)
			w.run(&importer.Plan{Job: "summer"}, importer.Options{}, row("key=u1", "first=Cid"))
			removed, err := importer.Sweep(t.Context(), w.Audience)
			require.NoError(t, err)
			require.Zero(t, removed, "nothing is over yet")

			w.now = now.Add(time.Hour)
			require.Equal(t, people, w.expired())
			if asked {
				removed, err := importer.Sweep(t.Context(), w.Audience)
				require.NoError(t, err)
				require.Equal(t, people, removed)
			} else {
				before := people
				for n := range 3 {
					w.run(&importer.Plan{Job: fmt.Sprint("autumn", n)}, importer.Options{}, row("key=n1"))
					after := w.expired()
					require.Less(t, after, before)
					require.LessOrEqual(t, before-after, 1000, "a bounded part each time")
					if before = after; after == 0 {
						break
					}
				}
			}
			require.Zero(t, w.expired())
			undone, err := importer.Undo(t.Context(), w.Audience, "summer", importer.UndoOptions{})
			require.NoError(t, err)
			require.Equal(t, 1, undone.Restored)
			_, err = importer.Undo(t.Context(), w.Audience, "spring", importer.UndoOptions{})
			require.ErrorIs(t, err, audience.ErrDenied)
			job, err := importer.FindJob(t.Context(), w.Audience, "spring")
			require.NoError(t, err, "how it stood is known for ever")
			require.Equal(t, people, job.Report.Updated)
		})
	}
}

func TestSweepRecords(t *testing.T) {
	at := now
	aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{Clock: func() time.Time { return at }})
	require.NoError(t, err)
	update := func(fn func(tx *store.Tx) error) {
		t.Helper()
		_, err := aud.Update(t.Context(), fn)
		require.NoError(t, err)
	}
	update(func(tx *store.Tx) error {
		for i := range 10 {
			r := store.Record{Namespace: "mine", Key: fmt.Sprint("k", i), Value: []byte("x")}
			if i%2 == 0 {
				r.Expires = now.Add(time.Duration(i+1) * time.Minute)
			}
			if _, err := tx.SaveRecord(t.Context(), r); err != nil {
				return err
			}
		}
		_, err := tx.SaveRecord(t.Context(), store.Record{Namespace: "other", Key: "k", Value: []byte("x"), Expires: now.Add(time.Minute)})
		return err
	})
	at = now.Add(5 * time.Minute) // k0, k2 and k4 are over
	update(func(tx *store.Tx) error {
		n, next, err := tx.SweepRecords(t.Context(), "mine", "", 4)
		require.NoError(t, err)
		require.Equal(t, []any{2, "k3"}, []any{n, next})
		n, next, err = tx.SweepRecords(t.Context(), "mine", next, 10)
		require.NoError(t, err)
		require.Equal(t, []any{1, ""}, []any{n, next})
		n, _, err = tx.SweepRecords(t.Context(), "mine", "", 100)
		require.NoError(t, err)
		require.Zero(t, n)
		_, _, err = tx.SweepRecords(t.Context(), "audience", "", 100)
		require.ErrorIs(t, err, audience.ErrDenied, "what is the store's own")
		return nil
	})
	at = now
	var keys []string
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		records, err := r.Records(t.Context(), "mine", "", "", 100)
		for i := range records {
			keys = append(keys, records[i].Key)
		}
		return err
	}))
	require.Equal(t, []string{"k1", "k3", "k5", "k6", "k7", "k8", "k9"}, keys)
}
