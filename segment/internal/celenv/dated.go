package celenv

import (
	"slices"

	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/audiencekit/audiencekit/audience"
)

// Edge is an instant that depends on now alone: a constant, or what moves
// with now, shifted perhaps.
type Edge struct {
	course *course // nil: the constant us
	us     int64
	steps  []edgeStep // what is done to it, one after the other
}

// edgeStep makes an instant another one.
type edgeStep struct {
	yearly bool  // its anniversary, else
	by     int64 // so many microseconds are added
}

// At gives the instant at now, in microseconds; false when it, or anything on
// the way to it, is out of range.
func (e *Edge) At(cal audience.Calendar, now int64) (int64, bool) {
	us := e.us
	if e.course != nil {
		t, ok := e.course.at(cal, audience.FromMicros(now))
		if !ok {
			return 0, false
		}
		us = audience.Micros(t)
	}
	for _, s := range e.steps {
		if s.yearly {
			t, ok := cal.Anniversary(cal.DateOf(audience.FromMicros(us)), audience.FromMicros(now))
			if !ok {
				return 0, false
			}
			us = audience.Micros(t)
			continue
		}
		if us += s.by; !inRange(us) {
			return 0, false
		}
	}
	return us, true
}

func (e *Edge) then(s edgeStep) *Edge {
	out := *e
	out.steps = append(slices.Clip(e.steps), s)
	return &out
}

// Window is a window of events. An edge that is unknown makes everything of
// the window unknown.
type Window struct {
	From  *Edge // nil: from the beginning
	After bool  // From itself is outside
	To    *Edge // events before it; nil: those up to now
}

// Span intersects windows at now, in microseconds: events from from on and
// before to. It reports false when an edge is unknown.
func Span(windows []Window, cal audience.Calendar, now int64) (from, to int64, ok bool) {
	from, to = audience.Micros(audience.MinInstant()), now+1
	for _, w := range windows {
		if w.From != nil {
			us, ok := w.From.At(cal, now)
			if !ok {
				return 0, 0, false
			}
			if w.After {
				us++
			}
			from = max(from, us)
		}
		if w.To != nil {
			us, ok := w.To.At(cal, now)
			if !ok {
				return 0, 0, false
			}
			to = min(to, us)
		}
	}
	return from, to, true
}

// EdgeTest compares a timestamp with an instant that depends on now alone;
// unknown when either is.
type EdgeTest struct {
	Feature Feature
	Op      CompareOp
	To      *Edge
	By      int64 // is added to To, in microseconds; the sum may be out of range
	// Difference: it is unknown, too, when the timestamp is further from To,
	// without By, than a duration can be long.
	Difference bool
}

func (EdgeTest) isTest() {}

// LongestDuration is how far two timestamps may be apart for their difference
// to be known, in microseconds.
const LongestDuration = longest

// difference is a timestamp minus an instant that depends on now alone, or the
// other way round when reverse.
type difference struct {
	of      *Feature
	to      *Edge
	reverse bool
}

// edgeOf gives the instant when it depends on now alone, else nil.
func (v value) edgeOf() *Edge {
	if v.edge != nil || !v.isLiteral() {
		return v.edge
	}
	if t, ok := v.tree.AsLiteral().(types.Timestamp); ok {
		return &Edge{us: audience.Micros(t.Time)}
	}
	return nil
}

// durationOf gives a duration that is written down, in microseconds.
func (v value) durationOf() (int64, bool) {
	if !v.isLiteral() {
		return 0, false
	}
	d, ok := v.tree.AsLiteral().(types.Duration)
	return d.Microseconds(), ok
}

// featureAt gives what is compared at a given instant, nil when it has no
// form.
func (v value) featureAt() *Feature {
	if v.dated != nil {
		return v.dated
	}
	return v.feature
}

// shiftedEdge gives the instant after a constant duration was added or taken
// off.
func shiftedEdge(name string, a, b value) *Edge {
	if a.kind == spanKind {
		a, b = b, a
	}
	e := a.edgeOf()
	by, ok := b.durationOf()
	if e == nil || !ok {
		return nil
	}
	if name == operators.Subtract {
		by = -by
	}
	return e.then(edgeStep{by: by})
}

