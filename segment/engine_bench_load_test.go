package segment_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// shopWorld is a shop in a store, at its end. The contact with an index has
// the id after it.
type shopWorld struct {
	shop  audiencetest.Shop
	aud   *store.Audience
	clock *shopClock
}

// shopClock is a clock that stands until it is set.
type shopClock struct{ micros atomic.Int64 }

func (c *shopClock) now() time.Time { return audience.FromMicros(c.micros.Load()) }
func (c *shopClock) set(us int64)   { c.micros.Store(us) }

func shopEnd() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// loadShop puts a shop of n contacts into a new store. The feed is trimmed:
// nobody follows from the start.
func loadShop(t testing.TB, n int) *shopWorld {
	t.Helper()
	w := &shopWorld{shop: audiencetest.Shop{Contacts: n, Seed: 1, End: shopEnd()}, clock: &shopClock{}}
	w.clock.set(audience.Micros(shopEnd()))
	w.aud = setAudience(t, func(o *store.Options) { o.Schema, o.Clock = w.shop.Schema(), w.clock.now })
	next := audience.ContactID(1)
	for batch := range w.shop.Batches(w.aud.Limits().BatchItems) {
		pos, err := w.aud.Update(t.Context(), func(tx *store.Tx) error {
			results, err := tx.Put(t.Context(), batch.Contacts...)
			if err != nil {
				return err
			}
			require.Equal(t, next, results[0].ID)
			if _, err := tx.Record(t.Context(), batch.Consents...); err != nil {
				return err
			}
			_, err = tx.Append(t.Context(), batch.Events...)
			return err
		})
		require.NoError(t, err)
		require.NoError(t, w.aud.Trim(t.Context(), pos))
		next += audience.ContactID(len(batch.Contacts))
	}
	return w
}

// evaluate goes row by row.
func (w *shopWorld) evaluate(t testing.TB, set *segment.Set) *segment.Result {
	t.Helper()
	var result *segment.Result
	err := w.aud.View(t.Context(), func(r *store.Reader) (err error) {
		result, err = set.Evaluate(t.Context(), r, w.clock.now(), nil)
		return err
	})
	require.NoError(t, err)
	return result
}

func (w *shopWorld) members(t testing.TB, set *segment.Set, name string) []uint32 {
	t.Helper()
	members, ok := w.evaluate(t, set).Members(name)
	require.True(t, ok)
	out := make([]uint32, 0, members.Len())
	for id := range members.All() {
		out = append(out, uint32(id))
	}
	return out
}

// profiles reads the profiles of the first contacts.
func (w *shopWorld) profiles(t testing.TB, parts audience.ProfileParts, limit int) []audience.Profile {
	t.Helper()
	var out []audience.Profile
	err := w.aud.View(t.Context(), func(r *store.Reader) error {
		for p, err := range r.AllProfiles(t.Context(), store.ProfileQuery{Parts: parts}) {
			if err != nil {
				return err
			}
			if len(out) == limit {
				return nil
			}
			out = append(out, p)
		}
		return nil
	})
	require.NoError(t, err)
	return out
}

// happen writes the first n live things of the shop to the store, each in a
// commit of its own at its instant, and gives what the feed tells of them.
func (w *shopWorld) happen(t testing.TB, n int) []store.Commit {
	t.Helper()
	ctx := t.Context()
	after, err := w.aud.Head(ctx)
	require.NoError(t, err)
	for l := range w.shop.Live(n) {
		w.clock.set(l.Time)
		_, err := w.aud.Update(ctx, func(tx *store.Tx) (err error) {
			switch {
			case l.Contact != nil:
				_, err = tx.Put(ctx, *l.Contact)
			case l.Consent != nil:
				_, err = tx.Record(ctx, *l.Consent)
			default:
				_, err = tx.Append(ctx, *l.Event)
			}
			return err
		})
		require.NoError(t, err)
	}
	var out []store.Commit
	for {
		commits, err := w.aud.Commits(ctx, after, 1_000)
		require.NoError(t, err)
		if len(commits) == 0 {
			return out
		}
		out = append(out, commits...)
		after = commits[len(commits)-1].Position
	}
}
