package sqlstore

import "strings"

// fragment is a condition of SQL on one contact: it is about those for whom it
// is TRUE, and nobody asks whether it is FALSE or NULL for the others.
type fragment struct {
	kind  fragmentKind
	text  string
	args  []any
	depth int // of nested connectives
	// of is the source of which alone it reads, and which has a row for
	// everybody whom it is about; nil when there is none.
	of *source
	// row: it is only that there is this row.
	row bool
}

type fragmentKind uint8

const (
	someKind   fragmentKind = iota // as the text says
	alwaysKind                     // everybody
	neverKind                      // nobody
)

func always() fragment { return fragment{kind: alwaysKind} }
func never() fragment  { return fragment{kind: neverKind} }

func condition(text string, args ...any) fragment { return fragment{text: text, args: args} }

// orNever is about everybody or nobody.
func orNever(holds bool) fragment {
	if holds {
		return always()
	}
	return never()
}

func (f fragment) isAlways() bool { return f.kind == alwaysKind }
func (f fragment) isNever() bool  { return f.kind == neverKind }

// complement is about everybody else.
func (f fragment) complement() fragment {
	switch f.kind {
	case alwaysKind:
		return never()
	case neverKind:
		return always()
	default:
		return fragment{text: "(" + f.text + ") IS NOT TRUE", args: f.args, depth: f.depth + 1}
	}
}

// allOf is about those whom all are about.
func allOf(parts ...fragment) fragment { return connect(" AND ", alwaysKind, neverKind, parts) }

// anyOf is about those whom one of them is about.
func anyOf(parts ...fragment) fragment { return connect(" OR ", neverKind, alwaysKind, parts) }

func connect(word string, neutral, absorbing fragmentKind, parts []fragment) fragment {
	var some []fragment
	for _, p := range parts {
		switch p.kind {
		case absorbing:
			return p
		case neutral:
		default:
			some = append(some, p)
		}
	}
	if len(some) == 0 {
		return fragment{kind: neutral}
	}
	return chain(word, some)
}

// chain connects conditions. Many of them become a tree: databases take a
// chain for as deep as it is long, and have a bound for that.
func chain(word string, parts []fragment) fragment {
	const most = 16
	if len(parts) == 1 {
		return parts[0]
	}
	if len(parts) > most {
		size := (len(parts) + most - 1) / most
		var groups []fragment
		for len(parts) > 0 {
			n := min(size, len(parts))
			groups = append(groups, chain(word, parts[:n]))
			parts = parts[n:]
		}
		parts = groups
	}
	var b strings.Builder
	out := fragment{of: parts[0].of}
	b.WriteByte('(')
	for i, p := range parts {
		if i > 0 {
			b.WriteString(word)
		}
		b.WriteString(p.text)
		out.args = append(out.args, p.args...)
		out.depth = max(out.depth, p.depth+1)
		if p.of != out.of {
			out.of = nil
		}
	}
	b.WriteByte(')')
	out.text = b.String()
	return out
}

// bounds are what SQL can say about those for whom a predicate has one of its
// values.
type bounds struct {
	upper fragment // all of them, and maybe others
	lower fragment // nobody else, and maybe not all
	// given says of those in upper which are in lower, in fewer words.
	given fragment
}

// exactly is about neither fewer nor more.
func exactly(f fragment) bounds { return bounds{upper: f, lower: f, given: always()} }

// unknownBounds say nothing.
func unknownBounds() bounds { return within(always(), never()) }

func within(upper, lower fragment) bounds {
	return bounds{upper: upper, lower: lower, given: lower}
}

func (b bounds) isExact() bool { return b.given.isAlways() }

func (b bounds) complement() bounds {
	out := bounds{upper: b.lower.complement(), lower: b.upper.complement(), given: always()}
	if !b.isExact() {
		out.given = out.lower
	}
	return out.shallow()
}

func allBounds(parts []bounds) bounds {
	return bounds{
		upper: allOf(pick(parts, func(b bounds) fragment { return b.upper })...),
		lower: allOf(pick(parts, func(b bounds) fragment { return b.lower })...),
		given: allOf(pick(parts, func(b bounds) fragment { return b.given })...),
	}.shallow()
}

func anyBounds(parts []bounds) bounds {
	out := bounds{
		upper: anyOf(pick(parts, func(b bounds) fragment { return b.upper })...),
		lower: anyOf(pick(parts, func(b bounds) fragment { return b.lower })...),
		given: allOf(pick(parts, func(b bounds) fragment { return b.given })...),
	}
	if !out.isExact() { // who is in the upper of one may be in the lower of another
		out.given = out.lower
	}
	return out.shallow()
}

// shallow gives up what is nested deeper than databases read.
func (b bounds) shallow() bounds {
	const deepest = 100
	if max(b.upper.depth, b.lower.depth, b.given.depth) > deepest {
		return unknownBounds()
	}
	return b
}

func pick(parts []bounds, which func(bounds) fragment) []fragment {
	out := make([]fragment, len(parts))
	for i, p := range parts {
		out[i] = which(p)
	}
	return out
}
