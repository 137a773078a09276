package celenv

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/audiencekit/audiencekit/audience"
)

// value is what the checker knows of a part of an expression.
type value struct {
	typ
	tree     ast.Expr // what is evaluated; nil for events and the contact
	motion   motion
	reading  *reading // of a getter of what moves with now
	steps    ast.Expr // of what moves with the start of a unit: the same for those who follow it
	constant bool
	instant  bool         // it may be the edge of a window
	stream   *stream      // of events(...)
	event    *stream      // of the variable of where: the events it stands for
	field    string       // contact.<field>: its name
	date     bool         // a field or property declared as a date
	parts    []value      // the elements of a list that is written out
	optional func() value // contact.?x: gives the read of x

	feature *Feature  // a read that can be indexed
	move    *Movement // a timestamp that moves with now, in a way that can be indexed
	formula *Formula  // of a condition; nil: decided row by row

	// The same for those who ask for one instant only.
	dated      *Feature    // an aggregate; nil: feature
	edge       *Edge       // a timestamp that depends on now alone; see edgeOf
	difference *difference // a duration
	datedTest  Test        // of a condition that is no && || ! or ? :
}

// checker types an expression against the schema and rewrites it into what
// cel-go evaluates: its operators, and nodes of our own for everything that
// reads the contact. Every part is checked even when another one is wrong.
type checker struct {
	env      *Env
	source   *source
	info     *ast.SourceInfo
	segments []string
	factory  ast.ExprFactory
	errs     []*Error

	nodes   int // of the expression so far
	streams int
	scope   []local
	where   bool    // within the predicate of where
	hidden  []local // there: the variables around it
	vars    int
	hints   int // that were looked for

	builders []builder // of our own nodes
	moments  []course
	facts    []fact
	parts    audience.ProfileParts
	reads    bool          // something of the contact
	timed    bool          // something that time changes, beside moments and parts
	noNumber string        // the first field or property that is read and has no number
	named    map[int]int64 // segments that are asked for, each with the first place
	log      []Read        // what was read so far, for atoms
	rowwise  []pendingAtom // atoms without a form
}

// local is a variable of a macro or of where.
type local struct {
	name  string
	value value
}

// expr checks any part of an expression. The outcome may be anything; the
// methods below narrow it.
func (c *checker) expr(e ast.Expr) value {
	c.nodes++
	if c.nodes > c.env.limits.Nodes {
		if c.nodes == c.env.limits.Nodes+1 {
			c.failf(c.start(e), ruleLimit, "split it into several segments", "the expression has more than %d parts", c.env.limits.Nodes)
		}
		return value{}
	}
	if len(c.errs) >= foundErrors {
		return value{} // there is enough to show
	}
	switch e.Kind() {
	case ast.LiteralKind:
		return c.literal(e)
	case ast.IdentKind:
		return c.ident(e)
	case ast.SelectKind:
		return c.selection(e)
	case ast.CallKind:
		return c.call(e)
	case ast.ListKind:
		return c.list(e)
	default:
		c.fail(c.at(e), ruleLiteral, "maps and messages are not part of the language", "a list: [1, 2]")
		return value{}
	}
}

// plain checks a part that must have a value of its own: no events, no
// contact, no optional.
func (c *checker) plain(e ast.Expr) value {
	v := c.expr(e)
	switch {
	case v.optional != nil:
		c.fail(c.start(e), ruleMacro, "an optional read needs a default", `such as contact.?city.orValue("")`)
	case v.kind == streamKind:
		c.fail(c.start(e), ruleType, "events are not a value by themselves", "end them with an aggregate such as .any() or .count()")
	case v.kind == eventKind:
		c.fail(c.start(e), ruleType, "an event is not a value by itself", "read one of its properties: e.value")
	case v.kind == contactKind:
		c.fail(c.start(e), ruleType, "the contact is not a value by itself", "read one of its fields: contact.status")
	default:
		return v
	}
	return value{}
}

// still checks a part that must not move with now.
func (c *checker) still(e ast.Expr) value {
	v := c.plain(e)
	return c.settle(e, v)
}

func (c *checker) settle(e ast.Expr, v value) value {
	switch v.motion {
	case isNow:
		c.fail(c.start(e), ruleNow, "now cannot be used here",
			"only in comparisons of timestamps, in differences compared with a constant duration, and in getters down to hours")
	case moving:
		c.fail(c.start(e), ruleNow, "what moves with now cannot be used here",
			"only as the edge of a window, in comparisons of timestamps, in differences compared with a constant duration, and in getters down to hours")
	case combined:
		c.fail(c.start(e), ruleNow, "a difference with now can only be compared with a constant duration",
			`such as now - contact.created_at > duration("720h")`)
	default:
		return v
	}
	return value{}
}

// want checks that a value is of a type; false also when its error was
// reported before.
func (c *checker) want(e ast.Expr, v value, want typ, what string) bool {
	if v.kind == invalid {
		return false
	}
	if !v.same(want) {
		c.failf(c.start(e), ruleType, typeHint(want, v.typ), "%s must be %s, not %s", what, want, v.typ)
		return false
	}
	return true
}

// boolean checks a condition.
func (c *checker) boolean(e ast.Expr, what string) (value, bool) {
	v := c.still(e)
	return v, c.want(e, v, typ{kind: boolKind}, what)
}

// typeHint says what to do about a text or an int in the place of something
// else.
func typeHint(a, b typ) string {
	switch {
	case a.isNumber() && b.isNumber() && a.kind != b.kind:
		return "double(...) around the int"
	case a.kind == timeKind && b.kind == stringKind || a.kind == stringKind && b.kind == timeKind:
		return `date("2026-01-31") or timestamp("2026-01-31T09:30:00Z") for a constant`
	case a.kind == spanKind && (b.kind == stringKind || b.isNumber()) || b.kind == spanKind && (a.kind == stringKind || a.isNumber()):
		return `duration("36h") for a constant`
	case a.kind == boolKind && b.kind == streamKind:
		return "end events with .any()"
	}
	return ""
}

