package store_test

import (
	"context"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func (p finderPartition) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	return p.Partition.Update(ctx, func(w store.WriteRoles) error { return fn(finderWriter{w, p.finder}) })
}

type finderWriter struct {
	store.WriteRoles
	finder *finder
}

func (w finderWriter) Unwrap() any { return finderRoles{w.WriteRoles, w.finder} }

// pagesOf reads a query page by page and gives how many pages there are.
func pagesOf(t *testing.T, q store.ContactQuery, read func(store.ContactQuery) ([]audience.ContactID, store.Cursor, error)) (ids []audience.ContactID, pages int) {
	t.Helper()
	for more := true; more; more = q.After != "" {
		page, next, err := read(q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), q.Limit)
		ids, q.After = append(ids, page...), next
		pages++
	}
	return ids, pages
}

// In a snapshot the adapter is asked for the first page and once more for all
// that follow; whoever reads everything has it asked once.
func TestCandidatesAreFoundOnce(t *testing.T) {
	double, aud, plain := newFinder(t, 60)
	q := store.ContactQuery{Where: store.HasTag{Tag: "third"}, Limit: 3}
	want := readAll(t, plain.Audience, q)
	require.Greater(t, len(want), 4*q.Limit)
	for name, sure := range map[string]func(audience.ContactID) bool{"certain": always, "uncertain": never, "some": odd} {
		double.sure = sure
		require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
			calls := func() int {
				defer func() { double.calls = 0 }()
				return double.calls
			}
			calls()
			ids, pages := pagesOf(t, q, func(q store.ContactQuery) ([]audience.ContactID, store.Cursor, error) {
				page, err := r.ContactIDs(t.Context(), q)
				return page.Items, page.Next, err
			})
			require.Equal(t, want, ids, name)
			require.Greater(t, pages, 4)
			require.Equal(t, 2, calls(), name)
			ids, _ = pagesOf(t, q, func(q store.ContactQuery) ([]audience.ContactID, store.Cursor, error) {
				page, err := r.Contacts(t.Context(), q)
				return contactIDs(page.Items), page.Next, err
			})
			require.Equal(t, want, ids, name)
			require.Equal(t, 2, calls(), name)
			for range 2 {
				ids = ids[:0]
				for id, err := range r.AllContactIDs(t.Context(), q) {
					require.NoError(t, err)
					ids = append(ids, id)
				}
				require.Equal(t, want, ids, name)
				require.Equal(t, 1, calls(), name)
			}
			n, err := r.Count(t.Context(), q)
			require.Len(t, want, n)
			require.Equal(t, 1, calls(), name)
			return err
		}))
	}
}

