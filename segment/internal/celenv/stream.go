package celenv

import (
	"slices"
	"sort"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/audiencekit/audiencekit/audience"
)

// stream is what events(...) and the calls on it choose: the events of some
// types, or those of a pair of streams, narrowed by windows and conditions.
type stream struct {
	types   []audience.EventType // that its events can have
	a, b    *stream              // of then and without
	length  int64                // of a pair, in microseconds
	without bool
	narrows []narrow
}

type narrowKind uint8

const (
	withinNarrow narrowKind = iota + 1 // (instant, now]
	edgesNarrow                        // [from, to)
	whereNarrow
)

// narrow is one window or condition of a stream.
type narrow struct {
	kind     narrowKind
	moment   int // within: the instant before its first
	from, to *slot
	pred     *slot
	weight   int       // of the condition, in steps
	since    *Movement // the instant that moves with now and that it begins at, nil: anything else
	// Of within and edges the instants when they depend on now alone.
	fromEdge, toEdge *Edge
}

// narrowed gives the stream with one more window or condition.
func (s *stream) narrowed(n narrow) *stream {
	c := *s
	c.narrows = append(slices.Clip(s.narrows), n)
	return &c
}

func (s *stream) typeNames() []string {
	out := make([]string, len(s.types))
	for i, t := range s.types {
		out[i] = t.Name
	}
	return out
}

// slots gives the parts of the expression that the stream evaluates.
func (s *stream) slots() []*slot {
	var out []*slot
	if s.a != nil {
		out = append(s.a.slots(), s.b.slots()...)
	}
	for _, n := range s.narrows {
		for _, slot := range []*slot{n.from, n.to, n.pred} {
			if slot != nil {
				out = append(out, slot)
			}
		}
	}
	return out
}

// filtered reports whether the stream is more than the events of its types
// within a window.
func (s *stream) filtered() bool {
	return s.a != nil || slices.ContainsFunc(s.narrows, func(n narrow) bool { return n.kind == whereNarrow })
}

// span64 is a window in microseconds, both ends in it.
type span64 struct{ from, to int64 }

// window intersects the windows of the stream. It reports false when an edge
// is unknown, and then every aggregate is.
func (s *stream) window(f *frame, st *state) (span64, bool) {
	w := span64{from: audience.Micros(audience.MinInstant()), to: audience.Micros(st.moment.now)}
	for _, n := range s.narrows {
		switch n.kind {
		case withinNarrow:
			from := &st.moment.instants[n.moment]
			if !from.known {
				st.instant(n.moment)
				return w, false
			}
			w.from = max(w.from, from.micros+1)
			if st.timed {
				st.pushEdge(st.moment.times[n.moment].place, afterEdge)
			}
		case edgesNarrow:
			if n.from != nil {
				at, ok := placeOf(n.from.run.Exec(f))
				if !ok {
					return w, false
				}
				w.from = max(w.from, at.us)
				st.pushEdge(at, fromEdge)
			}
			if n.to != nil {
				at, ok := placeOf(n.to.run.Exec(f))
				if !ok {
					return w, false
				}
				w.to = min(w.to, at.us-1)
				st.pushEdge(at, toEdge)
			}
		default:
		}
	}
	return w, true
}

// within gives the part of ordered events that lies in the window.
func (w span64) within(events []audience.Event) []audience.Event {
	if w.to < w.from {
		return nil
	}
	lo := sort.Search(len(events), func(i int) bool { return audience.Micros(events[i].Time) >= w.from })
	hi := lo + sort.Search(len(events)-lo, func(i int) bool { return audience.Micros(events[lo+i].Time) > w.to })
	return events[lo:hi]
}

// collect puts the events of the stream on top of the state's stack, in
// order. It reports false when an edge of a window is unknown. Either way the
// caller cuts the stack back to where it was.
func (s *stream) collect(f *frame, st *state, want interest) bool {
	edges := len(st.edges)
	ok := s.choose(f, st, edges, want)
	st.edges = st.edges[:edges]
	return ok
}

