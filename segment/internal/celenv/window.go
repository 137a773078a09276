package celenv

import (
	"sort"

	"github.com/audiencekit/audiencekit/audience"
)

// interest says what of the events of a stream its reader depends on.
type interest uint8

const (
	wantAll   interest = iota // every one
	wantAny                   // whether there is one
	wantFirst                 // the first
	wantLast                  // the last
)

// edge is the edge of a window. An event enters the window when all toEdges
// have passed it and now has reached it, and leaves it when the first of the
// others passes it: no edge goes back.
type edge struct {
	place
	kind edgeKind
}

type edgeKind uint8

const (
	afterEdge edgeKind = iota + 1 // events later than it
	fromEdge                      // events not earlier
	toEdge                        // events earlier
)

// passes gives when the edge passes an event: when it is on the other side of
// it, or unknown.
func (e *edge) passes(m *Moment, us int64) int64 {
	if e.kind == afterEdge {
		return e.reaches(m, us)
	}
	return e.reaches(m, us+1)
}

// pushEdge keeps an edge of the window that is looked at.
func (s *state) pushEdge(at place, kind edgeKind) {
	if !s.timed || at.course == nil && kind != toEdge {
		return // nothing leaves by an edge that stays where it is
	}
	s.edges = append(s.edges, edge{at, kind})
	s.lower(at.ends(s.moment))
}

// leaves gives when an event that is in a window leaves it.
func (s *state) leaves(edges []edge, us int64) int64 {
	out := int64(never)
	for i := range edges {
		if e := &edges[i]; e.kind != toEdge {
			out = min(out, e.passes(s.moment, us))
		}
	}
	return out
}

// enters gives when the first of n ordered events enters a window.
func (s *state) enters(edges []edge, w span64, n int, timeOf func(i int) int64) int64 {
	next := sort.Search(n, func(i int) bool { return timeOf(i) > w.to && timeOf(i) >= w.from })
	const tries = 16 // of events that would leave before they enter
	for i := next; i < n; i++ {
		us := timeOf(i)
		in := us
		for k := range edges {
			if e := &edges[k]; e.kind == toEdge {
				in = max(in, e.passes(s.moment, us))
			}
		}
		if in == never || i-next == tries || in < s.leaves(edges, us) {
			return in
		}
	}
	return never
}

func (s *state) eventEnters(edges []edge, w span64, events []audience.Event) int64 {
	if !s.timed {
		return never
	}
	return s.enters(edges, w, len(events), func(i int) int64 { return audience.Micros(events[i].Time) })
}

func (s *state) itemEnters(edges []edge, w span64, items []item) int64 {
	if !s.timed {
		return never
	}
	return s.enters(edges, w, len(items), func(i int) int64 { return audience.Micros(items[i].event.Time) })
}

// windowChanges notes when what a reader wants of a window changes. first and
// last are the times of the events in it, first is later when there are none,
// and enters is when another comes in, which is later than they are.
func (s *state) windowChanges(edges []edge, want interest, first, last, enters int64) {
	none := first > last
	if none || want == wantAll || want == wantLast {
		s.lower(enters)
	}
	switch {
	case none:
	case want == wantAll || want == wantFirst:
		s.lower(s.leaves(edges, first))
	default: // as long as the last is there
		s.lower(s.leaves(edges, last))
	}
}
