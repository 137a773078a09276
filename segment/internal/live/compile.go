package live

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
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
	}
	return k.atom(f.Atom, negated)
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
func (k *compiler) literal(key string, make func() test) *literal {
	l := k.index.literals[key]
	if l == nil {
		l = &literal{key: key, test: make()}
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
	}
	return k.value(g, inRange, v, most)
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

// countWithin gives the literals of a count within a window: there are k
// events or more when the k-th latest is in it. A count is never unknown.
func (k *compiler) countWithin(s celenv.Stream, op celenv.CompareOp, n int64) node {
	atLeast := func(n int64, want bool) node {
		if n <= 0 {
			return constant(want)
		}
		const most = 1 << 20 // more events than one contact can have of one type, times the types
		if n > most {
			return constant(!want)
		}
		f := lastOf{k.stream(s.Types), int(n)}
		key := fmt.Sprintf("latest %d %q", n, s.Types)
		form := isAfter
		if !want {
			form = isNotAfter
		}
		before := int64(1) // [from, now]
		if s.After {
			before = 0
		}
		return k.passing(k.order(key, f, celenv.Feature{Stream: &s}), form, *s.From, before)
	}
	switch op {
	case celenv.Equal:
		if n == most {
			return constant(false)
		}
		return allOf(atLeast(n, true), atLeast(n+1, false))
	case celenv.NotEqual:
		if n == most {
			return constant(true)
		}
		return someOf(atLeast(n, false), atLeast(n+1, true))
	case celenv.Less:
		return atLeast(n, false)
	case celenv.GreaterOrEqual:
		return atLeast(n, true)
	case celenv.LessOrEqual:
		if n == most {
			return constant(true)
		}
		return atLeast(n+1, false)
	}
	if n == most {
		return constant(false)
	}
	return atLeast(n+1, true)
}

// moving gives the literals of a comparison of an instant with one that moves
// with now.
func (k *compiler) moving(o *order, op celenv.CompareOp, to celenv.Movement) node {
	switch op {
	case celenv.Greater:
		return k.passing(o, isAfter, to, 0)
	case celenv.GreaterOrEqual:
		return k.passing(o, isAfter, to, 1)
	case celenv.Less:
		return k.passing(o, isBefore, to, 1)
	case celenv.LessOrEqual:
		return k.passing(o, isBefore, to, 0)
	case celenv.Equal:
		return allOf(k.passing(o, isBefore, to, 0), k.passing(o, isAfter, to, 1))
	}
	return someOf(k.passing(o, isBefore, to, 1), k.passing(o, isAfter, to, 0))
}

// passing gives the literal that asks whether the cursor at a movement, or one
// microsecond before it, has passed a contact's instant.
func (k *compiler) passing(o *order, form orderForm, move celenv.Movement, before int64) node {
	cur := o.cursor(move, before)
	for _, l := range cur.tests {
		if l.test.(*orderTest).form == form {
			return l
		}
	}
	l := &literal{test: &orderTest{cursor: cur, form: form}}
	cur.tests = append(cur.tests, l)
	return l
}

// subscribed gives the literal that a standing is consent.
func (k *compiler) subscribed(g *gauge, want bool) node {
	if want {
		return k.value(g, isOneOf, 0, 0, int64(audience.StatusSubscribed))
	}
	return k.value(g, isNoneOf, 0, 0, int64(audience.StatusSubscribed))
}

// stream gives the columns of events.
func (k *compiler) stream(types []string) stream {
	out := make(stream, len(types))
	for i, t := range types {
		out[i] = k.core.table.Stream(t)
	}
	return out
}

func typesKey(s *celenv.Stream) string { return fmt.Sprintf("%q", s.Types) }

// featureKey names a feature.
func featureKey(f celenv.Feature) string {
	var b strings.Builder
	fmt.Fprint(&b, f.Kind, " ", f.Field, " ", f.Name, " ", f.Type, " ", f.Props)
	if f.Kind == celenv.FeatureField {
		return fmt.Sprint(f.Kind, " ", f.Field)
	}
	for _, s := range []*celenv.Stream{f.Stream, f.Over} {
		if s != nil {
			b.WriteString(typesKey(s))
		}
	}
	return b.String()
}

// feature gives a feature and its key.
func (k *compiler) feature(f celenv.Feature) (string, feature) {
	key := featureKey(f)
	t := k.core.table
	switch f.Kind {
	case celenv.FeatureField:
		switch f.Type {
		case audience.TypeString:
			return key, codeColumn{t.Codes(f.Field)}
		case audience.TypeDouble:
			return key, floatColumn{t.Floats(f.Field)}
		}
		return key, intColumn{t.Ints(f.Field)}
	case celenv.FeatureBuiltin:
		if f.Name == "id" {
			return key, contactID{}
		}
		b := builtinNamed(f.Name)
		if f.Type == audience.TypeTimestamp {
			return key, intColumn{t.BuiltinInts(b)}
		}
		return key, codeColumn{t.BuiltinCodes(b)}
	case celenv.FeatureCount:
		return key, countOf{k.stream(f.Stream.Types)}
	case celenv.FeatureFirst:
		return key, firstOf{k.stream(f.Stream.Types)}
	case celenv.FeatureLast:
		return fmt.Sprintf("latest 1 %q", f.Stream.Types), lastOf{k.stream(f.Stream.Types), 1}
	case celenv.FeatureRate:
		return key, rateOf{k.stream(f.Stream.Types), k.stream(f.Over.Types)}
	}
	return key, &aggregateOf{stream: k.stream(f.Stream.Types), kind: f.Kind, of: f.Type, props: f.Props}
}

func builtinNamed(name string) columns.Builtin {
	return map[string]columns.Builtin{
		"email": columns.BuiltinEmail, "first_name": columns.BuiltinFirstName, "last_name": columns.BuiltinLastName, "phone": columns.BuiltinPhone,
		"frequency": columns.BuiltinFrequency, "created_at": columns.BuiltinCreatedAt, "updated_at": columns.BuiltinUpdatedAt,
	}[name]
}

// gauge finds or makes the gauge of a feature.
func (k *compiler) gauge(f celenv.Feature) *gauge {
	if f.Kind == celenv.FeatureBuiltin && f.Name == "status" {
		return k.standing("status", statusOf)
	}
	key, value := k.feature(f)
	return k.gaugeOf(key, value, func(g *gauge) {
		k.eachReaders(f, func(r *readers) { r.gauges = append(r.gauges, g) })
	})
}

func (k *compiler) gaugeOf(key string, f feature, file func(*gauge)) *gauge {
	g := k.index.gauges[key]
	if g == nil {
		g = &gauge{key: key, feature: f}
		k.index.gauges[key] = g
		file(g)
	}
	return g
}

// order finds or makes the order of a feature.
func (k *compiler) order(key string, f feature, of celenv.Feature) *order {
	o := k.index.orders[key]
	if o == nil {
		o = newOrder(k.core, key, f)
		k.index.orders[key] = o
		k.eachReaders(of, func(r *readers) { r.orders = append(r.orders, o) })
	}
	return o
}

// eachReaders visits the readers of what a feature is made of.
func (k *compiler) eachReaders(f celenv.Feature, visit func(*readers)) {
	switch {
	case f.Kind == celenv.FeatureField:
		visit(readersOf(k.index.fields, f.Field))
	case f.Kind == celenv.FeatureBuiltin:
		if f.Name != "id" {
			visit(readersOf(k.index.builtins, builtinNamed(f.Name)))
		}
	default:
		var types []string
		for _, s := range []*celenv.Stream{f.Stream, f.Over} {
			if s != nil {
				types = append(types, s.Types...)
			}
		}
		slices.Sort(types)
		for _, t := range slices.Compact(types) {
			visit(readersOf(k.index.events, t))
		}
	}
}

func (k *compiler) standing(key string, fold func(*audience.History, int64) audience.Standing) *gauge {
	g := k.index.gauges[key]
	if g != nil {
		return g
	}
	return k.gaugeOf(key, k.draft.standing(key, fold), func(g *gauge) { k.index.ledger.gauges = append(k.index.ledger.gauges, g) })
}

func (k *compiler) suppression() *gauge {
	return k.gaugeOf("suppressed", k.core.suppression, func(g *gauge) {
		k.index.suppressed.gauges = append(k.index.suppressed.gauges, g)
	})
}

// constant gives a constant as a value of a feature.
func (k *compiler) constant(f celenv.Feature, v celenv.Constant) int64 {
	if f.Kind == celenv.FeatureBuiltin && f.Name == "status" {
		status, _ := audience.ParseStatus(v.Text)
		return int64(status)
	}
	switch f.ValueType() {
	case audience.TypeDouble:
		return fromFloat(v.Float)
	case audience.TypeString:
		return int64(k.core.table.Pin(v.Text))
	}
	return v.Int
}

// read files a segment under everything that one of its parts reads row by
// row.
func (x *index) read(n *rowwise, e entry) {
	seen := map[*readers]bool{}
	file := func(r *readers) {
		if !seen[r] {
			seen[r] = true
			r.entries = append(r.entries, e)
		}
	}
	for _, r := range n.atom.Reads {
		switch r.Kind {
		case celenv.ReadField:
			file(readersOf(x.fields, r.Field))
		case celenv.ReadBuiltin:
			file(readersOf(x.builtins, builtinNamed(r.Name)))
		case celenv.ReadTags:
			file(&x.anyTag)
		case celenv.ReadEvents:
			file(readersOf(x.events, r.Name))
		case celenv.ReadList:
			file(&flagOf(x.lists, r.Name, nil).rowwise)
		case celenv.ReadLedger:
			file(&x.ledger)
		case celenv.ReadSuppressed:
			file(&x.suppressed)
		default: // the order and the properties of events come with the events; members are found by segment
		}
	}
}
