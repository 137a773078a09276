package segment

import (
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
	"github.com/audiencekit/audiencekit/store"
)

// unknownLeaf is neither true nor false for anybody.
func unknownLeaf() *leaf { return leafOf(nobody(), nobody()) }

// constant translates a condition that reads nothing of the contact, such as
// one about the hour of now.
func (t *translator) constant(a *celenv.Atom) (*leaf, bool) {
	if !t.dated {
		return nil, false
	}
	truth, ok := a.TruthAt(t.now)
	switch {
	case !ok:
		return nil, false
	case truth == celenv.True:
		return leafOf(nil, nobody()), true
	case truth == celenv.False:
		return leafOf(nobody(), nil), true
	}
	return unknownLeaf(), true
}

// filter gives the events of a stream at the instant; known is false when an
// edge of its windows is unknown.
func (t *translator) filter(s *celenv.Stream) (f store.EventFilter, known bool) {
	from, until, known := celenv.Span(s.Windows, t.calendar, t.now)
	if !known || from >= until {
		return store.EventFilter{}, known // there are none
	}
	// The first instant there is counts as the beginning.
	return store.EventFilter{Types: slices.Clone(s.Types), From: audience.FromMicros(from), Until: audience.FromMicros(until)}, true
}

// measured compares a feature of events with a constant. Stores know it at a
// given instant only, and not all of them.
func (t *translator) measured(f celenv.Feature, op store.CompareOp, v celenv.Constant) (*leaf, bool) {
	if !t.dated || f.Stream.From != nil {
		return nil, false
	}
	events, known := t.filter(f.Stream)
	var p store.Predicate
	switch f.Kind {
	case celenv.FeatureCount:
		p = store.CompareCount{Events: events, Op: op, N: v.Int}
	case celenv.FeatureSum:
		p = store.CompareSum{Events: events, Props: t.props(f, events), Op: op, Value: v.Float}
	case celenv.FeatureAvg:
		p = store.CompareAvg{Events: events, Props: t.props(f, events), Op: op, Value: v.Float}
	case celenv.FeatureFirst, celenv.FeatureLast:
		p = store.CompareEdge{Events: events, Last: f.Kind == celenv.FeatureLast, Op: op, At: audience.FromMicros(v.Int)}
	case celenv.FeatureRate:
		over, knownToo := t.filter(f.Over)
		p, known = store.CompareRate{Of: events, Over: over, Op: op, Value: v.Float}, known && knownToo
	default:
		return nil, false
	}
	if !known {
		return unknownLeaf(), true
	}
	return plainLeaf(p), true
}

func (t *translator) props(f celenv.Feature, of store.EventFilter) []audience.PropID {
	if len(of.Types) == 0 {
		return nil
	}
	return slices.Clone(f.Props)
}

// measuredIn asks whether a feature of events is one of some constants.
func (t *translator) measuredIn(test celenv.InTest) (*leaf, bool) {
	var some store.Or
	var none store.And
	for _, v := range test.Values {
		l, ok := t.measured(test.Feature, store.Equal, v)
		if !ok {
			return nil, false
		}
		some, none = append(some, l.holds), append(none, l.negated.holds)
	}
	return leafOf(some, none), true
}

// edge compares a timestamp with an instant that depends on now alone.
func (t *translator) edge(test celenv.EdgeTest) (*leaf, bool) {
	if !t.dated {
		return nil, false
	}
	to, ok := test.To.At(t.calendar, t.now)
	if !ok {
		return unknownLeaf(), true
	}
	l, ok := t.instant(test.Feature, test.Op, to+test.By)
	if !ok || !test.Difference {
		return l, ok
	}
	near, ok := t.near(test.Feature, to)
	if !ok {
		return nil, false
	}
	and := func(p store.Predicate) store.Predicate {
		return allOf(translation{predicate: p}, translation{predicate: near}).predicate
	}
	return leafOf(and(l.holds), and(l.negated.holds)), true
}

// instant compares a timestamp with an instant that may be out of range: then
// the outcome is the same for all of them, and that hers is known is for the
// caller to ask.
func (t *translator) instant(f celenv.Feature, op celenv.CompareOp, us int64) (*leaf, bool) {
	first, last := audience.Micros(audience.MinInstant()), audience.Micros(audience.MaxInstant())
	if first <= us && us <= last {
		return t.comparison(celenv.CompareTest{Feature: f, Op: op, Value: celenv.Constant{Int: us}})
	}
	holds := op == celenv.NotEqual
	if us < first {
		holds = holds || op == celenv.Greater || op == celenv.GreaterOrEqual
	} else {
		holds = holds || op == celenv.Less || op == celenv.LessOrEqual
	}
	if holds {
		return leafOf(nil, nobody()), true
	}
	return leafOf(nobody(), nil), true
}

// near holds where the difference of a timestamp and an instant is known: the
// timestamp is, and the difference no longer than durations can be. At most
// one end of that is out of range.
func (t *translator) near(f celenv.Feature, us int64) (store.Predicate, bool) {
	from, ok1 := t.instant(f, celenv.GreaterOrEqual, us-celenv.LongestDuration)
	to, ok2 := t.instant(f, celenv.LessOrEqual, us+celenv.LongestDuration)
	if !ok1 || !ok2 {
		return nil, false
	}
	return allOf(translation{predicate: from.holds}, translation{predicate: to.holds}).predicate, true
}

// inlined puts another segment in the place of its name. That it is a member
// is true or false and never unknown. Of a segment that is known but for a
// rest its predicate holds for all of its members, and says nothing of who is
// none.
func (t *translator) inlined(place int, source string, negated bool) translation {
	other, ok := t.others[place]
	if !ok || t.leaves+other.leaves > maxPredicate {
		return translation{rest: []string{source}}
	}
	var rest []string
	if len(other.rest) > 0 {
		rest = []string{source}
	}
	if negated && rest != nil {
		return translation{rest: rest}
	}
	t.leaves += other.leaves
	switch {
	case !negated:
		return translation{predicate: other.predicate, rest: rest}
	case other.predicate == nil:
		return translation{predicate: nobody()}
	case other.isNobody():
		return translation{}
	default:
		return translation{predicate: store.Not{Part: store.IsTrue{Part: other.predicate}}}
	}
}
