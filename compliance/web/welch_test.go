package web_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// cut gives the smaller half of the values, or all.
func cut(values []float64, half bool) []float64 {
	if !half {
		return values
	}
	return slices.Sorted(slices.Values(values))[:len(values)/2]
}

// welch gives both means and Welch's t.
func welch(x, y []float64) (mx, my, t float64) {
	mean := func(v []float64) (m, variance float64) {
		for _, f := range v {
			m += f
		}
		m /= float64(len(v))
		for _, f := range v {
			variance += (f - m) * (f - m)
		}
		return m, variance / float64(len(v)-1)
	}
	mx, vx := mean(x)
	my, vy := mean(y)
	return mx, my, (mx - my) / math.Sqrt(vx/float64(len(x))+vy/float64(len(y)))
}

func TestWelch(t *testing.T) {
	mx, my, tt := welch([]float64{1, 2, 3, 4, 5}, []float64{2, 3, 4, 5, 6})
	require.InDelta(t, 3, mx, 1e-12)
	require.InDelta(t, 4, my, 1e-12)
	require.InDelta(t, -1, tt, 1e-12)
}
