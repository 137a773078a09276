package celenv

import (
	"slices"
	"strconv"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/audiencekit/audiencekit/audience"
)

// call checks an operator or a function.
func (c *checker) call(e ast.Expr) value {
	call := e.AsCall()
	if call.IsMemberFunction() {
		return c.memberCall(e)
	}
	switch name := call.FunctionName(); name {
	case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot:
		return c.logic(e, name)
	case operators.Conditional:
		return c.conditional(e)
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return c.comparison(e, name)
	case operators.In:
		return c.membership(e)
	case operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo:
		return c.arithmetic(e, name)
	case operators.Negate:
		return c.negation(e)
	case operators.Index, operators.OptIndex:
		return c.index(e, name == operators.OptIndex)
	case operators.OptSelect:
		return c.optionalSelection(e)
	}
	return c.globalCall(e)
}

func (c *checker) logic(e ast.Expr, name string) value {
	args := e.AsCall().Args()
	values := make([]value, len(args))
	parts := make([]*Formula, len(args))
	all := true
	for i, a := range args {
		from := len(c.log)
		v, ok := c.boolean(a, "what stands beside "+operatorSign(name))
		values[i] = v
		parts[i] = c.formula(a, v, from)
		all = all && ok
	}
	if !all {
		return value{}
	}
	return value{tree: c.operator(e, name, values...), typ: typ{kind: boolKind}, formula: logicFormula(name, parts)}
}

func (c *checker) conditional(e ast.Expr) value {
	args := e.AsCall().Args()
	from := len(c.log)
	cond, ok := c.boolean(args[0], "the condition before ?")
	fromA := len(c.log)
	a := c.plain(args[1])
	fromB := len(c.log)
	b := c.plain(args[2])
	end := len(c.log)
	for i, v := range []*value{&a, &b} {
		if v.motion == isNow || v.motion == combined {
			*v = c.settle(args[i+1], *v)
		}
	}
	a, b = c.beside(a, b)
	if !ok || a.kind == invalid || b.kind == invalid {
		return value{}
	}
	if !a.same(b.typ) {
		c.failf(c.at(e), ruleType, typeHint(a.typ, b.typ), "the two sides of : are %s and %s", a.typ, b.typ)
		return value{}
	}
	t := a.typ
	if t.elem == invalid {
		t = b.typ
	}
	out := value{tree: c.node(e.ID(), buildConditional, cond.tree, a.tree, b.tree), typ: t, motion: max(a.motion, b.motion)}
	if t.kind == boolKind {
		all := c.log
		c.log = all[:fromA]
		yes := c.formula(args[0], cond, from)
		c.log = all[:fromB]
		f := c.formula(args[1], a, fromA)
		c.log = all[:end]
		if g := c.formula(args[2], b, fromB); yes != nil && f != nil && g != nil && yes.choices() < maxChoices {
			out.formula = &Formula{Op: Choice, Parts: []*Formula{yes, f, g}}
		}
	}
	return out
}

func (c *checker) comparison(e ast.Expr, name string) value {
	args := e.AsCall().Args()
	a, b := c.beside(c.plain(args[0]), c.plain(args[1]))
	if a.kind == invalid || b.kind == invalid {
		return value{}
	}
	ok := c.comparable(e, name, a, b) && c.moves(args, a, b)
	if !ok {
		return value{}
	}
	if name == operators.Equals || name == operators.NotEquals {
		c.known(args[1], a, b)
		c.known(args[0], b, a)
	}
	op := compareOp(name)
	out := value{typ: typ{kind: boolKind}, formula: comparisonFormula(op, a, b), datedTest: datedComparison(op, a, b)}
	if a.kind == stringKind {
		out.tree = c.node(e.ID(), buildTextComparison(name), a.tree, b.tree)
		return out
	}
	if n, ok := b.int(); ok && a.reading != nil {
		out.tree = c.node(e.ID(), buildReadingComparison(a.reading, name, n, false), a.reading.tree)
		return out
	}
	if n, ok := a.int(); ok && b.reading != nil {
		out.tree = c.node(e.ID(), buildReadingComparison(b.reading, name, n, true), b.reading.tree)
		return out
	}
	if a.kind == spanKind && a.steps != nil && b.steps != nil {
		a.steps = nil // a difference is followed past one that stays
	}
	if a.follows() || b.follows() {
		out.tree = c.node(e.ID(), buildMovingComparison(a.kind, name), a.followed(), b.followed())
		return out
	}
	out.tree = c.operator(e, name, a, b)
	return out
}

