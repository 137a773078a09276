package bitset_test

import (
	"maps"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment/internal/bitset"
)

// requireLive compares a live set with the model through all that reads.
func requireLive(t *testing.T, want model, l *bitset.Live) {
	t.Helper()
	require.Equal(t, len(want), l.Len())
	var got []uint32
	var scratch bitset.Words
	for i := range l.Pages() {
		words := l.Page(i, &scratch)
		if words == nil {
			continue
		}
		before := len(got)
		for j, w := range words {
			for ; w != 0; w &= w - 1 {
				got = append(got, uint32(i*bitset.PageSize+j*64+bits.TrailingZeros64(w)))
			}
		}
		require.Less(t, before, len(got), "an empty page is nil")
	}
	require.True(t, slices.Equal(want.sorted(), got))
	require.Nil(t, l.Page(-1, &scratch))
	require.Nil(t, l.Page(l.Pages(), &scratch))
}

func requireFrozen(t *testing.T, want model, f *bitset.Frozen) {
	t.Helper()
	require.True(t, slices.Equal(want.sorted(), slices.Collect(f.All())))
	require.Equal(t, len(want), f.Len())
	requireSame(t, want, f.Set())
}

func TestLiveIsAMap(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		span := []uint32{300, 5_000, 70_000, 300_000}[r.IntN(4)]
		var l bitset.Live
		want := model{}
		type view struct {
			want model
			got  *bitset.Frozen
		}
		var views []view
		for range 12 {
			switch r.IntN(7) {
			case 0: // as a new definition sets it
				want = draw(r)
				maps.DeleteFunc(want, func(id uint32, _ bool) bool { return id > 1<<20 })
				l.Load(bitset.Of(want.sorted()...))
			case 1:
				base := uint32(r.IntN(3)) * bitset.PageSize
				var words bitset.Words
				maps.DeleteFunc(want, func(id uint32, _ bool) bool { return id/bitset.PageSize == base/bitset.PageSize })
				for range []int{0, 100, 513, 9_000}[r.IntN(4)] {
					low := r.Uint32N(bitset.PageSize)
					words[low/64] |= 1 << (low % 64)
					want[base+low] = true
				}
				l.SetPage(int(base/bitset.PageSize), &words)
			default:
				in := r.IntN(3) > 0
				for range r.IntN(3_000) {
					id := r.Uint32N(span)
					require.Equal(t, want[id] != in, l.Set(id, in))
					if in {
						want[id] = true
					} else {
						delete(want, id)
					}
				}
			}
			for range 100 {
				id := r.Uint32N(span)
				require.Equal(t, want[id], l.Contains(id))
			}
			requireLive(t, want, &l)
			if r.IntN(2) == 0 {
				views = append(views, view{maps.Clone(want), l.Freeze()})
			}
		}
		for _, v := range views {
			requireFrozen(t, v.want, v.got)
			for range 100 {
				id := r.Uint32N(span)
				require.Equal(t, v.want[id], v.got.Contains(id))
			}
		}
	}
}

func TestLivePagesChangeTheirForm(t *testing.T) {
	var l bitset.Live
	const scattered = 127
	for id := range uint32(513) {
		require.True(t, l.Set(id*scattered, true))
	}
	dense := l.Bytes()
	require.Greater(t, dense, 8_192, "above 512 ids a page is a bitmap")
	for id := range uint32(300) {
		require.True(t, l.Set(id*scattered, false))
	}
	require.Less(t, l.Bytes(), 1_024, "with few ids it is an array again")
	for id := range uint32(513) {
		require.Equal(t, id >= 300, l.Contains(id*scattered))
	}
	for id := range uint32(513) {
		l.Set(id*scattered, false)
	}
	require.Nil(t, l.Page(0, new(bitset.Words)))
	require.Zero(t, l.Len())
}

func TestLiveHoldsTheEndsOfTheIDs(t *testing.T) {
	var l bitset.Live
	require.False(t, l.Contains(math.MaxUint32))
	for _, id := range []uint32{math.MaxUint32, 0, 65_535, 65_536} {
		require.True(t, l.Set(id, true))
		require.False(t, l.Set(id, true))
		require.True(t, l.Contains(id))
	}
	requireFrozen(t, model{0: true, 65_535: true, 65_536: true, math.MaxUint32: true}, l.Freeze())
	require.True(t, l.Set(math.MaxUint32, false))
	require.False(t, l.Set(math.MaxUint32, false))
	require.False(t, l.Contains(math.MaxUint32))
}