// differenceOf gives the form of a - b.
func differenceOf(a, b value) *difference {
	if f, e := a.featureAt(), b.edgeOf(); f != nil && e != nil {
		return &difference{of: f, to: e}
	}
	if e, f := a.edgeOf(), b.featureAt(); f != nil && e != nil {
		return &difference{of: f, to: e, reverse: true}
	}
	return nil
}

// compared gives the comparison of a difference with a duration.
func (d *difference) compared(op CompareOp, by int64) Test {
	if d.reverse { // to - of < by is of > to - by
		op, by = op.Flipped(), -by
	}
	return EdgeTest{Feature: *d.of, Op: op, To: d.to, By: by, Difference: true}
}

// datedComparison gives the form that a comparison has at a given instant, nil
// when it has none.
func datedComparison(op CompareOp, a, b value) Test {
	if a.featureAt() == nil && a.difference == nil {
		a, b, op = b, a, op.Flipped()
	}
	if a.difference != nil {
		if by, ok := b.durationOf(); ok {
			return a.difference.compared(op, by)
		}
		return nil
	}
	f := a.featureAt()
	if f == nil || a.kind != b.kind {
		return nil
	}
	if e := b.edgeOf(); e != nil && !b.isLiteral() {
		return EdgeTest{Feature: *f, Op: op, To: e}
	}
	if c, ok := b.constantOf(); ok {
		return CompareTest{Feature: *f, Op: op, Value: c}
	}
	return nil
}

// negatedNone gives the opposite of there being no events.
func negatedNone(t Test) Test {
	c, ok := t.(CompareTest)
	if !ok {
		return nil
	}
	c.Op = Greater
	return c
}

// windows gives the windows of a stream; false when it is more than the events
// of its types within windows that depend on now alone.
func (s *stream) windows() ([]Window, bool) {
	if s.a != nil {
		return nil, false
	}
	var out []Window
	for _, n := range s.narrows {
		if n.kind == whereNarrow || n.from != nil && n.fromEdge == nil || n.to != nil && n.toEdge == nil {
			return nil, false
		}
		out = append(out, Window{From: n.fromEdge, To: n.toEdge, After: n.kind == withinNarrow})
	}
	return out, true
}

// dated gives the stream in the form that it has at a given instant, nil when
// it has none.
func (s *stream) dated() *Stream {
	windows, ok := s.windows()
	if !ok {
		return nil
	}
	out := &Stream{Types: s.typeNames(), Windows: windows}
	slices.Sort(out.Types)
	return out
}

// datedFeature gives the feature that an aggregate is at a given instant, nil
// when it has no form.
func datedFeature(s *stream, name string, t audience.Type, ids []audience.PropID) *Feature {
	kind := aggregateKind(name)
	switch kind {
	case FeatureCount, FeatureSum, FeatureAvg, FeatureFirst, FeatureLast:
	default:
		return nil
	}
	of := s.dated()
	if of == nil || slices.Contains(ids, 0) && !hasProp(ids) {
		return nil
	}
	return &Feature{Kind: kind, Stream: of, Type: t, Props: sortedProps(s, of, ids)}
}

// datedRate gives the feature that a rate is at a given instant.
func datedRate(a, b *stream) *Feature {
	of, over := a.dated(), b.dated()
	if of == nil || over == nil {
		return nil
	}
	return &Feature{Kind: FeatureRate, Stream: of, Over: over}
}

// anyCount gives the condition that there are events, or none.
func anyCount(f *Feature, op CompareOp) Test {
	if f == nil {
		return nil
	}
	return CompareTest{Feature: *f, Op: op}
}

// datedMembership gives the form that in has at a given instant, nil when it
// has none.
func datedMembership(a, list value) Test {
	if a.dated == nil {
		return nil
	}
	values, ok := constantsOf(list)
	if !ok {
		return nil
	}
	return InTest{Feature: *a.dated, Values: values}
}
