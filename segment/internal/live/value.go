package live

import "math"

// The values of features are int64s in the order of what they stand for: ints
// as they are, bools as 0 and 1, instants in microseconds, doubles by
// fromFloat, statuses by their number. Texts are codes, which have no order.

const (
	never = math.MaxInt64
	least = math.MinInt64
	most  = math.MaxInt64
)

// horizon is the year 9000, which no clock of a core reaches: what changes
// beyond it is never looked at.
const horizon = 221_845_392_000_000_000

// fromFloat gives a double as a number in the same order. The next number is
// the next double.
func fromFloat(f float64) int64 {
	bits := int64(math.Float64bits(f + 0)) // -0 is 0
	if bits < 0 {
		bits ^= math.MaxInt64
	}
	return bits
}
