package store

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/audiencekit/audiencekit/audience"
)

// each visits the chosen events of each type, in order, with the place of the
// type. It reports false when a type was not read.
func (f *EventFilter) each(m *matcher, visit func(place int, events []audience.Event)) bool {
	for place, t := range f.Types {
		if !slices.Contains(m.profile.Parts.Events, t) {
			return false
		}
		if slices.Index(f.Types, t) < place {
			continue
		}
		if events := f.within(m.profile.Events(t)); len(events) > 0 {
			visit(place, events)
		}
	}
	return true
}

// within gives the part of ordered events that lies in the window.
func (f *EventFilter) within(events []audience.Event) []audience.Event {
	from, until := audience.Micros(f.From), audience.Micros(f.Until)
	lo, hi := 0, len(events)
	if !f.From.IsZero() {
		lo = sort.Search(hi, func(i int) bool { return audience.Micros(events[i].Time) >= from })
	}
	if !f.Until.IsZero() {
		hi = sort.Search(hi, func(i int) bool { return audience.Micros(events[i].Time) >= until })
	}
	if hi <= lo {
		return nil
	}
	return events[lo:hi]
}

// count gives how many events the filter chooses; false when that was not
// read.
func (f *EventFilter) count(m *matcher) (int64, bool) {
	n := int64(0)
	ok := f.each(m, func(_ int, events []audience.Event) { n += int64(len(events)) })
	return n, ok
}

// total adds a property up in m.sum; false when the events were not read.
func (f *EventFilter) total(m *matcher, props []audience.PropID) bool {
	m.sum.Reset()
	return f.each(m, func(place int, events []audience.Event) {
		if place >= len(props) || props[place] == 0 {
			return
		}
		for i := range events {
			v := events[i].Prop(props[place])
			if n, ok := v.Int(); ok {
				m.sum.AddInt(n)
			} else if d, ok := v.Double(); ok {
				m.sum.Add(d)
			}
		}
	})
}

// compareDoubles compares what may be infinite or no number with a constant.
func (o CompareOp) compareDoubles(v, constant float64) truth {
	if math.IsInf(v, 0) || math.IsNaN(v) || math.IsNaN(constant) {
		return isUnknown
	}
	return o.truth(cmp.Compare(v, constant))
}

func (p CompareCount) truth(m *matcher) truth {
	n, ok := p.Events.count(m)
	if !ok {
		return isUnknown
	}
	return p.Op.truth(cmp.Compare(n, p.N))
}

func (p CompareSum) truth(m *matcher) truth {
	if !p.Events.total(m, p.Props) {
		return isUnknown
	}
	return p.Op.compareDoubles(m.sum.Float(), p.Value)
}

func (p CompareAvg) truth(m *matcher) truth {
	if !p.Events.total(m, p.Props) || m.sum.Len() == 0 {
		return isUnknown
	}
	return p.Op.compareDoubles(m.sum.Mean(), p.Value)
}

func (p CompareRate) truth(m *matcher) truth {
	of, ok1 := p.Of.count(m)
	over, ok2 := p.Over.count(m)
	if !ok1 || !ok2 || over == 0 {
		return isUnknown
	}
	return p.Op.compareDoubles(float64(of)/float64(over), p.Value)
}

func (p CompareEdge) truth(m *matcher) truth {
	var at int64
	found := false
	ok := p.Events.each(m, func(_ int, events []audience.Event) {
		us := audience.Micros(events[0].Time)
		if p.Last {
			us = audience.Micros(events[len(events)-1].Time)
		}
		if !found || p.Last && us > at || !p.Last && us < at {
			at = us
		}
		found = true
	})
	if !ok || !found {
		return isUnknown
	}
	return p.Op.truth(cmp.Compare(at, audience.Micros(p.At)))
}

func (f *EventFilter) parts() audience.ProfileParts {
	return audience.ProfileParts{}.Union(audience.ProfileParts{Events: f.Types})
}

func (p CompareCount) parts() audience.ProfileParts { return p.Events.parts() }
func (p CompareSum) parts() audience.ProfileParts   { return p.Events.parts() }
func (p CompareAvg) parts() audience.ProfileParts   { return p.Events.parts() }
func (p CompareRate) parts() audience.ProfileParts  { return p.Of.parts().Union(p.Over.parts()) }
func (p CompareEdge) parts() audience.ProfileParts  { return p.Events.parts() }
