package live

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
)

// compiler turns formulas into nodes over literals that it files in an index.
type compiler struct {
	core  *Core
	index *index
	draft *Draft
	find  func(place int) *Segment // the segments that the program names
}

// compile gives a node that holds when the formula is true or, negated, when
// it is false. Unknown is neither.
func (k *compiler) compile(f *celenv.Formula, negated bool) node {
	switch f.Op {
	case celenv.Not:
		return k.compile(f.Parts[0], !negated)
	case celenv.All, celenv.Some:
		parts := make([]node, len(f.Parts))
		for i, p := range f.Parts {
			parts[i] = k.compile(p, negated)
		}
		if (f.Op == celenv.All) != negated {
			return allOf(parts...)
		}
		return someOf(parts...)
	case celenv.Choice:
		yes := allOf(k.compile(f.Parts[0], false), k.compile(f.Parts[1], negated))
		no := allOf(k.compile(f.Parts[0], true), k.compile(f.Parts[2], negated))
		return someOf(yes, no)
	default:
		return k.atom(f.Atom, negated)
	}
}

func allOf(parts ...node) node {
	var out all
	for _, p := range parts {
		switch p := p.(type) {
		case constant:
			if !p {
				return p
			}
		case all:
			out = append(out, p...)
		default:
			out = append(out, p)
		}
	}
	switch len(out) {
	case 0:
		return constant(true)
	case 1:
		return out[0]
	}
	slices.SortStableFunc(out, byPrice)
	return out
}

func someOf(parts ...node) node {
	var out some
	for _, p := range parts {
		switch p := p.(type) {
		case constant:
			if p {
				return p
			}
		case some:
			out = append(out, p...)
		default:
			out = append(out, p)
		}
	}
	switch len(out) {
	case 0:
		return constant(false)
	case 1:
		return out[0]
	}
	slices.SortStableFunc(out, byPrice)
	return out
}

func byPrice(a, b node) int { return cmp.Compare(a.price(), b.price()) }

func (k *compiler) atom(a *celenv.Atom, negated bool) node {
	switch t := a.Test.(type) {
	case celenv.ConstantTest:
		return constant(t.Truth != negated)
	case celenv.MemberTest:
		s := k.find(t.Segment)
		return &literal{test: &memberTest{segment: s, want: !negated}} // found by the segment, so not shared
	case celenv.ContainsTest:
		return k.contains(t, !negated)
	case celenv.ListTest:
		if t.List.Kind == audience.ListTopic {
			key := "topic " + strconv.Quote(t.List.Name)
			return k.subscribed(k.standing(key, onTopic(t.List)), !negated)
		}
		f := flagOf(k.index.lists, t.List.Name, k.core.table.List(t.List.Name))
		return k.flag("list "+strconv.Quote(t.List.Name), f, !negated)
	case celenv.ConsentTest:
		return k.subscribed(k.standing("consent "+strconv.Quote(t.Purpose), consentFor(t.Purpose)), !negated)
	case celenv.SuppressedTest:
		want := int64(1)
		if negated {
			want = 0
		}
		return k.value(k.suppression(), isOneOf, 0, 0, want)
	case celenv.HasTest:
		form := isKnown
		if negated {
			form = isAbsent
		}
		return k.value(k.gauge(t.Feature), form, 0, 0)
	case celenv.InTest:
		return k.in(t, negated)
	case celenv.MovingTest:
		op := t.Op
		if negated {
			op = op.Negated()
		}
		key, f := k.feature(t.Feature)
		return k.moving(k.order(key, f, t.Feature), op, t.To)
	case celenv.CompareTest:
		return k.comparison(t, negated)
	}
	return k.rowwise(a, negated)
}

func (k *compiler) rowwise(a *celenv.Atom, negated bool) node {
	n := &rowwise{atom: a, want: celenv.True}
	if negated {
		n.want = celenv.False
	}
	for _, r := range a.Reads {
		if r.Kind == celenv.ReadMember {
			n.named = append(n.named, namedSegment{r.Place, k.find(r.Place)})
		}
	}
	return n
}

