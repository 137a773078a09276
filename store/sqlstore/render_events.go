package sqlstore

import (
	"cmp"
	"math"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func (r *renderer) compareCount(f *store.EventFilter, op store.CompareOp, n int64) bounds {
	return r.countWithin(windowOf(f), op, n)
}

func (r *renderer) countWithin(w eventWindow, op store.CompareOp, n int64) bounds {
	operator, ok := sqlOf(op)
	if !ok {
		return exactly(never())
	}
	ofNone := holds(op, cmp.Compare(0, n))
	if w.isEmpty() {
		return exactly(orNever(ofNone))
	}
	// What a count above 0 says is asked by whether there is a row.
	ofOne, ofMost := holds(op, cmp.Compare(1, n)), holds(op, cmp.Compare(math.MaxInt64, n))
	plain := n <= 1 && ofOne == ofMost && (n < 1 || op != store.Equal && op != store.NotEqual)
	if plain && ofNone == ofOne {
		return exactly(orNever(ofNone))
	}
	s, ok := r.events(w)
	switch {
	case !ok:
		return unknownBounds()
	case plain && ofOne:
		return exactly(s.some(r))
	case plain:
		return exactly(s.none(r))
	}
	counted := s.condition(s.count()+" "+operator+" ?", n)
	if ofNone {
		counted = anyOf(s.unmatched(), counted)
	}
	return exactly(counted)
}

func (r *renderer) compareRate(p *store.CompareRate, op store.CompareOp) bounds {
	operator, ok := sqlOf(op)
	of, over := windowOf(&p.Of), windowOf(&p.Over)
	if !ok || over.isEmpty() || math.IsNaN(p.Value) {
		return exactly(never())
	}
	s, ok := r.events(over)
	if !ok {
		return unknownBounds()
	}
	ofNone := holds(op, cmp.Compare(0, p.Value))
	if of.isEmpty() || math.IsInf(p.Value, 0) { // the rate is 0, or whatever is finite
		if ofNone {
			return exactly(s.some(r))
		}
		return exactly(never())
	}
	t, ok := r.events(of)
	if !ok {
		return unknownBounds()
	}
	n := t.count()
	if ofNone {
		n = "COALESCE(" + n + ", 0)"
	}
	d := r.dialect
	divisor := d.double(s.count())
	if !s.chosen.isAlways() { // else there is a row for one at least
		divisor = "NULLIF(" + divisor + ", 0)"
	}
	f := condition(d.double(n)+" / "+divisor+" "+operator+" "+d.double("?"), p.Value)
	if s.source == t.source {
		f.of = s.source
	}
	return exactly(f)
}

func (r *renderer) compareEdge(p *store.CompareEdge, op store.CompareOp) bounds {
	operator, ok := sqlOf(op)
	w := windowOf(&p.Events)
	if !ok || w.isEmpty() {
		return exactly(never())
	}
	at := audience.Micros(p.At)
	if narrow, ok := narrowed(w, p.Last, op, at); ok {
		return r.countWithin(narrow, store.Greater, 0)
	}
	s, ok := r.events(w)
	if !ok {
		return unknownBounds()
	}
	edge := "MIN"
	if p.Last {
		edge = "MAX"
	}
	return exactly(s.condition(s.edge(edge)+" "+operator+" ?", at))
}

// narrowed gives the window in which there is an event exactly when the edge
// compares so: the last event is after an instant when any is.
func narrowed(w eventWindow, last bool, op store.CompareOp, at int64) (eventWindow, bool) {
	later := func() (int64, bool) { return at + 1, at < math.MaxInt64 }
	var edge int64
	ok := true
	switch {
	case last && op == store.Greater, !last && op == store.LessOrEqual:
		edge, ok = later()
	case last && op == store.GreaterOrEqual, !last && op == store.Less:
		edge = at
	default:
		return w, false
	}
	if last {
		if w.from == nil || *w.from < edge {
			w.from = &edge
		}
	} else if w.until == nil || *w.until > edge {
		w.until = &edge
	}
	return w, ok
}