func TestFreezeOfAnUnchangedSetIsTheSame(t *testing.T) {
	var l bitset.Live
	requireFrozen(t, model{}, l.Freeze())
	l.Set(7, true)
	first := l.Freeze()
	l.Set(7, true)
	require.Same(t, first, l.Freeze())
	l.Set(8, true)
	require.NotSame(t, first, l.Freeze())
}

// TestManySmallLiveSetsAreCheap holds what ten thousand segments of a few
// members in a large audience cost.
func TestManySmallLiveSetsAreCheap(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	var l bitset.Live
	for l.Len() < 50 {
		l.Set(r.Uint32N(1_000_000), true)
	}
	require.Less(t, l.Bytes(), 1_024+16*8)
}

// TestLiveIsReadWhileItChanges: what holds at every moment holds for readers,
// ids that never change above all, while pages change form and are frozen.
func TestLiveIsReadWhileItChanges(t *testing.T) {
	var l bitset.Live
	const still, moving, step = 100_000, 130_000, 61 // moving ids share pages with those that stay
	for id := uint32(0); id < still; id += step {
		l.Set(id, true)
	}
	members := l.Len()

	done := make(chan struct{})
	var wg sync.WaitGroup
	wrong := make([]int, 4)
	for i := range wrong {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				for id := uint32(0); id < still; id += step {
					if !l.Contains(id) || l.Contains(id+1) {
						wrong[i]++
					}
				}
				for id := uint32(30); id < moving; id += step {
					_ = l.Contains(id)
				}
				if l.Len() < members {
					wrong[i]++
				}
			}
		})
	}
	views := make(chan *bitset.Frozen, 8)
	wg.Go(func() {
		for f := range views {
			if n := f.Set().Len(); n != f.Len() {
				wrong[0]++
			}
		}
	})
	for round := range 6 {
		for n, id := 0, uint32(30); id < moving; n, id = n+1, id+step {
			l.Set(id, round%2 == 0)
			if n%300 == 0 {
				views <- l.Freeze()
			}
		}
	}
	close(views)
	close(done)
	wg.Wait()
	require.Equal(t, make([]int, 4), wrong)
	require.Equal(t, members, l.Len())
}

func TestLiveContainsAllocatesNothing(t *testing.T) {
	var l bitset.Live
	for id := range uint32(1_000) {
		l.Set(id*3, true)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = l.Contains(999) }))
}

func BenchmarkLiveContains(b *testing.B) {
	for _, every := range []uint32{4, 20_000} {
		b.Run(map[uint32]string{4: "dense", 20_000: "sparse"}[every], func(b *testing.B) {
			l := liveEvery(every)
			b.ReportAllocs()
			id, found := uint32(0), 0
			for b.Loop() {
				if id = (id + 7919) % 1_000_000; l.Contains(id) {
					found++
				}
			}
		})
	}
}

func BenchmarkLiveSet(b *testing.B) {
	for _, every := range []uint32{4, 20_000} {
		b.Run(map[uint32]string{4: "dense", 20_000: "sparse"}[every], func(b *testing.B) {
			l := liveEvery(every)
			b.ReportAllocs()
			id, in := uint32(0), false
			for b.Loop() {
				if id += 7919 * every; id >= 1_000_000 {
					id, in = id%every, !in
				}
				l.Set(id, in)
			}
		})
	}
}

func BenchmarkLiveFreeze(b *testing.B) {
	l := liveEvery(4)
	b.Run("changed", func(b *testing.B) {
		b.ReportAllocs()
		in := true
		for b.Loop() {
			in = !in
			l.Set(4, in)
			_ = l.Freeze()
		}
	})
	b.Run("set", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = l.Freeze().Set()
		}
	})
}

func liveEvery(every uint32) *bitset.Live {
	l := new(bitset.Live)
	for id := uint32(0); id < 1_000_000; id += every {
		l.Set(id, true)
	}
	return l
}