// literal finds or makes a literal.
func (k *compiler) literal(key string, newTest func() test) *literal {
	l := k.index.literals[key]
	if l == nil {
		l = &literal{key: key, test: newTest()}
		k.index.literals[key] = l
		if t, ok := l.test.(*valueTest); ok {
			t.gauge.add(l)
		}
	}
	return l
}

func (k *compiler) contains(t celenv.ContainsTest, want bool) node {
	if t.Field == 0 {
		f := flagOf(k.index.tags, t.Item, k.core.table.Tag(t.Item))
		return k.flag("tag "+strconv.Quote(t.Item), f, want)
	}
	f := flagOf(k.index.items, itemKey{t.Field, t.Item}, k.core.table.Item(t.Field, t.Item))
	return k.flag(fmt.Sprintf("item %d %q", t.Field, t.Item), f, want)
}

func (k *compiler) flag(key string, f *flag, want bool) node {
	key += " " + strconv.FormatBool(want)
	l, known := k.index.literals[key]
	if !known {
		l = k.literal(key, func() test { return &flagTest{set: f.set, want: want} })
		f.literals = append(f.literals, l)
	}
	return l
}

// value gives the literal that compares a feature.
func (k *compiler) value(g *gauge, f form, lo, hi int64, set ...int64) node {
	if f == inRange && lo == least && hi == most {
		f = isKnown
	}
	slices.Sort(set)
	set = slices.Compact(set)
	key := fmt.Sprint(g.key, " ", f, lo, hi, set)
	return k.literal(key, func() test { return &valueTest{gauge: g, form: f, lo: lo, hi: hi, set: set} })
}

// compareValue gives the literal of a comparison with a value.
func (k *compiler) compareValue(g *gauge, op celenv.CompareOp, v int64) node {
	switch op {
	case celenv.Equal:
		return k.value(g, isOneOf, 0, 0, v)
	case celenv.NotEqual:
		return k.value(g, isNoneOf, 0, 0, v)
	case celenv.Less:
		if v == least {
			return constant(false)
		}
		return k.value(g, inRange, least, v-1)
	case celenv.LessOrEqual:
		return k.value(g, inRange, least, v)
	case celenv.Greater:
		if v == most {
			return constant(false)
		}
		return k.value(g, inRange, v+1, most)
	default:
		return k.value(g, inRange, v, most)
	}
}

func (k *compiler) in(t celenv.InTest, negated bool) node {
	if s := t.Feature.Stream; t.Feature.Kind == celenv.FeatureCount && s.From != nil {
		parts := make([]node, len(t.Values))
		for i, v := range t.Values {
			if negated {
				parts[i] = k.countWithin(*s, celenv.NotEqual, v.Int)
			} else {
				parts[i] = k.countWithin(*s, celenv.Equal, v.Int)
			}
		}
		if negated {
			return allOf(parts...)
		}
		return someOf(parts...)
	}
	g := k.gauge(t.Feature)
	values := make([]int64, len(t.Values))
	for i, v := range t.Values {
		values[i] = k.constant(t.Feature, v)
	}
	if negated {
		return k.value(g, isNoneOf, 0, 0, values...)
	}
	return k.value(g, isOneOf, 0, 0, values...)
}

func (k *compiler) comparison(t celenv.CompareTest, negated bool) node {
	op := t.Op
	if negated {
		op = op.Negated()
	}
	if s := t.Feature.Stream; t.Feature.Kind == celenv.FeatureCount && s.From != nil {
		return k.countWithin(*s, op, t.Value.Int)
	}
	return k.compareValue(k.gauge(t.Feature), op, k.constant(t.Feature, t.Value))
}

// subscribed gives the literal that a standing is consent.
func (k *compiler) subscribed(g *gauge, want bool) node {
	if want {
		return k.value(g, isOneOf, 0, 0, int64(audience.StatusSubscribed))
	}
	return k.value(g, isNoneOf, 0, 0, int64(audience.StatusSubscribed))
}
