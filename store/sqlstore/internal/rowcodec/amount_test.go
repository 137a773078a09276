package rowcodec_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

func TestAmount(t *testing.T) {
	prop := func(id audience.PropID, v audience.Value) audience.EventProp {
		return audience.EventProp{ID: id, Value: v}
	}
	list := func(props ...audience.EventProp) []audience.EventProp { return props }
	text, flag := audience.StringValue("12"), audience.BoolValue(true)
	tests := []struct {
		name   string
		props  []audience.EventProp
		prop   audience.PropID
		amount int64
		known  bool
		more   bool
	}{
		{"nothing", nil, 0, 0, false, false},
		{"no number", list(prop(1, text), prop(2, flag), prop(3, audience.DateValue(3)), prop(4, audience.TimestampValue(audience.MinInstant())), prop(5, audience.Value{})), 0, 0, false, false},
		{"a double", list(prop(3, audience.DoubleValue(49.9)), prop(4, text)), 3, 49_900_000, true, false},
		{"an int", list(prop(3, audience.IntValue(-2))), 3, -2_000_000, true, false},
		{"a double behind an int", list(prop(1, audience.IntValue(3)), prop(2, audience.DoubleValue(0))), 2, 0, true, true},
		{"the lowest of doubles", list(prop(1, audience.DoubleValue(0.000001)), prop(2, audience.DoubleValue(7))), 1, 1, true, true},
		{"the lowest of ints", list(prop(4, audience.IntValue(1)), prop(5, audience.IntValue(2))), 4, 1_000_000, true, true},
		{"an unknown double and an int", list(prop(4, audience.IntValue(1)), prop(5, audience.DoubleValue(0.0000001))), 5, 0, false, true},
		{"an unknown double", list(prop(5, audience.DoubleValue(1.0/3))), 5, 0, false, false},
		{"not a number", list(prop(5, audience.DoubleValue(math.NaN()))), 5, 0, false, false},
		{"infinite", list(prop(5, audience.DoubleValue(math.Inf(-1)))), 5, 0, false, false},
		{"the greatest int", list(prop(5, audience.IntValue(9_007_199_254))), 5, 9_007_199_254_000_000, true, false},
		{"a greater int", list(prop(5, audience.IntValue(9_007_199_255))), 5, 0, false, false},
		{"the least int", list(prop(5, audience.IntValue(-9_007_199_254))), 5, -9_007_199_254_000_000, true, false},
		{"a lesser int", list(prop(5, audience.IntValue(-9_007_199_255))), 5, 0, false, false},
		{"the ends of ints", list(prop(5, audience.IntValue(math.MinInt64)), prop(6, audience.IntValue(math.MaxInt64))), 5, 0, false, true},
		{"the greatest double", list(prop(5, audience.DoubleValue(9_007_199_254.74))), 5, 9_007_199_254_740_000, true, false},
		{"a greater double", list(prop(5, audience.DoubleValue(9_007_199_254.75))), 5, 0, false, false},
		{"a lesser double", list(prop(5, audience.DoubleValue(-9_007_199_255.5))), 5, 0, false, false},
		{"2^53 millionths", list(prop(5, audience.DoubleValue(9_007_199_254.740992))), 5, 0, false, false},
		{"-2^53 millionths", list(prop(5, audience.DoubleValue(-9_007_199_254.740992))), 5, 0, false, false},
		{"a great double", list(prop(5, audience.DoubleValue(math.MaxFloat64))), 5, 0, false, false},
		{"a great whole double", list(prop(5, audience.DoubleValue(9_007_199_254))), 5, 9_007_199_254_000_000, true, false},
		{"0.1 + 0.2", list(prop(5, audience.DoubleValue(0.30000000000000004))), 5, 0, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			prop, amount, known, more := rowcodec.Amount(&audience.Event{Props: tt.props})
			require.Equal(t, []any{tt.prop, tt.amount, tt.known, tt.more}, []any{prop, amount, known, more})
		})
	}
}

// TestAmountIsTheDecimal compares with exact fractions of the shortest form.
func TestAmountIsTheDecimal(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 7))
	known := 0
	for range 100_000 {
		v := amountLike(r)
		want, ok := exactAmount(v)
		_, amount, isKnown, _ := rowcodec.Amount(&audience.Event{Props: []audience.EventProp{{ID: 1, Value: v}}})
		require.Equal(t, ok, isKnown, v.Reveal())
		require.Equal(t, want, amount, v.Reveal())
		if ok {
			known++
		}
	}
	require.Greater(t, known, 30_000)
	require.Less(t, known, 90_000)
}

// amountLike gives prices, what is near the bounds, and anything.
func amountLike(r *rand.Rand) audience.Value {
	decimal := float64(r.Int64N(1<<54)-1<<53) / math.Pow10(r.IntN(10))
	switch r.IntN(6) {
	case 0:
		return audience.IntValue(r.Int64() >> r.IntN(64) * int64(1-2*r.IntN(2)))
	case 1:
		return audience.DoubleValue(float64(r.Int64N(100_000)) / 100)
	case 2:
		return audience.DoubleValue(decimal)
	case 3:
		return audience.DoubleValue(math.Nextafter(decimal, 0))
	case 4:
		return audience.DoubleValue(math.Trunc(decimal))
	}
	if f := math.Float64frombits(r.Uint64()); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return audience.DoubleValue(f)
	}
	return audience.DoubleValue(1e-6)
}

func exactAmount(v audience.Value) (int64, bool) {
	form := v.Reveal()
	if f, ok := v.Double(); ok {
		form = strconv.FormatFloat(f, 'f', -1, 64)
	}
	exact, ok := new(big.Rat).SetString(form)
	if !ok {
		return 0, false
	}
	exact.Mul(exact, big.NewRat(1_000_000, 1))
	if !exact.IsInt() || new(big.Int).Abs(exact.Num()).Cmp(big.NewInt(1<<53)) >= 0 {
		return 0, false
	}
	return exact.Num().Int64(), true
}