// What was found ahead is of one query at one instant, and is used from where
// it goes on only.
func TestCandidatesAheadOfOthers(t *testing.T) {
	double, aud, plain := newFinder(t, 60)
	queries := []store.ContactQuery{
		{Where: store.HasTag{Tag: "third"}, Limit: 2},
		{Where: store.Not{Part: store.HasTag{Tag: "third"}}, Limit: 2},
		{Where: finderQueries()["consent"], Limit: 3},
		{Where: finderQueries()["consent"], Limit: 3, At: plain.now.Add(-24 * 365 * time.Hour)},
	}
	var want [][]audience.ContactID
	for _, q := range queries {
		want = append(want, readAll(t, plain.Audience, q))
	}
	require.NotEqual(t, want[2], want[3])
	double.sure = odd
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		var got [4][]audience.ContactID
		var next [4]func() (audience.ContactID, error, bool)
		for i, q := range queries {
			pull, stop := iter.Pull2(r.AllContactIDs(t.Context(), q))
			defer stop()
			next[i] = pull
		}
		for open := true; open; {
			open = false
			for i := range next {
				id, err, ok := next[i]()
				require.NoError(t, err)
				if ok {
					got[i], open = append(got[i], id), true
				}
			}
		}
		require.Equal(t, want, got[:])
		// Where two queries go on after the same contact.
		q, everybody := queries[0], store.ContactQuery{Where: store.Not{Part: store.Or{}}}
		all := readAll(t, plain.Audience, store.ContactQuery{})
		at := slices.Index(all, want[0][1])
		everybody.Limit = at + 1
		page, err := r.ContactIDs(t.Context(), everybody)
		require.NoError(t, err)
		require.Equal(t, want[0][1], page.Items[at])
		everybody.After, q.Limit = page.Next, 1
		for range 2 {
			page, err = r.ContactIDs(t.Context(), q)
			require.NoError(t, err)
			q.After = page.Next
		}
		require.Equal(t, want[0][1:2], page.Items)
		page, err = r.ContactIDs(t.Context(), everybody)
		require.NoError(t, err)
		require.Equal(t, all[at+1], page.Items[0])
		// The cursor of one instant at another one.
		q = queries[2]
		earlier := queries[3]
		q.Limit = 1
		for range 2 {
			page, err = r.ContactIDs(t.Context(), q)
			require.NoError(t, err)
			q.After = page.Next
		}
		require.Greater(t, len(want[2]), 2)
		require.Empty(t, want[3])
		earlier.After = page.Next
		page, err = r.ContactIDs(t.Context(), earlier)
		require.NoError(t, err)
		require.Empty(t, page.Items)
		// From the middle, and back to an earlier page.
		first, err := r.ContactIDs(t.Context(), queries[0])
		require.NoError(t, err)
		second := queries[0]
		second.After = first.Next
		for range 3 {
			again, err := r.ContactIDs(t.Context(), second)
			require.NoError(t, err)
			require.Equal(t, want[0][2:4], again.Items)
		}
		return nil
	}))
}

// A transaction that writes sees with every page what it has written.
func TestCandidatesOfTransactions(t *testing.T) {
	double, aud, plain := newFinder(t, 30)
	q := store.ContactQuery{Where: store.HasTag{Tag: "third"}, Limit: 2}
	want := readAll(t, plain.Audience, q)
	_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
		double.calls = 0
		ids, pages := pagesOf(t, q, func(q store.ContactQuery) ([]audience.ContactID, store.Cursor, error) {
			page, err := tx.ContactIDs(t.Context(), q)
			return page.Items, page.Next, err
		})
		require.Equal(t, want, ids)
		require.Equal(t, pages, double.calls)
		return nil
	})
	require.NoError(t, err)
}

// A page of ids may be large; of contacts whose rows have to be read not more
// are read together than of any page.
func TestCandidatesInLargePages(t *testing.T) {
	double, aud, plain := newFinder(t, 40)
	q := store.ContactQuery{Where: store.HasTag{Tag: "third"}, Limit: 1 << 30}
	want := readAll(t, plain.Audience, store.ContactQuery{Where: q.Where})
	for _, err := range []error{nil, audience.ErrUnsupported} {
		double.err = err
		require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
			page, err := r.ContactIDs(t.Context(), q)
			require.NoError(t, err)
			require.Empty(t, page.Next)
			require.Equal(t, want, slices.Sorted(slices.Values(page.Items)))
			return nil
		}))
		require.LessOrEqual(t, double.most, 10_000)
	}
}

// Where more are found than are kept, finding goes on behind the last of them,
// also when a page begins with some that are left.
func TestCandidatesOfCrowds(t *testing.T) {
	double, aud, _ := newFinder(t, 1)
	double.crowd = 150_000
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		q := store.ContactQuery{Where: store.HasTag{Tag: "third"}, Limit: 1_000} // 65,536 is no multiple of it
		last := audience.ContactID(0)
		for id, err := range r.AllContactIDs(t.Context(), q) {
			require.NoError(t, err)
			require.Equal(t, last+1, id)
			last = id
		}
		require.EqualValues(t, double.crowd, last)
		require.Equal(t, 2, double.calls)
		n, err := r.Count(t.Context(), q)
		require.Equal(t, double.crowd, n)
		return err
	}))
}
