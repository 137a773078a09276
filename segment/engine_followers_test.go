package segment_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// errEnough ends a follow when a test has what it wants.
var errEnough = errors.New("enough")

// take follows until so many transitions came, in batches; the last batch is
// taken, or given back with an error.
func take(t testing.TB, e *segment.Engine, name string, n int, giveBack bool) (got []segment.Transition) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := e.Follow(ctx, name, segment.FollowOptions{FromStart: true, Batch: 3}, func(_ context.Context, batch []segment.Transition) error {
		require.LessOrEqual(t, len(batch), 3)
		got = append(got, batch...)
		if len(got) < n {
			return nil
		}
		if giveBack {
			return errEnough
		}
		cancel() // after this batch
		return nil
	})
	if giveBack {
		require.Equal(t, errEnough, err)
	} else {
		require.ErrorIs(t, err, context.Canceled)
	}
	return got
}

func TestEngineFollow(t *testing.T) {
	w := newEngineWorld(t)
	putAges(t, w.aud, 10, 20, 30, 40, 50, 60, 70)
	e := w.engine()
	w.apply(e, "adults", `contact.age >= 18`, "kids", `contact.age < 18`)
	w.put(audiencetest.Contact("u0", "age", 18))
	require.NoError(t, e.Advance(t.Context(), w.clock.Now()))
	all := logged(t, e)
	require.Len(t, all, 9)

	first := take(t, e, "mail", 6, true)
	require.Equal(t, all[:6], first, "in order")
	// What was given back comes again, in another process too.
	second := take(t, w.engineOf(w.handle()), "mail", 3, false)
	require.Equal(t, all[3:6], second)
	third := take(t, e, "mail", 3, false)
	require.Equal(t, all[6:9], third)
	require.Equal(t, all, take(t, e, "another", 9, false), "each name has its own place")

	// New transitions come without polling, while a slow one holds up nobody.
	hold, held := make(chan struct{}), make(chan struct{})
	slow, quick := make(chan error, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	options := segment.FollowOptions{Poll: time.Hour}
	go func() {
		slow <- e.Follow(ctx, "mail", options, func(context.Context, []segment.Transition) error {
			close(held)
			<-hold
			return errEnough
		})
	}()
	came := make(chan []segment.Transition, 100)
	go func() {
		quick <- e.Follow(ctx, "another", options, func(_ context.Context, batch []segment.Transition) error {
			came <- batch
			return nil
		})
	}()
	for i := range 10 {
		w.later(time.Minute)
		w.put(audiencetest.Contact("u1", "age", 10+10*(i%2)))
		require.NoError(t, e.Advance(t.Context(), w.clock.Now()))
		for n := 0; n < len(logged(t, e))-len(all); {
			batch := <-came
			n += len(batch)
		}
		all = logged(t, e)
		w.apply(e, "adults", `contact.age >= 18`, "kids", `contact.age < 18 && true`)
	}
	<-held
	close(hold)
	require.Equal(t, errEnough, <-slow)
	cancel()
	require.ErrorIs(t, <-quick, context.Canceled)
	require.Equal(t, all[9:], take(t, e, "mail", len(all)-9, false), "the slow one missed nothing")

	require.NoError(t, e.Unfollow(t.Context(), "mail"))
	require.ErrorIs(t, e.Unfollow(t.Context(), "mail"), audience.ErrNotFound)
	require.Equal(t, all, take(t, e, "mail", len(all), false), "it is new again")
}

// A name is followed by one at a time.
func TestEngineFollowTwice(t *testing.T) {
	w := newEngineWorld(t)
	putAges(t, w.aud, 10, 20)
	e := w.engine()
	w.apply(e, "all", `true`)
	require.NoError(t, e.Advance(t.Context(), w.clock.Now()))
	inside, leave := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	options := segment.FollowOptions{FromStart: true}
	go func() {
		first <- e.Follow(t.Context(), "mail", options, func(context.Context, []segment.Transition) error {
			close(inside)
			<-leave
			return nil
		})
	}()
	<-inside
	require.Len(t, take(t, w.engineOf(w.handle()), "mail", 2, false), 2)
	close(leave)
	require.ErrorIs(t, <-first, audience.ErrConflict)
}

// Transitions of the past that were trimmed are said to be.
func TestEngineFollowTrimmed(t *testing.T) {
	w := newEngineWorld(t)
	putAges(t, w.aud, 10, 20)
	e := w.engine()
	w.apply(e, "all", `true`)
	require.NoError(t, e.Advance(t.Context(), w.clock.Now()))
	take(t, e, "mail", 1, true)
	w.later(time.Hour)
	putAges(t, w.aud, 1, 1, 1, 1)
	require.NoError(t, e.Advance(t.Context(), w.clock.Now()))
	last := logged(t, e)
	require.NoError(t, e.TrimTransitions(t.Context(), last[len(last)-1].Number))
	var trimmed *segment.TrimmedError
	err := e.Follow(t.Context(), "mail", segment.FollowOptions{}, func(context.Context, []segment.Transition) error { return nil })
	require.ErrorAs(t, err, &trimmed)
	require.ErrorIs(t, err, audience.ErrPositionGone)
	_, err = e.AsOf(t.Context(), "all", setNow().Add(-time.Hour))
	require.ErrorAs(t, err, &trimmed)
}

// TestEngineAsOf compares what the log says of the past with snapshots that
// were taken then, and growth with what came and went.
func TestEngineAsOf(t *testing.T) {
	w := newEngineWorld(t, func(o *store.Options) { o.Zone = mustZone(t, "Europe/Berlin") })
	w.clock.MoveTo(time.Date(2026, 3, 20, 9, 0, 0, 0, time.UTC))
	c := &crowd{engineWorld: w, people: 40}
	random := rand.New(rand.NewPCG(3, 4))
	var ages []int64
	for i := range c.people {
		ages = append(ages, int64(i))
	}
	putAges(t, w.aud, ages...)
	e := w.engine()
	var taken []*segment.Snapshot
	for i := range 400 {
		if i%100 == 0 {
			w.apply(e, append(flat(crowdDefinitions(i/100)), "month", `events("visit").within("1mo").count() >= 2`)...)
		}
		who, other := audiencetest.Key(random.IntN(c.people)), audiencetest.Key(random.IntN(c.people))
		_, _ = w.aud.Update(t.Context(), func(tx *store.Tx) error { return c.something(t.Context(), tx, random, who, other) })
		if random.IntN(3) > 0 { // else it lags behind
			w.sync(e)
			taken = append(taken, e.Snapshot())
		}
		e.Now() // time passes also for one that lags
		if random.IntN(5) == 0 {
			require.NoError(t, e.Advance(t.Context(), w.clock.Now()))
		}
		w.later(time.Microsecond + time.Duration(random.Int64N(int64(time.Hour))))
	}
	require.NoError(t, e.Advance(t.Context(), w.clock.Now()))
	last := e.Snapshot()
	all := logged(t, e)

	erased := map[audience.ContactID]bool{}
	var ids []audience.ContactID // of whoever there ever was
	for i := range 400 {
		ids = append(ids, audience.ContactID(i+1))
	}
	require.NoError(t, w.aud.View(t.Context(), func(r *store.Reader) error {
		gone, err := r.Erased(t.Context(), ids)
		for i, id := range ids {
			erased[id] = gone[i]
		}
		return err
	}))
	// Of the living the past is exact.
	living := func(m segment.Members) (out []audience.ContactID) {
		for id := range m.All() {
			if !erased[id] {
				out = append(out, id)
			}
		}
		return out
	}
	compared := 0
	for _, s := range taken {
		for _, name := range s.Names() {
			now, _ := s.Members(name)
			then, err := e.AsOf(t.Context(), name, s.At)
			require.NoError(t, err)
			require.Equal(t, living(now), living(then), "segment %s at %s", name, s.At)
			compared++
		}
	}
	require.Greater(t, compared, 500)

	for range 60 {
		from, to := taken[random.IntN(len(taken))].At, taken[random.IntN(len(taken))].At
		if to.Before(from) {
			from, to = to, from
		}
		for _, name := range []string{"s", "month", "all", "cart"} {
			growthAddsUp(t, e, all, name, from, to)
		}
	}
	for _, name := range []string{"s", "month", "all"} {
		first, _ := audience.ParseDate("2026-03-20")
		days, err := e.GrowthByDay(t.Context(), name, first, first+40)
		require.NoError(t, err)
		members := 0
		for _, day := range days {
			members += day.Entered - day.Left
			require.Equal(t, members, day.Members, "%s on %s", name, day.Day)
		}
		m, _ := last.Members(name)
		require.Equal(t, m.Len(), members, name)
	}
}

// growthAddsUp compares growth with the transitions and with its two halves.
func growthAddsUp(t *testing.T, e *segment.Engine, all []segment.Transition, name string, from, to time.Time) {
	t.Helper()
	whole, err := e.Growth(t.Context(), name, from, to)
	require.NoError(t, err)
	require.Equal(t, whole.MembersTo, whole.MembersFrom+whole.Entered-whole.Left)
	for at, n := range map[time.Time]int{from: whole.MembersFrom, to: whole.MembersTo} {
		m, err := e.AsOf(t.Context(), name, at)
		require.NoError(t, err)
		require.Equal(t, m.Len(), n)
	}
	entered, members := 0, map[audience.ContactID]bool{}
	for _, m := range all {
		if m.Segment != name || m.At.After(to) {
			continue
		}
		if m.Entered && m.At.After(from) {
			entered++
		}
		members[m.Contact] = m.Entered
	}
	require.Equal(t, entered, whole.Entered)

	middle := from.Add(to.Sub(from) / 2)
	left, err := e.Growth(t.Context(), name, from, middle)
	require.NoError(t, err)
	right, err := e.Growth(t.Context(), name, middle, to)
	require.NoError(t, err)
	require.Equal(t, whole.Entered, left.Entered+right.Entered)
	require.Equal(t, whole.Left, left.Left+right.Left)
	require.Equal(t, left.MembersTo, right.MembersFrom)
}

// flat gives definitions as names and sources in turn.
func flat(defs []segment.Definition) (out []string) {
	for _, d := range defs {
		out = append(out, d.Name, d.Source)
	}
	return out
}
