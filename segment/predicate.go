package segment

import (
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
	"github.com/audiencekit/audiencekit/store"
)

// maxPredicate is how many leaves a predicate may have.
const maxPredicate = 5_000

// Predicate gives the strongest condition that stores can check and that
// holds wherever the expression is true: a filter for [store.ContactQuery].
// rest are the conditions that it says nothing of, as they were written, in
// the order of the source. Without rest it holds exactly where the expression
// is true; with rest also for others, of whom the expression has to be asked.
//
// A nil predicate holds for everybody. At every instant stores know
// comparisons of fields with constants, tags, items of list fields, lists,
// consent and suppression. Events, instants that move with now, and other
// segments they know at a given instant only: see [Expression.PredicateAt].
func (e *Expression) Predicate() (p store.Predicate, rest []string) {
	out := e.translate(&translator{})
	return out.predicate, out.rest
}

// translation is a predicate that holds wherever a part is true, and what it
// leaves out. A nil predicate holds for everybody.
type translation struct {
	predicate store.Predicate
	rest      []string
	leaves    int // of all of it
}

func (t translation) isNobody() bool {
	or, ok := t.predicate.(store.Or)
	return ok && len(or) == 0
}

func nobody() store.Predicate { return store.Or{} }

// translator makes predicates, with negations pushed to the leaves as in the
// engine: each holds where a part is true or, negated, where it is false.
type translator struct {
	calendar audience.Calendar
	leaves   int                 // that there will be
	dated    bool                // there is one instant
	now      int64               // that
	others   map[int]translation // segments that may be inlined, by their place in the set
}

// translate translates the whole expression. What is too large is nil, with
// all of it as the rest.
func (e *Expression) translate(t *translator) translation {
	t.calendar = audience.NewCalendar(e.language.zone)
	if t.leaves = leavesOf(e.program.Formula()); t.leaves > maxPredicate {
		return translation{rest: []string{e.source}}
	}
	out := t.formula(e.program.Formula(), false)
	out.rest, out.leaves = slices.Compact(out.rest), t.leaves
	return out
}

// leavesOf gives how many leaves a formula becomes, other segments aside.
func leavesOf(f *celenv.Formula) int {
	n := 0
	for i, p := range f.Parts {
		more := leavesOf(p)
		if f.Op == celenv.Choice && i == 0 { // for either branch
			more *= 2
		}
		n += more
	}
	if f.Op != celenv.Condition {
		return n
	}
	if in, ok := f.Atom.Dated.(celenv.InTest); ok {
		return len(in.Values)
	}
	return 1
}

func (t *translator) formula(f *celenv.Formula, negated bool) translation {
	switch f.Op {
	case celenv.Not:
		return t.formula(f.Parts[0], !negated)
	case celenv.All, celenv.Some:
		parts := make([]translation, len(f.Parts))
		for i, p := range f.Parts {
			parts[i] = t.formula(p, negated)
		}
		if (f.Op == celenv.All) != negated {
			return allOf(parts...)
		}
		return someOf(parts...)
	case celenv.Choice:
		return someOf(
			allOf(t.formula(f.Parts[0], false), t.formula(f.Parts[1], negated)),
			allOf(t.formula(f.Parts[0], true), t.formula(f.Parts[2], negated)),
		)
	case celenv.Condition:
	}
	test := f.Atom.Test
	if t.dated && f.Atom.Dated != nil {
		test = f.Atom.Dated
	}
	if m, ok := test.(celenv.MemberTest); ok {
		return t.inlined(m.Segment, f.Atom.Source, negated)
	}
	p, ok := t.test(test)
	if !ok {
		p, ok = t.constant(f.Atom)
	}
	if !ok {
		return translation{rest: []string{f.Atom.Source}}
	}
	if negated {
		p = p.negated
	}
	return translation{predicate: p.holds}
}

func allOf(parts ...translation) translation {
	var and store.And
	var out translation
	for _, p := range parts {
		if p.isNobody() && len(p.rest) == 0 {
			return p
		}
		out.rest = append(out.rest, p.rest...)
		switch inner := p.predicate.(type) {
		case nil:
		case store.And:
			and = append(and, inner...)
		default:
			and = append(and, inner)
		}
	}
	switch len(and) {
	case 0:
	case 1:
		out.predicate = and[0]
	default:
		out.predicate = and
	}
	return out
}

func someOf(parts ...translation) translation {
	or := store.Or{}
	everybody := false
	var out translation
	for _, p := range parts {
		if p.predicate == nil && len(p.rest) == 0 {
			return p
		}
		everybody = everybody || p.predicate == nil
		out.rest = append(out.rest, p.rest...)
		if inner, ok := p.predicate.(store.Or); ok {
			or = append(or, inner...)
		} else if p.predicate != nil {
			or = append(or, p.predicate)
		}
	}
	switch {
	case everybody: // a part says nothing, so that the others say nothing either
	case len(or) == 1:
		out.predicate = or[0]
	default:
		out.predicate = or
	}
	return out
}

