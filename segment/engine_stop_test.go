package segment_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// moody is a function of the host that says whether a number is even, and
// panics or gives nonsense at numbers that it was told.
type moody struct{ panics, lies atomic.Int64 }

func newMoody() *moody {
	m := &moody{}
	m.panics.Store(-1)
	m.lies.Store(-1)
	return m
}

func (m *moody) function() segment.Function {
	return segment.Function{
		Name: "even", Args: []audience.Type{audience.TypeInt}, Result: audience.TypeBool,
		Call: func(args []audience.Value) (audience.Value, error) {
			n, _ := args[0].Int()
			switch n {
			case m.panics.Load():
				panic("secret of the host")
			case m.lies.Load():
				return audience.StringValue("yes"), nil
			}
			return audience.BoolValue(n%2 == 0), nil
		},
	}
}

// stopped wants an engine to say that it stopped, whatever it is asked, to have
// the members that it had, and to do nothing.
func (w *engineWorld) stopped(e *segment.Engine, want map[string][]audience.ContactID) {
	w.t.Helper()
	ctx := w.t.Context()
	failure := e.Err()
	require.Error(w.t, failure)
	require.NotContains(w.t, failure.Error(), "secret")
	position, at, numbers := e.Position(), e.Now(), len(logged(w.t, e))
	w.put(audience.ContactWrite{Match: audience.Key("late")})
	w.later(time.Hour)
	for name, call := range map[string]func() error{
		"Sync":            func() error { return e.Sync(ctx, store.Position{}) },
		"Advance":         func() error { return e.Advance(ctx, w.clock.Now()) },
		"Run":             func() error { return e.Run(ctx) },
		"TrimTransitions": func() error { return e.TrimTransitions(ctx, 1) },
		"Diff": func() error {
			_, err := e.Diff(ctx, e.Definitions()...)
			return err
		},
	} {
		require.Equal(w.t, failure, call(), name)
	}
	for name, ids := range want {
		require.Equal(w.t, ids, w.in(e, name))
		live, err := e.Segment(name)
		require.NoError(w.t, err)
		require.Equal(w.t, len(ids), live.Len())
		for _, id := range ids {
			require.True(w.t, live.Contains(id))
		}
	}
	require.Equal(w.t, position, e.Position())
	require.Equal(w.t, at, e.Now())
	require.Len(w.t, logged(w.t, e), numbers)
	require.Equal(w.t, failure, e.Err())
}

