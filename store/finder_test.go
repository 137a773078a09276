package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// finder is an adapter that can find candidates: it asks an audience of the same data without the capability.
type finder struct {
	store.Adapter
	plain *store.Audience
	sure  func(audience.ContactID) bool // of those who match
	extra func(audience.ContactID) bool // of those who do not, to be offered as uncertain
	err   error                         // of Candidates
	crowd int                           // so many contacts from 1 on are certain instead, whoever there is
	calls int
	read  int // contact rows that were read
	most  int // contacts asked for together
}

func (f *finder) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := f.Adapter.Partition(ctx, name)
	return finderPartition{p, f}, err
}

type finderPartition struct {
	store.Partition
	finder *finder
}

func (p finderPartition) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	return p.Partition.View(ctx, func(r store.ReadRoles) error { return fn(finderWrapped{finderRoles{r, p.finder}}) })
}

// finderWrapped hides the capability behind Unwrap, as an adapter that wraps another one does.
type finderWrapped struct{ store.ReadRoles }

func (w finderWrapped) Unwrap() any { return w.ReadRoles }

type finderRoles struct {
	store.ReadRoles
	finder *finder
}

func (r finderRoles) Contacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	r.finder.most = max(r.finder.most, len(ids))
	rows, err := r.ReadRoles.Contacts(ctx, ids)
	r.finder.read += len(rows)
	return rows, err
}

func (r finderRoles) ContactsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.Contact, error) {
	r.finder.most = max(r.finder.most, limit)
	rows, err := r.ReadRoles.ContactsAfter(ctx, after, limit)
	r.finder.read += len(rows)
	return rows, err
}

// Candidates follows the contract of store.PredicateReader to the letter.
func (r finderRoles) Candidates(ctx context.Context, p store.Predicate, at time.Time, after audience.ContactID, limit int) ([]store.Candidate, error) {
	f := r.finder
	f.calls++
	if f.err != nil {
		return nil, f.err
	}
	var out []store.Candidate
	for id := after + 1; int(id) <= f.crowd && len(out) < limit; id++ {
		out = append(out, store.Candidate{ID: id, Certain: true})
	}
	if f.crowd > 0 {
		return out, nil
	}
	err := f.plain.View(ctx, func(r *store.Reader) error {
		for profile, err := range r.AllProfiles(ctx, store.ProfileQuery{Parts: store.PartsOf(p)}) {
			id := profile.Contact.ID
			switch {
			case err != nil:
				return err
			case id <= after || len(out) == limit:
			case store.Match(p, &profile, at):
				out = append(out, store.Candidate{ID: id, Certain: f.sure(id)})
			case f.extra(id):
				out = append(out, store.Candidate{ID: id})
			}
		}
		return nil
	})
	return out, err
}

func always(audience.ContactID) bool { return true }
func never(audience.ContactID) bool  { return false }
func odd(id audience.ContactID) bool { return id%2 == 1 }

// newFinder makes a finder with a crowd of contacts; every third has bought something, every fourth is subscribed.
func newFinder(t *testing.T, n int) (*finder, *store.Audience, *fixture) {
	t.Helper()
	f, ids := crowd(t, n)
	for i, id := range ids {
		if i%3 == 0 {
			f.event(audience.ID(id), "p", "purchase", 0)
		}
		if i%4 == 0 {
			f.record(grant(audience.ID(id), audience.MechanismDoubleOptIn))
		}
	}
	double := &finder{Adapter: f.adapter, plain: f.Audience, sure: always, extra: never}
	aud, err := store.Open(t.Context(), double, "main", store.Options{Keys: testKeys(t, "a"), Clock: func() time.Time { return f.now }})
	require.NoError(t, err)
	return double, aud, f
}

// readAll reads a query in every way that there is.
func readAll(t *testing.T, aud *store.Audience, q store.ContactQuery) (ids []audience.ContactID) {
	t.Helper()
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		var contacts, profiles []audience.ContactID
		for id, err := range r.AllContactIDs(t.Context(), q) {
			require.NoError(t, err)
			ids = append(ids, id)
		}
		for c, err := range r.AllContacts(t.Context(), q) {
			require.NoError(t, err)
			contacts = append(contacts, c.ID)
		}
		for p, err := range r.AllProfiles(t.Context(), store.ProfileQuery{ContactQuery: q, Parts: audience.ProfileParts{Ledger: true}}) {
			require.NoError(t, err)
			profiles = append(profiles, p.Contact.ID)
			require.True(t, p.Parts.Ledger)
			require.NotEmpty(t, p.Contact.Addresses)
		}
		n, err := r.Count(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, ids, contacts)
		require.Equal(t, ids, profiles)
		require.Len(t, ids, n)
		return nil
	}))
	return ids
}

func finderQueries() map[string]store.Predicate {
	bought := store.CompareCount{Events: store.EventFilter{Types: []string{"purchase"}}, Op: store.Greater}
	return map[string]store.Predicate{
		"everybody": nil, "nobody": store.Or{}, "a tag": store.HasTag{Tag: "third"}, "events": bought,
		"consent": store.And{store.Consents{Purpose: "marketing"}, store.Not{Part: bought}},
	}
}

