package segment_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The naive_*_test.go files are a second reading of the segment language: a syntax tree of its own, a generator of
// random trees, a printer to source text, and an evaluator as simple as can be. It knows nothing of the package it is
// compared with but its exported calls, nothing of CEL, and uses the data types of package audience without their
// calendar and their fold. Where the two disagree one of them has read the language wrong.

// naiveKind is the type of a node's value.
type naiveKind uint8

const (
	naiveBool naiveKind = iota + 1
	naiveInt
	naiveDouble
	naiveString
	naiveTime
	naiveSpan
	naiveStrings
	naiveInts
	naiveStream
)

func (k naiveKind) String() string {
	return [...]string{"?", "bool", "int", "double", "string", "timestamp", "duration", "strings", "ints", "stream"}[k]
}

// naiveNode is one node of an expression. What its members mean depends on
// op; the printer below is the reference.
type naiveNode struct {
	op   string
	kind naiveKind
	kids []*naiveNode

	name  string   // a field, property, variable, getter, list, segment or purpose
	text  string   // a period, a zone, a string, a regular expression, a variable of an event
	names []string // event types
	num   int64
	real  float64
	at    time.Time
	span  time.Duration
	alt   bool // the other of two ways to write the same
}

// coverage names the node in the table of what was exercised.
func (n *naiveNode) coverage() string {
	if n.op == "field" || n.op == "prop" {
		return n.op + " " + n.kind.String()
	}
	switch n.op {
	case "==", "!=", "<", "<=", ">", ">=", "in", "size", "exists", "all", "exists_one":
		return n.op + " of " + n.kids[0].kind.String()
	case "int()", "double()", "string()":
		return n.op + " of " + n.kids[0].kind.String()
	case "getter":
		return n.name
	case "ago", "ahead", "within":
		if p := naiveParsePeriod(n.text); p.months != 0 {
			return n.op + " calendar"
		}
		return n.op + " fixed"
	}
	return n.op + " " + n.kind.String()
}

// String gives the source text.
func (n *naiveNode) String() string {
	kid := func(i int) string { return n.kids[i].String() }
	quoted := strconv.Quote
	switch n.op {
	case "bool":
		return strconv.FormatBool(n.num == 1)
	case "int", "int as double":
		return naiveSigned(strconv.FormatInt(n.num, 10))
	case "double":
		s := strconv.FormatFloat(n.real, 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		return naiveSigned(s)
	case "string":
		return quoted(n.text)
	case "timestamp":
		return "timestamp(" + quoted(n.at.Format("2006-01-02T15:04:05.999999Z07:00")) + ")"
	case "duration":
		if n.alt {
			return "duration(" + quoted(strconv.FormatFloat(n.span.Seconds(), 'f', -1, 64)+"s") + ")"
		}
		return "duration(" + quoted(n.span.String()) + ")"
	case "date", "ago", "ahead", "startOf":
		return n.op + "(" + quoted(n.text) + ")"
	case "list", "rate", "ratio", "anniversary":
		open, end := n.op+"(", ")"
		if n.op == "list" {
			open, end = "[", "]"
		}
		return open + n.joinKids() + end
	case "int()", "double()", "string()":
		return strings.TrimSuffix(n.op, ")") + kid(0) + ")"
	case "now":
		return "now"
	case "field":
		return "contact." + n.name
	case "has":
		return "has(contact." + n.name + ")"
	case "orValue":
		return "contact.?" + n.name + ".orValue(" + kid(0) + ")"
	case "prop":
		return n.text + naiveSelector(n.name, n.alt)
	case "hasProp":
		return "has(" + n.text + "." + n.name + ")"
	case "propOrValue":
		return n.text + ".?" + n.name + ".orValue(" + kid(0) + ")"
	case "e.type", "e.time":
		return n.text + strings.TrimPrefix(n.op, "e")
	case "var":
		return n.name
	case "!", "neg":
		return strings.Replace(n.op, "neg", "-", 1) + "(" + kid(0) + ")"
	case "?:":
		return "(" + kid(0) + " ? " + kid(1) + " : " + kid(2) + ")"
	case "size":
		if n.alt {
			return "size(" + kid(0) + ")"
		}
		return kid(0) + ".size()"
	case "matches":
		return kid(0) + ".matches(" + quoted(n.text) + ")"
	case "startsWith", "endsWith", "contains":
		return kid(0) + "." + n.op + "(" + kid(1) + ")"
	case "lowerAscii", "upperAscii", "trim":
		return kid(0) + "." + n.op + "()"
	case "getter":
		return kid(0) + "." + n.name + "(" + naiveQuotedIfAny(n.text) + ")"
	case "exists", "all", "exists_one", "filter", "map", "where":
		bodies := naiveNode{kids: n.kids[1:]}
		return kid(0) + "." + n.op + "(" + n.name + ", " + bodies.joinKids() + ")"
	case "onList", "inSegment", "consent":
		return n.op + "(" + quoted(n.name) + ")"
	case "suppressed":
		return "suppressed()"
	case "bucket":
		return fmt.Sprintf("bucket(%q, %d)", n.text, n.num)
	case "events":
		all := make([]string, len(n.names))
		for i, t := range n.names {
			all[i] = quoted(t)
		}
		return "events(" + strings.Join(all, ", ") + ")"
	case "within":
		return kid(0) + ".within(" + quoted(n.text) + ")"
	case "since", "before":
		return kid(0) + "." + n.op + "(" + kid(1) + ")"
	case "between":
		return kid(0) + ".between(" + kid(1) + ", " + kid(2) + ")"
	case "then", "without":
		return kid(0) + "." + n.op + "(" + kid(1) + ", " + quoted(n.text) + ")"
	case "any", "none", "count", "first", "last", "sum", "avg", "min", "max", "distinct", "latest":
		return kid(0) + "." + n.op + "(" + naiveQuotedIfAny(n.name) + ")"
	}
	// The binary operators; the op of a sum of times or durations names its operands, such as "t+d".
	sign := strings.Trim(n.op, "td")
	return "(" + kid(0) + " " + sign + " " + kid(1) + ")"
}

func (n *naiveNode) joinKids() string {
	all := make([]string, len(n.kids))
	for i, k := range n.kids {
		all[i] = k.String()
	}
	return strings.Join(all, ", ")
}

// naiveSigned keeps a negative number together, whatever stands before it.
func naiveSigned(s string) string {
	if strings.HasPrefix(s, "-") {
		return "(" + s + ")"
	}
	return s
}

func naiveSelector(name string, index bool) string {
	if index || strings.Contains(name, "-") {
		return "[" + strconv.Quote(name) + "]"
	}
	return "." + name
}

func naiveQuotedIfAny(s string) string {
	if s == "" {
		return ""
	}
	return strconv.Quote(s)
}

// walk calls f for the node and everything below it.
func (n *naiveNode) walk(f func(*naiveNode)) {
	f(n)
	for _, k := range n.kids {
		k.walk(f)
	}
}

// size counts the nodes.
func (n *naiveNode) size() int {
	total := 0
	n.walk(func(*naiveNode) { total++ })
	return total
}

// with gives a copy of the node with one kid replaced.
func (n *naiveNode) with(i int, kid *naiveNode) *naiveNode {
	c := *n
	c.kids = append([]*naiveNode(nil), n.kids...)
	c.kids[i] = kid
	return &c
}

// streamTypes gives the event types that the events of a stream can have.
func (n *naiveNode) streamTypes() []string {
	switch n.op {
	case "events":
		return n.names
	case "then":
		return n.kids[1].streamTypes()
	}
	return n.kids[0].streamTypes()
}
