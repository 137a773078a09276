package segment_test

import (
	"sort"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// naiveEdge picks an instant at which something of the expression changes
// for the contact, or one microsecond beside it.
func (w *naiveWorld) naiveEdge(n *naiveNode, p *audience.Profile) time.Time {
	if w.chance(0.2) {
		return w.base // when most of what there is has happened
	}
	times := w.naiveTimesOf(p)
	moves := w.naiveMovesOf(n)
	t := naivePick(w.random, times)
	if len(moves) > 0 && w.chance(0.8) {
		t = naivePick(w.random, moves)(t)
	}
	t = t.Add(time.Duration(w.random.IntN(3)-1) * time.Microsecond).UTC().Truncate(time.Microsecond)
	if t.Year() < 1900 || t.Year() > 2200 {
		return w.instant()
	}
	return t
}

// naiveTimesOf gives every instant that is known of a contact.
func (w *naiveWorld) naiveTimesOf(p *audience.Profile) []time.Time {
	out := []time.Time{p.Contact.CreatedAt, p.Contact.UpdatedAt, w.base}
	for _, f := range p.Contact.Fields {
		if t, ok := (&naiveEval{world: w}).value(f.Value).(time.Time); ok {
			out = append(out, t)
		}
	}
	for _, s := range p.Streams {
		for _, e := range s.Events {
			out = append(out, e.Time)
		}
	}
	if !p.SuppressedFrom.IsZero() {
		out = append(out, p.SuppressedFrom)
	}
	return append(out, naiveTimesOfHistory(p.History)...)
}

func naiveTimesOfHistory(h audience.History) []time.Time {
	var out []time.Time
	for _, r := range h.Records {
		out = append(out, r.Acted)
		if !r.Expires.IsZero() {
			out = append(out, r.Expires)
		}
	}
	for _, m := range h.Merged {
		out = append(out, m.At)
		out = append(out, naiveTimesOfHistory(m.History)...)
	}
	return out
}

// naiveMovesOf gives, for what of an expression has to do with time, how it
// takes an instant of the contact to the instant at which it matters.
func (w *naiveWorld) naiveMovesOf(n *naiveNode) []func(time.Time) time.Time {
	var out []func(time.Time) time.Time
	midnight := func(t time.Time) time.Time {
		wall := naiveWall(t, w.zone)
		return naiveShowing(time.Date(wall.Year(), wall.Month(), wall.Day()+w.random.IntN(2), 0, 0, 0, 0, time.UTC), w.zone)
	}
	n.walk(func(n *naiveNode) {
		switch n.op {
		case "within", "ago":
			p := naiveParsePeriod(n.text)
			out = append(out, func(t time.Time) time.Time { return w.naiveReaches(t, p, -1) })
		case "ahead":
			p := naiveParsePeriod(n.text)
			out = append(out, func(t time.Time) time.Time { return w.naiveReaches(t, p, 1) })
		case "then", "without":
			p := naiveParsePeriod(n.text)
			out = append(out, func(t time.Time) time.Time { return t.Add(p.exact) })
		case "duration":
			out = append(out, func(t time.Time) time.Time { return t.Add(n.span) }, func(t time.Time) time.Time { return t.Add(-n.span) })
		case "timestamp":
			out = append(out, func(time.Time) time.Time { return n.at })
		case "startOf", "anniversary", "getter", "date":
			out = append(out, midnight, func(t time.Time) time.Time { // the next time the clock is turned
				if _, end := t.In(w.zone).ZoneBounds(); !end.IsZero() {
					return end
				}
				return t
			})
			if n.op == "anniversary" {
				out = append(out, func(t time.Time) time.Time { return midnight(naiveAnniversary(w.base, t, w.zone)) })
			}
		}
	})
	return out
}

// naiveReaches gives the first now from which a period leads to t or later.
func (w *naiveWorld) naiveReaches(t time.Time, p naivePeriod, sign int) time.Time {
	guess := t.Add(-time.Duration(sign) * (p.exact + time.Duration(p.months)*30*24*time.Hour)).Truncate(time.Microsecond)
	if p.months == 0 || guess.Year() < 1900 || guess.Year() > 2200 {
		return guess
	}
	const span = 60 * 24 * 3600e6 // microseconds on both sides of the guess
	from := guess.Add(-span * time.Microsecond)
	n := sort.Search(2*span, func(i int) bool {
		return !naiveShift(from.Add(time.Duration(i)*time.Microsecond), p, sign, w.zone).Before(t)
	})
	return from.Add(time.Duration(n) * time.Microsecond)
}
