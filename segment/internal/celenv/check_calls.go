package celenv

import (
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/audiencekit/audiencekit/audience"
)

// globalNames gives the functions that are called by themselves.
func globalNames() []string {
	return []string{
		"has", "size", "int", "double", "string", "timestamp", "duration", "date", "ago", "ahead", "startOf", "anniversary",
		"events", "rate", "ratio", "onList", "inSegment", "consent", "suppressed", "bucket",
	}
}

// memberNames gives the functions that are called on something.
func memberNames() []string {
	return slices.Concat(streamMethods(), textMethods(), getterNames(), macroNames(), []string{"orValue"})
}

func (c *checker) globals() []string {
	out := globalNames()
	for name := range c.env.functions {
		out = append(out, name)
	}
	return out
}

// globalCall checks f(...).
func (c *checker) globalCall(e ast.Expr) value {
	name := e.AsCall().FunctionName()
	switch name {
	case "has":
		return c.has(e)
	case "size":
		if !c.arity(e, 1, "size(contact.tags)") {
			return value{}
		}
		return c.size(e, e.AsCall().Args()[0])
	case "int", "double", "string":
		return c.conversion(e, name)
	case "timestamp", "duration", "date":
		return c.timeConstant(e, name)
	case "ago", "ahead":
		return c.shiftedNow(e, name)
	case "startOf":
		return c.startOf(e)
	case "anniversary":
		return c.anniversary(e)
	case "events":
		return c.eventsOf(e)
	case "rate":
		return c.rate(e)
	case "ratio":
		return c.ratio(e)
	case "onList", "inSegment", "consent", "suppressed":
		return c.standing(e, name)
	case "bucket":
		return c.bucket(e)
	}
	if f, ok := c.env.functions[name]; ok {
		return c.hostCall(e, f)
	}
	hint := c.didYouMean(name, c.globals(), "")
	if slices.Contains(memberNames(), name) {
		hint = "it is called on something: x." + name + "(...)"
	}
	c.failf(c.nameAt(e), ruleFunction, hint, "there is no function %s", strconv.Quote(name))
	c.checkAll(e.AsCall().Args())
	return value{}
}

// checkAll checks arguments of what is unknown, for their own errors.
func (c *checker) checkAll(args []ast.Expr) {
	for _, a := range args {
		c.expr(a)
	}
}

// arity checks the number of arguments.
func (c *checker) arity(e ast.Expr, n int, example string) bool {
	call := e.AsCall()
	if len(call.Args()) == n {
		return true
	}
	c.failf(c.nameAt(e), ruleType, "such as "+example, "%s takes %s, not %d", call.FunctionName(), countOf(n), len(call.Args()))
	return false
}

func countOf(n int) string {
	switch n {
	case 0:
		return "no argument"
	case 1:
		return "one argument"
	}
	return strconv.Itoa(n) + " arguments"
}

// written gives an argument that must be a string that is written out.
func (c *checker) written(e ast.Expr, rule, what, example string) (string, bool) {
	v := c.expr(e)
	if v.kind == invalid {
		return "", false
	}
	text, ok := v.text()
	if !ok {
		c.fail(c.start(e), rule, what+" must be a string that is written out", "such as "+example)
	}
	return text, ok
}

// has checks has(contact.x).
func (c *checker) has(e ast.Expr) value {
	const example = "has(contact.city)"
	if !c.arity(e, 1, example) {
		return value{}
	}
	arg := e.AsCall().Args()[0]
	if arg.Kind() != ast.SelectKind && !isIndex(arg) {
		c.fail(c.start(arg), ruleMacro, "has asks for a field or a property", "such as "+example)
		return value{}
	}
	v := c.plain(arg)
	if v.kind == invalid {
		return value{}
	}
	out := value{tree: c.node(e.ID(), buildHas, v.tree), typ: typ{kind: boolKind}}
	if v.feature != nil {
		out.formula = test(HasTest{Feature: *v.feature})
	}
	return out
}

func isIndex(e ast.Expr) bool {
	return e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "_[_]"
}

// orValue checks contact.?x.orValue(d).
func (c *checker) orValue(e ast.Expr, target value) value {
	if target.optional == nil {
		c.fail(c.nameAt(e), ruleMacro, "orValue follows an optional read", `such as contact.?city.orValue("")`)
		return value{}
	}
	if !c.arity(e, 1, `contact.?city.orValue("")`) {
		return value{}
	}
	arg := e.AsCall().Args()[0]
	field := target.optional()
	d := c.plain(arg)
	if d.motion == isNow || d.motion == combined {
		d = c.settle(arg, d)
	}
	field, d = c.beside(field, d)
	if d.kind == invalid {
		return value{}
	}
	if !field.same(d.typ) {
		c.failf(c.start(arg), ruleType, typeHint(field.typ, d.typ), "the default is %s, not %s", d.typ, field.typ)
		return value{}
	}
	return value{
		tree: c.node(e.ID(), buildOrValue, field.tree, d.tree), typ: field.typ, motion: d.motion,
		instant: field.instant && (d.instant || d.constant),
	}
}

