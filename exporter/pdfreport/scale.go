package pdfreport

import (
	"math"
	"strconv"
	"strings"
)

// scale is an axis of values: ticks at a round distance that hold all of them
// between the first and the last one.
type scale struct {
	low, step float64
	ticks     int
}

// newScale makes a scale of some five steps for values from low to high.
func newScale(low, high float64) scale {
	const steps = 5
	if span := high - low; span <= 1e-9*max(math.Abs(low), math.Abs(high)) || span < 1e-200 {
		around := math.Abs(low) / 2 // all values are the same
		if around < 1e-200 {
			around = 1
		}
		low, high = low-around, high+around
	}
	s := scale{step: roundStep((high - low) / steps)}
	s.low = math.Floor(low/s.step+1e-9) * s.step
	s.ticks = int(math.Ceil((high-s.low)/s.step-1e-9)) + 1
	return s
}

func (s scale) tick(i int) float64 { return s.low + float64(i)*s.step }
func (s scale) high() float64      { return s.tick(s.ticks - 1) }

// at gives where a value lies, 0 at the first tick and 1 at the last one.
func (s scale) at(v float64) float64 { return (v - s.low) / (s.high() - s.low) }

// label writes a tick with as many decimals as the steps need.
func (s scale) label(i int) string {
	v := s.tick(i)
	if math.Abs(v) < s.step/2 {
		v = 0
	}
	decimals := int(math.Ceil(-math.Log10(s.step) - 1e-9))
	if decimals > 6 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	return number(v, max(decimals, 0))
}

// roundStep gives the least of 1, 2, 5, 10, 20 and so on that is not smaller.
func roundStep(step float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(step)))
	for _, times := range []float64{1, 2, 5} {
		if times*unit >= step*(1-1e-9) {
			return times * unit
		}
	}
	return 10 * unit
}

// number writes a number with thousands apart by spaces, which no language
// takes for a decimal point.
func number(v float64, decimals int) string {
	s := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	whole, fraction, _ := strings.Cut(s, ".")
	var b strings.Builder
	if v < 0 && strings.Trim(s, "0.") != "" {
		b.WriteString("−")
	}
	for i, digit := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteRune('\u00A0')
		}
		b.WriteRune(digit)
	}
	if fraction != "" {
		b.WriteString("." + fraction)
	}
	return b.String()
}

// valueLabel writes a value that stands beside its bar.
func valueLabel(v float64) string {
	switch a := math.Abs(v); {
	case a == math.Trunc(a):
		return number(v, 0)
	case a >= 100:
		return number(v, 1)
	case a >= 0.01:
		return strings.TrimSuffix(strings.TrimRight(number(v, 2), "0"), ".")
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
