package sqlstore

import (
	"cmp"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store"
)

// TestCompareRounded compares with numbers rounded one by one, next to where
// rounding turns.
func TestCompareRounded(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3_000 {
		count := int64(1)
		if r.IntN(2) == 0 {
			count = 1 + r.Int64N(1_000)
		}
		constant := float64(r.Int64N(2_000_000)-1_000_000) / []float64{1, 10, 1000, 1e6, 1e9, 3}[r.IntN(6)]
		if r.IntN(20) == 0 {
			constant = []float64{0, math.SmallestNonzeroFloat64, math.MaxFloat64, -math.MaxFloat64, math.Inf(1), math.Inf(-1)}[r.IntN(6)]
		}
		near := int64(0)
		if math.Abs(constant) < 1e12 {
			near = int64(math.Round(constant*1e6)) * count
		}
		for op := store.Equal; op <= store.GreaterOrEqual; op++ {
			for sum := near - 3; sum <= near+3; sum++ {
				double, _ := big.NewRat(sum, millionths*count).Float64()
				want := holds(op, cmp.Compare(double, constant))
				b := compareRounded(op, constant, count == 1, func(operator string, n int64) fragment {
					// within int64, as far as these numbers go
					if n > 1<<50 || n < -1<<50 {
						return orNever((operator == " < " || operator == " <= ") == (n > 0))
					}
					return orNever(map[string]bool{
						" < ": sum < n*count, " <= ": sum <= n*count, " > ": sum > n*count, " >= ": sum >= n*count,
					}[operator])
				})
				require.False(t, want && b.upper.isNever(), "%d/%d, %d, %v", sum, count, op, constant)
				require.False(t, !want && b.lower.isAlways(), "%d/%d, %d, %v", sum, count, op, constant)
				if count == 1 {
					require.Equal(t, want, b.upper.isAlways(), "%d, %d, %v", sum, op, constant)
				}
			}
		}
	}
}
