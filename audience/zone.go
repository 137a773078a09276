package audience

import (
	"math"
	"time"
)

// Calendar does the arithmetic of the segment language in a zone: what was
// "6mo" ago, when this week began. The zero Calendar is UTC's. A Calendar is a
// small value, safe for concurrent use.
//
// Every answer that depends on now goes forward or stands still while now
// goes forward, whatever the clocks of the zone do, so that what has left a
// window does not come back into it. Where local time decides, it is the
// latest that the zone's clock has shown up to now: while a clock repeats an
// hour, it stands still.
//
// Each method reports false when its argument or its answer is outside the
// years 1 to 9999; the answer is unknown then. Answers are in UTC and whole
// microseconds, and now is cut to them first.
type Calendar struct {
	zone   *time.Location // nil where the offset never changes
	offset int64          // east of UTC in microseconds, where it never changes
}

// The widest offsets from UTC a zone may have (RFC 8536, section 3.2), and so
// how far a clock can go back. The widest in the tz database are some 16 hours.
const (
	maxEast     = 26 * hourMicros
	maxWest     = 25 * hourMicros
	maxStepBack = maxEast + maxWest
)

// NewCalendar makes the calendar of a zone; nil is UTC. A zone whose offset
// changes must keep it below 26 hours east and 25 west, as all zones of the tz
// database do.
func NewCalendar(loc *time.Location) Calendar {
	if loc == nil {
		return Calendar{}
	}
	first := MinInstant().In(loc)
	if _, end := first.ZoneBounds(); !end.IsZero() {
		return Calendar{zone: loc}
	}
	_, offset := first.Zone()
	return Calendar{offset: int64(offset) * secondMicros}
}

// Ago gives now minus a period. The calendar part goes first: shift year and
// month of the local time, let a day which that month lacks become the first
// instant of the next month (31 March minus a month is 1 March 00:00), and
// take the first instant at which the zone's clock shows that local time or
// later. Then the exact part is taken off.
func (c Calendar) Ago(now time.Time, p Period) (time.Time, bool) {
	return c.step(now, -int(p.months), -int64(p.exact/time.Microsecond))
}

// Ahead gives now plus a period, by the same steps as [Calendar.Ago]: 31
// January plus a month is 1 March 00:00.
func (c Calendar) Ahead(now time.Time, p Period) (time.Time, bool) {
	return c.step(now, int(p.months), int64(p.exact/time.Microsecond))
}

// StartOf gives the first instant of the day, week, month or year that it is
// in the zone at now, never later than now. It reports false for a unit that
// is none of these, too.
func (c Calendar) StartOf(now time.Time, unit CalendarUnit) (time.Time, bool) {
	today, ok := c.today(now)
	if !ok {
		return time.Time{}, false
	}
	year, month, _ := today.Civil()
	switch unit {
	case UnitDay:
		return c.StartOfDate(today)
	case UnitWeek:
		return c.StartOfDate(today.monday())
	case UnitMonth:
		return c.StartOfDate(civilDay(year, month, 1))
	case UnitYear:
		return c.StartOfDate(civilDay(year, time.January, 1))
	}
	return time.Time{}, false
}

// StartOfDate gives the first instant of a date in the zone, see [Date.In].
func (c Calendar) StartOfDate(d Date) (time.Time, bool) {
	if !d.valid() {
		return time.Time{}, false
	}
	return instantIn(c.startOfDay(d))
}

// DateOf gives the date that the zone's clock shows at t, the one that counts
// where a date is wanted and a timestamp is there.
func (c Calendar) DateOf(t time.Time) Date {
	offset := c.offset / secondMicros
	if c.zone != nil {
		_, seconds := t.In(c.zone).Zone()
		offset = int64(seconds)
	}
	return Date(floorDiv(floorDiv(Micros(t), secondMicros)+offset, daySeconds))
}

// Anniversary gives the first instant of that yearly day of d which is not
// over at now: on the birthday itself today 00:00, the day after it next
// year's. 29 February is 28 February in other years. The year of d does not
// matter. For a timestamp take its [Calendar.DateOf].
func (c Calendar) Anniversary(d Date, now time.Time) (time.Time, bool) {
	day, ok := c.nextYearly(d, now)
	if !ok {
		return time.Time{}, false
	}
	return c.StartOfDate(day)
}

// nextYearly gives that yearly day of d which is not over at now.
func (c Calendar) nextYearly(d Date, now time.Time) (Date, bool) {
	today, ok := c.today(now)
	if !ok || !d.valid() {
		return 0, false
	}
	year, _, _ := today.Civil()
	day := yearlyDay(d, year)
	if day < today {
		day = yearlyDay(d, year+1)
	}
	return day, true
}

