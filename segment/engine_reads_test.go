package segment_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/store"
)

// always wants reads to stay true while something else is done.
func (w *engineWorld) always(read func() bool, meanwhile func(i int)) {
	w.t.Helper()
	var wrong atomic.Int64
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				for range 100 {
					if !read() {
						wrong.Add(1)
					}
				}
				runtime.Gosched()
			}
		})
	}
	for i := range 1_000 {
		meanwhile(i)
	}
	close(done)
	readers.Wait()
	require.Zero(w.t, wrong.Load())
}

// (G1) A contact who is merged into another one, and back, is a member by every
// name at every moment when both are.
func TestEngineReadsMerges(t *testing.T) {
	w := newEngineWorld(t)
	e := w.engine()
	ids := putAges(t, w.aud, 20, 30)
	w.apply(e, "adults", `contact.age >= 18`)
	live, err := e.Segment("adults")
	require.NoError(t, err)
	merge := func(i int) {
		w.update(func(tx *store.Tx) error {
			if i%2 == 0 {
				return tx.Merge(t.Context(), audience.ID(ids[0]), audience.ID(ids[1]), audience.Source{Kind: audience.SourceHost})
			}
			return tx.Unmerge(t.Context(), ids[1], audience.Source{Kind: audience.SourceHost})
		})
		w.sync(e)
	}
	w.always(func() bool { return live.Contains(ids[1]) && live.Has(audience.Key("u1")) }, merge)
}

// (G1) What is read late, and is over by then, is never seen.
func TestEngineReadsLateCommits(t *testing.T) {
	w := newEngineWorld(t)
	e := w.engine()
	id := putAges(t, w.aud, 20)[0]
	w.apply(e, "fresh", `contact.seen > ago("10s")`)
	live, err := e.Segment("fresh")
	require.NoError(t, err)
	var phase atomic.Int64 // even: it is over at the clock's instant
	w.always(func() bool {
		before := phase.Load()
		in := live.Contains(id) || live.Len() > 0
		return !in || before%2 != 0 || phase.Load() != before
	}, func(int) {
		phase.Add(1)
		w.put(audiencetest.Contact("u0", "seen", w.clock.Now()))
		w.later(20 * time.Second)
		phase.Add(1)
		w.sync(e)
	})
	w.logAgrees(e)
}

// (G1) Reads while an engine starts anew, which others have the old one for.
func TestEngineReadsWhileItStartsAnew(t *testing.T) {
	w := newEngineWorld(t)
	e := w.engine()
	ids := putAges(t, w.aud, 20, 30)
	w.apply(e, "adults", `contact.age >= 18`)
	live, err := e.Segment("adults")
	require.NoError(t, err)
	w.always(func() bool { return live.Contains(ids[1]) && live.Has(audience.Key("u1")) }, func(i int) {
		w.update(func(tx *store.Tx) error {
			if i%2 == 0 {
				return tx.Merge(t.Context(), audience.ID(ids[0]), audience.ID(ids[1]), audience.Source{Kind: audience.SourceHost})
			}
			return tx.Unmerge(t.Context(), ids[1], audience.Source{Kind: audience.SourceHost})
		})
		head, err := w.aud.Head(t.Context())
		require.NoError(t, err)
		require.NoError(t, w.aud.Trim(t.Context(), head))
		w.sync(e)
	})
}

func TestEngineReadsAllocateNothing(t *testing.T) {
	w := newEngineWorld(t)
	e := w.engine()
	ids := putAges(t, w.aud, 20, 30)
	w.apply(e, "adults", `contact.age >= 18`)
	live, err := e.Segment("adults")
	require.NoError(t, err)
	key := audience.Key("u1")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if !live.Has(key) || !live.Contains(ids[0]) || live.Len() != 2 {
			t.Error("not a member")
		}
	}))
}