// leaf is a condition and its opposite: where it is false, which is not where
// it is unknown.
type leaf struct {
	holds   store.Predicate
	negated *leaf
}

func leafOf(holds, otherwise store.Predicate) *leaf {
	return &leaf{holds: holds, negated: &leaf{holds: otherwise}}
}

func plainLeaf(p store.Predicate) *leaf { return leafOf(p, store.Not{Part: p}) }

// test translates a condition; false when stores do not know it.
func (t *translator) test(test celenv.Test) (*leaf, bool) {
	switch test := test.(type) {
	case celenv.ConstantTest:
		if test.Truth {
			return leafOf(nil, nobody()), true
		}
		return leafOf(nobody(), nil), true
	case celenv.ContainsTest:
		if test.Field == 0 {
			return plainLeaf(store.HasTag{Tag: test.Item}), true
		}
		// Of an absent list a store does not know whether it has the item;
		// in the language it has not.
		p := store.ListContains{Field: test.Field, Item: test.Item}
		absent := store.Not{Part: store.Present{Feature: store.Feature{Kind: store.FeatureField, Field: test.Field}}}
		return leafOf(p, store.Or{store.Not{Part: p}, absent}), true
	case celenv.ListTest:
		return plainLeaf(store.OnList{List: test.List}), true
	case celenv.ConsentTest:
		return plainLeaf(store.Consents{Purpose: test.Purpose}), true
	case celenv.SuppressedTest:
		return plainLeaf(store.IsSuppressed{}), true
	case celenv.HasTest:
		f, ok := featureOf(test.Feature)
		if !ok {
			return nil, false
		}
		if test.Feature.Type == audience.TypeDate {
			known := t.known(f)
			return leafOf(known, store.Or{store.Not{Part: store.Present{Feature: f}}, store.Not{Part: known}}), true
		}
		return plainLeaf(store.Present{Feature: f}), true
	case celenv.CompareTest:
		return t.comparison(test)
	case celenv.InTest:
		return t.in(test)
	case celenv.EdgeTest:
		return t.edge(test)
	default:
		return nil, false
	}
}

func (t *translator) comparison(test celenv.CompareTest) (*leaf, bool) {
	if test.Feature.Stream != nil {
		return t.measured(test.Feature, store.CompareOp(test.Op), test.Value)
	}
	f, ok := featureOf(test.Feature)
	if !ok {
		return nil, false
	}
	if test.Feature.Type == audience.TypeDate {
		return t.date(f, test.Op, test.Value.Int)
	}
	// The comparisons of the language and of stores have the same order.
	return plainLeaf(store.Compare{Feature: f, Op: store.CompareOp(test.Op), Value: valueOf(test.Feature.Type, test.Value)}), true
}

func (t *translator) in(test celenv.InTest) (*leaf, bool) {
	if test.Feature.Stream != nil {
		return t.measuredIn(test)
	}
	f, ok := featureOf(test.Feature)
	if !ok {
		return nil, false
	}
	if test.Feature.Type == audience.TypeDate {
		return t.dateIn(f, test.Values)
	}
	values := make([]audience.Value, len(test.Values))
	for i, v := range test.Values {
		values[i] = valueOf(test.Feature.Type, v)
	}
	return plainLeaf(store.OneOf{Feature: f, Values: values}), true
}

// featureOf gives what a store calls a feature; false for one it does not
// know.
func featureOf(f celenv.Feature) (store.Feature, bool) {
	switch f.Kind {
	case celenv.FeatureField:
		return store.Feature{Kind: store.FeatureField, Field: f.Field}, true
	case celenv.FeatureBuiltin:
		kind := map[string]store.FeatureKind{
			"id": store.FeatureID, "email": store.FeatureEmail, "first_name": store.FeatureFirstName, "last_name": store.FeatureLastName,
			"phone": store.FeaturePhone, "frequency": store.FeatureFrequency, "created_at": store.FeatureCreatedAt,
			"updated_at": store.FeatureUpdatedAt, "status": store.FeatureStatus,
		}[f.Name]
		return store.Feature{Kind: kind}, kind != 0
	default:
		return store.Feature{}, false
	}
}

func valueOf(t audience.Type, c celenv.Constant) audience.Value {
	switch t {
	case audience.TypeDouble:
		return audience.DoubleValue(c.Float)
	case audience.TypeBool:
		return audience.BoolValue(c.Int != 0)
	case audience.TypeTimestamp:
		return audience.TimestampValue(audience.FromMicros(c.Int))
	case audience.TypeString:
		return audience.StringValue(c.Text)
	default:
		return audience.IntValue(c.Int)
	}
}
