package decimal

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
)

// Sum adds numbers as the shortest decimals that stand for them, exactly, and
// rounds once in the end: 33.30 + 33.30 + 33.40 is 100, in any order. The zero
// Sum is 0. It is not safe for concurrent use.
type Sum struct {
	n       int
	small   wide // of numbers with few digits, in ten thousandths
	buckets []bucket
}

// bucket adds up digits that have one power of ten in common.
type bucket struct {
	exponent int
	sum      wide
}

// wide is a 128-bit signed number. The sum of 2^63 numbers of 64 bits fits.
type wide struct {
	hi int64
	lo uint64
}

func (w *wide) add(n int64) {
	lo, carry := bits.Add64(w.lo, uint64(n), 0)
	w.lo = lo
	w.hi += n>>63 + int64(carry)
}

func (w wide) isZero() bool { return w.hi == 0 && w.lo == 0 }

// int64 gives the number if it is one.
func (w wide) int64() (int64, bool) {
	n := int64(w.lo)
	return n, w.hi == n>>63
}

func (w wide) big() *big.Int {
	n := big.NewInt(w.hi)
	n.Lsh(n, 64)
	return n.Add(n, new(big.Int).SetUint64(w.lo))
}

const (
	smallPlaces = 4
	smallScale  = 10_000
	// Up to 15 digits every decimal is told from its neighbours by the nearest
	// double, so what gives the double back is the shortest one.
	smallMost = 1e15
)

// Reset makes it 0 again.
func (d *Sum) Reset() {
	d.n = 0
	d.small = wide{}
	d.buckets = d.buckets[:0]
}

// AddInt adds an int.
func (d *Sum) AddInt(n int64) {
	d.n++
	const most = math.MaxInt64 / smallScale
	if n >= -most && n <= most {
		d.small.add(n * smallScale)
		return
	}
	d.bucket(0).add(n)
}

// Add adds a finite double as the shortest decimal that stands for it.
func (d *Sum) Add(f float64) {
	d.n++
	if scaled := math.Round(f * smallScale); math.Abs(scaled) < smallMost && scaled/smallScale == f {
		d.small.add(int64(scaled))
		return
	}
	digits, exponent := shortest(f)
	d.bucket(exponent).add(digits)
}

func (d *Sum) bucket(exponent int) *wide {
	for i := range d.buckets {
		if d.buckets[i].exponent == exponent {
			return &d.buckets[i].sum
		}
	}
	d.buckets = append(d.buckets, bucket{exponent: exponent})
	return &d.buckets[len(d.buckets)-1].sum
}

// shortest gives digits and power of ten of the shortest decimal that stands
// for a double.
func shortest(f float64) (digits int64, exponent int) {
	var space [32]byte
	text := strconv.AppendFloat(space[:0], f, 'e', -1, 64) // -d.ddde-ddd
	places, after := 0, false
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			digits = digits*10 + int64(c-'0')
			if after {
				places++
			}
		case c == '.':
			after = true
		case c == 'e':
			exponent, _ = strconv.Atoi(string(text[i+1:]))
			if f < 0 {
				digits = -digits
			}
			return digits, exponent - places
		}
	}
	return digits, 0
}

// Len gives how many numbers were added.
func (d *Sum) Len() int { return d.n }

// Float gives the double nearest to the sum, which may be infinite.
func (d *Sum) Float() float64 {
	if len(d.buckets) == 0 {
		if n, ok := d.small.int64(); ok && n > -1<<53 && n < 1<<53 {
			return float64(n) / smallScale // both are exact, so this rounds once
		}
	}
	f, _ := d.exact().Float64()
	return f
}

// Mean gives the double nearest to the sum over the count, which is not 0.
func (d *Sum) Mean() float64 {
	if len(d.buckets) == 0 {
		n, ok := d.small.int64()
		if ok && n > -1<<53 && n < 1<<53 && d.n < 1<<53/smallScale {
			return float64(n) / float64(smallScale*d.n)
		}
	}
	sum := d.exact()
	f, _ := sum.Quo(sum, new(big.Rat).SetInt64(int64(d.n))).Float64()
	return f
}

// exact gives the sum as a fraction. Its size is bounded by the exponents of
// doubles: some 700 digits.
func (d *Sum) exact() *big.Rat {
	least := -smallPlaces
	for _, b := range d.buckets {
		least = min(least, b.exponent)
	}
	power := func(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
	total := d.small.big()
	total.Mul(total, power(-smallPlaces-least))
	for _, b := range d.buckets {
		if !b.sum.isZero() {
			n := b.sum.big()
			total.Add(total, n.Mul(n, power(b.exponent-least)))
		}
	}
	return new(big.Rat).SetFrac(total, power(-least))
}
