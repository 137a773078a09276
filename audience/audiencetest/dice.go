package audiencetest

import (
	"math/bits"
	"math/rand/v2"
)

// What dice are thrown for. Each purpose has its own sequence, so that more
// draws for one do not change another. The numbers never change.
const (
	forPerson uint64 = iota + 1
	forConsent
	forEvents
	forLive
)

// dice is a source of random integers. It calculates in integers only: what
// math does in floating point may differ in the last bit from one processor
// to another, and with it everything that is drawn afterwards. For the same
// reason it does not use the methods of rand.Rand, some of which depend on
// the size of an int.
type dice struct{ source rand.PCG }

// newDice gives the sequence of the i-th thing of a purpose.
func newDice(seed, purpose, i uint64) dice {
	var d dice
	d.source.Seed(mix(seed^mix(purpose)), mix(i))
	return d
}

// mix is the output function of SplitMix64: near numbers become far ones.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// below gives 0 to n-1. That small numbers come up more often by n in 2^64
// is nothing anybody could measure.
func (d *dice) below(n int64) int64 {
	hi, _ := bits.Mul64(d.source.Uint64(), uint64(n))
	return int64(hi)
}

// chance is true in n of 1,000 throws.
func (d *dice) chance(n int64) bool { return d.below(1000) < n }

// between gives lo to hi-1, lo when there is nothing between them.
func (d *dice) between(lo, hi int64) int64 {
	if hi <= lo {
		return lo
	}
	return lo + d.below(hi-lo)
}

// halvings gives 0 in half of the throws, 1 in a quarter, and so on.
func (d *dice) halvings() int { return bits.LeadingZeros64(d.source.Uint64()) }

// bell gives 0 to 65,536, near 32,768 most of the time: the mean of four even
// throws, whose standard deviation is 9,459.
func (d *dice) bell() int64 {
	var sum int64
	for range 4 {
		sum += d.below(1<<16 + 1)
	}
	return sum / 4
}

// pick gives an index, each as often as its weight says.
func (d *dice) pick(weights []uint16) int {
	total := int64(0)
	for _, w := range weights {
		total += int64(w)
	}
	n := d.below(total)
	for i, w := range weights {
		if n -= int64(w); n < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// power gives about 2^(x/65536) for x >= 0, with straight lines between the
// whole powers.
func power(x int64) int64 { return ((1<<16 | x&0xffff) << (x >> 16)) >> 16 }