// choose is collect; the edges of the stream's windows go on top of theirs.
func (s *stream) choose(f *frame, st *state, edges int, want interest) bool {
	mark := len(st.items)
	w, ok := s.window(f, st)
	if !ok {
		return false
	}
	var enters int64
	if s.a != nil {
		if !s.collectPair(f, st) {
			return false
		}
		enters = st.itemEnters(st.edges[edges:], w, st.items[mark:])
		st.keep(mark, func(i item) bool {
			us := audience.Micros(i.event.Time)
			return w.from <= us && us <= w.to
		})
	} else {
		enters = s.collectTypes(st, w, st.edges[edges:])
	}
	for _, n := range s.narrows {
		if n.kind == whereNarrow {
			st.where(f, mark, n)
		}
	}
	if st.timed {
		first, last := endsOf(st.items[mark:])
		st.windowChanges(st.edges[edges:], want, first, last, enters)
	}
	return true
}

// collectTypes puts the events of all types within a window on the stack, and
// gives when another enters it.
func (s *stream) collectTypes(st *state, w span64, edges []edge) (enters int64) {
	mark := len(st.items)
	enters = never
	sources := 0
	for place := range s.types {
		all := st.row.Events(s.types[place].Name)
		enters = min(enters, st.eventEnters(edges, w, all))
		events := w.within(all)
		if len(events) == 0 {
			continue
		}
		sources++
		st.charge(len(events))
		for i := range events {
			st.items = append(st.items, item{&events[i], place})
		}
	}
	st.high = max(st.high, len(st.items))
	if sources > 1 {
		slices.SortFunc(st.items[mark:], func(a, b item) int { return audience.CompareEvents(*a.event, *b.event) })
	}
	return enters
}

// keep drops from the stack, down to mark, what f does not want.
func (s *state) keep(mark int, f func(item) bool) {
	kept := mark
	for _, i := range s.items[mark:] {
		if f(i) {
			s.items[kept] = i
			kept++
		}
	}
	s.items = s.items[:kept]
}

// where drops from the stack, down to mark, the events for which a condition
// is not true.
func (s *state) where(f *frame, mark int, n narrow) {
	outer := s.event
	s.keep(mark, func(i item) bool {
		s.charge(n.weight)
		s.event = i
		return n.pred.run.Exec(f) == types.True
	})
	s.event = outer
}

// collectPair puts the events of then or without on the stack.
func (s *stream) collectPair(f *frame, st *state) bool {
	mark := len(st.items)
	if !s.a.collect(f, st, wantAll) {
		return false
	}
	middle := len(st.items)
	if !s.b.collect(f, st, wantAll) {
		return false
	}
	end := len(st.items)
	st.charge(end - mark)
	if s.without {
		s.unanswered(st, mark, middle, end)
	} else {
		s.answers(st, mark, middle, end)
	}
	st.high = max(st.high, len(st.items))
	st.items = append(st.items[:mark], st.items[end:]...)
	return true
}

// answers appends the events of b, which lie from middle to end, that follow
// an event of a, which lie from mark to middle, closely enough.
func (s *stream) answers(st *state, mark, middle, end int) {
	before := mark // the first event of a that is not earlier than that of b
	for j := middle; j < end; j++ {
		b := st.items[j]
		at := audience.Micros(b.event.Time)
		for before < middle && audience.Micros(st.items[before].event.Time) < at {
			before++
		}
		if before > mark && at-audience.Micros(st.items[before-1].event.Time) <= s.length {
			st.items = append(st.items, b)
		}
	}
}

// unanswered appends the events of a whose time is over and that no event of
// b followed.
func (s *stream) unanswered(st *state, mark, middle, end int) {
	now := audience.Micros(st.moment.now)
	after := middle // the first event of b that is later than that of a
	for i := mark; i < middle; i++ {
		a := st.items[i]
		at := audience.Micros(a.event.Time)
		for after < end && audience.Micros(st.items[after].event.Time) <= at {
			after++
		}
		answered := after < end && audience.Micros(st.items[after].event.Time) <= at+s.length
		switch {
		case answered:
		case at+s.length <= now:
			st.items = append(st.items, a)
		default:
			st.lower(at + s.length)
		}
	}
}

// readEventType and readEventTime read the event that where is about.
func readEventType(s *state) ref.Val { return types.String(s.event.event.Type) }

func readEventTime(s *state) ref.Val { return types.Timestamp{Time: s.event.event.Time.UTC()} }

// propertyRead reads a property of the event that where is about.
func propertyRead(e *Env, ids []audience.PropID, t audience.Type) reader {
	convert := converter(e, t)
	return func(s *state) ref.Val { return convert(s.event.event.Prop(ids[s.event.place])) }
}
