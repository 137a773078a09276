package sqlstore

import (
	"math"
	"math/big"

	"github.com/audiencekit/audiencekit/store"
)

// ray is where numbers, of millionths, round to doubles from a constant on. A
// number is beyond the ray's end for sure when it is within sure, and is not
// for sure when it is not within may; of whole numbers that is the same.
type ray struct{ may, sure limit }

// limit is a whole number and what is above it.
type limit struct {
	n    int64
	open bool // without the number itself
}

func (l limit) above() string {
	if l.open {
		return " > "
	}
	return " >= "
}

func (l limit) below() string {
	if l.open {
		return " <= "
	}
	return " < "
}

// mostMillionths is more than any sum that is told exactly.
const (
	mostMillionths = 1 << 61
	millionths     = 1_000_000
)

// raysOf gives the numbers that round to the constant or more, and those that
// round to more. Ties round to the even one of two doubles.
func raysOf(constant float64, whole bool) (atLeast, more ray) {
	even := math.Float64bits(constant)&1 == 0
	below, above := math.Nextafter(constant, math.Inf(-1)), math.Nextafter(constant, math.Inf(1))
	return rayFrom(below, constant, !even, whole), rayFrom(constant, above, even, whole)
}

// rayFrom begins halfway from one double to the next.
func rayFrom(a, b float64, open, whole bool) ray {
	if math.IsInf(a, -1) || math.IsInf(b, -1) {
		return ray{may: limit{n: -mostMillionths}, sure: limit{n: -mostMillionths}}
	}
	if math.IsInf(a, 1) || math.IsInf(b, 1) {
		return ray{may: limit{n: mostMillionths}, sure: limit{n: mostMillionths}}
	}
	const halves = 2
	end := new(big.Rat).SetFloat64(a)
	end.Add(end, new(big.Rat).SetFloat64(b))
	end.Mul(end, big.NewRat(millionths, halves))
	floor := new(big.Int).Div(end.Num(), end.Denom()) // Euclidean: the denominator is positive
	n := clamped(floor)
	switch {
	case end.IsInt():
		return ray{may: limit{n: n, open: open}, sure: limit{n: n, open: open}}
	case whole:
		return ray{may: limit{n: n, open: true}, sure: limit{n: n, open: true}}
	default:
		return ray{may: limit{n: n, open: true}, sure: limit{n: n + 1}}
	}
}

func clamped(n *big.Int) int64 {
	if !n.IsInt64() {
		return int64(n.Sign()) * mostMillionths
	}
	return max(-mostMillionths, min(n.Int64(), mostMillionths))
}

// compareRounded gives the bounds for that a number of millionths, rounded to
// the nearest double, compares so with a constant. whole: the number is whole.
// side makes the condition that it is on a side of a whole number.
func compareRounded(op store.CompareOp, constant float64, whole bool, side func(operator string, n int64) fragment) bounds {
	above := func(r ray) bounds {
		return bounded(side(r.may.above(), r.may.n), side(r.sure.above(), r.sure.n), r)
	}
	below := func(r ray) bounds {
		return bounded(side(r.sure.below(), r.sure.n), side(r.may.below(), r.may.n), r)
	}
	atLeast, more := raysOf(constant, whole)
	switch op {
	case store.GreaterOrEqual:
		return above(atLeast)
	case store.Greater:
		return above(more)
	case store.Less:
		return below(atLeast)
	case store.LessOrEqual:
		return below(more)
	case store.Equal:
		return allBounds([]bounds{above(atLeast), below(more)})
	default:
		return anyBounds([]bounds{below(atLeast), above(more)})
	}
}

func bounded(upper, lower fragment, r ray) bounds {
	if r.may == r.sure {
		return exactly(upper)
	}
	return within(upper, lower)
}
