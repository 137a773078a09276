package segment_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// told gives the transitions of one segment as text, without those that its
// definition made.
func told(all []segment.Transition, name string) (out []string) {
	for _, m := range all {
		if m.Segment != name || m.Causes.Has(segment.CauseDefinition) {
			continue
		}
		way := "out"
		if m.Entered {
			way = "in"
		}
		out = append(out, fmt.Sprintf("%s %s %s", m.At.Format(time.DateTime), way, m.Causes))
	}
	return out
}

// Two conditions that flip at one instant, or in one commit, are no two
// changes: who is neither in before nor after does not enter in between, and
// who is in both before and after does not leave.
func TestEngineDoesNotFlicker(t *testing.T) {
	w := newEngineWorld(t)
	start := w.clock.Now()
	ids := w.put(audiencetest.Contact("u", "seen", start, "age", 10))
	e := w.engine()
	w.apply(
		e,
		"recent", `contact.seen > ago("30d")`,
		"old", `!inSegment("recent")`,
		"both", `inSegment("recent") && inSegment("old")`,
		"either", `inSegment("recent") || inSegment("old")`,
		"never", `contact.seen > ago("30d") && !(contact.seen > ago("720h"))`,
		"always", `contact.seen > ago("30d") || contact.seen <= ago("720h")`,
		"one", `(contact.age >= 18) == events("visit").any()`,
		"other", `contact.age >= 18 && !events("visit").any()`,
	)
	require.NoError(t, e.Advance(t.Context(), w.clock.Now()))

	// One commit writes a field and an event.
	w.later(time.Hour)
	w.update(func(tx *store.Tx) error {
		if _, err := tx.Put(t.Context(), audiencetest.Contact("u", "age", 20)); err != nil {
			return err
		}
		_, err := tx.Append(t.Context(), audience.EventWrite{Contact: audience.ID(ids[0]), Type: "visit", Time: w.clock.Now()})
		return err
	})
	w.agrees(e, w.aud)
	// And later both conditions change at one instant.
	w.clock.MoveTo(start.Add(40 * 24 * time.Hour))
	w.agrees(e, w.aud)
	w.logAgrees(e)
	all := logged(t, e)
	over := start.Add(30 * 24 * time.Hour).Format(time.DateTime)
	require.Equal(t, []string{over + " out time"}, told(all, "recent"))
	require.Equal(t, []string{over + " in time"}, told(all, "old"))
	for _, name := range []string{"both", "either", "never", "always", "one", "other"} {
		require.Empty(t, told(all, name), name)
	}
}

// An engine that did not run while something fell due and something was
// committed tells both at their instants and in their order, as one that ran
// all the time.
func TestEngineWasAway(t *testing.T) {
	var logs [2][]string
	for i, away := range []bool{false, true} {
		w := newEngineWorld(t)
		start := w.clock.Now()
		ids := w.put(audiencetest.Contact("u", "seen", start, "age", 10))
		e := w.engine()
		w.apply(e, "seen", `contact.seen > ago("90m") && contact.age < 18`, "gone", `contact.seen <= ago("90m") || contact.age >= 18`)
		require.NoError(t, e.Advance(t.Context(), start))
		step := func() {
			if !away {
				require.NoError(t, e.Advance(t.Context(), w.clock.Now()))
			}
		}
		// Due after 90 minutes; a commit at 105 that takes it back, one at 120 that ends it.
		w.clock.MoveTo(start.Add(90 * time.Minute))
		step()
		w.clock.MoveTo(start.Add(105 * time.Minute))
		w.put(audiencetest.Contact("u", "seen", w.clock.Now()))
		step()
		w.clock.MoveTo(start.Add(2 * time.Hour))
		w.put(audiencetest.Contact("u", "age", 30))
		step()
		w.clock.MoveTo(start.Add(3 * time.Hour))
		require.NoError(t, e.Advance(t.Context(), w.clock.Now()))
		w.agrees(e, w.aud)
		logs[i] = told(logged(t, e), "seen")
		require.Len(t, logs[i], 3)

		// As believed then: who was in between the deadline and the commit.
		for after, want := range map[time.Duration]bool{
			90*time.Minute - time.Microsecond: true, 90 * time.Minute: false,
			105*time.Minute - time.Microsecond: false, 105 * time.Minute: true, 2 * time.Hour: false,
		} {
			members, err := e.AsOf(t.Context(), "seen", start.Add(after))
			require.NoError(t, err)
			require.Equal(t, want, members.Contains(ids[0]), "%s, away %v", after, away)
		}
	}
	require.Equal(t, logs[0], logs[1])
}

