package celenv

import (
	"slices"
	"strconv"

	"cel.dev/cel-go/common/ast"

	"github.com/audiencekit/audiencekit/audience"
)

// streamMethods gives what can be called on events.
func streamMethods() []string {
	return slices.Concat([]string{"within", "since", "before", "between", "where", "then", "without"}, aggregateNames())
}

func aggregateNames() []string {
	return []string{"any", "none", "count", "sum", "avg", "min", "max", "distinct", "first", "last", "latest"}
}

func streamValue(s *stream) value { return value{typ: typ{kind: streamKind}, stream: s} }

// eventsOf checks events("type", ...).
func (c *checker) eventsOf(e ast.Expr) value {
	const example = `events("purchase")`
	if c.where {
		c.fail(c.nameAt(e), ruleWhere, "events cannot be used inside where", "then, without, or another condition outside")
		return value{}
	}
	c.streams++
	c.reads = true
	if c.streams > c.env.limits.Streams {
		if c.streams == c.env.limits.Streams+1 {
			c.failf(c.nameAt(e), ruleLimit, "split it into several segments", "the expression asks for events more than %d times", c.env.limits.Streams)
		}
		return value{}
	}
	args := e.AsCall().Args()
	if len(args) == 0 {
		c.fail(c.nameAt(e), ruleEvents, "events takes one or more types", "such as "+example)
		return value{}
	}
	s := &stream{}
	ok := true
	for _, a := range args {
		t, found := c.eventType(a, example)
		if !found {
			ok = false
			continue
		}
		if !slices.Contains(s.typeNames(), t.Name) {
			s.types = append(s.types, t)
		}
	}
	if !ok {
		return value{}
	}
	c.parts.Events = append(c.parts.Events, s.typeNames()...)
	for _, t := range s.types {
		c.read(Read{Kind: ReadEvents, Name: t.Name})
	}
	return streamValue(s)
}

func (c *checker) eventType(e ast.Expr, example string) (audience.EventType, bool) {
	name, ok := c.written(e, ruleEvents, "the type of events", example)
	if !ok {
		return audience.EventType{}, false
	}
	t, ok := c.env.schema.EventNamed(name)
	if !ok {
		names := make([]string, len(c.env.schema.Events))
		for i, t := range c.env.schema.Events {
			names[i] = t.Name
		}
		c.failf(c.at(e), ruleEvents, c.didYouMean(name, names, "declare it in the schema"), "there are no events of type %s", strconv.Quote(name))
	}
	return t, ok
}

// streamCall checks what is called on events.
func (c *checker) streamCall(e ast.Expr, s *stream, name string) value {
	switch name {
	case "within":
		return c.within(e, s)
	case "since", "before", "between":
		return c.window(e, s, name)
	case "then", "without":
		return c.pair(e, s, name)
	}
	if slices.Contains(aggregateNames(), name) {
		return c.aggregate(e, s, name)
	}
	c.failf(c.nameAt(e), ruleFunction, c.didYouMean(name, streamMethods(), "an aggregate such as .any() or .count()"),
		"events have no function %s", strconv.Quote(name))
	c.checkAll(e.AsCall().Args())
	return value{}
}

func (c *checker) within(e ast.Expr, s *stream) value {
	const example = `within("30d")`
	if !c.arity(e, 1, example) {
		return value{}
	}
	p, ok := c.period(e.AsCall().Args()[0], example)
	if !ok {
		return value{}
	}
	ago := course{kind: agoCourse, period: p}
	c.moments = append(c.moments, ago)
	return streamValue(s.narrowed(narrow{
		kind: withinNarrow, moment: len(c.moments) - 1, since: &Movement{Period: p}, fromEdge: &Edge{course: &ago},
	}))
}

// window checks since, before and between.
func (c *checker) window(e ast.Expr, s *stream, name string) value {
	n := 1
	example := name + `(ago("30d"))`
	if name == "between" {
		n, example = 2, `between(ago("60d"), ago("30d"))`
	}
	if !c.arity(e, n, example) {
		return value{}
	}
	var slots []*slot
	var edges []*Edge
	var move *Movement
	ok := true
	for _, a := range e.AsCall().Args() {
		slot, v, found := c.edge(a, name)
		ok = ok && found
		slots, edges = append(slots, slot), append(edges, v.edgeOf())
		move = v.move
	}
	if !ok {
		return value{}
	}
	switch name {
	case "since":
		return streamValue(s.narrowed(narrow{kind: edgesNarrow, from: slots[0], since: move, fromEdge: edges[0]}))
	case "before":
		return streamValue(s.narrowed(narrow{kind: edgesNarrow, to: slots[0], toEdge: edges[0]}))
	}
	return streamValue(s.narrowed(narrow{kind: edgesNarrow, from: slots[0], to: slots[1], fromEdge: edges[0], toEdge: edges[1]}))
}

// edge checks an instant that a window begins or ends at.
func (c *checker) edge(e ast.Expr, name string) (*slot, value, bool) {
	v := c.plain(e)
	v.tree = v.followed()
	if !c.want(e, v, typ{kind: timeKind}, "the argument of "+name) {
		return nil, value{}, false
	}
	if !v.instant && !v.constant {
		c.failf(c.start(e), ruleNow, `a constant, ago, ahead or startOf, a field of the contact, or first or last of other events`,
			"this cannot be the edge of a window")
		return nil, value{}, false
	}
	return c.slot(v.tree), v, true
}

