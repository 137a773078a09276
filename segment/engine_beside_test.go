package segment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
)

// engineBeside opens an engine that calls what beside is then whenever it has
// loaded some contacts.
func (w *engineWorld) engineBeside(beside *func()) *segment.Engine {
	w.t.Helper()
	e, err := segment.OpenEngine(w.t.Context(), w.aud, segment.EngineOptions{Progress: func(segment.LoadProgress) {
		if run := *beside; run != nil {
			*beside = nil
			run()
		}
	}})
	require.NoError(w.t, err)
	return e
}

// Two ways to write one window are two cursors at one place.
func TestEngineCursorsAtOnePlace(t *testing.T) {
	w := newEngineWorld(t)
	e := w.engine()
	w.apply(e, "a", `contact.seen >= ago("10s")`, "b", `contact.seen > ago("10s") - duration("0.000001s")`, "c", `contact.seen < ago("10s")`)
	for i, name := range []string{"u", "v", "w"} {
		w.put(audiencetest.Contact(name, "seen", w.clock.Now().Add(time.Duration(i)*time.Second)))
	}
	for range 6 {
		w.agrees(e, w.aud)
		w.later(4 * time.Second)
	}
	w.logAgrees(e)
}

// (G1) While an engine starts anew, reads let time pass in what there was: the
// clock does not go back, and nothing happens twice.
func TestEngineTimePassesWhileItStartsAnew(t *testing.T) {
	w := newEngineWorld(t)
	var beside func()
	e := w.engine(segment.Function{
		Name: "odd", Args: []audience.Type{audience.TypeInt}, Result: audience.TypeBool,
		Call: func(args []audience.Value) (audience.Value, error) {
			if run := beside; run != nil {
				beside = nil
				run()
			}
			n, _ := args[0].Int()
			return audience.BoolValue(n%2 == 1), nil
		},
	})
	w.apply(e, "seen", `contact.seen > ago("1h")`, "odd", `odd(contact.age)`)
	id := w.put(audiencetest.Contact("u", "seen", w.clock.Now(), "age", 3))[0]
	w.sync(e)
	live, err := e.Segment("seen")
	require.NoError(t, err)
	require.True(t, live.Contains(id))

	w.put(audiencetest.Contact("v"))
	head, err := w.aud.Head(t.Context())
	require.NoError(t, err)
	require.NoError(t, w.aud.Trim(t.Context(), head)) // so that it has to
	start := w.clock.Now()
	var at time.Time
	beside = func() { // while it evaluates, at start
		w.clock.MoveTo(start.Add(2 * time.Hour))
		require.False(t, live.Contains(id))
		at = e.Now()
	}
	w.sync(e)
	require.Nil(t, beside)
	require.False(t, e.Now().Before(at), "the clock went back")
	require.False(t, live.Contains(id))
	w.clock.MoveTo(at)
	require.NoError(t, e.Advance(t.Context(), at))
	require.Equal(t, []segment.Causes{segment.CauseField, segment.CauseTime}, causesOf(logged(t, e), "seen"))
}

// While one engine loads columns for what it is to apply, another one applies
// something that reads less.
func TestEngineAppliesBesideAnother(t *testing.T) {
	w := newEngineWorld(t)
	var beside func()
	e := w.engineBeside(&beside)
	other := w.engineOf(w.handle())
	w.apply(e, "adults", `contact.age >= 18`, "city", `contact.city == "Wien"`)
	w.put(audiencetest.Contact("u", "age", 20, "city", "Wien"), audiencetest.Contact("v", "age", 10))
	w.apply(other, "adults", `contact.age >= 18`, "city", `contact.city == "Wien"`)
	beside = func() { w.apply(other, "city", `contact.city == "Linz"`) }
	w.apply(e, "adults", `contact.age >= 21`, "visitors", `events("visit").any()`)
	require.Nil(t, beside)
	w.put(audiencetest.Contact("w", "age", 30, "city", "Linz"))
	w.agrees(e, w.aud)
	w.agrees(other, w.aud)
	require.Equal(t, []string{"adults", "visitors"}, other.Snapshot().Names())
}

// The feed is trimmed while columns are loaded: neither they nor what is live
// can be brought up to date, and both are loaded anew.
func TestEngineLoadsBesideATrim(t *testing.T) {
	w := newEngineWorld(t)
	var beside func()
	e := w.engineBeside(&beside)
	w.apply(e, "adults", `contact.age >= 18`)
	w.put(audiencetest.Contact("u", "age", 20, "city", "Wien"))
	beside = func() {
		w.put(audiencetest.Contact("v", "age", 30, "city", "Wien"))
		head, err := w.aud.Head(t.Context())
		require.NoError(t, err)
		require.NoError(t, w.aud.Trim(t.Context(), head))
	}
	w.apply(e, "adults", `contact.age >= 18`, "city", `contact.city == "Wien"`)
	require.Nil(t, beside)
	require.Len(t, w.in(e, "city"), 2)
	w.agrees(e, w.aud)
	w.logAgrees(e)
}

// A handle of a segment stays good when the segment is retired and comes back.
func TestEngineSegmentComesBack(t *testing.T) {
	w := newEngineWorld(t)
	e := w.engine()
	ids := putAges(t, w.aud, 20, 30, 40)
	w.apply(e, "adults", `contact.age >= 18`)
	live, err := e.Segment("adults")
	require.NoError(t, err)
	require.Equal(t, 3, live.Len())
	w.apply(e, "kids", `contact.age < 18`)
	require.Zero(t, live.Len())
	require.False(t, live.Contains(ids[0]))
	w.apply(e, "adults", `contact.age >= 25`)
	require.Equal(t, 2, live.Len())
	require.False(t, live.Contains(ids[0]))
	require.True(t, live.Contains(ids[1]))
	require.True(t, live.Has(audience.Key("u2")))
	w.agrees(e, w.aud)
}

// Columns of events that are loaded anew, since more of them is read, take the
// place of those that windows and events ahead are about.
func TestEngineReadsMoreOfEvents(t *testing.T) {
	w := newEngineWorld(t)
	e := w.engine()
	visit := func(who string, in time.Duration) {
		_, err := w.aud.Append(t.Context(), audiencetest.Event(who, "visit", w.clock.Now().Add(in), "page", "a"))
		require.NoError(t, err)
	}
	w.put(audiencetest.Contact("u"), audiencetest.Contact("v"))
	visit("u", -time.Hour)
	visit("v", 2*time.Hour)
	two := []string{"recent", `events("visit").within("3h").any()`, "count", `events("visit").count() == 2`}
	w.apply(e, two...)
	w.agrees(e, w.aud)
	d := w.apply(e, append(two, "page", `events("visit").distinct("page") == 2`)...)
	require.NotEmpty(t, d.Loaded)
	visit("u", time.Hour)
	visit("v", 90*time.Minute)
	for range 16 {
		w.agrees(e, w.aud)
		w.later(30 * time.Minute)
		visit("u", 0)
	}
	w.later(10 * time.Hour)
	w.agrees(e, w.aud)
	w.logAgrees(e)
}
