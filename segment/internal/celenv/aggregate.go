package celenv

import (
	"math"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/internal/decimal"
)

// count gives the number of events; false when a window is unknown.
func (s *stream) count(f *frame, st *state, want interest) (int, bool) {
	switch {
	case s.filtered():
		mark := len(st.items)
		ok := s.collect(f, st, want)
		n := len(st.items) - mark
		st.items = st.items[:mark]
		return n, ok
	case st.timed:
		_, _, n, ok := s.ends(f, st, want)
		return n, ok
	}
	w, ok := s.window(f, st)
	if !ok {
		return 0, false
	}
	n := 0
	for i := range s.types {
		n += len(w.within(st.row.Events(s.types[i].Name)))
	}
	return n, true
}

// ends gives the times of the first and the last event in microseconds; n is
// how many there are.
func (s *stream) ends(f *frame, st *state, want interest) (first, last int64, n int, ok bool) {
	if s.filtered() {
		mark := len(st.items)
		ok = s.collect(f, st, want)
		first, last = endsOf(st.items[mark:])
		n = len(st.items) - mark
		st.items = st.items[:mark]
		return first, last, n, ok
	}
	edges := len(st.edges)
	w, ok := s.window(f, st)
	if !ok {
		st.edges = st.edges[:edges]
		return 0, 0, 0, false
	}
	first, last = endsOf(nil)
	enters := int64(never)
	for i := range s.types {
		all := st.row.Events(s.types[i].Name)
		enters = min(enters, st.eventEnters(st.edges[edges:], w, all))
		if events := w.within(all); len(events) > 0 {
			first = min(first, audience.Micros(events[0].Time))
			last = max(last, audience.Micros(events[len(events)-1].Time))
			n += len(events)
		}
	}
	if st.timed {
		st.windowChanges(st.edges[edges:], want, first, last, enters)
	}
	st.edges = st.edges[:edges]
	return first, last, n, true
}

// endsOf gives the times of the first and the last of ordered events; of none
// the first is later.
func endsOf(items []item) (first, last int64) {
	if len(items) == 0 {
		return math.MaxInt64, math.MinInt64
	}
	return audience.Micros(items[0].event.Time), audience.Micros(items[len(items)-1].event.Time)
}

// plainAggregate gives the node of an aggregate without a property.
func plainAggregate(s *stream, name string) exec {
	switch name {
	case "first", "last":
		want := wantFirst
		if name == "last" {
			want = wantLast
		}
		return func(f *frame) ref.Val {
			first, last, n, ok := s.ends(f, stateOf(f), want)
			if !ok || n == 0 {
				return errUnknown
			}
			if name == "first" {
				return types.Timestamp{Time: audience.FromMicros(first)}
			}
			return types.Timestamp{Time: audience.FromMicros(last)}
		}
	}
	want := wantAny
	if name == "count" {
		want = wantAll
	}
	return func(f *frame) ref.Val {
		n, ok := s.count(f, stateOf(f), want)
		switch {
		case !ok:
			return errUnknown
		case name == "any":
			return types.Bool(n > 0)
		case name == "none":
			return types.Bool(n == 0)
		}
		return types.Int(n)
	}
}

// rateOf gives the node of rate(a, b).
func rateOf(a, b *stream) exec {
	return func(f *frame) ref.Val {
		st := stateOf(f)
		over, ok1 := a.count(f, st, wantAll)
		under, ok2 := b.count(f, st, wantAll)
		if !ok1 || !ok2 || under == 0 {
			return errUnknown
		}
		return types.Double(float64(over) / float64(under))
	}
}

// aggregator makes a value of the collected events.
type aggregator func(st *state, items []item) ref.Val

// propertyAggregate gives the node of an aggregate over a property.
func propertyAggregate(e *Env, s *stream, name string, ids []audience.PropID, t audience.Type) exec {
	p := property{env: e, ids: ids, convert: converter(e, t)}
	aggregate := map[string]aggregator{
		"sum": p.sum, "avg": p.avg, "min": p.least, "max": p.greatest, "distinct": p.distinct, "latest": p.latest,
	}[name]
	return func(f *frame) ref.Val {
		st := stateOf(f)
		mark := len(st.items)
		v := errUnknown
		if s.collect(f, st, wantAll) {
			v = aggregate(st, st.items[mark:])
		}
		st.items = st.items[:mark]
		return v
	}
}

// property is the property that an aggregate is about.
type property struct {
	env     *Env
	ids     []audience.PropID // by the place of the event's type
	convert func(audience.Value) ref.Val
}

func (p *property) of(i item) audience.Value { return i.event.Prop(p.ids[i.place]) }

// total adds the property up.
func (p *property) total(st *state, items []item) *decimal.Sum {
	sum := &st.sum
	sum.Reset()
	for _, i := range items {
		v := p.of(i)
		if n, ok := v.Int(); ok {
			sum.AddInt(n)
		} else if f, ok := v.Double(); ok {
			sum.Add(f)
		}
	}
	return sum
}

func (p *property) sum(st *state, items []item) ref.Val { return double(p.total(st, items).Float()) }

func (p *property) avg(st *state, items []item) ref.Val {
	sum := p.total(st, items)
	if sum.Len() == 0 {
		return errUnknown
	}
	return double(sum.Mean())
}

func (p *property) least(_ *state, items []item) ref.Val    { return p.extreme(items, -1) }
func (p *property) greatest(_ *state, items []item) ref.Val { return p.extreme(items, 1) }

// extreme gives the least (sign -1) or greatest (1) value.
func (p *property) extreme(items []item, sign int) ref.Val {
	var best audience.Value
	for _, i := range items {
		v := p.of(i)
		if !v.IsZero() && (best.IsZero() || sign*v.Compare(best) > 0) {
			best = v
		}
	}
	return p.convert(best)
}

func (p *property) latest(_ *state, items []item) ref.Val {
	for _, i := range slices.Backward(items) {
		if v := p.of(i); !v.IsZero() {
			return p.convert(v)
		}
	}
	return errUnknown
}

// distinct counts the different values.
func (p *property) distinct(st *state, items []item) ref.Val {
	st.texts, st.numbers = st.texts[:0], st.numbers[:0]
	for _, i := range items {
		v := p.of(i)
		if s, ok := v.Str(); ok {
			st.charge(textCost(len(s)))
			st.texts = append(st.texts, s)
		} else if bits, ok := bitsOf(v); ok {
			st.numbers = append(st.numbers, bits)
		}
	}
	st.many = max(st.many, len(st.texts))
	slices.Sort(st.texts)
	slices.Sort(st.numbers)
	return types.Int(len(slices.Compact(st.texts)) + len(slices.Compact(st.numbers)))
}

// bitsOf gives a number that stands for a value among those of its type.
func bitsOf(v audience.Value) (uint64, bool) {
	if n, ok := v.Int(); ok {
		return uint64(n), true
	}
	if f, ok := v.Double(); ok {
		return math.Float64bits(f), true
	}
	if b, ok := v.Bool(); ok {
		if b {
			return 1, true
		}
		return 0, true
	}
	if t, ok := v.Timestamp(); ok {
		return uint64(audience.Micros(t)), true
	}
	if d, ok := v.Date(); ok {
		return uint64(d), true
	}
	return 0, false
}