// pair checks a.then(b, "7d") and a.without(b, "4h").
func (c *checker) pair(e ast.Expr, a *stream, name string) value {
	example := name + `(events("purchase"), "7d")`
	if !c.arity(e, 2, example) {
		c.checkAll(e.AsCall().Args())
		return value{}
	}
	args := e.AsCall().Args()
	b := c.events(args[0], "the first argument of "+name)
	d, ok := c.fixedPeriod(args[1], example)
	if !ok || b == nil {
		return value{}
	}
	s := &stream{a: a, b: b, length: d.Microseconds(), without: name == "without", types: b.types}
	if s.without {
		s.types = a.types
	}
	return streamValue(s)
}

// events checks an argument that stands for events.
func (c *checker) events(e ast.Expr, what string) *stream {
	v := c.expr(e)
	if v.kind == invalid {
		return nil
	}
	if v.kind != streamKind {
		c.failf(c.start(e), ruleType, `such as events("purchase")`, "%s must be events, not %s", what, v.typ)
		return nil
	}
	return v.stream
}

// rate checks rate(a, b).
func (c *checker) rate(e ast.Expr) value {
	if !c.arity(e, 2, `rate(events("email.opened"), events("email.sent"))`) {
		return value{}
	}
	args := e.AsCall().Args()
	a, b := c.events(args[0], "the first argument of rate"), c.events(args[1], "the second argument of rate")
	if a == nil || b == nil {
		return value{}
	}
	slots := slices.Concat(a.slots(), b.slots())
	out := value{tree: c.withSlots(e.ID(), slots, rateOf(a, b)), typ: typ{kind: doubleKind}, dated: datedRate(a, b)}
	if over, under := a.plain(), b.plain(); over != nil && under != nil && over.From == nil && under.From == nil {
		out.feature = &Feature{Kind: FeatureRate, Stream: over, Over: under}
	}
	return out
}

// ratio checks ratio(x, y).
func (c *checker) ratio(e ast.Expr) value {
	if !c.arity(e, 2, "ratio(contact.won, contact.played)") {
		return value{}
	}
	args := e.AsCall().Args()
	a, b := c.beside(c.still(args[0]), c.still(args[1]))
	if a.kind == invalid || b.kind == invalid {
		return value{}
	}
	if !a.isNumber() || a.kind != b.kind {
		c.failf(c.nameAt(e), ruleType, typeHint(a.typ, b.typ), "there is no ratio of %s and %s", a.typ, b.typ)
		return value{}
	}
	return value{tree: c.node(e.ID(), buildRatio, a.tree, b.tree), typ: typ{kind: doubleKind}}
}

// aggregate checks what ends a stream of events.
func (c *checker) aggregate(e ast.Expr, s *stream, name string) value {
	switch name {
	case "any", "none", "count", "first", "last":
		if !c.arity(e, 0, name+"()") {
			return value{}
		}
		out := value{
			tree:    c.withSlots(e.ID(), s.slots(), plainAggregate(s, name)),
			feature: aggregateFeature(s, name, audience.TypeTimestamp, nil), dated: datedFeature(s, name, audience.TypeTimestamp, nil),
		}
		switch name {
		case "count":
			out.kind = intKind
		case "first", "last":
			out.kind, out.instant = timeKind, true
		default:
			out.kind = boolKind
			op := Greater
			if name == "none" {
				op = Equal
			}
			out.datedTest, out.dated = anyCount(out.dated, op), nil
			if out.feature != nil {
				out.formula = test(CompareTest{Feature: *out.feature, Op: Greater})
				out.feature = nil
				if name == "none" {
					out.formula = not(out.formula)
				}
			}
		}
		return out
	}
	example := name + `("value")`
	if !c.arity(e, 1, example) {
		return value{}
	}
	arg := e.AsCall().Args()[0]
	prop, ok := c.written(arg, ruleProperty, "the property", example)
	if !ok {
		return value{}
	}
	t, ids, ok := c.propertyOf(c.at(arg), s, prop)
	if !ok {
		return value{}
	}
	result, ok := c.aggregateType(arg, name, t)
	if !ok {
		return value{}
	}
	if name == "latest" {
		for _, et := range s.types {
			c.read(Read{Kind: ReadOrder, Name: et.Name})
		}
	}
	return value{
		feature: aggregateFeature(s, name, t, ids), dated: datedFeature(s, name, t, ids),
		tree: c.withSlots(e.ID(), s.slots(), propertyAggregate(c.env, s, name, ids, t)), typ: result,
		date: t == audience.TypeDate && result.kind == timeKind,
	}
}

// aggregateType gives what an aggregate makes of a property's type.
func (c *checker) aggregateType(e ast.Expr, name string, t audience.Type) (typ, bool) {
	of := typeOf(t)
	var hint string
	switch name {
	case "sum", "avg":
		if of.isNumber() {
			return typ{kind: doubleKind}, true
		}
		hint = "a number"
	case "min", "max":
		if of.isNumber() || of.kind == timeKind {
			return of, true
		}
		hint = "a number or a time"
	case "distinct":
		if of.kind != listKind {
			return typ{kind: intKind}, true
		}
		hint = "a property with one value"
	default: // latest
		return of, true
	}
	c.failf(c.at(e), ruleType, hint, "there is no %s of %s", name, t)
	return typ{}, false
}
