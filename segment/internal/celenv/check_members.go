package celenv

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"

	"cel.dev/cel-go/common/ast"
)

// textMethods gives the functions of strings, and size.
func textMethods() []string {
	return []string{"startsWith", "endsWith", "contains", "matches", "lowerAscii", "upperAscii", "trim", "size"}
}

// memberCall checks x.f(...).
func (c *checker) memberCall(e ast.Expr) value {
	call := e.AsCall()
	name := call.FunctionName()
	if slices.Contains(macroNames(), name) {
		return c.macro(e, name)
	}
	target := c.expr(call.Target())
	switch {
	case target.kind == invalid:
		if !slices.Contains(streamMethods(), name) {
			c.checkAll(call.Args())
		}
		return value{}
	case name == "orValue":
		return c.orValue(e, target)
	case target.kind == streamKind:
		return c.streamCall(e, target.stream, name)
	case target.kind == eventKind || target.kind == contactKind || target.optional != nil:
		c.plain(call.Target()) // reports it
		return value{}
	}
	if slices.Contains(getterNames(), name) {
		return c.getter(e, name, target)
	}
	if name == "size" {
		if !c.arity(e, 0, "contact.tags.size()") {
			return value{}
		}
		return c.sizeOf(e, call.Target(), c.settle(call.Target(), target))
	}
	if !slices.Contains(textMethods(), name) {
		return c.noMember(e, name, target)
	}
	target = c.settle(call.Target(), target)
	if !c.want(call.Target(), target, typ{kind: stringKind}, "what "+name+" is called on") {
		c.checkAll(call.Args())
		return value{}
	}
	return c.textCall(e, name, target)
}

func (c *checker) noMember(e ast.Expr, name string, target value) value {
	hint := c.didYouMean(name, memberNames(), "")
	switch {
	case slices.Contains(streamMethods(), name):
		hint = `it is called on events: events("purchase").` + name
	case slices.Contains(c.globals(), name):
		hint = "it is called by itself: " + name + "(...)"
	}
	c.failf(c.nameAt(e), ruleFunction, hint, "%s has no function %s", target.typ, strconv.Quote(name))
	c.checkAll(e.AsCall().Args())
	return value{}
}

// textCall checks the functions of strings.
func (c *checker) textCall(e ast.Expr, name string, target value) value {
	args := e.AsCall().Args()
	switch name {
	case "lowerAscii", "upperAscii", "trim":
		if !c.arity(e, 0, "contact.city."+name+"()") {
			return value{}
		}
		return value{tree: c.node(e.ID(), buildText(name), target.tree), typ: target.typ, constant: target.constant}
	case "matches":
		if !c.arity(e, 1, `contact.city.matches("^B")`) {
			return value{}
		}
		re, weight, ok := c.regex(args[0])
		if !ok {
			return value{}
		}
		return value{tree: c.node(e.ID(), buildMatches(re, weight), target.tree), typ: typ{kind: boolKind}}
	}
	if !c.arity(e, 1, `contact.city.`+name+`("B")`) {
		return value{}
	}
	arg := c.still(args[0])
	if !c.want(args[0], arg, typ{kind: stringKind}, "the argument of "+name) {
		return value{}
	}
	return value{tree: c.node(e.ID(), buildTextTest(name), target.tree, arg.tree), typ: typ{kind: boolKind}}
}

// regex compiles a regular expression and gives how many instructions it has.
func (c *checker) regex(e ast.Expr) (*regexp.Regexp, int, bool) {
	text, ok := c.written(e, ruleRegex, "the regular expression", `contact.city.matches("^B")`)
	if !ok {
		return nil, 0, false
	}
	if most := c.env.limits.RegexBytes; len(text) > most {
		c.failf(c.at(e), ruleLimit, "several shorter ones", "the regular expression has more than %d bytes", most)
		return nil, 0, false
	}
	re, err := regexp.Compile(text)
	if err != nil {
		c.fail(c.at(e), ruleRegex, "the regular expression is not valid", regexHint(err))
		return nil, 0, false
	}
	weight, ok := regexWeight(text)
	if most := 2 * c.env.limits.RegexBytes; !ok || weight > most {
		c.failf(c.at(e), ruleLimit, "fewer or smaller repetitions", "the regular expression needs more than %d instructions", most)
		return nil, 0, false
	}
	return re, weight, true
}

func regexHint(err error) string {
	if se, ok := errors.AsType[*syntax.Error](err); ok {
		return fmt.Sprintf("RE2 syntax: %s", se.Code)
	}
	return "RE2 syntax"
}

func regexWeight(text string) (int, bool) {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return 0, false
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0, false
	}
	return len(prog.Inst), true
}

// size checks size(x).
func (c *checker) size(e, arg ast.Expr) value {
	return c.sizeOf(e, arg, c.still(arg))
}

func (c *checker) sizeOf(e, arg ast.Expr, v value) value {
	if v.kind == invalid {
		return value{}
	}
	if v.kind != stringKind && v.kind != listKind {
		c.failf(c.start(arg), ruleType, "a string or a list", "%s has no size", v.typ)
		return value{}
	}
	return value{tree: c.node(e.ID(), buildSize(v.kind), v.tree), typ: typ{kind: intKind}}
}

// conversion checks int(x), double(x) and string(x).
func (c *checker) conversion(e ast.Expr, name string) value {
	if !c.arity(e, 1, name+"(contact.score)") {
		return value{}
	}
	arg := e.AsCall().Args()[0]
	v := c.still(arg)
	if v.kind == invalid {
		return value{}
	}
	from, to := v.kind, map[string]kind{"int": intKind, "double": doubleKind, "string": stringKind}[name]
	ok := v.isNumber() || from == stringKind || to == stringKind && (from == boolKind || from == timeKind)
	if !ok {
		c.failf(c.start(arg), ruleType, "", "%s cannot become %s", v.typ, typ{kind: to})
		return value{}
	}
	return value{tree: c.node(e.ID(), buildConversion(from, to), v.tree), typ: typ{kind: to}, constant: v.constant}
}

func macroNames() []string { return []string{"exists", "all", "exists_one", "filter", "map", "where"} }
