package segment_test

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// An engine that nobody opened says so, and no call panics or waits: the zero
// one, and the nil one of a host that did not look at the error.
func TestEngineNotOpened(t *testing.T) {
	ctx := t.Context()
	for name, e := range map[string]*segment.Engine{"zero": {}, "nil": nil} {
		t.Run(name, func(t *testing.T) {
			for call, err := range map[string]error{
				"Advance":         e.Advance(ctx, setNow()),
				"Apply":           second(e.Apply(ctx)),
				"AsOf":            second(e.AsOf(ctx, "a", setNow())),
				"CheckSchema":     e.CheckSchema(audience.Schema{}, nil),
				"Checkpoint":      e.Checkpoint(ctx, &bytes.Buffer{}),
				"Close":           e.Close(ctx),
				"Diff":            second(e.Diff(ctx)),
				"Err":             e.Err(),
				"Explain":         second(e.Explain(ctx, "a", audience.Key("u"))),
				"Follow":          e.Follow(ctx, "a", segment.FollowOptions{}, nil),
				"Forecast":        second(e.Forecast(ctx, setNow())),
				"Growth":          second(e.Growth(ctx, "a", setNow(), setNow())),
				"GrowthByDay":     second(e.GrowthByDay(ctx, "a", 0, 0)),
				"Plan":            second(e.Plan("a")),
				"Preview":         second(e.Preview(ctx, "true", segment.PreviewOptions{})),
				"Run":             e.Run(ctx),
				"Segment":         second(e.Segment("a")),
				"Sync":            e.Sync(ctx, store.Position{}),
				"Transitions":     second(e.Transitions(ctx, 0, 0)),
				"TrimTransitions": e.TrimTransitions(ctx, 1),
				"Unfollow":        e.Unfollow(ctx, "a"),
				"Version":         second(e.Version(ctx, 1)),
				"WhatIf":          second(e.WhatIf(ctx, func(*store.Tx) error { return nil })),
			} {
				require.ErrorIs(t, err, audience.ErrInvalid, call)
			}
			require.Empty(t, e.Snapshot().Names())
			require.Empty(t, e.Definitions())
			require.Zero(t, e.LatestVersion())
			require.True(t, e.Position().IsZero())
			require.True(t, e.Now().IsZero())
		})
	}
}

// What is zero answers as what is empty does.
func TestEngineZeroAnswers(t *testing.T) {
	for name, l := range map[string]*segment.Live{"zero": {}, "nil": nil} {
		require.False(t, l.Has(audience.Key("u")), name)
		require.False(t, l.Contains(1), name)
		require.Zero(t, l.Len(), name)
		require.Zero(t, l.Members().Len(), name)
		require.Empty(t, l.Name(), name)
	}
	var s segment.Snapshot
	require.Empty(t, s.Names())
	require.Zero(t, s.Len("a"))
	require.False(t, s.Contains("a", 1))
	_, ok := s.Members("a")
	require.False(t, ok)
	var f segment.Forecast
	require.NotEmpty(t, f.String())
	_, ok = f.Next("a")
	require.False(t, ok)
	require.NotEmpty(t, (&segment.Explanation{}).Reveal(""))
	require.NotEmpty(t, (&segment.WhatIf{}).String())
	require.Equal(t, "no change\n", (&segment.Diff{}).String())
	require.Empty(t, (&segment.Plan{}).String())
	require.Zero(t, segment.Growth{}.Churn())
	require.Empty(t, segment.Members{}.Sample(3))
	require.NotEmpty(t, (&segment.CheckpointError{}).Error())
	require.NotEmpty(t, (&segment.TrimmedError{}).Error())
	_ = (&segment.SetError{}).Error()
	require.NotEmpty(t, (&segment.CompileError{}).Error())
}

// What a call cannot do without is asked for, before anything else happens.
func TestEngineRequires(t *testing.T) {
	w := newEngineWorld(t)
	e := w.engine()
	w.apply(e, "all", `true`)
	for name, err := range map[string]error{
		"OpenEngine": second(segment.OpenEngine(t.Context(), nil, segment.EngineOptions{})),
		"LoadEngine": second(segment.LoadEngine(t.Context(), nil, segment.EngineOptions{}, nil)),
		"LanguageOf": second(segment.LanguageOf(nil, segment.Options{})),
		"Follow":     e.Follow(t.Context(), "mail", segment.FollowOptions{FromStart: true}, nil),
		"WhatIf":     second(e.WhatIf(t.Context(), nil)),
		"Checkpoint": e.Checkpoint(t.Context(), nil),
	} {
		require.ErrorIs(t, err, audience.ErrInvalid, name)
	}
	require.NoError(t, e.Err())
}

// There is no checkpoint yet: no reader, or a file that could not be opened.
func TestLoadEngineWithoutCheckpoint(t *testing.T) {
	w := newEngineWorld(t)
	putAges(t, w.aud, 10, 20)
	w.apply(w.engine(), "adults", `contact.age >= 18`)
	missing, err := os.Open("no-such-checkpoint")
	require.Error(t, err)
	for _, load := range []func(opts segment.EngineOptions) (*segment.Engine, error){
		func(opts segment.EngineOptions) (*segment.Engine, error) {
			return segment.LoadEngine(t.Context(), w.aud, opts, nil)
		},
		func(opts segment.EngineOptions) (*segment.Engine, error) {
			return segment.LoadEngine(t.Context(), w.aud, opts, missing)
		},
	} {
		var reason error
		e, err := load(segment.EngineOptions{Rebuilt: func(err error) { reason = err }})
		require.NoError(t, err)
		var unused *segment.CheckpointError
		require.ErrorAs(t, reason, &unused)
		w.agrees(e, w.aud)
	}
}

// A sample is of the members, as many as there are at most, and the same again.
func TestMembersSample(t *testing.T) {
	aud := setAudience(t)
	_, low, _ := tens(t, aud)
	all := slices.Collect(low.All())
	require.Equal(t, all, low.Sample(len(all)+5))
	some := low.Sample(3)
	require.Len(t, some, 3)
	require.True(t, slices.IsSorted(some))
	require.Subset(t, all, some)
	require.Equal(t, some, low.Sample(3))
	require.Empty(t, low.Sample(0))
	require.Empty(t, low.Sample(-1))
}

func second[T any](_ T, err error) error { return err }
