package segment_test

import (
	"sort"
	"strconv"
	"strings"
	"time"
)

// naivePeriod is a literal period: its calendar part in months, the rest
// exact.
type naivePeriod struct {
	months int
	exact  time.Duration
}

// naiveParsePeriod reads a period such as "1y6mo10d" that is known to be one.
func naiveParsePeriod(s string) naivePeriod {
	var p naivePeriod
	for s != "" {
		digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
		n, _ := strconv.Atoi(s[:digits])
		s = s[digits:]
		letters := len(s) - len(strings.TrimLeft(s, "smhdwoy"))
		switch s[:letters] {
		case "y":
			p.months += 12 * n
		case "mo":
			p.months += n
		case "w":
			p.exact += time.Duration(n) * 7 * 24 * time.Hour
		case "d":
			p.exact += time.Duration(n) * 24 * time.Hour
		case "h":
			p.exact += time.Duration(n) * time.Hour
		case "m":
			p.exact += time.Duration(n) * time.Minute
		case "s":
			p.exact += time.Duration(n) * time.Second
		default:
			panic("not a period")
		}
		s = s[letters:]
	}
	return p
}

// naiveClockSpan is longer than any zone's clock is away from UTC, or was
// ever turned.
const naiveClockSpan = 26 * time.Hour

// naiveTurn is an instant at which a zone's clock is turned.
type naiveTurn struct{ at, shownBefore time.Time }

// naiveTurns looks at the clock at every hour and finds the second of every
// turn between. (time.Time.ZoneBounds would be shorter, but is wrong on the
// last day of a leap year.)
func naiveTurns(from, to time.Time, zone *time.Location) []naiveTurn {
	offset := func(second int64) int {
		_, o := time.Unix(second, 0).In(zone).Zone()
		return o
	}
	var out []naiveTurn
	for a := from.Unix() - 1; a <= to.Unix(); a += 3600 {
		if offset(a) == offset(a+3600) {
			continue
		}
		seconds := sort.Search(3600, func(i int) bool { return offset(a+int64(i)) != offset(a) })
		at := time.Unix(a+int64(seconds), 0)
		out = append(out, naiveTurn{at.UTC(), naiveWall(at.Add(-time.Microsecond), zone)})
	}
	return out
}

// naiveWall gives what the zone's clock shows, written as an instant in UTC.
func naiveWall(t time.Time, zone *time.Location) time.Time {
	l := t.In(zone)
	return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), time.UTC)
}

// naiveLatestWall gives the latest wall time the zone's clock has shown up to
// t: while the clock repeats an hour it is the end of that hour.
func naiveLatestWall(t time.Time, zone *time.Location) time.Time {
	latest := naiveWall(t, zone)
	for _, turn := range naiveTurns(t.Add(-naiveClockSpan), t, zone) {
		if !turn.at.After(t) && turn.shownBefore.After(latest) {
			latest = turn.shownBefore
		}
	}
	return latest
}

// naiveShowing gives the first instant at which the zone's clock shows the
// wall time or a later one.
func naiveShowing(wall time.Time, zone *time.Location) time.Time {
	from := wall.Add(-naiveClockSpan)
	for _, turn := range naiveTurns(from, wall.Add(naiveClockSpan), zone) {
		if turn.at.Before(from) {
			continue
		}
		if !turn.shownBefore.Before(wall) {
			break // it shows before the turn
		}
		if !naiveWall(turn.at, zone).Before(wall) {
			return turn.at // it is skipped by the turn
		}
		from = turn.at
	}
	return from.Add(wall.Sub(naiveWall(from, zone))).UTC()
}

// naiveShift moves now by a period, forward or back.
func naiveShift(now time.Time, p naivePeriod, sign int, zone *time.Location) time.Time {
	t := now
	if p.months != 0 {
		t = naiveShowing(naiveShiftWall(naiveLatestWall(now, zone), sign*p.months), zone)
	}
	return t.Add(time.Duration(sign) * p.exact)
}

func naiveShiftWall(w time.Time, months int) time.Time {
	month := w.Year()*12 + int(w.Month()) - 1 + months
	first := time.Date(month/12, time.Month(month%12+1), 1, 0, 0, 0, 0, time.UTC)
	next := first.AddDate(0, 1, 0)
	shifted := first.AddDate(0, 0, w.Day()-1).Add(w.Sub(time.Date(w.Year(), w.Month(), w.Day(), 0, 0, 0, 0, time.UTC)))
	if !shifted.Before(next) {
		return next // the month lacks that day
	}
	return shifted
}

// naiveStartOf gives the start of the current day, week, month or year.
func naiveStartOf(now time.Time, unit string, zone *time.Location) time.Time {
	w := naiveLatestWall(now, zone)
	day := time.Date(w.Year(), w.Month(), w.Day(), 0, 0, 0, 0, time.UTC)
	switch unit {
	case "w":
		for day.Weekday() != time.Monday {
			day = day.AddDate(0, 0, -1)
		}
	case "mo":
		day = time.Date(w.Year(), w.Month(), 1, 0, 0, 0, 0, time.UTC)
	case "y":
		day = time.Date(w.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return naiveShowing(day, zone)
}

// naiveAnniversary gives the first instant of the yearly day of d that is not
// yet over.
func naiveAnniversary(now, d time.Time, zone *time.Location) time.Time {
	_, month, day := d.In(zone).Date()
	for year := now.Year() - 2; ; year++ {
		yearly := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
		if yearly.Day() != day {
			yearly = time.Date(year, time.February, 28, 0, 0, 0, 0, time.UTC)
		}
		if over := naiveShowing(yearly.AddDate(0, 0, 1), zone); over.After(now) {
			return naiveShowing(yearly, zone)
		}
	}
}

// naiveInRange reports whether an instant is one at all.
func naiveInRange(t time.Time) bool { return t.UTC().Year() >= 1 && t.UTC().Year() <= 9999 }
