package segment_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// A backup is put in the place of the store under a running engine: contact
// ids, definitions and the log are those of the backup from then on.
func TestEngineRestoredStore(t *testing.T) {
	adapter := &switchAdapter{Adapter: memstore.New()}
	w := newEngineWorldIn(t, adapter)
	backup := newEngineWorld(t)
	begin := func(w *engineWorld) *segment.Engine {
		putAges(t, w.aud, 10, 20, 30, 40)
		e := w.engine()
		w.apply(e, "adults", `contact.age >= 18`, "fresh", `contact.created_at > ago("1d")`)
		require.NoError(t, e.Advance(t.Context(), w.clock.Now()))
		return e
	}
	begin(backup)
	e := begin(w)

	w.later(time.Hour)
	putAges(t, w.aud, 50, 10)
	w.put(audiencetest.Contact("someone else", "age", 33)) // whose id comes again
	w.apply(e, "adults", `contact.age >= 21`, "kids", `contact.age < 18`)
	require.NoError(t, e.Advance(t.Context(), w.clock.Now()))
	live, err := e.Segment("adults")
	require.NoError(t, err)
	before := live.Members()
	gone := e.Position()
	require.Len(t, logged(t, e), 17)

	p, err := backup.adapter.Partition(t.Context(), "main")
	require.NoError(t, err)
	adapter.backup.Store(&p)
	w.later(time.Hour)
	require.ErrorIs(t, e.Sync(t.Context(), gone), audience.ErrPositionGone)
	require.NoError(t, e.Err())
	w.agrees(e, w.aud)
	require.EqualValues(t, 1, e.LatestVersion(), "the definitions are those of the backup")
	_, err = e.Segment("kids")
	require.ErrorIs(t, err, audience.ErrNotFound)
	require.Equal(t, 3, live.Len())
	require.False(t, live.Has(audience.Key("someone else")))

	after := live.Members()
	for name, op := range map[string]func(segment.Members) (segment.Members, error){"And": before.And, "Or": before.Or, "AndNot": before.AndNot} {
		_, err = op(after)
		require.ErrorIs(t, err, audience.ErrInvalid, name)
	}
	_, err = after.Overlap(before)
	require.ErrorIs(t, err, audience.ErrInvalid)
	require.False(t, before.Equal(after))

	// The log is the backup's; it goes on from there.
	old := len(logged(t, e))
	require.Equal(t, 7, old)
	w.put(audiencetest.Contact("a new one", "age", 60)) // with the id of someone else
	w.logAgrees(e)
	for _, m := range logged(t, e)[old:] {
		require.Contains(t, []segment.Causes{segment.CauseRebuild, segment.CauseField, segment.CauseTime}, m.Causes)
	}
	// What was kept of the other life is of no use.
	m, err := e.AsOf(t.Context(), "adults", w.clock.Now())
	require.NoError(t, err)
	require.True(t, m.Equal(live.Members()))
	_, err = before.And(m)
	require.ErrorIs(t, err, audience.ErrInvalid)
}

// The feed is trimmed before an engine has read it: it rebuilds, and misses
// nothing that the feed would have told.
func TestEngineTrimmedFeed(t *testing.T) {
	w := newEngineWorld(t)
	ids := putAges(t, w.aud, 10, 20, 30, 40, 50)
	e, other := w.engine(), w.engineOf(w.handle())
	w.apply(e, "adults", `contact.age >= 18`, "old", `contact.age >= 25 && contact.created_at < ago("2h")`)
	require.NoError(t, e.Advance(t.Context(), w.clock.Now()))
	w.later(3 * time.Hour)
	w.put(audiencetest.Contact("u0", "age", 19))
	w.sync(e) // entered, but not in the log yet

	w.update(func(tx *store.Tx) error {
		return tx.Erase(t.Context(), audience.Source{}, audience.Key("u0"), audience.Key("u1"))
	})
	w.update(func(tx *store.Tx) error {
		return tx.Merge(t.Context(), audience.Key("u2"), audience.Key("u3"), audience.Source{})
	})
	w.update(func(tx *store.Tx) error { return tx.Delete(t.Context(), audience.Source{}, audience.Key("u4")) })
	putAges(t, w.aud, -1, -1, 5) // u0 and u1 are new people; u2 is five by now
	w.handle(func(o *store.Options) { o.Zone = mustZone(t, "Asia/Tokyo") })
	w.apply(other, "adults", `contact.age >= 5`, "some", `startOf("d") == startOf("w") || true`)
	head, err := w.aud.Head(t.Context())
	require.NoError(t, err)
	require.NoError(t, w.aud.Trim(t.Context(), head))

	w.agrees(e, w.aud)
	require.EqualValues(t, 2, e.LatestVersion())
	live, err := e.Segment("adults")
	require.NoError(t, err)
	require.True(t, live.Contains(ids[3]), "merged into u2")
	require.True(t, live.Has(audience.Key("u2")))
	require.False(t, live.Has(audience.Key("u4")))
	w.later(time.Minute) // the other engine's lease is over, should it have one
	w.logAgrees(e)
	rebuilt := 0
	for _, m := range logged(t, e) {
		if m.Causes == segment.CauseRebuild {
			rebuilt++
		}
		if slices.Contains(ids[:2], m.Contact) {
			require.False(t, m.Entered, "the log tells of the erased that they left, and no more: %v", m)
		}
	}
	require.Positive(t, rebuilt)
	w.put(audiencetest.Contact("u2", "age", 4))
	w.agrees(e, w.aud)
	w.agrees(other, w.aud)
	w.logAgrees(e)
}

// Commits that a slow engine has read, and those that it has not, at every
// place where the feed can be trimmed.
func TestEngineTrimmedAnywhere(t *testing.T) {
	const steps = 12
	for cut := range steps {
		w := newEngineWorld(t)
		putAges(t, w.aud, 10, 20, 30, 40)
		e := w.engine()
		w.apply(e, "adults", `contact.age >= 18`, "seen", `events("visit").within("3h").any()`)
		for i := range steps {
			w.later(time.Hour)
			key := audiencetest.Key(i % 4)
			w.put(audiencetest.Contact(key, "age", 10+i))
			position := w.update(func(tx *store.Tx) error {
				_, err := tx.Append(t.Context(), audiencetest.Event(key, "visit", w.clock.Now()))
				return err
			})
			if i == cut {
				require.NoError(t, w.aud.Trim(t.Context(), position))
			}
			if i%3 == 0 {
				w.agrees(e, w.aud)
			}
			if i%4 == 0 {
				w.logAgrees(e)
			}
		}
		w.agrees(e, w.aud)
		w.logAgrees(e)
	}
}
