package segment_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// Reads allocate nothing, whatever they are asked for.
func TestEngineReadsAllocateNothing(t *testing.T) {
	w := newEngineWorld(t)
	ids := putAges(t, w.aud, 10, 20, 30, 40)
	w.update(func(tx *store.Tx) error {
		return tx.Merge(t.Context(), audience.Key("u2"), audience.Key("u3"), audience.Source{})
	})
	e, err := segment.OpenEngine(t.Context(), w.aud, segment.EngineOptions{Index: segment.RefAddresses})
	require.NoError(t, err)
	w.apply(e, "adults", `contact.age >= 18 && contact.created_at > ago("30d")`)
	live, err := e.Segment("adults")
	require.NoError(t, err)
	snapshot, members := e.Snapshot(), live.Members()
	known, merged, stranger := audience.Key("u1"), audience.Key("u3"), audience.Key("nobody")
	address := audience.Email("nobody@example.com")
	for name, read := range map[string]func(){
		"Has":               func() { live.Has(known) },
		"Has, merged":       func() { live.Has(merged) },
		"Has, stranger":     func() { live.Has(stranger) },
		"Has, address":      func() { live.Has(address) },
		"Has, id":           func() { live.Has(audience.ID(ids[0])) },
		"Contains":          func() { live.Contains(ids[1]) },
		"Contains, merged":  func() { live.Contains(ids[3]) },
		"Len":               func() { live.Len() },
		"Snapshot.Contains": func() { snapshot.Contains("adults", ids[1]) },
		"Snapshot.Len":      func() { snapshot.Len("adults") },
		"Members.Contains":  func() { members.Contains(ids[1]) },
		"Members.Len":       func() { members.Len() },
	} {
		require.Zero(t, testing.AllocsPerRun(100, read), name)
	}
	require.True(t, live.Has(known))
	require.True(t, live.Has(merged))
}

// BenchmarkEngineRead measures single reads of an engine with 100 reference
// segments over a shop: alone; while a writer stores events and another
// goroutine applies them, both as fast as they can; with a clock besides that
// goes a second per read on average, so that deadlines are due all the time;
// and with that clock alone. It reports percentiles of the time of one read,
// looking at the clock included.
func BenchmarkEngineRead(b *testing.B) {
	w := loadShop(b, 20_000)
	e, err := segment.OpenEngine(b.Context(), w.aud, segment.EngineOptions{})
	require.NoError(b, err)
	_, err = e.Apply(b.Context(), referenceKind(100)...)
	require.NoError(b, err)
	for _, c := range []struct {
		name          string
		writes, ticks bool
	}{{"alone", false, false}, {"writer", true, false}, {"writer and deadlines", true, true}, {"deadlines", false, true}} {
		b.Run(c.name, func(b *testing.B) {
			done := make(chan struct{})
			var others sync.WaitGroup
			if c.writes {
				others.Go(func() { writeOn(b, w, done) })
				others.Go(func() { syncOn(b, e, done) })
			}
			readOn(b, w, e, c.ticks)
			close(done)
			others.Wait()
		})
	}
}

func readOn(b *testing.B, w *shopWorld, e *segment.Engine, ticks bool) {
	random := rand.New(rand.NewPCG(1, 1))
	var segments []*segment.Live
	for _, name := range []string{"s0", "s1", "s50", "s51"} {
		live, err := e.Segment(name)
		require.NoError(b, err)
		segments = append(segments, live)
	}
	var took []time.Duration
	for b.Loop() {
		id := audience.ContactID(1 + random.IntN(w.shop.Len()))
		if ticks {
			w.clock.set(audience.Micros(w.clock.now()) + random.Int64N(2_000_000))
		}
		start := time.Now()
		segments[len(took)%len(segments)].Contains(id)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	for name, share := range map[string]int{"p50-ns": 500, "p99-ns": 990, "p99.9-ns": 999} {
		b.ReportMetric(float64(took[len(took)*share/1000].Nanoseconds()), name)
	}
	b.ReportMetric(float64(took[len(took)-1].Nanoseconds()), "max-ns")
}

// writeOn stores events in commits of their own until it is told to stop.
func writeOn(b *testing.B, w *shopWorld, done <-chan struct{}) {
	random := rand.New(rand.NewPCG(2, 2))
	types := []string{"email.opened", "email.clicked", "email.sent"}
	for n := 0; ; n++ {
		select {
		case <-done:
			return
		default:
		}
		e := audiencetest.Event(audiencetest.Key(random.IntN(w.shop.Len())), types[n%len(types)], w.clock.now())
		if _, err := w.aud.Append(b.Context(), e); err != nil {
			b.Error(err)
			return
		}
		if n%10_000 == 9_999 {
			head, err := w.aud.Head(b.Context())
			if err == nil {
				_ = w.aud.Trim(b.Context(), head)
			}
		}
	}
}

func syncOn(b *testing.B, e *segment.Engine, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		default:
		}
		if err := e.Sync(b.Context(), store.Position{}); err != nil {
			b.Error(err)
			return
		}
	}
}