// Late, revised and retracted events change what is so from their commit on,
// and never the past.
func TestEngineLateFacts(t *testing.T) {
	w := newEngineWorld(t)
	start := w.clock.Now()
	ids := w.put(audiencetest.Contact("u"))
	e := w.engine()
	w.apply(e, "visited", `events("visit").within("10d").any()`)
	require.NoError(t, e.Advance(t.Context(), start))
	visit := audience.EventWrite{Contact: audience.ID(ids[0]), Type: "visit", ID: "v"}
	for _, step := range []struct {
		day     int
		change  func(v *audience.EventWrite)
		entered bool
	}{
		{day: 5, change: func(v *audience.EventWrite) { v.Time = start.Add(24 * time.Hour) }, entered: true},     // told on day 5, of day 1
		{day: 6, change: func(v *audience.EventWrite) { v.Time = start.Add(-20 * 24 * time.Hour) }},              // no, it was long ago
		{day: 7, change: func(v *audience.EventWrite) { v.Time = start.Add(3 * 24 * time.Hour) }, entered: true}, // no, on day 3
		{day: 8, change: func(v *audience.EventWrite) { v.Retract = true }},
	} {
		w.clock.MoveTo(start.Add(time.Duration(step.day) * 24 * time.Hour))
		step.change(&visit)
		w.update(func(tx *store.Tx) error {
			_, err := tx.Append(t.Context(), visit)
			return err
		})
		visit.Revision++
		require.NoError(t, e.Advance(t.Context(), w.clock.Now()))
		w.agrees(e, w.aud)
		live := w.in(e, "visited")
		require.Equal(t, step.entered, len(live) == 1, "day %d", step.day)
	}
	w.clock.MoveTo(start.Add(30 * 24 * time.Hour))
	w.agrees(e, w.aud)
	w.logAgrees(e)
	for day, want := range []int{0, 0, 0, 0, 0, 1, 0, 1, 0, 0} {
		members, err := e.AsOf(t.Context(), "visited", start.Add(time.Duration(day)*24*time.Hour))
		require.NoError(t, err)
		require.Equal(t, want, members.Len(), "day %d", day)
	}
}

// The clocks of two processes differ: each engine is exact at its own instant,
// an instant that was reached is never gone back behind, and the dates in the
// log never decrease, whoever writes it.
func TestEngineTwoClocks(t *testing.T) {
	w := newEngineWorld(t)
	start := w.clock.Now()
	behind := start
	slow := w.handle(func(o *store.Options) { o.Clock = func() time.Time { return behind } })
	w.put(audiencetest.Contact("u", "seen", start), audiencetest.Contact("v", "seen", start.Add(time.Hour)))
	ahead := w.engine()
	w.apply(ahead, "seen", `contact.seen > ago("1d")`)
	late := w.engineOf(slow)

	w.later(24 * time.Hour)
	w.agrees(ahead, w.aud)
	require.Len(t, w.in(ahead, "seen"), 1)
	require.Len(t, w.in(late, "seen"), 2, "its clock did not go on")
	w.agrees(late, slow)

	// What the process that is ahead commits carries its instant with it.
	w.put(audiencetest.Contact("w", "seen", w.clock.Now()))
	w.sync(ahead)
	w.sync(late)
	require.False(t, late.Now().Before(w.clock.Now()), "the commit's instant has come")
	w.agrees(late, slow)
	require.Equal(t, w.in(ahead, "seen"), w.in(late, "seen"))

	// What the process that is behind commits happens where the others stand.
	_, err := slow.Put(t.Context(), audiencetest.Contact("u", "seen", w.clock.Now()))
	require.NoError(t, err)
	reached := ahead.Now()
	w.sync(ahead)
	require.False(t, ahead.Now().Before(reached))
	w.agrees(ahead, w.aud)

	// One writes, then the other one.
	require.NoError(t, ahead.Advance(t.Context(), w.clock.Now()))
	require.NoError(t, ahead.Close(t.Context()))
	behind = start.Add(time.Hour)
	require.NoError(t, late.Advance(t.Context(), behind))
	require.NoError(t, late.Close(t.Context()))
	w.later(2 * time.Hour)
	w.logAgrees(ahead)
}

// Ten thousand segments that a value tells apart: a change of one contact looks
// at those of her own value, which shows in what a condition is said to look
// at, and members are right when the value was absent before.
func TestEngineAccessGroups(t *testing.T) {
	w := newEngineWorld(t)
	e := w.engine()
	const segments = 300
	var defs []string
	for i := range segments {
		defs = append(defs, fmt.Sprintf("city-%03d", i), fmt.Sprintf(`events("visit").within("30d").any() && contact.city == "c%d"`, i))
	}
	defs = append(defs, "nowhere", `!(contact.city == "c1")`)
	w.apply(e, defs...)
	ids := w.put(audiencetest.Contact("u"), audiencetest.Contact("v", "city", "c7"))
	for _, id := range ids {
		_, err := w.aud.Append(t.Context(), audience.EventWrite{Contact: audience.ID(id), Type: "visit", Time: w.clock.Now()})
		require.NoError(t, err)
	}
	w.agrees(e, w.aud)
	require.Equal(t, ids[1:], w.in(e, "city-007"))
	require.Equal(t, ids[1:], w.in(e, "nowhere"), "absent is unknown")

	for i := range 3 { // absent, a value, another one, absent
		city := fmt.Sprintf("c%d", i)
		w.put(audiencetest.Contact("u", "city", city))
		w.agrees(e, w.aud)
		require.Contains(t, w.in(e, fmt.Sprintf("city-%03d", i)), ids[0])
	}
	w.put(audience.ContactWrite{Match: audience.Key("u"), Clear: []string{"city"}})
	w.agrees(e, w.aud)
	w.later(30 * 24 * time.Hour)
	w.agrees(e, w.aud)
	w.logAgrees(e)
	require.Len(t, logged(t, e), 13, "nothing but what changed")

	p, err := e.Plan("city-005")
	require.NoError(t, err)
	require.True(t, p.Conditions[1].Access)
	require.Less(t, p.Conditions[0].Fan, 3, "of the order of time, those of one city")
	require.Empty(t, p.Warnings)
}
