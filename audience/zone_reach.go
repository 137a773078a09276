package audience

import (
	"math"
	"time"
)

// The methods below look forward: at which later now an answer that depends
// on now changes. They cost about as much as the answer itself.

// AgoReaches gives the first now from which on [Calendar.Ago] is t or later,
// which makes it the inverse of Ago. t may lie outside the years 1 to 9999;
// then the answer is when Ago leaves them. It reports false when no now of
// these years is late enough.
func (c Calendar) AgoReaches(t time.Time, p Period) (time.Time, bool) {
	return c.reaches(t, -int(p.months), -int64(p.exact/time.Microsecond))
}

// AheadReaches gives the first now from which on [Calendar.Ahead] is t or
// later, as [Calendar.AgoReaches] does for Ago.
func (c Calendar) AheadReaches(t time.Time, p Period) (time.Time, bool) {
	return c.reaches(t, int(p.months), int64(p.exact/time.Microsecond))
}

// AgoRuns says how [Calendar.Ago] goes on from now: up to the instant end,
// which is later than now and not part of it, it either stands still or
// advances as fast as now does. The zero end is never. Where another such
// stretch follows without a difference, end may be early.
func (c Calendar) AgoRuns(now time.Time, p Period) (stands bool, end time.Time) {
	return c.runs(now, -int(p.months))
}

// AheadRuns says how [Calendar.Ahead] goes on from now, as [Calendar.AgoRuns]
// does for Ago.
func (c Calendar) AheadRuns(now time.Time, p Period) (stands bool, end time.Time) {
	return c.runs(now, int(p.months))
}

// NextStart gives the first instant of the day, week, month or year after the
// one that it is in the zone at now: when [Calendar.StartOf] changes. It
// reports false where that is after the year 9999.
func (c Calendar) NextStart(now time.Time, unit CalendarUnit) (time.Time, bool) {
	today, ok := c.today(now)
	if !ok {
		return time.Time{}, false
	}
	year, month, _ := today.Civil()
	switch unit {
	case UnitDay:
		return reached(c.startOfDay(today + 1))
	case UnitWeek:
		return reached(c.startOfDay(today.monday() + 7))
	case UnitMonth:
		return reached(c.startOfDay(civilDay(year, month+1, 1)))
	case UnitYear:
		return reached(c.startOfDay(civilDay(year+1, time.January, 1)))
	}
	return time.Time{}, false
}

// AnniversaryOver gives the first instant at which the day that
// [Calendar.Anniversary] gives at now is over, so that its answer changes. It
// reports false where that is after the year 9999.
func (c Calendar) AnniversaryOver(d Date, now time.Time) (time.Time, bool) {
	day, ok := c.nextYearly(d, now)
	if !ok {
		return time.Time{}, false
	}
	return reached(c.startOfDay(day + 1))
}

func reached(us int64) (time.Time, bool) {
	if us > maxMicros {
		return time.Time{}, false
	}
	return FromMicros(max(us, minMicros)), true
}

// reaches inverts step. Local time w has been shown by an instant exactly when
// the latest local time shown up to that instant is w or later, so the steps
// can be taken back one by one.
func (c Calendar) reaches(t time.Time, months int, exact int64) (time.Time, bool) {
	us := min(max(Micros(t), minMicros), maxMicros+1) - exact
	if months != 0 {
		us = c.firstShowing(unshiftMonths(c.latestWall(us-1)+1, months))
	}
	return reached(us)
}

// unshiftMonths gives the first local time that shiftMonths moves to wall or
// later.
func unshiftMonths(wall int64, months int) int64 {
	day := Date(floorDiv(wall, dayMicros))
	if year, month, dayOfMonth := day.Civil(); dayOfMonth == 1 && wall == int64(day)*dayMicros {
		// The days that the month before lacks all became this instant.
		before, source := civilDay(year, month-1, 1), civilDay(year, month-time.Month(months)-1, 1)
		if lacks := source + (day - before); lacks < civilDay(year, month-time.Month(months), 1) {
			return int64(lacks) * dayMicros
		}
	}
	return shiftMonths(wall, -months)
}

// runs looks at the three parts of a calendar step: the latest local time
// shown, which stands while a clock repeats itself; the shift by months, which
// stands while the target month lacks the day; and the first instant that
// shows the result, which stands where the clock skipped it.
func (c Calendar) runs(now time.Time, months int) (stands bool, end time.Time) {
	if months == 0 {
		return false, time.Time{}
	}
	us := Micros(now)
	wall, left := c.latestWall(us), int64(math.MaxInt64)
	if c.zone != nil {
		offset, bound := c.offsetAt(us)
		left = bound - us
		if behind := wall - (us + offset); behind > 0 {
			stands, left = true, min(left, behind)
		}
	}
	lacks, rest := monthRest(wall, months)
	if !stands {
		left = min(left, rest) // else local time does not move
	}
	stands = stands || lacks
	if c.zone != nil {
		target := shiftMonths(wall, months)
		at := c.firstShowing(target)
		offset, bound := c.offsetAt(at)
		if skipped := at + offset - target; skipped > 0 {
			stands, left = true, min(left, skipped)
		} else {
			left = min(left, bound-at)
		}
	}
	return stands, FromMicros(us + min(left, maxMicros+1-us))
}

// monthRest says whether the month that a local time is moved to lacks its
// day, and how long it takes until that changes or the month is over.
func monthRest(wall int64, months int) (lacks bool, rest int64) {
	year, month, dayOfMonth := Date(floorDiv(wall, dayMicros)).Civil()
	first, next := civilDay(year, month, 1), civilDay(year, month+1, 1)
	missing := first + civilDay(year, month+time.Month(months)+1, 1) - civilDay(year, month+time.Month(months), 1)
	if lacks = first+Date(dayOfMonth-1) >= missing; !lacks {
		next = min(next, missing)
	}
	return lacks, int64(next)*dayMicros - wall
}
