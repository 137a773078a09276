package agenda_test

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment/internal/agenda"
)

type key struct {
	source  agenda.Source
	contact uint32
}

// model is an agenda as anybody would write it.
type model map[key]int64

func (m model) set(s agenda.Source, contact uint32, at int64) {
	k := key{s, contact}
	if before, ok := m[k]; at != agenda.None && (!ok || at < before) {
		m[k] = at
	}
}

func (m model) earliest() int64 {
	least := agenda.None
	for _, at := range m {
		least = min(least, at)
	}
	return least
}

func (m model) take(at int64) []agenda.Entry {
	var out []agenda.Entry
	for k, queued := range m {
		if queued == at {
			out = append(out, agenda.Entry{At: at, Source: k.source, Contact: k.contact})
			delete(m, k)
		}
	}
	slices.SortFunc(out, func(a, b agenda.Entry) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Contact, b.Contact))
	})
	return out
}

func TestAgendaIsAMap(t *testing.T) {
	for seed := range uint64(24) {
		r := rand.New(rand.NewPCG(seed, 5))
		ids := []uint32{20, 3_000, 100_000, math.MaxUint32}[r.IntN(4)]
		instants := []int64{3, 100, math.MaxInt64}[r.IntN(3)]
		sources := []uint32{1, 4, 300}[r.IntN(3)]
		draw := func() agenda.Entry {
			e := agenda.Entry{At: r.Int64N(instants) - instants/2, Source: agenda.Source(r.Uint32N(sources)), Contact: r.Uint32N(ids)}
			if r.IntN(20) == 0 {
				e.At = agenda.None
			}
			return e
		}
		a, want := agenda.New(), model{}
		for range 200 {
			switch r.IntN(12) {
			case 0:
				s := agenda.Source(r.Uint32N(sources + 2))
				a.Drop(s)
				maps.DeleteFunc(want, func(k key, _ int64) bool { return k.source == s })
			case 1:
				entries := make([]agenda.Entry, r.IntN(300))
				for i := range entries {
					entries[i] = draw()
					want.set(entries[i].Source, entries[i].Contact, entries[i].At)
				}
				a.SetMany(entries)
			case 2, 3, 4, 5:
				at := want.earliest()
				require.Equal(t, at, a.Earliest())
				require.Empty(t, a.Take(agenda.None, nil))
				require.Empty(t, a.Take(at-1, nil))
				already := []agenda.Entry{{At: 1, Source: 2, Contact: 3}}
				require.Equal(t, slices.Concat(already, want.take(at)), a.Take(at, already))
			default:
				for range r.IntN(20) {
					e := draw()
					want.set(e.Source, e.Contact, e.At)
					a.Set(e.Source, e.Contact, e.At)
				}
			}
			require.Equal(t, len(want), a.Len())
		}
		for len(want) > 0 {
			at := want.earliest()
			require.Equal(t, want.take(at), a.Take(at, nil))
		}
		require.Equal(t, agenda.None, a.Earliest())
		require.Zero(t, a.Len())
	}
}

// TestEntriesComeInOrder puts in many of one shape, then takes them while
// others come.
func TestEntriesComeInOrder(t *testing.T) {
	const n = 20_000
	r := rand.New(rand.NewPCG(9, 5))
	tests := []struct {
		name string
		at   func(i int) int64
	}{
		{"ascending", func(i int) int64 { return int64(i) }},
		{"descending", func(i int) int64 { return int64(-i) }},
		{"up and down", func(i int) int64 { return int64(min(i, n-i)) }},
		{"in turns", func(i int) int64 { return int64(i % 100) }},
		{"all at one but one", func(i int) int64 { return int64(min(i, 1)) }},
		{"scattered", func(int) int64 { return r.Int64() - math.MaxInt64/2 }},
		{"mostly the least", func(int) int64 { return max(0, r.Int64N(1_000)-900) }},
	}
	for _, tt := range tests {
		for _, bulk := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				a := agenda.New()
				var want []int64
				entries := make([]agenda.Entry, n)
				for i := range entries {
					entries[i] = agenda.Entry{At: tt.at(i), Contact: uint32(i)}
					want = append(want, entries[i].At)
				}
				if bulk {
					a.SetMany(entries)
				} else {
					for _, e := range entries {
						a.Set(e.Source, e.Contact, e.At)
					}
				}
				var got []int64
				for at := a.Earliest(); at != agenda.None; at = a.Earliest() {
					taken := a.Take(at, nil)
					for range taken {
						got = append(got, at)
					}
					if len(want) < n+n/2 && at < math.MaxInt64/2 {
						later := at + 1 + r.Int64N(math.MaxInt64/2)>>r.IntN(62)
						a.Set(1, uint32(len(want)), later)
						want = append(want, later)
					}
				}
				slices.Sort(want)
				require.True(t, slices.Equal(want, got))
			})
		}
	}
}

