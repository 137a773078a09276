package celenv

import (
	"math"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/audiencekit/audiencekit/audience"
)

// double gives a double, which is unknown when it is not finite.
func double(f float64) ref.Val {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return errUnknown
	}
	return types.Double(f)
}

// buildArithmetic gives the node of an operator on two values of a kind.
func buildArithmetic(k kind, operator string) builder {
	switch k {
	case intKind:
		return ints(operator)
	case doubleKind:
		return doubles(operator)
	default:
		return concatenation
	}
}

func ints(operator string) builder {
	op := map[string]func(a, b int64) (int64, bool){
		operators.Add: addInts, operators.Subtract: subtractInts, operators.Multiply: multiplyInts,
		operators.Divide: divideInts, operators.Modulo: moduloInts,
	}[operator]
	return func(args []branch) exec {
		left, right := args[0], args[1]
		return func(f *frame) ref.Val {
			a, ok1 := left.Exec(f).(types.Int)
			b, ok2 := right.Exec(f).(types.Int)
			if !ok1 || !ok2 {
				return errUnknown
			}
			if n, ok := op(int64(a), int64(b)); ok {
				return types.Int(n)
			}
			return errUnknown
		}
	}
}

// The operations on ints report false when the result is no int64.

func addInts(a, b int64) (int64, bool) {
	n := a + b
	return n, (n > a) == (b > 0)
}

func subtractInts(a, b int64) (int64, bool) {
	n := a - b
	return n, (n < a) == (b > 0)
}

func multiplyInts(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	n := a * b
	if a == -1 && b == math.MinInt64 || b == -1 && a == math.MinInt64 {
		return 0, false
	}
	return n, n/b == a
}

func divideInts(a, b int64) (int64, bool) {
	if b == 0 || a == math.MinInt64 && b == -1 {
		return 0, false
	}
	return a / b, true
}

func moduloInts(a, b int64) (int64, bool) {
	if b == 0 || a == math.MinInt64 && b == -1 {
		return 0, false
	}
	return a % b, true
}

func doubles(operator string) builder {
	op := map[string]func(a, b float64) float64{
		operators.Add:      func(a, b float64) float64 { return a + b },
		operators.Subtract: func(a, b float64) float64 { return a - b },
		operators.Multiply: func(a, b float64) float64 { return a * b },
		operators.Divide:   func(a, b float64) float64 { return a / b },
	}[operator]
	return func(args []branch) exec {
		left, right := args[0], args[1]
		return func(f *frame) ref.Val {
			a, ok1 := left.Exec(f).(types.Double)
			b, ok2 := right.Exec(f).(types.Double)
			if !ok1 || !ok2 {
				return errUnknown
			}
			return double(op(float64(a), float64(b)))
		}
	}
}

func buildNegation(k kind) builder {
	return func(args []branch) exec {
		arg := args[0]
		if k == doubleKind {
			return func(f *frame) ref.Val {
				if v, ok := arg.Exec(f).(types.Double); ok {
					return -v
				}
				return errUnknown
			}
		}
		return func(f *frame) ref.Val {
			if v, ok := arg.Exec(f).(types.Int); ok && v != math.MinInt64 {
				return -v
			}
			return errUnknown
		}
	}
}

// buildRatio gives the node of ratio(x, y), over doubles or ints.
func buildRatio(args []branch) exec {
	left, right := args[0], args[1]
	return func(f *frame) ref.Val {
		a, ok1 := number(left.Exec(f))
		b, ok2 := number(right.Exec(f))
		if !ok1 || !ok2 {
			return errUnknown
		}
		return double(a / b) // unknown when b is 0
	}
}

func number(v ref.Val) (float64, bool) {
	switch x := v.(type) {
	case types.Double:
		return float64(x), true
	case types.Int:
		return float64(x), true
	}
	return 0, false
}

// buildConversion gives the node of int(x), double(x) and string(x).
func buildConversion(from, to kind) builder {
	convert := conversion(from, to)
	return func(args []branch) exec {
		arg := args[0]
		return func(f *frame) ref.Val {
			v := arg.Exec(f)
			if isUnknown(v) {
				return errUnknown
			}
			if s, ok := v.(types.String); ok {
				stateOf(f).charge(textCost(len(s)))
			}
			return convert(v)
		}
	}
}

func conversion(from, to kind) func(ref.Val) ref.Val {
	switch {
	case from == to:
		return func(v ref.Val) ref.Val { return v }
	case to == stringKind:
		return toText
	case from == stringKind && to == intKind:
		return func(v ref.Val) ref.Val {
			n, err := strconv.ParseInt(string(v.(types.String)), 10, 64)
			if err != nil {
				return errUnknown
			}
			return types.Int(n)
		}
	case from == stringKind && to == doubleKind:
		return parseDouble
	case to == doubleKind:
		return func(v ref.Val) ref.Val { return types.Double(v.(types.Int)) }
	}
	return truncate
}

// parseDouble reads a decimal number. The hexadecimal forms, underscores and
// names that Go reads as well are none.
func parseDouble(v ref.Val) ref.Val {
	s := string(v.(types.String))
	if strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune("0123456789.eE+-", r) }) {
		return errUnknown
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return errUnknown
	}
	return double(f)
}

// truncate makes a double an int, towards zero.
func truncate(v ref.Val) ref.Val {
	const bound = 1 << 63
	f := float64(v.(types.Double))
	if f <= -bound || f >= bound {
		return errUnknown
	}
	return types.Int(f)
}

// toText gives the text of a value, the form that files use.
func toText(v ref.Val) ref.Val {
	s, ok := textOf(v)
	if !ok {
		return errUnknown
	}
	return types.String(s)
}

// textOf gives the text of any value in the form of audience.Value.Reveal.
func textOf(v ref.Val) (string, bool) {
	switch x := v.(type) {
	case types.Bool:
		return audience.BoolValue(bool(x)).Reveal(), true
	case types.Int:
		return audience.IntValue(int64(x)).Reveal(), true
	case types.Double:
		return audience.DoubleValue(float64(x)).Reveal(), true
	case types.String:
		return string(x), true
	case types.Timestamp:
		return x.UTC().Format(time.RFC3339Nano), true
	case types.Duration:
		return x.String(), true
	}
	return listText(v)
}
