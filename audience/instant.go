package audience

import (
	"math"
	"time"
)

// The range of instants and dates: the years 1 to 9999 in UTC.
const (
	minMicros = -62_135_596_800_000_000 // 0001-01-01T00:00:00Z
	maxMicros = 253_402_300_799_999_999 // 9999-12-31T23:59:59.999999Z

	secondMicros = int64(time.Second / time.Microsecond)
	hourMicros   = 3600 * secondMicros
	dayMicros    = 24 * hourMicros
)

// MinInstant is the first instant of the library, 0001-01-01T00:00:00Z.
func MinInstant() time.Time { return FromMicros(minMicros) }

// MaxInstant is the last instant of the library,
// 9999-12-31T23:59:59.999999Z.
func MaxInstant() time.Time { return FromMicros(maxMicros) }

// Instant gives t in the form the library keeps: UTC, whole microseconds
// (cut towards the past, never rounded), without a monotonic reading. A t
// whose instant is outside the years 1 to 9999 is a [FieldError].
func Instant(t time.Time) (time.Time, error) {
	us := Micros(t)
	if !isInstant(us) {
		return time.Time{}, instantError("time")
	}
	return FromMicros(us), nil
}

// Micros gives the whole microseconds from the Unix epoch to t, cut towards
// the past. It is exact for the years 1 to 9999 and for 290,000 years around
// them; beyond, it is the least or the greatest int64, so that an instant out
// of range never looks like one in range.
func Micros(t time.Time) int64 {
	const edge = math.MaxInt64/1_000_000 - 1
	if s := t.Unix(); -edge < s && s < edge {
		return t.UnixMicro()
	}
	if t.Before(time.Unix(0, 0)) {
		return math.MinInt64
	}
	return math.MaxInt64
}

// FromMicros gives the instant that is us microseconds after the Unix epoch,
// in UTC. It is the inverse of [Micros].
func FromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

func isInstant(us int64) bool { return minMicros <= us && us <= maxMicros }

// floorDiv divides rounding towards the past, where / rounds towards 1970.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
