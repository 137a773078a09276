package rowcodec

import (
	"bytes"
	"math"
	"strconv"

	"github.com/audiencekit/audiencekit/audience"
)

const (
	millionths = 1_000_000
	maxAmount  = 1 << 53 // amounts are below: sums of thousands stay far from the end of 64 bits
)

// Amount gives what databases add up of an event: the property of type double
// with the lowest id or, when there is none, that of type int, and its value
// in millionths. prop is 0 when the event has neither.
//
// known is false when the shortest decimal form of the value has more than six
// decimals, or the amount would not be below 2^53 on either side; then amount
// is 0. more is true when the event has another property that is a number,
// which the amount says nothing about.
func Amount(e *audience.Event) (prop audience.PropID, amount int64, known, more bool) {
	chosen, numbers := audience.EventProp{}, 0
	for _, p := range e.Props {
		t := p.Value.Type()
		if t != audience.TypeInt && t != audience.TypeDouble {
			continue
		}
		numbers++
		better := t == audience.TypeDouble && chosen.Value.Type() == audience.TypeInt
		if chosen.Value.IsZero() || better {
			chosen = p
		}
	}
	if numbers == 0 {
		return 0, 0, false, false
	}
	amount, known = inMillionths(chosen.Value)
	return chosen.ID, amount, known, numbers > 1
}

func inMillionths(v audience.Value) (int64, bool) {
	if n, ok := v.Int(); ok {
		return scale(n, 6)
	}
	f, _ := v.Double()
	if f == math.Trunc(f) && math.Abs(f) < maxAmount/millionths {
		return int64(f) * millionths, true
	}
	return scaleDecimal(f)
}

// scale multiplies by a power of ten, as long as the result is an amount.
func scale(n int64, power int) (int64, bool) {
	for ; power > 0 && -maxAmount < n && n < maxAmount; power-- {
		n *= 10
	}
	if n <= -maxAmount || n >= maxAmount {
		return 0, false
	}
	return n, true
}

// scaleDecimal reads the shortest decimal form, d.ddde±xx, which has no zero
// at the end of its digits.
func scaleDecimal(f float64) (int64, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, false
	}
	var space [32]byte
	form := strconv.AppendFloat(space[:0], f, 'e', -1, 64)
	digits, exponent, _ := bytes.Cut(form, []byte("e"))
	power, err := strconv.Atoi(string(exponent))
	if err != nil {
		return 0, false
	}
	n, decimals := int64(0), 0
	for i, c := range digits {
		switch {
		case c == '.':
			decimals = len(digits) - 1 - i
		case c != '-':
			n = n*10 + int64(c-'0')
		}
	}
	if digits[0] == '-' {
		n = -n
	}
	power += 6 - decimals
	if power < 0 {
		return 0, false
	}
	return scale(n, power)
}