// TestEngineStops (G8): a function that panics, or an evaluation that takes
// too long, never decides who is a member. The engine stops where it was.
func TestEngineStops(t *testing.T) {
	const even = `even(contact.age) || contact.city == "Wien"`
	cases := []struct {
		name string
		stop func(w *engineWorld, m *moody, ids []audience.ContactID)
		mend func(m *moody)
		says string
	}{
		{
			name: "a function panics at a change",
			stop: func(w *engineWorld, m *moody, _ []audience.ContactID) {
				m.panics.Store(66)
				w.put(audiencetest.Contact("u0", "age", 4), audiencetest.Contact("u1", "age", 66))
			},
			mend: func(m *moody) { m.panics.Store(-1) },
			says: "the function even panicked",
		},
		{
			name: "a function gives something else",
			stop: func(w *engineWorld, m *moody, _ []audience.ContactID) {
				m.lies.Store(8)
				w.put(audiencetest.Contact("u1", "age", 8))
			},
			mend: func(m *moody) { m.lies.Store(-1) },
			says: "something else than its declared result",
		},
		{
			name: "a function panics when time comes",
			stop: func(w *engineWorld, m *moody, _ []audience.ContactID) {
				m.panics.Store(11)
				w.later(4 * time.Hour) // 16:00
			},
			mend: func(m *moody) { m.panics.Store(-1) },
			says: "the function even panicked",
		},
		{
			name: "too many steps",
			stop: func(w *engineWorld, _ *moody, _ []audience.ContactID) {
				var tags []string
				for i := range 90 {
					tags = append(tags, fmt.Sprintf("t%d", i))
				}
				w.put(audience.ContactWrite{Match: audience.Key("u2"), SetTags: tags})
			},
			mend: func(*moody) {},
			says: "steps",
		},
		{
			name: "a function panics while the engine starts anew",
			stop: func(w *engineWorld, m *moody, _ []audience.ContactID) {
				m.panics.Store(12)
				position := w.update(func(tx *store.Tx) error {
					_, err := tx.Put(w.t.Context(), audiencetest.Contact("u1", "age", 12))
					return err
				})
				require.NoError(w.t, w.aud.Trim(w.t.Context(), position))
			},
			mend: func(m *moody) { m.panics.Store(-1) },
			says: "the function even panicked",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newEngineWorld(t)
			m := newMoody()
			ids := putAges(t, w.aud, 1, 2, 3, 11)
			options := segment.EngineOptions{Functions: []segment.Function{m.function()}, Limits: segment.Limits{Steps: 2_000}}
			e, err := segment.OpenEngine(t.Context(), w.aud, options)
			require.NoError(t, err)
			w.apply(e, "even", even, "odd", `!inSegment("even")`,
				"timed", `now.getHours() >= 16 && !even(contact.age)`,
				"heavy", `!contact.tags.exists(a, contact.tags.exists(b, a + b == "xy"))`)
			w.agrees(e, w.aud, m.function())
			want := map[string][]audience.ContactID{"even": ids[1:2], "odd": {ids[0], ids[2], ids[3]}, "timed": {}, "heavy": ids}
			require.NoError(t, e.Advance(t.Context(), w.clock.Now()))

			c.stop(w, m, ids)
			require.ErrorContains(t, e.Advance(t.Context(), w.clock.Now()), c.says)
			w.stopped(e, want)

			// Another one cannot start with that either, and says so.
			other, err := segment.OpenEngine(t.Context(), w.aud, options)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, other.Err(), c.says)
			_, err = other.Segment("even")
			require.ErrorIs(t, err, audience.ErrNotFound)
			_, err = e.Apply(t.Context(), e.Definitions()...)
			require.ErrorContains(t, err, c.says)
			w.stopped(e, want)

			// Good definitions start anew.
			w.apply(e, "even", `contact.age % 2 == 0`, "odd", `!inSegment("even")`)
			require.NoError(t, e.Err())
			w.agrees(e, w.aud)
			w.logAgrees(e)
			if c.says == "steps" {
				return
			}
			c.mend(m)
			w.apply(other, "even", even)
			w.sync(e)
			w.agrees(e, w.aud, m.function())
			w.agrees(other, w.aud, m.function())
			w.logAgrees(e)
		})
	}
}

// What fails while it is applied is not applied, and harms nothing.
func TestEngineRefusesWhatFails(t *testing.T) {
	w := newEngineWorld(t)
	m := newMoody()
	m.panics.Store(3)
	ids := putAges(t, w.aud, 1, 2, 3)
	e := w.engine(m.function())
	w.apply(e, "all", `true`, "old", `contact.age > 1`)
	for name, call := range map[string]func() error{
		"Apply": func() error {
			_, err := e.Apply(t.Context(), define("all", `true`, "bad", `even(contact.age)`, "old", `inSegment("bad")`)...)
			return err
		},
		"Diff": func() error {
			_, err := e.Diff(t.Context(), define("bad", `even(contact.age)`)...)
			return err
		},
	} {
		err := call()
		require.ErrorContains(t, err, "panicked", name)
		require.NotContains(t, err.Error(), "secret")
		require.NoError(t, e.Err(), name)
		require.EqualValues(t, 1, e.LatestVersion())
		require.Equal(t, ids[1:], w.in(e, "old"))
	}
	w.put(audiencetest.Contact("u0", "age", 20))
	w.agrees(e, w.aud)
	require.Len(t, w.in(e, "old"), 3)
	w.logAgrees(e)
}

// A cancelled context ends a call, and decides nothing.
func TestEngineCancelled(t *testing.T) {
	w := newEngineWorld(t)
	putAges(t, w.aud, 1, 2, 3)
	e := w.engine()
	w.apply(e, "a", `contact.age > 1`)
	w.put(audiencetest.Contact("u0", "age", 20))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, e.Sync(ctx, store.Position{}), context.Canceled)
	require.ErrorIs(t, e.Advance(ctx, w.clock.Now()), context.Canceled)
	require.ErrorIs(t, e.Run(ctx), context.Canceled)
	_, err := e.Apply(ctx, define("a", `contact.age > 2`)...)
	require.ErrorIs(t, err, context.Canceled)
	_, err = segment.OpenEngine(ctx, w.aud, segment.EngineOptions{})
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, e.Err())
	w.agrees(e, w.aud)
	w.logAgrees(e)
}