// int gives an int that is written out.
func (v value) int() (int64, bool) {
	if !v.isLiteral() {
		return 0, false
	}
	n, ok := v.tree.AsLiteral().(types.Int)
	return int64(n), ok
}

// follows reports whether somebody has to follow how a value moves with now.
func (v value) follows() bool { return v.motion != still || v.steps != nil }

// followed gives the tree for those who follow it.
func (v value) followed() ast.Expr {
	if v.steps != nil {
		return v.steps
	}
	return v.tree
}

func (c *checker) comparable(e ast.Expr, name string, a, b value) bool {
	switch {
	case !a.same(b.typ):
		c.failf(c.at(e), ruleType, typeHint(a.typ, b.typ), "%s cannot be compared with %s", a.typ, b.typ)
	case a.kind == listKind:
		c.fail(c.at(e), ruleType, "lists cannot be compared", "in, exists or all")
	case a.kind == boolKind && name != operators.Equals && name != operators.NotEquals:
		c.failf(c.at(e), ruleType, "== or !=", "bool has no order")
	default:
		return true
	}
	return false
}

// moves checks a comparison of what moves with now: timestamps are free, a
// difference needs a constant on the other side.
func (c *checker) moves(args []ast.Expr, a, b value) bool {
	if a.motion != combined && b.motion != combined {
		return true
	}
	if a.motion == combined && b.constant || b.motion == combined && a.constant {
		return true
	}
	at := args[0]
	if b.motion == combined {
		at = args[1]
	}
	c.fail(c.start(at), ruleNow, "a difference with now can only be compared with a constant duration",
		`such as now - contact.created_at > duration("720h")`)
	return false
}

// known checks literals that stand beside fields whose values are known to
// have a form.
func (c *checker) known(e ast.Expr, field, literal value) {
	for i, p := range literal.parts {
		c.known(e.AsList().Elements()[i], field, p)
	}
	text, ok := literal.text()
	if !ok {
		return
	}
	switch field.field {
	case "status":
		if _, err := audience.ParseStatus(text); err != nil {
			c.failf(c.at(e), ruleStatus, c.didYouMean(text, statusNames(), "none, pending, subscribed, unsubscribed, bounced or complained"),
				"there is no status %s", strconv.Quote(text))
		}
	case "email":
		c.knownEmail(e, text)
	case "e.type":
		names := field.event.typeNames()
		if !slices.Contains(names, text) {
			c.failf(c.at(e), ruleEvents, c.didYouMean(text, names, "one of the types given to events"), "no event here is of type %s", strconv.Quote(text))
		}
	}
}

func (c *checker) knownEmail(e ast.Expr, text string) {
	a, err := audience.ParseAddress(text)
	switch {
	case text == "":
		c.fail(c.at(e), ruleEmail, "contact.email is never empty", "!has(contact.email) for contacts without an address")
	case err != nil:
		c.fail(c.at(e), ruleEmail, "contact.email never equals this: it is no address", "an address such as jane@example.com")
	case a.Canonical() != text:
		c.fail(c.at(e), ruleEmail, "contact.email never equals this: it is not in the form in which addresses are compared", strconv.Quote(a.Canonical()))
	}
}

func statusNames() []string {
	var out []string
	for s := audience.StatusNone; s <= audience.StatusComplained; s++ {
		out = append(out, s.String())
	}
	return out
}

func (c *checker) membership(e ast.Expr) value {
	args := e.AsCall().Args()
	a, list := c.beside(c.still(args[0]), c.still(args[1]))
	if a.kind == invalid || list.kind == invalid {
		return value{}
	}
	if list.kind != listKind {
		c.failf(c.start(args[1]), ruleType, "", "what stands after in must be a list, not %s", list.typ)
		return value{}
	}
	if a.kind == listKind || list.elem != invalid && a.kind != list.elem {
		c.failf(c.at(e), ruleType, typeHint(a.typ, typ{kind: list.elem}), "%s cannot be in %s", a.typ, list.typ)
		return value{}
	}
	c.known(args[1], a, list)
	out := value{typ: typ{kind: boolKind}, formula: membershipFormula(c, a, list), datedTest: datedMembership(a, list)}
	switch {
	case list.field != "":
		f, custom, _ := c.contactField(list.field)
		out.tree = c.node(e.ID(), containsIn(c.env, f, custom), a.tree)
	case list.parts != nil && allLiterals(list.parts):
		out.tree = c.node(e.ID(), isOneOf(list.parts), a.tree)
	default:
		out.tree = c.node(e.ID(), isAmongElements, a.tree, list.tree)
	}
	return out
}

func allLiterals(values []value) bool {
	return !slices.ContainsFunc(values, func(v value) bool { return !v.isLiteral() })
}

