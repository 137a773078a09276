package sqlstore

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func stocked(spans ...span) *supply {
	s := &supply{block: smallestBlock}
	for _, sp := range spans {
		s.add(sp, sp.last)
	}
	return s
}

func TestSupplyDraw(t *testing.T) {
	tests := []struct {
		name  string
		stock []span
		n     int
		above uint64
		want  []uint64 // nil: too few
		left  []span
	}{
		{"from the first", []span{{5, 9}}, 2, 0, []uint64{5, 6}, []span{{7, 9}}},
		{"the last", []span{{5, 6}}, 2, 0, []uint64{5, 6}, nil},
		{"over a gap", []span{{5, 6}, {10, 12}}, 3, 0, []uint64{5, 6, 10}, []span{{11, 12}}},
		{"above", []span{{5, 9}}, 2, 6, []uint64{7, 8}, []span{{5, 6}, {9, 9}}},
		{"above a whole span", []span{{5, 6}, {10, 12}}, 1, 8, []uint64{10}, []span{{5, 6}, {11, 12}}},
		{"too few", []span{{5, 9}}, 6, 0, nil, []span{{5, 9}}},
		{"too few above", []span{{5, 9}}, 2, 8, nil, []span{{5, 9}}},
		{"nothing", nil, 1, 0, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := stocked(tt.stock...)
			got, ok := s.draw(tt.n, tt.above, 0)
			require.Equal(t, tt.want != nil, ok)
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.left, s.spans)
			if !ok {
				require.GreaterOrEqual(t, s.missing(1), uint64(tt.n), "the next transaction begins with enough")
			}
		})
	}
}

func TestSupplyMissing(t *testing.T) {
	s := stocked()
	require.EqualValues(t, smallestBlock, s.missing(1))
	s.add(span{1, smallestBlock}, smallestBlock)
	require.Zero(t, s.missing(1))
	_, ok := s.draw(1, 0, 0)
	require.True(t, ok)
	require.EqualValues(t, 2*smallestBlock, s.missing(1), "blocks grow with use")
	s.wanted = 10_000
	require.GreaterOrEqual(t, s.missing(1)+s.left(0), uint64(10_000), "as much as the last one wanted")
	require.GreaterOrEqual(t, s.missing(3)+s.left(0), uint64(30_000), "for each that is open")
	require.LessOrEqual(t, s.missing(math.MaxInt32), uint64(largestStock))
	for range 10 {
		s.add(span{1, 0}, 0)
	}
	require.EqualValues(t, largestBlock, s.block)
}

// TestSupplyOfManyDraws: a transaction that draws many times begins again a few
// times only.
func TestSupplyOfManyDraws(t *testing.T) {
	const draws, each = 1_000, 5_000
	s, next := stocked(), uint64(1)
	for attempt := 1; ; attempt++ {
		if n := s.missing(1); n > 0 {
			s.add(span{next, next + n - 1}, next+n-1)
			next += n
		}
		drawn := uint64(0)
		for drawn < draws*each {
			if _, ok := s.draw(each, 0, drawn); !ok {
				break
			}
			drawn += each
		}
		if drawn == draws*each {
			break
		}
		require.Less(t, attempt, 15)
	}
	require.Less(t, next, uint64(5*draws*each), "and wastes little")
}

func TestSupplyKnows(t *testing.T) {
	s := stocked(span{5, 9})
	_, ok := s.draw(2, 0, 0)
	require.True(t, ok)
	for n, want := range map[uint64][2]bool{4: {true, true}, 6: {true, true}, 7: {false, true}, 9: {false, true}, 10: {false, false}} {
		given, known := s.knows(n)
		require.Equal(t, want, [2]bool{given, known}, "%d", n)
	}
	require.EqualValues(t, 3+100-9, s.couldGive(100))
	s.saw(200)
	require.EqualValues(t, 3, s.couldGive(100))
}

// TestSupplyNeverTwice draws at random: numbers come once, and ascend in each
// draw.
func TestSupplyNeverTwice(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s, next, seen := stocked(), uint64(1), make(map[uint64]bool)
	for range 5_000 {
		if n := s.missing(1); n > 0 {
			first := next + r.Uint64N(3) // others take some too
			next = first + n
			s.add(span{first, next - 1}, next-1)
		}
		above := uint64(0)
		if r.IntN(3) == 0 {
			above = r.Uint64N(next)
		}
		got, ok := s.draw(1+r.IntN(200), above, 0)
		if !ok {
			continue
		}
		last := above
		for _, n := range got {
			require.Greater(t, n, last)
			require.False(t, seen[n])
			seen[n], last = true, n
		}
	}
	require.Greater(t, len(seen), 100_000)
}

func TestSuppliesCount(t *testing.T) {
	s := newSupplies()
	one, other := s.enter(), s.enter()
	require.Equal(t, 2, s.transactions())
	one()
	other()
	require.Zero(t, s.transactions())
}

func TestLastNumbers(t *testing.T) {
	require.EqualValues(t, math.MaxUint32, countContacts.lastNumber())
	require.Less(t, countRecordVersions.lastNumber(), uint64(math.MaxInt64), "the next one is stored as an int64")
}
