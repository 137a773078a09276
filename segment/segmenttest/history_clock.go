package segmenttest

import (
	"slices"
	"sort"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// longJump is what the clock moves by now and then only.
const longJump = 35 * 24 * time.Hour

// clock moves the clock: most often to where something is due, or one microsecond beside it.
func (h *history) clock() (deed, bool) {
	kind, to := "clock edge", time.Time{}
	nudge := pick(h.random, []time.Duration{0, 0, -time.Microsecond, -time.Microsecond, time.Microsecond})
	switch n := h.random.IntN(100); {
	case n < 40:
		if kind, to = "clock flip", h.flipAhead(); to.IsZero() {
			kind, to = "clock edge", h.dueNext()
		}
	case n < 65:
		to = h.dueNext()
	case n < 72:
		kind, to = "clock midnight", h.midnight(h.now(), 1)
	case n < 78:
		kind, to = "clock hour", h.now().Truncate(time.Hour).Add(time.Hour)
	case n < 83:
		kind, to = "clock anniversary", h.anniversary()
	case n < 86:
		kind = "clock turned"
		_, to = h.now().In(h.zone).ZoneBounds()
	case n < 90:
		kind, to = "clock one microsecond", h.now().Add(time.Microsecond)
		nudge = 0
	case n < 97:
		kind, to = "clock somewhere", h.now().Add(time.Duration(h.random.Int64N(5*24*3600e6))*time.Microsecond)
	default:
		kind, to = "clock far", h.now().Add(time.Duration(h.random.Int64N(4*365*24))*time.Hour)
	}
	if to.IsZero() {
		return deed{}, false
	}
	to = to.Add(nudge)
	if nudge < 0 {
		kind += ", right before"
	} else if nudge > 0 {
		kind += ", right after"
	}
	to, err := audience.Instant(to)
	if err != nil || !to.After(h.now()) || to.Sub(h.now()) > 6*365*24*time.Hour {
		return deed{}, false
	}
	if to.Sub(h.now()) > longJump && h.chance(0.85) { // what has happened is to matter for a while
		return deed{}, false
	}
	if edge := to.Add(time.Microsecond); nudge < 0 && h.chance(0.5) && !edge.After(audience.MaxInstant()) {
		h.queue = append(h.queue, deed{"clock one microsecond", Advance{To: edge}})
	}
	return deed{kind, Advance{To: to}}, true
}

// dueNext gives an instant ahead at which something may be due, of several the next one more often than not.
func (h *history) dueNext() time.Time {
	var ahead []time.Time
	for range 30 {
		if t := h.due(); t.After(h.now()) && t.Before(h.now().Add(3*365*24*time.Hour)) {
			ahead = append(ahead, t)
		}
		if len(ahead) == 5 {
			break
		}
	}
	switch {
	case len(ahead) == 0:
		return time.Time{}
	case h.chance(0.6):
		return slices.MinFunc(ahead, time.Time.Compare)
	}
	return ahead[0]
}

// flipAhead gives an instant ahead at which the answer for some contact changes by time alone: zero if none is found.
func (h *history) flipAhead() time.Time {
	o := h.oracle
	if o.set == nil || !o.now.Equal(h.now()) {
		return time.Time{}
	}
	ahead := pick(h.random, []time.Duration{time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, longJump})
	moment := o.set.At(h.now().Add(ahead))
	var moving []*oracleRow
	for i := range o.rows {
		in, err := moment.Match(&o.rows[i].profile, nil)
		if err == nil && differences(in, o.rows[i].in) > 0 {
			moving = append(moving, &o.rows[i])
		}
	}
	if len(moving) == 0 {
		return time.Time{}
	}
	row := pick(h.random, moving)
	n := sort.Search(int(ahead/time.Microsecond), func(i int) bool {
		in, err := o.set.At(h.now().Add(time.Duration(i)*time.Microsecond)).Match(&row.profile, nil)
		return err != nil || differences(in, row.in) > 0
	})
	return h.now().Add(time.Duration(n) * time.Microsecond)
}

// due gives an instant at which a fact and a period of the segments meet now.
func (h *history) due() time.Time {
	t := h.fact()
	switch n := h.random.IntN(10); {
	case n < 7 && len(h.pools.periods) > 0:
		p := pick(h.random, h.pools.periods)
		sign := -1
		if h.chance(0.15) {
			sign = 1
		}
		return h.reaches(t, p, sign)
	case n < 8 && len(h.pools.spans) > 0:
		span := pick(h.random, h.pools.spans)
		if h.chance(0.2) {
			span = -span
		}
		return t.Add(span)
	case n < 9:
		return h.midnight(t, h.random.IntN(2))
	}
	return t
}

// fact gives an instant that something is about, every other time one of the last that were told.
func (h *history) fact() time.Time {
	const recent = 12
	if len(h.facts) > recent && h.chance(0.5) {
		return pick(h.random, h.facts[len(h.facts)-recent:])
	}
	return pick(h.random, h.facts)
}

// midnight gives the first instant of the day on which an instant is, or of one of the next days.
func (h *history) midnight(t time.Time, days int) time.Time {
	out, ok := h.calendar.StartOfDate(h.calendar.DateOf(t) + audience.Date(days))
	if !ok {
		return time.Time{}
	}
	return out
}

// anniversary gives the next yearly day of a fact, or the day after.
func (h *history) anniversary() time.Time {
	d := h.calendar.DateOf(h.fact())
	out, ok := h.calendar.Anniversary(d, h.now())
	if !ok {
		return time.Time{}
	}
	return h.midnight(out, h.random.IntN(2))
}

// reaches gives the first now from which a period, back (-1) or ahead (1), leads to an instant or a later one.
func (h *history) reaches(t time.Time, p audience.Period, sign int) time.Time {
	lead := func(now time.Time) (time.Time, bool) {
		if sign < 0 {
			return h.calendar.Ago(now, p)
		}
		return h.calendar.Ahead(now, p)
	}
	const span = 60 * 24 * 3600e6 // microseconds on both sides of a guess
	guess := t.AddDate(0, -sign*p.Months(), 0).Add(-time.Duration(sign) * p.Exact())
	if p.Months() == 0 || guess.Year() < 1900 || guess.Year() > 2300 {
		return guess
	}
	from := guess.Add(-span * time.Microsecond)
	n := sort.Search(2*span, func(i int) bool {
		led, ok := lead(from.Add(time.Duration(i) * time.Microsecond))
		return ok && !led.Before(t)
	})
	return from.Add(time.Duration(n) * time.Microsecond)
}

// when gives an instant for something that is told of now: now, late, long ago, ahead, at the instant of something else,
// or so that a window of the segments opens or closes on it now.
func (h *history) when() time.Time {
	nudge := time.Duration(h.random.IntN(3)-1) * time.Microsecond
	var t time.Time
	switch n := h.random.IntN(100); {
	case n < 25:
		return h.now()
	case n < 40:
		return h.fact()
	case n < 50:
		t = h.fact().Add(nudge)
	case n < 72 && len(h.pools.periods) > 0:
		p := pick(h.random, h.pools.periods)
		if back, ok := h.calendar.Ago(h.now(), p); ok {
			t = back.Add(nudge)
		}
	case n < 78 && len(h.pools.spans) > 0:
		t = h.fact().Add(pick(h.random, h.pools.spans)).Add(nudge)
	case n < 86:
		t = h.now().Add(time.Duration(h.random.Int64N(40*24*3600e6)) * time.Microsecond)
	case n < 88:
		t = h.now().AddDate(-h.random.IntN(8), 0, 0)
	default:
		t = h.now().Add(-time.Duration(h.random.Int64N(400*24*3600e6)) * time.Microsecond)
	}
	t, err := audience.Instant(t)
	if err != nil || t.IsZero() {
		return h.now()
	}
	return t
}

// past gives an instant like when, but none ahead.
func (h *history) past() time.Time {
	for range 20 {
		if t := h.when(); !t.After(h.now()) {
			return t
		}
	}
	return h.now()
}
