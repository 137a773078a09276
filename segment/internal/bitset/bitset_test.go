package bitset_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment/internal/bitset"
)

// model is a set as anybody would write it.
type model map[uint32]bool

func (m model) sorted() []uint32 { return slices.Sorted(maps.Keys(m)) }

func (m model) filter(keep func(uint32) bool) model {
	out := model{}
	for id := range m {
		if keep(id) {
			out[id] = true
		}
	}
	return out
}

// draw makes a set of one of the shapes that a bitmap stores differently:
// scattered over everything, a few, dense, runs, both ends.
func draw(r *rand.Rand) model {
	m := model{}
	switch r.IntN(6) {
	case 0: // empty
	case 1:
		for range r.IntN(200) {
			m[r.Uint32()] = true
		}
	case 2:
		for range r.IntN(50) {
			m[r.Uint32N(300)] = true
		}
	case 3: // crosses the bound between sparse and dense, and between pages of 65,536
		for range r.IntN(9_000) {
			m[60_000+r.Uint32N(12_000)] = true
		}
	case 4:
		for range r.IntN(5) {
			start := r.Uint32N(200_000)
			for id := start; id < start+r.Uint32N(3_000); id++ {
				m[id] = true
			}
		}
	case 5:
		m[0], m[65_535], m[65_536], m[math.MaxUint32] = true, true, true, true
	}
	return m
}

func requireSame(t *testing.T, want model, got bitset.Set) {
	t.Helper()
	require.Equal(t, want.sorted(), slices.Collect(got.All()))
	require.Equal(t, len(want), got.Len())
	require.True(t, got.Equal(bitset.Of(want.sorted()...)))
	require.Equal(t, len(want) == 0, got.Bytes() == 0)
}

func TestSetIsAMap(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		a, b := draw(r), draw(r)
		x, y := bitset.Of(a.sorted()...), bitset.Of(b.sorted()...)

		requireSame(t, a, x)
		requireSame(t, a.filter(func(id uint32) bool { return b[id] }), x.And(y))
		requireSame(t, a.filter(func(id uint32) bool { return !b[id] }), x.AndNot(y))
		union := maps.Clone(a)
		maps.Copy(union, b)
		requireSame(t, union, x.Or(y))
		require.Equal(t, x.And(y).Len(), x.AndLen(y))
		require.Equal(t, maps.Equal(a, b), x.Equal(y))
		for range 50 {
			id := r.Uint32N(200_000)
			require.Equal(t, a[id], x.Contains(id))
		}
		for id := range b {
			require.Equal(t, a[id], x.Contains(id))
		}

		// The algebra has changed neither side.
		requireSame(t, a, x)
		requireSame(t, b, y)
	}
}

func TestSetsThatDifferOnlyInOneIDAreNotEqual(t *testing.T) {
	require.False(t, bitset.Of(1, 2, 3).Equal(bitset.Of(1, 2, 4)))
	require.False(t, bitset.Of(1, 2, 3).Equal(bitset.Of(1, 2)))
	require.True(t, bitset.Set{}.Equal(bitset.Of()))
}

func TestAllCanStopAndStartAgain(t *testing.T) {
	s := bitset.Of(5, 1, 9, 1)
	for range 2 {
		var got []uint32
		for id := range s.All() {
			if got = append(got, id); len(got) == 2 {
				break
			}
		}
		require.Equal(t, []uint32{1, 5}, got)
	}
	require.Empty(t, slices.Collect(bitset.Set{}.All()))
}

func TestBuilderLetsGoOfWhatItBuilt(t *testing.T) {
	var b bitset.Builder
	require.Zero(t, b.Build().Len())
	b.Add(7)
	b.Add(7)
	b.AddMany([]uint32{8, 3})
	first := b.Build()
	b.Add(100)
	b.AddMany([]uint32{3, 4})
	second := b.Build()

	require.Equal(t, []uint32{3, 7, 8}, slices.Collect(first.All()))
	require.Equal(t, []uint32{3, 4, 100}, slices.Collect(second.All()))
}

// TestSetsAreSharedFreely has something to find under the race detector only.
func TestSetsAreSharedFreely(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	var ids []uint32
	for range 20_000 {
		ids = append(ids, r.Uint32N(300_000))
	}
	x, y := bitset.Of(ids[:10_000]...), bitset.Of(ids[10_000:]...)
	want := x.Or(y).Len()

	var wg sync.WaitGroup
	got := make([]int, 4)
	for i := range got {
		wg.Go(func() {
			got[i] = x.And(y).Len() + x.AndNot(y).Len() + y.AndNot(x).Len()
			for id := range x.Or(y).All() {
				if !x.Contains(id) && !y.Contains(id) {
					got[i] = -1
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, []int{want, want, want, want}, got)
}

func BenchmarkBuild(b *testing.B) {
	for _, size := range []uint32{1_000, 1_000_000} {
		b.Run(sizeName(size), func(b *testing.B) {
			b.ReportAllocs()
			var s bitset.Set
			for b.Loop() {
				var builder bitset.Builder
				for id := uint32(1); id <= size; id++ {
					if id*2654435761>>30 == 0 { // a quarter, scattered
						builder.Add(id)
					}
				}
				s = builder.Build()
			}
			b.ReportMetric(float64(s.Bytes())/float64(s.Len()), "B/member")
		})
	}
}

func BenchmarkContains(b *testing.B) {
	s := scattered(1_000_000)
	b.ReportAllocs()
	id, found := uint32(0), 0
	for b.Loop() {
		if id = (id + 7919) % 1_000_000; s.Contains(id) {
			found++
		}
	}
}

func BenchmarkAll(b *testing.B) {
	s := scattered(1_000_000)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for range s.All() {
			n++
		}
		if n != s.Len() {
			b.Fatal(n)
		}
	}
}

func BenchmarkAnd(b *testing.B) {
	x, y := scattered(1_000_000), bitset.Of(slices.Collect(func(yield func(uint32) bool) {
		for id := uint32(0); id < 1_000_000; id += 3 {
			if !yield(id) {
				return
			}
		}
	})...)
	b.Run("set", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = x.And(y)
		}
	})
	b.Run("length", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = x.AndLen(y)
		}
	})
}

func scattered(size uint32) bitset.Set {
	var builder bitset.Builder
	for id := uint32(1); id <= size; id++ {
		if id*2654435761>>30 == 0 {
			builder.Add(id)
		}
	}
	return builder.Build()
}

func sizeName(n uint32) string {
	if n >= 1_000_000 {
		return "1M"
	}
	return "1k"
}