// standing checks what the ledger, the lists and other segments know.
func (c *checker) standing(e ast.Expr, name string) value {
	args := e.AsCall().Args()
	out := value{typ: typ{kind: boolKind}}
	c.reads = true
	if c.where {
		c.failf(c.nameAt(e), ruleWhere, "ask for it outside of where", "%s cannot be used inside where", name)
		return value{}
	}
	if name == "suppressed" {
		if !c.arity(e, 0, "suppressed()") {
			return value{}
		}
		c.parts.Suppressed = true
		c.read(Read{Kind: ReadSuppressed})
		out.formula = test(SuppressedTest{})
		out.tree = c.node(e.ID(), leaf(readSuppressed))
		return out
	}
	if !c.arity(e, 1, name+`("name")`) {
		return value{}
	}
	rule := map[string]string{"onList": ruleList, "inSegment": ruleSegment, "consent": rulePurpose}[name]
	text, ok := c.written(args[0], rule, "the name", name+`("name")`)
	if !ok {
		return value{}
	}
	at := c.at(args[0])
	var read reader
	switch name {
	case "onList":
		read, ok = c.onList(at, text)
		list, _ := c.env.schema.ListNamed(text)
		out.formula = test(ListTest{List: list})
	case "inSegment":
		read, ok = c.inSegment(e, at, text)
		i, _ := slices.BinarySearch(c.segments, text)
		out.formula = test(MemberTest{Segment: i})
	case "consent":
		read, ok = c.consent(at, text)
		out.formula = test(ConsentTest{Purpose: text})
	}
	if !ok {
		return value{}
	}
	out.tree = c.node(e.ID(), leaf(read))
	return out
}

func (c *checker) onList(at int, name string) (reader, bool) {
	list, ok := c.env.schema.ListNamed(name)
	if !ok {
		var names []string
		for _, l := range c.env.schema.Lists {
			names = append(names, l.Name)
		}
		c.failf(at, ruleList, c.didYouMean(name, names, "declare it in the schema"), "there is no list %s", strconv.Quote(name))
		return nil, false
	}
	if list.Kind == audience.ListTopic {
		c.parts.Ledger = true
		c.read(Read{Kind: ReadLedger})
	} else {
		c.parts.Lists = true
		c.read(Read{Kind: ReadList, Name: name})
	}
	return c.fact(isOnList(list)), true
}

func (c *checker) consent(at int, name string) (reader, bool) {
	if !c.env.schema.HasPurpose(name) {
		var names []string
		for _, p := range c.env.schema.Purposes {
			names = append(names, p.Name)
		}
		c.failf(at, rulePurpose, c.didYouMean(name, names, "declare it in the schema"), "there is no purpose %s", strconv.Quote(name))
		return nil, false
	}
	c.parts.Ledger = true
	c.read(Read{Kind: ReadLedger})
	return c.fact(hasConsent(name)), true
}

func (c *checker) inSegment(e ast.Expr, at int, name string) (reader, bool) {
	if c.segments == nil {
		c.fail(c.nameAt(e), ruleSegment, "inSegment needs a set of segments", "compile the expression as part of a set")
		return nil, false
	}
	i, ok := slices.BinarySearch(c.segments, name)
	if !ok {
		c.failf(at, ruleSegment, c.didYouMean(name, around(c.segments, name), "a segment of the same set"), "there is no segment %s", strconv.Quote(name))
		return nil, false
	}
	c.read(Read{Kind: ReadMember, Place: i})
	if _, ok := c.named[i]; !ok {
		c.named[i] = e.ID()
	}
	return readMember(i), true
}

// bucket checks bucket("salt", n).
func (c *checker) bucket(e ast.Expr) value {
	const example, most = `bucket("holdout", 100)`, 1_000_000
	if !c.arity(e, 2, example) {
		return value{}
	}
	args := e.AsCall().Args()
	salt, ok := c.written(args[0], ruleLiteral, "the salt", example)
	v := c.expr(args[1])
	if !ok || v.kind == invalid {
		return value{}
	}
	n, isInt := types.Int(0), false
	if v.isLiteral() {
		n, isInt = v.tree.AsLiteral().(types.Int)
	}
	if !isInt || n < 1 || n > most {
		c.fail(c.start(args[1]), ruleLiteral, "the number of buckets is an int from 1 to 1000000 that is written out", "such as "+example)
		return value{}
	}
	c.reads = true
	c.read(Read{Kind: ReadID})
	return value{tree: c.node(e.ID(), leaf(readBucket(salt, uint64(n)))), typ: typ{kind: intKind}}
}

// hostCall checks a call of a function of the host.
func (c *checker) hostCall(e ast.Expr, f Function) value {
	args := e.AsCall().Args()
	if !c.arity(e, len(f.Args), f.Name+"("+strings.Join(typeNames(f.Args), ", ")+")") {
		c.checkAll(args)
		return value{}
	}
	trees := make([]ast.Expr, len(args))
	ok := true
	for i, a := range args {
		want := typeOf(f.Args[i])
		_, v := c.beside(value{typ: want}, c.still(a))
		if !c.want(a, v, want, "argument "+strconv.Itoa(i+1)+" of "+f.Name) {
			ok = false
			continue
		}
		trees[i] = v.tree
	}
	if !ok {
		return value{}
	}
	return value{tree: c.node(e.ID(), buildHostCall(c.env, f), trees...), typ: typeOf(f.Result), date: f.Result == audience.TypeDate}
}

func typeNames(ts []audience.Type) []string {
	out := make([]string, len(ts))
	for i, t := range ts {
		out[i] = t.String()
	}
	return out
}
