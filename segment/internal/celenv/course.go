package celenv

import (
	"math"
	"time"

	"cel.dev/cel-go/common/types"

	"github.com/audiencekit/audiencekit/audience"
)

// never is later than every instant.
const never = math.MaxInt64

// course is how an instant follows now. It never goes back while now goes
// forward, so it passes every other instant once.
type course struct {
	kind   courseKind
	period audience.Period       // of agoCourse and aheadCourse
	unit   audience.CalendarUnit // of startCourse
}

type courseKind uint8

const (
	agoCourse   courseKind = iota // now minus a period, of no length for now itself
	aheadCourse                   // now plus a period
	startCourse                   // the start of a unit of the calendar
)

// at gives the instant; false when it is out of range.
func (c *course) at(cal audience.Calendar, now time.Time) (time.Time, bool) {
	switch c.kind {
	case agoCourse:
		return cal.Ago(now, c.period)
	case aheadCourse:
		return cal.Ahead(now, c.period)
	default:
		return cal.StartOf(now, c.unit)
	}
}

// fixed gives what a course adds to now in microseconds; false when that
// depends on the calendar.
func (c *course) fixed() (int64, bool) {
	d, ok := c.period.Fixed()
	if c.kind == agoCourse {
		d = -d
	}
	return d.Microseconds(), ok && c.kind != startCourse
}

// reaches gives the first now, in microseconds, at which the course is at us
// or later.
func (c *course) reaches(cal audience.Calendar, us int64) int64 {
	if by, ok := c.fixed(); ok {
		return us - by
	}
	var now time.Time
	var ok bool
	switch c.kind {
	case agoCourse:
		now, ok = cal.AgoReaches(audience.FromMicros(us), c.period)
	case aheadCourse:
		now, ok = cal.AheadReaches(audience.FromMicros(us), c.period)
	default:
		now, ok = cal.NextStart(audience.FromMicros(us-1), c.unit)
	}
	if !ok {
		return never
	}
	return audience.Micros(now)
}

// runs says up to when the course stands still, or goes as now does.
func (c *course) runs(cal audience.Calendar, now int64) (stands bool, end int64) {
	var until time.Time
	switch c.kind {
	case agoCourse:
		stands, until = cal.AgoRuns(audience.FromMicros(now), c.period)
	case aheadCourse:
		stands, until = cal.AheadRuns(audience.FromMicros(now), c.period)
	default:
		stands = true
		until, _ = cal.NextStart(audience.FromMicros(now), c.unit)
	}
	if until.IsZero() {
		return stands, never
	}
	return stands, audience.Micros(until)
}

// place is an instant in an expression: where it is now, and how it goes on.
type place struct {
	us     int64
	course *course // nil: it stays where it is
	shift  int64   // what was added to the course, in microseconds
	high   int64   // the most that was added on the way: beyond the years it is unknown
}

// movingTime is a timestamp that moves with now.
type movingTime struct {
	types.Timestamp
	place
}

// placeOf gives the place of a timestamp; false when it is unknown.
func placeOf(v any) (place, bool) {
	switch t := v.(type) {
	case *movingTime:
		return t.place, true
	case types.Timestamp:
		return place{us: audience.Micros(t.Time)}, true
	}
	return place{}, false
}

// reaches gives the first instant at which the place is us or later, or is
// unknown because it left the years 1 to 9999. It is in the past when the
// place is there already, and never when it is not on the way.
func (p *place) reaches(m *Moment, us int64) int64 {
	switch {
	case p.us >= us:
		return math.MinInt64
	case p.course == nil:
		return never
	}
	last := audience.Micros(audience.MaxInstant()) - p.high
	if us-p.shift > last {
		return p.ends(m)
	}
	return p.course.reaches(m.program.env.calendar, us-p.shift)
}

// ends gives an instant up to which the place does not leave the years 1 to
// 9999: the first at which it does, unless that is far away.
func (p *place) ends(m *Moment) int64 {
	if p.course == nil || p.course.kind != aheadCourse && p.high == 0 {
		return never
	}
	const day = 24 * int64(time.Hour/time.Microsecond)
	last := audience.Micros(audience.MaxInstant()) - p.high
	by, fixed := p.course.fixed()
	if !fixed {
		// At most so much is added, clocks that are turned included.
		by = 2 * day
		if p.course.kind == aheadCourse {
			by += 31*day*int64(p.course.period.Months()) + p.course.period.Exact().Microseconds()
		}
		if last-by <= m.us {
			return p.course.reaches(m.program.env.calendar, last+1)
		}
	}
	return last + 1 - by
}

// leaves gives the first instant at which the difference x - y is not from lo
// to hi any more, or is unknown. It is there now.
func (m *Moment) leaves(x, y place, lo, hi int64) int64 {
	switch {
	case x.course == nil && y.course == nil:
		return never
	case y.course == nil:
		return x.reaches(m, y.us+hi+1)
	case x.course == nil:
		return y.reaches(m, x.us-lo+1)
	}
	ends := min(x.ends(m), y.ends(m))
	_, fixed1 := x.course.fixed()
	_, fixed2 := y.course.fixed()
	if fixed1 && fixed2 || *x.course == *y.course {
		return ends // their difference stays
	}
	return m.drift(x, y, lo, hi, ends)
}

// drift follows two places that move differently: by the calendar, each
// stands or goes as now does, from one break to the next.
func (m *Moment) drift(x, y place, lo, hi, ends int64) int64 {
	const breaks = 64 // of years, mostly; then it is looked at anew
	cal, now := m.program.env.calendar, m.us
	for range breaks {
		stands1, end1 := x.course.runs(cal, now)
		stands2, end2 := y.course.runs(cal, now)
		end, d := min(end1, end2), x.us-y.us
		if !stands1 && stands2 && hi-d < end-now {
			return min(ends, now+hi-d+1)
		}
		if stands1 && !stands2 && d-lo < end-now {
			return min(ends, now+d-lo+1)
		}
		// Neither can be passed before the other is where it is now.
		now = max(end, min(x.reaches(m, y.us+hi+1), y.reaches(m, x.us-lo+1)))
		if now >= ends || !m.follow(&x, now) || !m.follow(&y, now) {
			return min(ends, now)
		}
		if d := x.us - y.us; d < lo || d > hi {
			return now
		}
	}
	return now
}

// follow moves a place on to a later now; false when it is out of range.
func (m *Moment) follow(p *place, now int64) bool {
	if now > audience.Micros(audience.MaxInstant()) {
		return false
	}
	t, ok := p.course.at(m.program.env.calendar, audience.FromMicros(now))
	p.us = audience.Micros(t) + p.shift
	return ok
}

// change gives the next instant at which an instant of the moment changes in
// a way that its readers do not follow: by steps, or by becoming known.
func (m *Moment) change(i int) int64 {
	c, cal := &m.program.moments[i], m.program.env.calendar
	if c.kind == startCourse {
		next, ok := cal.NextStart(m.now, c.unit)
		if !ok {
			return never
		}
		return audience.Micros(next)
	}
	if m.instants[i].known {
		return never
	}
	if at := c.reaches(cal, audience.Micros(audience.MinInstant())); at > m.us {
		return at
	}
	return never // it is after the year 9999
}
