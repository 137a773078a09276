package audience

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Period is a length of time in two parts: a calendar part in months, whose
// length depends on where it is laid, and an exact part. The zero Period is
// of no length. Periods compare with ==; equal parts are equal Periods, so 12
// months are a year and 7 days a week.
type Period struct {
	months int32
	exact  time.Duration // whole seconds
}

const (
	// A longer calendar part leaves the years 1 to 9999 from anywhere.
	maxMonths = 9999 * 12
	// Enough for the longest time.Duration in seconds, and no number of this
	// many digits overflows an int64 by the sums below.
	maxPeriodDigits = 10
)

// periodUnit is a unit of the text form: so many months, or so many seconds.
type periodUnit struct {
	name    string
	months  int64
	seconds int64
}

// periodUnits lists the units from largest to smallest.
func periodUnits() [7]periodUnit {
	return [...]periodUnit{
		{name: "y", months: 12},
		{name: "mo", months: 1},
		{name: "w", seconds: 7 * daySeconds},
		{name: "d", seconds: daySeconds},
		{name: "h", seconds: 60 * 60},
		{name: "m", seconds: 60},
		{name: "s", seconds: 1},
	}
}

// ParsePeriod reads a period such as "30d", "6mo" or "1y6mo10d": whole numbers
// (no sign, at most 10 digits), each with one of the units
//
//	y mo w d h m s
//
// from largest to smallest and each at most once. A d is exactly 24 hours and
// a w 7 d; y and mo are calendar steps, see [Calendar]. The calendar part may
// be 9999 years, the exact part what a [time.Duration] holds, some 292 years.
// Anything else is a [FieldError] with the byte offset and what is expected
// there.
func ParsePeriod(s string) (Period, error) {
	if s == "" {
		return Period{}, periodError(0, "syntax", `a number with a unit, such as 30d or 1y6mo`)
	}
	units := periodUnits()
	left := units[:]
	var months, seconds int64
	for at := 0; at < len(s); {
		digits, n := leadingNumber(s[at:])
		switch {
		case digits == 0:
			return Period{}, periodError(at, "syntax", "a whole number without a sign")
		case digits > maxPeriodDigits:
			return Period{}, periodLimit(at, "a number of at most 10 digits")
		}
		name := leadingUnit(s[at+digits:])
		unit := unitIndex(left, name)
		if unit < 0 {
			return Period{}, unitError(at+digits, units[:], left, name)
		}
		months += n * left[unit].months
		seconds += n * left[unit].seconds
		switch {
		case months > maxMonths:
			return Period{}, periodLimit(at, "at most 9999 years in y and mo")
		case seconds > int64(math.MaxInt64/time.Second):
			return Period{}, periodLimit(at, "at most 106751 days in w, d, h, m and s; longer periods in y")
		}
		left = left[unit+1:]
		at += digits + len(name)
	}
	return Period{months: int32(months), exact: time.Duration(seconds) * time.Second}, nil
}

// Months gives the calendar part: years and months together, in months.
func (p Period) Months() int { return int(p.months) }

// Exact gives the exact part, a whole number of seconds.
func (p Period) Exact() time.Duration { return p.exact }

// Fixed gives the length of a period without a calendar part; false when it
// has one, so that its length depends on the calendar.
func (p Period) Fixed() (time.Duration, bool) {
	if p.months != 0 {
		return 0, false
	}
	return p.exact, true
}

// String gives the period in the one form that equal periods share, which
// [ParsePeriod] reads back: weeks as days, every smaller unit below the next
// larger one ("90m" is "1h30m"). No length is "0s".
func (p Period) String() string {
	if p == (Period{}) {
		return "0s"
	}
	var b strings.Builder
	months, seconds := int64(p.months), int64(p.exact/time.Second)
	for _, u := range periodUnits() {
		var n int64
		switch {
		case u.months > 0:
			n, months = months/u.months, months%u.months
		case u.name != "w":
			n, seconds = seconds/u.seconds, seconds%u.seconds
		}
		if n > 0 {
			b.WriteString(strconv.FormatInt(n, 10))
			b.WriteString(u.name)
		}
	}
	return b.String()
}

// leadingNumber gives how many digits s begins with and, if they are not too
// many, their value.
func leadingNumber(s string) (digits int, value int64) {
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		if digits++; digits > maxPeriodDigits {
			return digits, 0
		}
		value = value*10 + int64(s[digits-1]-'0')
	}
	return digits, value
}

// leadingUnit gives the letters s begins with, as far as a unit can be long.
func leadingUnit(s string) string {
	const longer = 3
	n := 0
	for n < min(len(s), longer) && s[n] >= 'a' && s[n] <= 'z' {
		n++
	}
	return s[:n]
}

func unitIndex(units []periodUnit, name string) int {
	for i, u := range units {
		if u.name == name {
			return i
		}
	}
	return -1
}

// unitError tells a unit in the wrong place from one that does not exist.
func unitError(at int, units, left []periodUnit, name string) error {
	if unitIndex(units, name) >= 0 {
		return periodError(at, "order", "each of y mo w d h m s at most once, in this order")
	}
	names := make([]string, len(left))
	for i, u := range left {
		names[i] = u.name
	}
	if len(names) == 0 {
		return periodError(at, "syntax", "nothing after the seconds")
	}
	return periodError(at, "unit", "one of "+strings.Join(names, " "))
}

func periodError(at int, rule, hint string) *FieldError {
	return &FieldError{Path: "period", Rule: rule, Hint: "at offset " + strconv.Itoa(at) + ": " + hint}
}

func periodLimit(at int, hint string) *FieldError {
	e := periodError(at, "max-period", hint)
	e.Limit = true
	return e
}
