package celenv

import (
	"slices"
	"strconv"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// macro checks what introduces a variable.
func (c *checker) macro(e ast.Expr, name string) value {
	call := e.AsCall()
	target := c.expr(call.Target())
	if target.kind == invalid {
		return value{}
	}
	if name == "where" {
		if target.kind != streamKind {
			c.failf(c.nameAt(e), ruleFunction, `events("purchase").where(e, e.value > 10)`, "where is called on events, not %s", target.typ)
			return value{}
		}
		return c.whereOf(e, target.stream)
	}
	if target.optional != nil {
		c.plain(call.Target()) // reports it
		return value{}
	}
	if target.kind != listKind {
		hint := ""
		if target.kind == streamKind {
			hint = "events have .where(e, ...) and .any()"
		}
		c.failf(c.nameAt(e), ruleType, hint, "%s is called on a list, not %s", name, target.typ)
		return value{}
	}
	n := len(call.Args())
	if n != 2 && (name != "map" || n != 3) {
		c.failf(c.nameAt(e), ruleMacro, "such as contact.tags."+name+`(t, t.startsWith("a"))`, "%s takes a variable and an expression", name)
		return value{}
	}
	variable, ok := c.variable(call.Args()[0])
	if !ok {
		return value{}
	}
	return c.fold(e, name, target, variable, call.Args()[1:])
}

// variable gives the name that a macro introduces.
func (c *checker) variable(e ast.Expr) (string, bool) {
	if e.Kind() != ast.IdentKind {
		c.fail(c.start(e), ruleMacro, "the first argument is the name of a variable", "such as contact.tags.exists(t, t == \"vip\")")
		return "", false
	}
	name := e.AsIdent()
	if slices.Contains([]string{"contact", "now"}, name) || len(name) > 0 && name[0] == '.' {
		c.failf(c.at(e), ruleMacro, "another name", "a variable cannot be called %s", strconv.Quote(name))
		return "", false
	}
	return name, true
}

// fold checks the bodies of a macro over a list and rewrites it into a
// comprehension of cel-go.
func (c *checker) fold(e ast.Expr, name string, list value, variable string, bodies []ast.Expr) value {
	c.vars++
	inner := "@v" + strconv.Itoa(c.vars)
	elem := typ{kind: list.elem}
	if list.elem == invalid {
		elem.kind = stringKind // of an empty list: the body never runs
	}
	before := c.nodes
	c.scope = append(c.scope, local{name: variable, value: value{tree: c.factory.NewIdent(e.ID(), inner), typ: elem}})
	var values []value
	ok := true
	for i, body := range bodies {
		v := c.still(body)
		if i < len(bodies)-1 || name != "map" {
			ok = c.want(body, v, typ{kind: boolKind}, "the condition of "+name) && ok
		} else if v.kind == listKind {
			c.fail(c.start(body), ruleType, "a list of lists is not part of the language", "one value for each element")
			ok = false
		}
		ok = ok && v.kind != invalid
		values = append(values, v)
	}
	c.scope = c.scope[:len(c.scope)-1]
	if !ok {
		return value{}
	}
	values[0].tree = c.node(e.ID(), buildStep(c.nodes-before), values[0].tree)
	return c.comprehension(e.ID(), name, list, inner, values)
}

func (c *checker) comprehension(id int64, name string, list value, variable string, bodies []value) value {
	f := c.factory
	accu := func() ast.Expr { return f.NewAccuIdent(id) }
	yes := f.NewLiteral(id, types.True)
	body := bodies[0].tree
	out := value{typ: typ{kind: boolKind}}
	build := func(start, cond, step, result ast.Expr) {
		out.tree = f.NewComprehension(id, list.tree, variable, f.AccuIdentName(), start, cond, step, result)
	}
	appended := func(x ast.Expr) ast.Expr {
		return f.NewCall(id, operators.Add, accu(), f.NewList(id, []ast.Expr{x}, nil))
	}
	switch name {
	case "exists":
		cond := f.NewCall(id, operators.NotStrictlyFalse, f.NewCall(id, operators.LogicalNot, accu()))
		build(f.NewLiteral(id, types.False), cond, f.NewCall(id, operators.LogicalOr, accu(), body), accu())
	case "all":
		build(yes, f.NewCall(id, operators.NotStrictlyFalse, accu()), f.NewCall(id, operators.LogicalAnd, accu(), body), accu())
	case "exists_one":
		one := f.NewLiteral(id, types.IntOne)
		step := f.NewCall(id, operators.Conditional, body, f.NewCall(id, operators.Add, accu(), one), accu())
		build(f.NewLiteral(id, types.IntZero), yes, step, f.NewCall(id, operators.Equals, accu(), one))
	case "filter":
		out.typ = list.typ
		x := f.NewIdent(id, variable)
		build(f.NewList(id, nil, nil), yes, f.NewCall(id, operators.Conditional, body, appended(x), accu()), accu())
	case "map":
		out.typ = typ{kind: listKind, elem: bodies[len(bodies)-1].kind}
		step := appended(bodies[len(bodies)-1].tree)
		if len(bodies) == 2 {
			step = f.NewCall(id, operators.Conditional, body, step, accu())
		}
		build(f.NewList(id, nil, nil), yes, step, accu())
	}
	return out
}

// whereOf checks events(...).where(e, p).
func (c *checker) whereOf(e ast.Expr, s *stream) value {
	args := e.AsCall().Args()
	if len(args) != 2 {
		c.fail(c.nameAt(e), ruleMacro, "where takes a variable and a condition", `such as events("purchase").where(e, e.value > 10)`)
		return value{}
	}
	variable, ok := c.variable(args[0])
	if !ok {
		return value{}
	}
	before := c.nodes
	c.hidden = c.scope
	c.scope = []local{{name: variable, value: value{typ: typ{kind: eventKind}, event: s}}}
	c.where = true
	v, ok := c.boolean(args[1], "the condition of where")
	c.scope, c.where, c.hidden = c.hidden, false, nil
	if !ok {
		return value{}
	}
	return streamValue(s.narrowed(narrow{kind: whereNarrow, pred: c.slot(v.tree), weight: c.nodes - before}))
}
