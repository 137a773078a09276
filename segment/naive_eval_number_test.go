package segment_test

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

func naiveEqual(a, b any) bool {
	switch a := a.(type) {
	case time.Time:
		return a.Equal(b.(time.Time))
	case []any:
		return slices.EqualFunc(a, b.([]any), naiveEqual)
	default:
		return a == b
	}
}

func naiveLess(a, b any) bool {
	switch a := a.(type) {
	case int64:
		return a < b.(int64)
	case float64:
		return a < b.(float64)
	case string:
		return a < b.(string)
	case time.Duration:
		return a < b.(time.Duration)
	default:
		return a.(time.Time).Before(b.(time.Time))
	}
}

// naiveArithmetic evaluates the numbers: exactly, and then asks whether there
// is such an int or such a finite double.
func naiveArithmetic(n *naiveNode, kids []any) any {
	switch n.op {
	case "int()":
		return naiveToInt(kids[0])
	case "double()":
		return naiveToDouble(kids[0])
	case "string()":
		if b, ok := kids[0].(bool); ok {
			return strconv.FormatBool(b)
		}
		return strconv.FormatInt(kids[0].(int64), 10)
	case "rate":
		for i, stream := range kids {
			kids[i] = float64(len(stream.([]audience.Event)))
		}
	}
	if n.op == "neg" {
		kids = []any{int64(0), kids[0]}
		if _, ok := kids[1].(float64); ok {
			kids[0] = 0.0
		}
	}
	if a, ok := kids[0].(float64); ok {
		return naiveDoubles(n.op, a, kids[1].(float64))
	}
	return naiveIntegers(n.op, kids[0].(int64), kids[1].(int64))
}

func naiveIntegers(op string, a, b int64) any {
	x, y, z := big.NewInt(a), big.NewInt(b), new(big.Int)
	switch {
	case op == "+":
		z.Add(x, y)
	case op == "-", op == "neg":
		z.Sub(x, y)
	case op == "*":
		z.Mul(x, y)
	case b == 0:
		return nil
	case op == "/", b == -1: // the remainder of an overflowing division is no number either
		z.Quo(x, y)
	}
	if !z.IsInt64() {
		return nil
	}
	if op == "%" {
		return z.Rem(x, y).Int64()
	}
	return z.Int64()
}

func naiveDoubles(op string, a, b float64) any {
	switch op {
	case "+":
		return naiveFinite(a + b)
	case "-", "neg":
		return naiveFinite(a - b)
	case "*":
		return naiveFinite(a * b)
	}
	return naiveFinite(a / b)
}

func naiveFinite(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return f
}

func naiveToInt(x any) any {
	switch x := x.(type) {
	case string:
		if n, err := strconv.ParseInt(x, 10, 64); err == nil {
			return n
		}
	case float64:
		if x > -(1<<63) && x < 1<<63 {
			return int64(x)
		}
	}
	return nil
}

func naiveToDouble(x any) any {
	switch x := x.(type) {
	case string:
		if f, err := strconv.ParseFloat(x, 64); err == nil {
			return naiveFinite(f)
		}
	case int64:
		return float64(x)
	}
	return nil
}

// naiveSum adds the shortest decimal forms exactly.
func naiveSum(values []any) *big.Rat {
	sum := new(big.Rat)
	for _, x := range values {
		text := ""
		switch x := x.(type) {
		case int64:
			text = strconv.FormatInt(x, 10)
		case float64:
			text = strconv.FormatFloat(x, 'e', -1, 64)
		}
		exact, _ := new(big.Rat).SetString(text)
		sum.Add(sum, exact)
	}
	return sum
}

// naiveRound gives the nearest double, or nil when it is not finite.
func naiveRound(r *big.Rat) any {
	f, _ := r.Float64()
	return naiveFinite(f)
}