func (c *checker) arithmetic(e ast.Expr, name string) value {
	args := e.AsCall().Args()
	a, b := c.beside(c.plain(args[0]), c.plain(args[1]))
	if a.kind == invalid || b.kind == invalid {
		return value{}
	}
	if a.kind == timeKind || b.kind == timeKind || a.kind == spanKind || b.kind == spanKind {
		return c.timeArithmetic(e, name, a, b)
	}
	sign := operatorSign(name)
	add := name == operators.Add
	switch {
	case a.kind == b.kind && (a.kind == intKind || a.kind == doubleKind && name != operators.Modulo || a.kind == stringKind && add):
	default:
		c.failf(c.at(e), ruleType, typeHint(a.typ, b.typ), "there is no %s %s %s", a.typ, sign, b.typ)
		return value{}
	}
	return value{tree: c.node(e.ID(), buildArithmetic(a.kind, name), a.tree, b.tree), typ: a.typ, constant: a.constant && b.constant}
}

// timeArithmetic checks sums and differences of timestamps and durations.
func (c *checker) timeArithmetic(e ast.Expr, name string, a, b value) value {
	args := e.AsCall().Args()
	out := value{constant: a.constant && b.constant}
	var build builder
	switch {
	case a.kind == timeKind && b.kind == timeKind && name == operators.Subtract:
		out.kind, build = spanKind, buildSpans(subtractTimes)
		out.difference = differenceOf(a, b)
		if a.motion != still || b.motion != still {
			out.motion = combined
		}
	case a.kind == timeKind && b.kind == spanKind && name == operators.Add:
		out.kind, build, out.motion = timeKind, buildSpans(addSpan), shifted(a, b)
	case a.kind == spanKind && b.kind == timeKind && name == operators.Add:
		out.kind, build, out.motion = timeKind, buildSpans(addTime), shifted(b, a)
	case a.kind == timeKind && b.kind == spanKind && name == operators.Subtract:
		out.kind, build, out.motion = timeKind, buildSpans(subtractSpan), shifted(a, b)
	case a.kind == spanKind && b.kind == spanKind && name == operators.Add:
		out.kind, build, out.motion = spanKind, buildSpans(addSpans), max(shifted(a, b), shifted(b, a))
	case a.kind == spanKind && b.kind == spanKind && name == operators.Subtract:
		out.kind, build, out.motion = spanKind, buildSpans(subtractSpans), max(shifted(a, b), shifted(b, a))
	default:
		c.failf(c.at(e), ruleType, "a timestamp plus or minus a duration, or a difference", "there is no %s %s %s", a.typ, operatorSign(name), b.typ)
		return value{}
	}
	if out.motion == badMotion {
		c.fail(c.start(args[0]), ruleNow, "what moves with now can only be shifted by a constant duration", `such as now - duration("1h")`)
		return value{}
	}
	if out.kind == timeKind {
		out.edge = shiftedEdge(name, a, b)
	}
	a, b, out.steps = c.timeSteps(e, build, out, a, b)
	out.tree = c.node(e.ID(), build, a.tree, b.tree)
	out.move = shiftedMove(name, a, b)
	return out
}

// shiftedMove gives the movement of what moves with now after a constant
// duration was added or taken off; nil for anything else.
func shiftedMove(name string, a, b value) *Movement {
	if a.kind == spanKind {
		a, b = b, a
	}
	if a.move == nil || !b.isLiteral() {
		return nil
	}
	d, ok := b.tree.AsLiteral().(types.Duration)
	if !ok {
		return nil
	}
	m := *a.move
	by := d.Microseconds()
	if name == operators.Subtract {
		by = -by
	}
	m.Shift += by
	if !movesLittle(m) {
		return nil
	}
	return &m
}

// shifted gives how a timestamp or a duration moves with now after b was
// added to it.
func shifted(a, by value) motion {
	switch {
	case a.motion == still && by.motion == still:
		return still
	case by.motion != still && a.motion == still && a.constant && a.kind == spanKind:
		return by.motion
	case a.motion != still && by.constant:
		return a.motion
	}
	return badMotion
}

func (c *checker) negation(e ast.Expr) value {
	arg := e.AsCall().Args()[0]
	v := c.still(arg)
	if v.kind == invalid {
		return value{}
	}
	if !v.isNumber() {
		c.failf(c.at(e), ruleType, "", "there is no - of %s", v.typ)
		return value{}
	}
	return value{tree: c.node(e.ID(), buildNegation(v.kind), v.tree), typ: v.typ, constant: v.constant}
}
