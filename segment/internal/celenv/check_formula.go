package celenv

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/audiencekit/audiencekit/audience"
)

// read notes something of the row that what is being checked reads.
func (c *checker) read(r Read) { c.log = append(c.log, r) }

// test makes a condition with a form.
func test(t Test) *Formula { return &Formula{Op: Condition, Atom: &Atom{Test: t}} }

func not(f *Formula) *Formula { return &Formula{Op: Not, Parts: []*Formula{f}} }

// formula gives the formula of a condition that was just checked; from is how
// long the log was before. Within where and macros there is none to make:
// what is in them belongs to the condition around them.
func (c *checker) formula(e ast.Expr, v value, from int) *Formula {
	if c.where || len(c.scope) > 0 || v.tree == nil {
		return nil
	}
	f := v.formula
	if f == nil && v.feature != nil { // a bool field that stands by itself
		f = test(CompareTest{Feature: *v.feature, Op: Equal, Value: Constant{Int: 1}})
	}
	if f == nil {
		f = &Formula{Op: Condition, Atom: &Atom{Reads: slices.Clone(c.log[from:])}}
	}
	if f.Op == Not && f.Parts[0].Op == Condition && v.datedTest != nil { // none()
		f.Parts[0].Atom.Dated = negatedNone(v.datedTest)
	} else if f.Op == Condition && v.datedTest != nil {
		f.Atom.Dated = v.datedTest
	}
	if f.Op == Not && f.Parts[0].Op == Condition && f.Parts[0].Atom.Source == "" { // none()
		c.place(f.Parts[0].Atom, e, v)
	} else if f.Op == Condition && f.Atom.Source == "" {
		c.place(f.Atom, e, v)
	}
	return f
}

// place tells an atom where it is, and leaves it to row-by-row evaluation when
// it has no form.
func (c *checker) place(a *Atom, e ast.Expr, v value) {
	start, end := c.extent(e)
	a.Source = strings.TrimSpace(string(c.source.text[start:end]))
	a.Line, a.Column = c.source.place(start)
	if a.Test == nil {
		c.rowwise = append(c.rowwise, pendingAtom{atom: a, tree: v.tree})
	}
}

// pendingAtom is an atom whose program has to be planned.
type pendingAtom struct {
	atom *Atom
	tree ast.Expr
}

// extent gives where a part of the source begins and ends, as far as the
// parser tells: for people.
func (c *checker) extent(e ast.Expr) (start, end int) {
	start, end = len(c.source.text), 0
	var visit func(e ast.Expr)
	visit = func(e ast.Expr) {
		if r, ok := c.info.GetOffsetRange(e.ID()); ok {
			start, end = min(start, int(r.Start)), max(end, int(r.Stop), int(r.Start)+1)
		}
		switch e.Kind() {
		case ast.CallKind:
			start = min(start, c.start(e))
			if e.AsCall().IsMemberFunction() {
				visit(e.AsCall().Target())
			}
			for _, a := range e.AsCall().Args() {
				visit(a)
			}
		case ast.SelectKind:
			visit(e.AsSelect().Operand())
			at := c.nameAt(e)
			end = max(end, at+len([]rune(e.AsSelect().FieldName())))
		case ast.ListKind:
			for _, x := range e.AsList().Elements() {
				visit(x)
			}
		case ast.IdentKind:
			end = max(end, c.at(e)+len([]rune(e.AsIdent())))
		default:
		}
	}
	visit(e)
	start, end = min(max(start, 0), len(c.source.text)), min(max(end, 0), len(c.source.text))
	start = min(start, end)
	return start, c.source.close(start, end)
}

// close goes on to where every parenthesis and string that was opened is
// closed again.
func (s *source) close(start, end int) int {
	depth, quote := 0, rune(0)
	for i := start; i < len(s.text); i++ {
		if i >= end && depth <= 0 && quote == 0 {
			return i
		}
		r := s.text[i]
		switch {
		case quote != 0:
			switch r {
			case '\\':
				i++
			case quote:
				quote = 0
			}
		case r == '"' || r == '\'':
			quote = r
		case r == '(' || r == '[':
			depth++
		case r == ')' || r == ']':
			if depth == 0 && i >= end {
				return i
			}
			depth--
		}
	}
	return len(s.text)
}

// logicFormula gives the formula of && || and !.
func logicFormula(name string, parts []*Formula) *Formula {
	if slices.Contains(parts, nil) {
		return nil
	}
	switch name {
	case operators.LogicalNot:
		return not(parts[0])
	case operators.LogicalOr:
		return &Formula{Op: Some, Parts: parts}
	}
	return &Formula{Op: All, Parts: parts}
}

// compareOp gives the comparison of an operator.
func compareOp(name string) CompareOp {
	switch name {
	case operators.Equals:
		return Equal
	case operators.NotEquals:
		return NotEqual
	case operators.Less:
		return Less
	case operators.LessEquals:
		return LessOrEqual
	case operators.Greater:
		return Greater
	}
	return GreaterOrEqual
}

