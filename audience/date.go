package audience

import (
	"strconv"
	"time"
)

// Date is a calendar day without a zone: the number of days since 1970-01-01
// in the proleptic Gregorian calendar. Dates are those of the years 1 to
// 9999; the zero Date is 1970-01-01. Dates compare with < and ==.
type Date int32

const (
	minDay Date = -719_162  // 0001-01-01
	maxDay Date = 2_932_896 // 9999-12-31

	daySeconds = 24 * 60 * 60
)

// NewDate gives the date of a year (1 to 9999), month and day of the month
// (from 1). A day that does not exist is a [FieldError], never the day after.
func NewDate(year int, month time.Month, day int) (Date, error) {
	if year < 1 || year > 9999 {
		return 0, dateError("range", "a year from 1 to 9999")
	}
	if month < time.January || month > time.December {
		return 0, dateError("range", "a month from 1 to 12")
	}
	if last := daysIn(year, month); day < 1 || day > last {
		return 0, dateError("range", "a day of that month, 1 to "+strconv.Itoa(last))
	}
	return civilDay(year, month, day), nil
}

// ParseDate reads a date as YYYY-MM-DD: ten bytes, ASCII digits, no spaces. It
// is the inverse of [Date.String].
func ParseDate(s string) (Date, error) {
	if len(s) != len("2006-01-02") || s[4] != '-' || s[7] != '-' {
		return 0, dateError("syntax", "YYYY-MM-DD, such as 2026-01-31")
	}
	year, ok1 := parseDigits(s[:4])
	month, ok2 := parseDigits(s[5:7])
	day, ok3 := parseDigits(s[8:])
	if !ok1 || !ok2 || !ok3 {
		return 0, dateError("syntax", "YYYY-MM-DD, such as 2026-01-31")
	}
	return NewDate(year, time.Month(month), day)
}

// DateOf gives the date that a clock in the zone shows at t; nil is UTC.
func DateOf(t time.Time, loc *time.Location) Date { return NewCalendar(loc).DateOf(t) }

// String gives YYYY-MM-DD. A Date outside the years 1 to 9999 shows its day
// number instead, which [ParseDate] refuses.
func (d Date) String() string {
	if !d.valid() {
		return "Date(" + strconv.Itoa(int(d)) + ")"
	}
	return d.utc().Format(time.DateOnly)
}

// Civil gives the year, month and day of the month.
func (d Date) Civil() (year int, month time.Month, day int) { return d.utc().Date() }

// In gives the first instant of the day in the zone, in UTC; nil is UTC. Where
// the clocks skip midnight that is the instant after the gap, and of a day
// that the zone left out altogether (2011-12-30 in Apia) the first instant
// that came instead. East of Greenwich the first day of the range begins in
// the year 0. A Date outside the range gives the zero Time.
//
// For many dates in one zone use [Calendar.StartOfDate].
func (d Date) In(loc *time.Location) time.Time {
	if !d.valid() {
		return time.Time{}
	}
	return FromMicros(NewCalendar(loc).startOfDay(d))
}

func (d Date) valid() bool { return minDay <= d && d <= maxDay }

func (d Date) utc() time.Time { return time.Unix(int64(d)*daySeconds, 0).UTC() }

// monday gives the last Monday up to the day.
func (d Date) monday() Date { return d - Date(d.utc().Weekday()+6)%7 }

// civilDay normalises as time.Date does: month 13 is January of the next year.
func civilDay(year int, month time.Month, day int) Date {
	return Date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / daySeconds)
}

func daysIn(year int, month time.Month) int {
	return int(civilDay(year, month+1, 1) - civilDay(year, month, 1))
}

func parseDigits(s string) (n int, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

func dateError(rule, hint string) error {
	return &FieldError{Path: "date", Rule: rule, Hint: hint}
}
