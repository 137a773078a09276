package segment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// The log stands ahead of an engine's clock when another one was advanced
// ahead of it: what happens here then is dated by the log.
func TestEngineWritesBehindTheLog(t *testing.T) {
	w := newEngineWorld(t)
	first := w.engine()
	w.apply(first, "fresh", `contact.created_at > ago("30m")`, "adults", `contact.age >= 18`)
	putAges(t, w.aud, 20, 10)
	ahead := w.clock.Now().Add(time.Hour)
	require.NoError(t, first.Advance(t.Context(), ahead))
	require.NoError(t, first.Close(t.Context()))

	second := w.engineOf(w.handle())
	require.Less(t, second.Now(), ahead)
	require.NoError(t, second.Advance(t.Context(), w.clock.Now()))
	for range 20 {
		w.later(7 * time.Second)
		w.put(audiencetest.Contact("u1", "age", 10+w.clock.Now().Second()%20))
		require.NoError(t, second.Advance(t.Context(), w.clock.Now()))
	}
	w.logAgrees(second)
	w.later(2 * time.Hour)
	w.logAgrees(second)
	w.agrees(second, w.aud)
}

// A queue of transitions that grows too long is forgotten; the log goes on
// with the difference, though nobody else took it over.
func TestEngineForgetsLongQueue(t *testing.T) {
	w := newEngineWorld(t)
	e := w.engine()
	putAges(t, w.aud, 10, 20, 30, 40, 50, 60)
	w.apply(e, "adults", `contact.age >= 18`)
	require.NoError(t, e.Advance(t.Context(), w.clock.Now()))
	e.BoundTicks(4)
	w.apply(e, "adults", `contact.age >= 55`, "all", `true`)
	w.put(audiencetest.Contact("u1", "age", 70))
	w.logAgrees(e)
	w.put(audiencetest.Contact("u1", "age", 17))
	w.logAgrees(e)
	w.agrees(e, w.aud)
	require.Contains(t, causesOf(logged(t, e), "all"), segment.CauseRebuild)
}

// The first writer of a log has more to tell than the queue holds.
func TestEngineBeginsLogOfMany(t *testing.T) {
	w := newEngineWorld(t)
	e := w.engine()
	e.BoundTicks(4)
	putAges(t, w.aud, 10, 20, 30, 40, 50, 60)
	w.apply(e, "adults", `contact.age >= 18`, "all", `true`)
	w.logAgrees(e)
	w.apply(e, "all", `true`)
	w.logAgrees(e)
}

// Run waits until something is due, at most a moment, and never turns without
// waiting, however far away that is.
func TestEnginePause(t *testing.T) {
	w := newEngineWorld(t)
	e := w.engine()
	w.apply(e, "seen", `contact.seen <= now`)
	const poll = 200 * time.Millisecond
	require.Equal(t, poll, e.Pause())
	for _, away := range []time.Duration{time.Hour, 50 * time.Millisecond} {
		w.put(audiencetest.Contact("u", "seen", w.clock.Now().Add(away)))
		w.sync(e)
		require.Equal(t, min(away, poll), e.Pause())
	}
	for years := 100; years < 7_000; years += 100 {
		w.put(audiencetest.Contact("u", "seen", w.clock.Now().AddDate(years, 0, 0)))
		require.Equal(t, poll, w.engine().Pause(), "%d years", years)
	}
}

// Several events ahead of one contact come one after the other.
func TestEngineEventsAhead(t *testing.T) {
	w := newEngineWorld(t)
	e := w.engine()
	w.apply(e, "one", `events("visit").count() == 1`, "two", `events("visit").count() == 2`, "three", `events("visit").count() >= 3`,
		"now", `events("visit").within("30m").any()`, "last", `events("visit").last() == now`, "cart", `events("visit").without(events("purchase"), "1h").any()`)
	w.put(audiencetest.Contact("u"), audiencetest.Contact("v"))
	w.update(func(tx *store.Tx) error {
		for i, who := range []string{"u", "v", "u", "u", "v"} {
			if _, err := tx.Append(t.Context(), audiencetest.Event(who, "visit", w.clock.Now().Add(time.Duration(i)*time.Hour))); err != nil {
				return err
			}
		}
		return nil
	})
	w.agrees(e, w.aud)
	for range 13 {
		w.later(30 * time.Minute)
		w.agrees(e, w.aud)
	}
	require.Len(t, w.in(e, "three"), 1)
	w.logAgrees(e)
}