// comparisonFormula gives the formula of a comparison that has a form, else
// nil.
func comparisonFormula(op CompareOp, a, b value) *Formula {
	if a.feature == nil && b.feature != nil {
		a, b, op = b, a, op.Flipped()
	}
	if a.feature == nil {
		return nil
	}
	if b.move != nil && a.kind == timeKind {
		if !movesLittle(*b.move) {
			return nil
		}
		return test(MovingTest{Feature: *a.feature, Op: op, To: *b.move})
	}
	value, ok := b.constantOf()
	if !ok || b.kind != a.kind || a.kind == stringKind && op != Equal && op != NotEqual { // codes have no order
		return nil
	}
	return test(CompareTest{Feature: *a.feature, Op: op, Value: value})
}

// movesLittle reports whether an instant stays in the years 1 to 9999 for
// every now that an engine can have, years 1000 to 9000.
func movesLittle(m Movement) bool {
	const months, micros = 500 * 12, 400 * 365 * 24 * 3600 * 1e6
	d := m.Period.Exact().Microseconds()
	return m.Period.Months() <= months && d <= micros && m.Shift <= micros && m.Shift >= -micros
}

// constantOf gives a constant that is written down.
func (v value) constantOf() (Constant, bool) {
	if !v.isLiteral() {
		return Constant{}, false
	}
	switch x := v.tree.AsLiteral().(type) {
	case types.Bool:
		if x {
			return Constant{Int: 1}, true
		}
		return Constant{}, true
	case types.Int:
		return Constant{Int: int64(x)}, true
	case types.Double:
		return Constant{Float: float64(x)}, true
	case types.String:
		return Constant{Text: string(x)}, true
	case types.Timestamp:
		return Constant{Int: audience.Micros(x.Time)}, true
	}
	return Constant{}, false
}

// membershipFormula gives the formula of in.
func membershipFormula(c *checker, a, list value) *Formula {
	if text, ok := a.text(); ok && list.field != "" {
		if list.field == "tags" {
			return test(ContainsTest{Item: text})
		}
		if f, custom, _ := c.contactField(list.field); custom && f.ID != 0 {
			return test(ContainsTest{Field: f.ID, Item: text})
		}
		return nil
	}
	if a.feature == nil {
		return nil
	}
	values, ok := constantsOf(list)
	if !ok {
		return nil
	}
	return test(InTest{Feature: *a.feature, Values: values})
}

// constantsOf gives the elements of a list that is written down and not
// empty.
func constantsOf(list value) ([]Constant, bool) {
	out := make([]Constant, 0, len(list.parts))
	for _, p := range list.parts {
		v, ok := p.constantOf()
		if !ok {
			return nil, false
		}
		out = append(out, v)
	}
	return out, len(out) > 0
}

// fieldFeature gives the feature that reading a field is, nil for sets.
func fieldFeature(f audience.Field, custom bool) *Feature {
	if f.Type == audience.TypeStringList {
		return nil
	}
	if custom {
		if f.ID == 0 {
			return nil
		}
		return &Feature{Kind: FeatureField, Field: f.ID, Name: f.Name, Type: f.Type}
	}
	return &Feature{Kind: FeatureBuiltin, Name: f.Name, Type: f.Type}
}

// plain gives the stream in a form that can be indexed, nil when it has none.
func (s *stream) plain() *Stream {
	if s.a != nil || len(s.narrows) > 1 {
		return nil
	}
	out := &Stream{Types: s.typeNames()}
	slices.Sort(out.Types)
	for _, n := range s.narrows {
		if n.since == nil || !movesLittle(*n.since) {
			return nil
		}
		out.From, out.After = n.since, n.kind == withinNarrow
	}
	return out
}

// aggregateFeature gives the feature that an aggregate is, nil when it has no
// form that can be indexed.
func aggregateFeature(s *stream, name string, t audience.Type, ids []audience.PropID) *Feature {
	kind, plain := aggregateKind(name), s.plain()
	if kind == 0 || plain == nil || slices.Contains(ids, 0) && ids != nil && !hasProp(ids) {
		return nil
	}
	if plain.From != nil && kind != FeatureCount {
		return nil // row by row, with deadlines
	}
	return &Feature{Kind: kind, Stream: plain, Type: t, Props: sortedProps(s, plain, ids)}
}

func aggregateKind(name string) FeatureKind {
	return map[string]FeatureKind{
		"count": FeatureCount, "any": FeatureCount, "none": FeatureCount, "sum": FeatureSum, "avg": FeatureAvg, "min": FeatureMin,
		"max": FeatureMax, "distinct": FeatureDistinct, "first": FeatureFirst, "last": FeatureLast,
	}[name]
}

// sortedProps gives the properties of a stream in the order of its types when
// they are sorted; nil when there are none.
func sortedProps(s *stream, sorted *Stream, ids []audience.PropID) []audience.PropID {
	if ids == nil {
		return nil
	}
	out := make([]audience.PropID, len(ids))
	for i, name := range sorted.Types {
		out[i] = ids[slices.Index(s.typeNames(), name)]
	}
	return out
}

func hasProp(ids []audience.PropID) bool {
	return slices.ContainsFunc(ids, func(id audience.PropID) bool { return id != 0 })
}
