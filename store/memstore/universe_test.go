package memstore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

const audienceName = "main"

func start() time.Time { return time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC) }

func open(t testing.TB) store.Partition {
	t.Helper()
	p, err := memstore.New().Partition(t.Context(), audienceName)
	require.NoError(t, err)
	return p
}

func update(t testing.TB, p store.Partition, fn func(w store.WriteRoles) error) store.Position {
	t.Helper()
	pos, err := p.Update(t.Context(), fn)
	require.NoError(t, err)
	return pos
}

func view(t testing.TB, p store.Partition, fn func(r store.ReadRoles)) {
	t.Helper()
	require.NoError(t, p.View(t.Context(), func(r store.ReadRoles) error { fn(r); return nil }))
}

// universe is what a random test chooses from: few of everything, so that
// writes meet.
type universe struct {
	r          *rand.Rand
	now        time.Time // grows
	ids        []audience.ContactID
	identities []audience.Identity
	types      []string
	lists      []string
	hashes     []audience.AddressHash
	namespaces []string
	keys       []string
}

func newUniverse(seed uint64) *universe {
	u := &universe{
		r:          rand.New(rand.NewPCG(seed, 1)),
		now:        start(),
		types:      []string{"purchase", "email.opened", "email", "visit"},
		lists:      []string{"vip", "test", "v"},
		namespaces: []string{"import", "caps", "audience", "pair"},
		keys:       []string{"a", "ab", "a\xff", "b", "abc", "a\x00"},
	}
	for i := range 12 {
		u.identities = append(
			u.identities,
			audience.AddressIdentity(audience.MustAddress(fmt.Sprintf("p%d@example.com", i))),
			audience.ExternalIdentity(audience.External("shop", strconv.Itoa(i))),
			audience.ExternalIdentity(audience.External(audience.HostSystem, strconv.Itoa(i))),
		)
		u.hashes = append(u.hashes, audience.AddressHash{Key: fmt.Sprintf("k%d", i%4), Sum: [32]byte{byte(i / 8)}})
	}
	return u
}

func pick[T any](u *universe, from []T) T { return from[u.r.IntN(len(from))] }

func some[T any](u *universe, from []T) []T {
	out := make([]T, u.r.IntN(4))
	for i := range out {
		out[i] = pick(u, from)
	}
	return out
}

// read gives the state that the roles show.
func (u *universe) read(t testing.TB, r store.ReadRoles) state {
	t.Helper()
	ctx := t.Context()
	var s state
	var err error
	s.Contacts, err = r.Contacts(ctx, u.ids)
	require.NoError(t, err)
	s.Paged = pages(t, func(after audience.Contact) ([]audience.Contact, error) {
		return r.ContactsAfter(ctx, after.ID, 3)
	})
	s.Resolved, err = r.Resolve(ctx, u.identities)
	require.NoError(t, err)
	s.Redirects, err = r.Redirect(ctx, u.ids)
	require.NoError(t, err)
	u.readEvents(t, r, &s)
	s.Memberships, err = r.Memberships(ctx, shuffled(u, u.ids))
	require.NoError(t, err)
	lists := slices.Sorted(slices.Values(u.lists))
	for _, list := range lists {
		s.Members = append(s.Members, pages(t, func(after store.Membership) ([]store.Membership, error) {
			return r.MembersAfter(ctx, list, after.Origin, 2)
		})...)
	}
	s.Ledger, err = r.Ledger(ctx, shuffled(u, u.ids))
	require.NoError(t, err)
	s.Heads, err = r.LedgerHeads(ctx, shuffled(u, u.ids))
	require.NoError(t, err)
	s.Suppressions, err = r.Suppressions(ctx, shuffled(u, u.hashes))
	require.NoError(t, err)
	slices.SortFunc(s.Suppressions, compareSuppressions)
	s.AllSuppress = pages(t, func(after audience.Suppression) ([]audience.Suppression, error) {
		return r.SuppressionsAfter(ctx, after, 2)
	})
	s.Keys, err = r.SuppressionKeys(ctx)
	require.NoError(t, err)
	u.readRecords(t, r, &s)
	s.Merges, err = r.Merges(ctx, shuffled(u, u.ids))
	require.NoError(t, err)
	for _, id := range u.ids {
		m, err := r.MergeOf(ctx, id)
		if errors.Is(err, audience.ErrNotFound) {
			continue
		}
		require.NoError(t, err)
		s.Of = append(s.Of, m)
	}
	return s
}