func TestEarlierWakesStay(t *testing.T) {
	a := agenda.New()
	a.Set(1, 7, 50)
	a.Set(1, 7, 60) // later: she is looked at then anyhow
	require.Equal(t, int64(50), a.Earliest())
	a.Set(1, 7, 40)
	require.Equal(t, []agenda.Entry{{At: 40, Source: 1, Contact: 7}}, a.Take(40, nil))
	require.Equal(t, agenda.None, a.Earliest(), "the overtaken wake is gone")
	a.Set(1, 7, 50) // while the overtaken one is still in the heap, or not
	require.Equal(t, []agenda.Entry{{At: 50, Source: 1, Contact: 7}}, a.Take(50, nil))
	require.Zero(t, a.Len())
}

func TestTakeGivesEachOnce(t *testing.T) {
	a := agenda.New()
	a.Set(0, 1, 10)
	for range 5 { // each overtakes the wake at 10 and asks for it again
		a.Set(0, 2, 10)
		a.Set(0, 2, 5)
		require.Equal(t, []agenda.Entry{{At: 5, Contact: 2}}, a.Take(5, nil))
	}
	a.Set(0, 2, 10)
	require.Equal(t, []agenda.Entry{{At: 10, Contact: 1}, {At: 10, Contact: 2}}, a.Take(10, nil))
	require.Empty(t, a.Take(10, nil))
}

// TestMemoryFollowsWhatWaits: wishes that come again and again take nothing.
func TestMemoryFollowsWhatWaits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 5))
	a := agenda.New()
	for i := range int64(400_000) {
		a.Set(agenda.Source(r.Uint32N(2)), r.Uint32N(1_000), 1_000_000-i) // earlier every time
	}
	require.LessOrEqual(t, a.Len(), 2_000)
	require.Less(t, a.Bytes(), 200_000)

	a.Drop(0)
	a.Drop(1)
	require.Zero(t, a.Len())
	require.Equal(t, agenda.None, a.Earliest())
}

// TestEqualWakesDoNotGather: a contact who is overtaken and asks for the same
// again leaves equal wakes behind, which all seem to count.
func TestEqualWakesDoNotGather(t *testing.T) {
	a := agenda.New()
	for i := range int64(100_000) {
		a.Set(0, 1, 1_000_000)
		a.Set(0, 1, i)
		require.Len(t, a.Take(i, nil), 1)
	}
	a.Set(0, 1, 1_000_000)
	require.Less(t, a.Bytes(), 20_000)
	require.Len(t, a.Take(1_000_000, nil), 1)
	require.Equal(t, agenda.None, a.Earliest())
}

func TestFewContactsAmongManyAreCheap(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 5))
	a := agenda.New()
	for range 50 {
		a.Set(0, r.Uint32N(1_000_000), r.Int64())
	}
	require.Less(t, a.Bytes(), 20_000)

	everybody := agenda.New()
	for contact := range uint32(100_000) {
		everybody.Set(0, contact, r.Int64())
	}
	require.Less(t, everybody.Bytes(), 100_000*32)
}