// With the capability there are the same contacts as without, whatever the adapter is sure of, whom it offers besides,
// and how large the pages are.
func TestCandidates(t *testing.T) {
	double, aud, plain := newFinder(t, 40)
	modes := map[string]struct{ sure, extra func(audience.ContactID) bool }{
		"certain": {always, never}, "uncertain": {never, always}, "both": {odd, odd}, "both ways": {odd, always}, "some": {odd, never},
	}
	for name, where := range finderQueries() {
		want := readAll(t, plain.Audience, store.ContactQuery{Where: where})
		for mode, m := range modes {
			double.sure, double.extra = m.sure, m.extra
			for _, limit := range []int{0, 1, 2, 7, len(want), 1_000} {
				double.calls = 0
				require.Equal(t, want, readAll(t, aud, store.ContactQuery{Where: where, Limit: limit}), "%s, %s, by %d", name, mode, limit)
				require.Equal(t, where != nil, double.calls > 0)
			}
		}
	}
}

// A predicate that the adapter cannot look for is asked of every contact; any other error is one.
func TestCandidatesErrors(t *testing.T) {
	double, aud, plain := newFinder(t, 20)
	double.err = audience.ErrUnsupported
	for name, where := range finderQueries() {
		want := readAll(t, plain.Audience, store.ContactQuery{Where: where})
		require.Equal(t, want, readAll(t, aud, store.ContactQuery{Where: where, Limit: 3}), name)
	}
	broken := errors.New("the database is away")
	double.err = broken
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		q := store.ContactQuery{Where: store.HasTag{Tag: "third"}}
		_, err := r.Contacts(t.Context(), q)
		require.ErrorIs(t, err, broken)
		_, err = r.ContactIDs(t.Context(), q)
		require.ErrorIs(t, err, broken)
		_, err = r.Count(t.Context(), q)
		require.ErrorIs(t, err, broken)
		q.After = "nonsense"
		for _, read := range []func() error{
			func() error { _, err := r.ContactIDs(t.Context(), q); return err },
			func() error { _, err := r.Count(t.Context(), q); return err },
			func() error { _, err := r.Contacts(t.Context(), q); return err },
		} {
			require.ErrorIs(t, read(), audience.ErrInvalidCursor)
		}
		return nil
	}))
}

// Of contacts that the adapter is certain of no row is read for their ids, and of others only those.
func TestCandidatesReadNothing(t *testing.T) {
	double, aud, plain := newFinder(t, 40)
	q := store.ContactQuery{Where: store.HasTag{Tag: "third"}, Limit: 4}
	want := readAll(t, plain.Audience, q)
	require.NotEmpty(t, want)
	count := func() int {
		double.read = 0
		var n int
		require.NoError(t, aud.View(t.Context(), func(r *store.Reader) (err error) {
			n, err = r.Count(t.Context(), q)
			return err
		}))
		return n
	}
	require.Len(t, want, count())
	require.Zero(t, double.read)
	double.sure = odd
	require.Len(t, want, count())
	uncertain := slices.DeleteFunc(slices.Clone(want), odd)
	require.NotEmpty(t, uncertain)
	require.Equal(t, len(uncertain), double.read)
}

// Cursors of one way work the other, and not for another query.
func TestCandidatesCursors(t *testing.T) {
	double, aud, plain := newFinder(t, 40)
	q := store.ContactQuery{Where: store.HasTag{Tag: "third"}, Limit: 2}
	want := readAll(t, plain.Audience, q)
	var got []audience.ContactID
	for turn := 0; ; turn++ {
		require.Less(t, turn, 100)
		in := aud
		if turn%2 == 1 {
			in = plain.Audience
		}
		double.err = nil
		if turn%3 == 2 {
			double.err = audience.ErrUnsupported
		}
		require.NoError(t, in.View(t.Context(), func(r *store.Reader) error {
			if turn%5 == 0 {
				page, err := r.Contacts(t.Context(), q)
				got, q.After = append(got, contactIDs(page.Items)...), page.Next
				return err
			}
			page, err := r.ContactIDs(t.Context(), q)
			got, q.After = append(got, page.Items...), page.Next
			return err
		}))
		if turn == 0 {
			other := store.ContactQuery{Where: store.HasTag{Tag: "other"}, After: q.After}
			require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
				_, err := r.ContactIDs(t.Context(), other)
				require.ErrorIs(t, err, audience.ErrInvalidCursor)
				return nil
			}))
		}
		if q.After == "" {
			break
		}
	}
	require.Equal(t, want, got)
}

// Count goes on from a cursor, and counts everybody at once.
func TestCount(t *testing.T) {
	f, ids := crowd(t, 20)
	f.view(func(r *store.Reader) error {
		n, err := r.Count(t.Context(), store.ContactQuery{Limit: 3})
		require.NoError(t, err)
		require.Len(t, ids, n)
		page, err := r.ContactIDs(t.Context(), store.ContactQuery{Limit: 5})
		require.NoError(t, err)
		require.Equal(t, ids[:5], page.Items)
		n, err = r.Count(t.Context(), store.ContactQuery{After: page.Next})
		require.NoError(t, err)
		require.Len(t, ids, n+5)
		return nil
	})
	empty, err := store.Open(t.Context(), memstore.New(), "main", store.Options{})
	require.NoError(t, err)
	require.Empty(t, readAll(t, empty, store.ContactQuery{}))
}