func (u *universe) readEvents(t testing.TB, r store.ReadRoles, s *state) {
	t.Helper()
	ctx := t.Context()
	var err error
	s.Events, err = r.Events(ctx, store.EventQuery{Origins: shuffled(u, u.ids), Retracted: true})
	require.NoError(t, err)
	s.Some, err = r.Events(ctx, store.EventQuery{Origins: u.ids, Types: u.types[:2]})
	require.NoError(t, err)
	var keys []store.EventKey
	var counts []store.EventCountKey
	for _, id := range u.ids {
		for i := range eventIDs {
			keys = append(keys, store.EventKey{Origin: id, ID: strconv.Itoa(i)})
		}
		for _, kind := range u.types {
			counts = append(counts, store.EventCountKey{Origin: id, Type: kind})
		}
	}
	s.ByKey, err = r.EventsByKey(ctx, keys)
	require.NoError(t, err)
	slices.SortFunc(s.ByKey, compareKeys)
	s.Counts, err = r.EventCounts(ctx, counts)
	require.NoError(t, err)
}

func (u *universe) readRecords(t testing.TB, r store.ReadRoles, s *state) {
	t.Helper()
	for _, namespace := range slices.Sorted(slices.Values(u.namespaces)) {
		for _, key := range slices.Sorted(slices.Values(u.keys)) {
			rec, err := r.Record(t.Context(), namespace, key, u.now)
			if errors.Is(err, audience.ErrNotFound) {
				continue
			}
			require.NoError(t, err)
			s.Records = append(s.Records, rec)
		}
	}
	s.Ranges = pages(t, func(after store.Record) ([]store.Record, error) {
		return r.RecordsAfter(t.Context(), u.namespaces[0], "a", after.Key, 2, u.now)
	})
}

// pages reads page by page, beginning after the zero row.
func pages[T any](t testing.TB, read func(after T) ([]T, error)) []T {
	t.Helper()
	var all []T
	var after T
	for {
		page, err := read(after)
		require.NoError(t, err)
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		after = page[len(page)-1]
	}
}

func shuffled[T any](u *universe, s []T) []T {
	s = slices.Clone(s)
	u.r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
	return s
}

// requireState compares field by field, empty and nil alike.
func requireState(t testing.TB, want, got state) {
	t.Helper()
	same(t, "contacts", want.Contacts, got.Contacts)
	same(t, "contacts by page", want.Paged, got.Paged)
	same(t, "identities", want.Resolved, got.Resolved)
	same(t, "events", want.Events, got.Events)
	same(t, "events of some types", want.Some, got.Some)
	same(t, "events by key", want.ByKey, got.ByKey)
	same(t, "counts", want.Counts, got.Counts)
	same(t, "memberships", want.Memberships, got.Memberships)
	same(t, "members", want.Members, got.Members)
	same(t, "ledger", want.Ledger, got.Ledger)
	same(t, "ledger heads", want.Heads, got.Heads)
	same(t, "suppressions", want.Suppressions, got.Suppressions)
	same(t, "suppressions by page", want.AllSuppress, got.AllSuppress)
	same(t, "suppression keys", want.Keys, got.Keys)
	same(t, "records", want.Records, got.Records)
	same(t, "records by page", want.Ranges, got.Ranges)
	same(t, "redirects", want.Redirects, got.Redirects)
	same(t, "merges", want.Merges, got.Merges)
	same(t, "merge of each", want.Of, got.Of)
}

func same[T any](t testing.TB, what string, want, got []T) {
	t.Helper()
	if len(want)+len(got) > 0 {
		require.Equal(t, want, got, what)
	}
}
