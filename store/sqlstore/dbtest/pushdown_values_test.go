package dbtest_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// dice makes random contacts and predicates.
type dice struct{ *rand.Rand }

func one[T any](d dice, all ...T) T { return all[d.IntN(len(all))] }

// pushdownNow is near every instant of the tests.
func pushdownNow() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func nastyTexts() []string {
	long := strings.Repeat("x", 190)
	return []string{
		"", "a", "A", "a ", " a", "b", "B", "É", "é", "e\u0301", "İ", "i", "I", "ı", "😀", "😁", "\U0010ffff", "\uffff", "\ue000", "\u0001", "a\u0001", "\t", "\n", "a\nb", "a\tb", `"`, `\`, `a"b\c`, `\n`, "%", "_", "a%", "ß", "ss",
		"null", "true", "1", "01", "1.0", "{}", "[]", `["a"]`, "$", "?", "'", "''", "\u007f", "\u2028", "\ufffd", "\ufeff", "-0", "9007199254740993", "\u00a0",
		long, long + "y", long + "0123456789", long + "01234567890", long + "01234567891", strings.Repeat("é", 80), strings.Repeat("é", 80) + strings.Repeat("z", 60), strings.Repeat("é", 80) + strings.Repeat("y", 60), strings.Repeat("😀", 39) + "abcdé" + strings.Repeat("q", 50), strings.Repeat("x", 160), strings.Repeat("x", 160) + "\u0001" + strings.Repeat("y", 60), strings.Repeat("x", 161), strings.Repeat("x", 159),
	}
}

func nastyInts() []int64 {
	return []int64{0, 1, -1, 2, 3, 1 << 53, 1<<53 + 1, 1<<53 - 1, -1 << 53, -1<<53 - 1, math.MinInt64, math.MinInt64 + 1, math.MaxInt64, math.MaxInt64 - 1, 1 << 31, 1 << 32}
}

func nastyDoubles() []float64 {
	return []float64{0, 1, -1, 2, 3, 0.1, 0.2, 0.3, 0.1 + 0.2, 1 << 53, -1 << 53, 1e300, -1e300, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, 33.3, 99.9, 100, 1e15, 9007199254.740991, 9007199254.740992, 0.000001, 0.0000001, -2.5, 0.5, 1e-300}
}

func (d dice) instant() time.Time {
	switch d.IntN(12) {
	case 0:
		return audience.MinInstant()
	case 1:
		return audience.MaxInstant()
	}
	return pushdownNow().Add(time.Duration(d.IntN(9)-4) * time.Hour).Add(time.Duration(d.IntN(3)-1) * time.Microsecond)
}

func (d dice) valueOf(t audience.Type, constant bool) audience.Value {
	switch t {
	case audience.TypeString:
		if constant && d.IntN(8) == 0 {
			return audience.StringValue(one(d, "\xff", "a\x00", "\xf0\x9f", strings.Repeat("x", 190)+"\xff"))
		}
		return audience.StringValue(one(d, nastyTexts()...))
	case audience.TypeInt:
		return audience.IntValue(one(d, nastyInts()...))
	case audience.TypeDouble:
		if constant && d.IntN(6) == 0 {
			return audience.DoubleValue(one(d, math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)))
		}
		return audience.DoubleValue(one(d, nastyDoubles()...))
	case audience.TypeBool:
		return audience.BoolValue(d.IntN(2) == 0)
	case audience.TypeTimestamp:
		if constant && d.IntN(8) == 0 {
			return audience.TimestampValue(time.Unix(1<<60, 0))
		}
		return audience.TimestampValue(d.instant())
	case audience.TypeDate:
		return audience.DateValue(audience.Date(d.IntN(5) - 2))
	default:
		var items []string
		for range d.IntN(4) {
			items = append(items, one(d, nastyTexts()...))
		}
		return audience.StringListValue(items...)
	}
}
