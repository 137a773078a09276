package segment_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// When the clocks go forward, a calendar passes an hour of the month before at
// one instant, with everybody in it.
func TestEngineCalendarJumps(t *testing.T) {
	w := newEngineWorld(t, func(o *store.Options) { o.Zone = mustZone(t, "Europe/Berlin") })
	jump := time.Date(2027, 3, 28, 1, 0, 0, 0, time.UTC)
	w.clock.MoveTo(jump.Add(-time.Hour))
	e := w.engine()
	w.apply(e, "month", `contact.seen > ago("1mo")`, "before", `contact.seen <= ago("1mo")`)
	for i := range 8 {
		seen := time.Date(2027, 2, 28, 0, 40+10*i, 0, 0, time.UTC)
		w.put(audiencetest.Contact(fmt.Sprint("u", i), "seen", seen))
	}
	for _, at := range []time.Time{jump.Add(-time.Microsecond), jump, jump.Add(time.Microsecond), jump.Add(time.Hour)} {
		w.clock.MoveTo(at)
		w.agrees(e, w.aud)
	}
	w.logAgrees(e)
}

// Two things that tell segments apart change by time at one instant.
func TestEngineEverythingAtOneInstant(t *testing.T) {
	w := newEngineWorld(t)
	e := w.engine()
	var defs []segment.Definition
	for _, status := range []string{"none", "pending", "subscribed", "unsubscribed"} {
		for n := range 5 {
			defs = append(defs, segment.Definition{
				Name:   fmt.Sprintf("%s-%d", status, n),
				Source: fmt.Sprintf(`contact.status == %q && events("visit").count() == %d`, status, n),
			})
		}
	}
	_, err := e.Apply(t.Context(), defs...)
	require.NoError(t, err)
	at := w.clock.Now().Add(time.Hour)
	w.put(audiencetest.Contact("u"))
	grant := audiencetest.Grant("u", w.clock.Now())
	grant.Expires = at
	_, err = w.aud.Record(t.Context(), grant)
	require.NoError(t, err)
	for range 2 {
		_, err = w.aud.Append(t.Context(), audiencetest.Event("u", "visit", at))
		require.NoError(t, err)
	}
	w.sync(e)
	require.Len(t, w.in(e, "subscribed-0"), 1)
	w.clock.MoveTo(at)
	w.agrees(e, w.aud)
	require.Empty(t, w.in(e, "subscribed-0"))
	require.Len(t, w.in(e, "none-2"), 1)
	w.logAgrees(e)
}

// (G1) One write changes everything that tells segments apart, or one thing of
// it, whatever it is.
func TestEngineEverythingInOneChange(t *testing.T) {
	kinds := []struct {
		name   string
		source func(n int) string
		put    func(w *audience.ContactWrite, n int)
	}{
		{"city", func(n int) string { return fmt.Sprintf(`contact.city == "c%d"`, n) }, func(w *audience.ContactWrite, n int) {
			w.Set["city"] = audience.StringValue(fmt.Sprint("c", n))
		}},
		{"age", func(n int) string { return fmt.Sprintf(`contact.age == %d`, n) }, func(w *audience.ContactWrite, n int) {
			w.Set["age"] = audience.IntValue(int64(n))
		}},
		{"tag", func(n int) string { return fmt.Sprintf(`"t%d" in contact.tags`, n) }, func(w *audience.ContactWrite, n int) {
			for i := range 9 {
				w.RemoveTags = append(w.RemoveTags, fmt.Sprint("t", i))
			}
			w.RemoveTags = slices.Delete(w.RemoveTags, n, n+1)
			w.AddTags = append(w.AddTags, fmt.Sprint("t", n))
		}},
	}
	for _, a := range kinds {
		for i := range 2 * len(kinds) {
			b, op := kinds[i/2], []string{" && ", " || "}[i%2]
			t.Run(a.name+op+b.name, func(t *testing.T) {
				w := newEngineWorld(t)
				e := w.engine()
				var defs []segment.Definition
				for i := range 9 {
					for k := range 9 {
						defs = append(defs, segment.Definition{Name: fmt.Sprintf("s%d%d", i, k), Source: a.source(i) + op + b.source(k)})
					}
				}
				_, err := e.Apply(t.Context(), defs...)
				require.NoError(t, err)
				random := rand.New(rand.NewPCG(1, 2))
				for range 20 {
					write := audience.ContactWrite{Match: audience.Key("u"), Set: map[string]audience.Value{}}
					a.put(&write, random.IntN(9))
					if a.name != b.name && random.IntN(3) > 0 {
						b.put(&write, random.IntN(9))
					}
					w.put(write)
					w.agrees(e, w.aud)
				}
				w.logAgrees(e)
			})
		}
	}
}
