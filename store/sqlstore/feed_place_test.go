package sqlstore

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// TestPlaceIsASet holds places against sets of numbers.
func TestPlaceIsASet(t *testing.T) {
	const highest = 24
	r := rand.New(rand.NewPCG(1, 2))
	forms := make(map[string]store.Position) // by the set
	for range 3_000 {
		n := r.Uint64N(highest)
		var some []uint64
		for range r.IntN(highest) {
			some = append(some, 1+r.Uint64N(highest))
		}
		p := placeOf(n, some)
		later := slices.Clone(some[:r.IntN(len(some)+1)])
		for _, x := range later {
			p.add(x) // harmless: they are there
		}
		set := make([]byte, highest+2)
		var last uint64
		for x := uint64(1); x <= highest+1; x++ {
			in := x <= n || slices.Contains(some, x)
			require.Equal(t, in, p.contains(x), "%d in 1 to %d and %v", x, n, some)
			if in {
				set[x], last = 1, x
			}
		}
		require.Equal(t, last, p.last())
		require.False(t, slices.Contains(p.beyond, p.n+1), "the form is canonical")
		pos, err := p.position(store.Incarnation{1})
		require.NoError(t, err)
		if known, ok := forms[string(set)]; ok {
			require.Equal(t, known, pos, "equal sets are equal positions")
		}
		forms[string(set)] = pos
		numbers, err := pos.Numbers(store.Incarnation{1})
		require.NoError(t, err)
		again, seq, err := readPlace(numbers)
		require.NoError(t, err)
		require.Zero(t, seq)
		require.Equal(t, p.n, again.n)
		require.Equal(t, append([]uint64{}, p.beyond...), append([]uint64{}, again.beyond...))
	}
	different := make(map[store.Position]bool)
	for _, pos := range forms {
		different[pos] = true
	}
	require.Len(t, different, len(forms), "different sets are different positions")
}

// TestPlaceSharesNothing: the positions of a page are made of one place.
func TestPlaceSharesNothing(t *testing.T) {
	p := placeOf(1, []uint64{3, 5, 9})
	before := p
	p.add(7)
	p.add(2)
	require.Equal(t, place{1, []uint64{3, 5, 9}}, before)
	require.Equal(t, place{3, []uint64{5, 7, 9}}, p)
}

func TestReadPlaceRefuses(t *testing.T) {
	many := make([]uint64, mostBeyond+2)
	for i := range many {
		many[i] = uint64(2 * i)
	}
	for _, c := range []struct {
		name    string
		numbers []uint64
	}{
		{"nothing", []uint64{0}},
		{"not canonical", []uint64{3, 4}},
		{"within", []uint64{3, 2}},
		{"twice", []uint64{3, 6, 6}},
		{"out of order", []uint64{3, 9, 6}},
		{"sequence zero", []uint64{throughSeq}},
		{"sequence and more", []uint64{throughSeq + 1, 4}},
		{"beyond all numbers", []uint64{3, throughSeq + 1}},
		{"overflow", []uint64{1<<64 - 1, 1}},
		{"too many", many},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := readPlace(c.numbers)
			require.ErrorIs(t, err, audience.ErrPositionGone)
		})
	}
	p := placeOf(0, many[1:])
	p.add(uint64(2*mostBeyond + 4))
	_, err := p.position(store.Incarnation{})
	require.ErrorIs(t, err, audience.ErrRetryable)
}

func TestThroughPosition(t *testing.T) {
	life := store.Incarnation{7}
	numbers, err := throughPosition(life, 1<<40).Numbers(life)
	require.NoError(t, err)
	_, seq, err := readPlace(numbers)
	require.NoError(t, err)
	require.EqualValues(t, 1<<40, seq)
}
