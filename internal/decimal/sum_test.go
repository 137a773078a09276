package decimal

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSum(t *testing.T) {
	tests := []struct {
		name   string
		values []float64
		sum    float64
	}{
		{"nothing", nil, 0},
		{"prices", []float64{33.30, 33.30, 33.40}, 100},
		{"tenths", []float64{0.1, 0.7, 0.2, -0.1}, 0.9},
		{"tenths another way", []float64{-0.1, 0.2, 0.7, 0.1}, 0.9},
		{"cancelled", []float64{1e300, 1, -1e300}, 1},
		{"tiny beside huge", []float64{5e-324, 1e308, -1e308}, 5e-324},
		{"thirds", []float64{1.0 / 3, 1.0 / 3, 1.0 / 3}, 0.9999999999999999},
		{"too large", []float64{1.7e308, 1.7e308}, math.Inf(1)},
		{"too large on the way only", []float64{1.7e308, 1.7e308, -1.7e308, -1.7e308}, 0},
		{"negative zero", []float64{math.Copysign(0, -1)}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var d Sum
			for _, v := range tt.values {
				d.Add(v)
			}
			require.Equal(t, math.Float64bits(tt.sum), math.Float64bits(d.Float()))
		})
	}
	t.Run("ints beyond doubles", func(t *testing.T) {
		var d Sum
		for range 3 {
			d.AddInt(math.MaxInt64)
			d.AddInt(math.MinInt64)
		}
		require.Equal(t, math.Float64bits(-3), math.Float64bits(d.Float()))
		require.Equal(t, math.Float64bits(-0.5), math.Float64bits(d.Mean()))
	})
}

// TestSumIsExact compares with fractions, whatever the order.
func TestSumIsExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	draw := []func() float64{
		func() float64 { return float64(random.IntN(2_000_000)-1_000_000) / 100 },
		func() float64 { return float64(random.Int64N(2e15)-1e15) / 10_000 },
		func() float64 { return float64(random.Int64N(2e17)-1e17) / 10_000 }, // more digits than a double tells apart
		func() float64 { return random.NormFloat64() },
		func() float64 { return random.NormFloat64() * math.Pow(10, float64(random.IntN(600)-300)) },
		func() float64 { return float64(random.Int64()) },
	}
	for range 2_000 {
		f := draw[random.IntN(len(draw))]
		values := make([]float64, 1+random.IntN(8))
		exact := new(big.Rat)
		for i := range values {
			values[i] = f()
			shortest, ok := new(big.Rat).SetString(strconv.FormatFloat(values[i], 'g', -1, 64))
			require.True(t, ok)
			exact.Add(exact, shortest)
		}
		sum, _ := exact.Float64()
		mean, _ := new(big.Rat).Quo(exact, big.NewRat(int64(len(values)), 1)).Float64()
		for range 3 {
			random.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
			var d Sum
			for _, v := range values {
				d.Add(v)
			}
			require.Equal(t, math.Float64bits(sum), math.Float64bits(d.Float()), values)
			require.Equal(t, math.Float64bits(mean), math.Float64bits(d.Mean()), values)
		}
	}
}