// yearlyDay gives the day of a year on which d comes round.
func yearlyDay(d Date, year int) Date {
	_, month, day := d.Civil()
	return civilDay(year, month, min(day, daysIn(year, month)))
}

func (c Calendar) step(now time.Time, months int, exact int64) (time.Time, bool) {
	us := Micros(now)
	if !isInstant(us) {
		return time.Time{}, false
	}
	if months != 0 {
		us = c.firstShowing(shiftMonths(c.latestWall(us), months))
	}
	return instantIn(us + exact)
}

// shiftMonths moves a local time by whole months. A day which the month lacks
// becomes the start of the next month and not the month's end: at the end, 29,
// 30 and 31 March minus a month would each pass through all of 28 February,
// and time would run backwards at every midnight between them.
func shiftMonths(wall int64, months int) int64 {
	day := Date(floorDiv(wall, dayMicros))
	year, month, dayOfMonth := day.Civil()
	first := civilDay(year, month+time.Month(months), 1)
	next := civilDay(year, month+time.Month(months)+1, 1)
	target := first + Date(dayOfMonth-1)
	if target >= next {
		return int64(next) * dayMicros
	}
	return wall + int64(target-day)*dayMicros
}

// today gives the latest date that the zone's clock has shown up to now.
func (c Calendar) today(now time.Time) (Date, bool) {
	us := Micros(now)
	if !isInstant(us) {
		return 0, false
	}
	return Date(floorDiv(c.latestWall(us), dayMicros)), true
}

func (c Calendar) startOfDay(d Date) int64 { return c.firstShowing(int64(d) * dayMicros) }

// latestWall gives the latest local time that the zone's clock has shown up to
// now. A local time is counted like an instant, as if the zone were UTC.
func (c Calendar) latestWall(now int64) int64 {
	if c.zone == nil {
		return now + c.offset
	}
	latest := int64(math.MinInt64)
	for at := now - maxStepBack; ; {
		offset, end := c.offsetAt(at)
		if end > now {
			return max(latest, now+offset)
		}
		latest = max(latest, end-1+offset)
		at = end
	}
}

// firstShowing gives the first instant at which the zone's clock shows the
// local time or a later one.
func (c Calendar) firstShowing(wall int64) int64 {
	if c.zone == nil {
		return wall - c.offset
	}
	for at := wall - maxEast; ; {
		offset, end := c.offsetAt(at)
		if wall-offset < end {
			return max(at, wall-offset)
		}
		at = end
	}
}

// offsetAt gives the zone's offset at an instant, and an instant after it up
// to which the offset stays. All in microseconds.
//
// Of time.Time.ZoneBounds only the end is of use: where a zone changed its
// rules the start can be wrong (America/Ciudad_Juarez, 30 November 2022), and
// on 31 December of a leap year the end is not after the instant, although
// the offset then stays until the year is over in UTC.
func (c Calendar) offsetAt(us int64) (offset, end int64) {
	t := time.UnixMicro(us).In(c.zone)
	_, seconds := t.Zone()
	offset = int64(seconds) * secondMicros
	_, bound := t.ZoneBounds()
	if bound.IsZero() {
		return offset, math.MaxInt64
	}
	if end = bound.UnixMicro(); end <= us {
		end = (floorDiv(us, dayMicros) + 1) * dayMicros
	}
	return offset, end
}

func instantIn(us int64) (time.Time, bool) {
	if !isInstant(us) {
		return time.Time{}, false
	}
	return FromMicros(us), true
}

// CalendarUnit is a unit of the calendar that time can be cut by. The zero
// CalendarUnit is none.
type CalendarUnit uint8

// The units. A week begins on Monday.
const (
	UnitDay CalendarUnit = iota + 1
	UnitWeek
	UnitMonth
	UnitYear
)

// String gives "d", "w", "mo" or "y", and "none" for the zero CalendarUnit.
func (u CalendarUnit) String() string {
	switch u {
	case UnitDay:
		return "d"
	case UnitWeek:
		return "w"
	case UnitMonth:
		return "mo"
	case UnitYear:
		return "y"
	}
	return "none"
}

// ParseCalendarUnit reads the text form of a unit.
func ParseCalendarUnit(s string) (CalendarUnit, error) {
	for u := UnitDay; u <= UnitYear; u++ {
		if u.String() == s {
			return u, nil
		}
	}
	return 0, &FieldError{Path: "unit", Rule: "unknown", Hint: "one of d, w, mo, y"}
}