func (c *checker) literal(e ast.Expr) value {
	v := value{tree: e, constant: true}
	switch e.AsLiteral().(type) {
	case types.Bool:
		v.kind = boolKind
		v.formula = test(ConstantTest{Truth: e.AsLiteral() == types.True})
	case types.Int:
		v.kind = intKind
	case types.Double:
		v.kind = doubleKind
	case types.String:
		v.kind = stringKind
	default:
		c.fail(c.at(e), ruleLiteral, "constants of this kind are not part of the language", "true, 1, 1.5 or \"text\"")
		return value{}
	}
	return v
}

// isLiteral reports whether a value is a constant that is written down.
func (v value) isLiteral() bool {
	return v.tree != nil && v.tree.Kind() == ast.LiteralKind
}

// text gives the content of a string literal.
func (v value) text() (string, bool) {
	if !v.isLiteral() {
		return "", false
	}
	s, ok := v.tree.AsLiteral().(types.String)
	return string(s), ok
}

// toDouble gives the double that an int literal beside a double is.
func (c *checker) toDouble(v value) value {
	n, ok := v.tree.AsLiteral().(types.Int)
	if !ok {
		return v
	}
	return c.constant(v.tree.ID(), types.Double(n), doubleKind)
}

func (c *checker) constant(id int64, v ref.Val, k kind) value {
	return value{tree: c.factory.NewLiteral(id, v), typ: typ{kind: k}, constant: true}
}

// beside makes an int literal a double where it stands beside one.
func (c *checker) beside(a, b value) (value, value) {
	switch {
	case a.kind == doubleKind && b.kind == intKind && b.isLiteral():
		return a, c.toDouble(b)
	case b.kind == doubleKind && a.kind == intKind && a.isLiteral():
		return c.toDouble(a), b
	case a.kind == doubleKind && b.kind == listKind:
		return a, c.doubles(b)
	case b.kind == listKind && b.elem == doubleKind && a.kind == intKind && a.isLiteral():
		return c.toDouble(a), b
	case a.kind == listKind && a.elem == doubleKind && b.kind == listKind:
		return a, c.doubles(b)
	case b.kind == listKind && b.elem == doubleKind && a.kind == listKind:
		return c.doubles(a), b
	}
	return a, b
}

// doubles makes a list of int literals one of doubles.
func (c *checker) doubles(list value) value {
	if list.elem != intKind || list.parts == nil {
		return list
	}
	elems := make([]value, len(list.parts))
	for i, p := range list.parts {
		if !p.isLiteral() {
			return list
		}
		elems[i] = c.toDouble(p)
	}
	return c.listOf(list.tree.ID(), elems, doubleKind)
}

func (c *checker) listOf(id int64, elems []value, k kind) value {
	out := value{typ: typ{kind: listKind, elem: k}, parts: elems, constant: true}
	trees := make([]ast.Expr, len(elems))
	for i, v := range elems {
		trees[i] = v.tree
		out.constant = out.constant && v.constant
	}
	out.tree = c.factory.NewList(id, trees, nil)
	return out
}

func (c *checker) list(e ast.Expr) value {
	l := e.AsList()
	if l.Size() > c.env.limits.ListItems {
		c.failf(c.at(e), ruleLimit, "a list field or a list in the store", "the list has more than %d elements", c.env.limits.ListItems)
		return value{}
	}
	if len(l.OptionalIndices()) > 0 {
		c.fail(c.at(e), ruleLiteral, "optional elements are not part of the language", "a value, or contact.?x.orValue(y)")
		return value{}
	}
	elems := make([]value, 0, l.Size())
	ok := true
	for _, x := range l.Elements() {
		v := c.still(x)
		if v.kind == listKind {
			c.fail(c.start(x), ruleType, "a list of lists is not part of the language", "one list of values")
			v = value{}
		}
		ok = ok && v.kind != invalid
		elems = append(elems, v)
	}
	if !ok {
		return value{}
	}
	k, ok := c.sameKind(e, elems)
	if !ok {
		return value{}
	}
	return c.listOf(e.ID(), elems, k)
}

// sameKind gives the kind that all elements of a list have.
func (c *checker) sameKind(e ast.Expr, elems []value) (kind, bool) {
	k := invalid
	for _, v := range elems {
		if k == invalid || v.kind == doubleKind && k == intKind {
			k = v.kind
		}
	}
	for i, v := range elems {
		if k == doubleKind && v.kind == intKind && v.isLiteral() {
			elems[i] = c.toDouble(v)
			continue
		}
		if v.kind != k {
			x := e.AsList().Elements()[i]
			c.failf(c.start(x), ruleType, "elements of one type", "the list holds %s and %s", typ{kind: k}, v.typ)
			return invalid, false
		}
	}
	return k, true
}

// operator makes a call of one of cel-go's own operators, or of && and || of
// ours.
func (c *checker) operator(e ast.Expr, name string, args ...value) ast.Expr {
	trees := make([]ast.Expr, len(args))
	for i, a := range args {
		trees[i] = a.tree
	}
	if name == operators.LogicalAnd || name == operators.LogicalOr {
		return c.node(e.ID(), buildLogic(name), trees...)
	}
	return c.factory.NewCall(e.ID(), name, trees...)
}

// operatorSign gives an operator as it is written.
func operatorSign(name string) string {
	if s, ok := operators.FindReverse(name); ok {
		return s
	}
	return name
}
