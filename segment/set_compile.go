package segment

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// maxSegments is how many segments a set may have.
const maxSegments = 10_000

// CompileSet compiles segments that may name each other with inSegment. How
// deep they nest does not matter, nor in which order they are given; there may
// be 10,000. Names follow the rule of [Load].
//
// What is refused comes back in a [*SetError], and the set holds the others:
// it is never nil. Refused are expressions that do not compile, bad names,
// names given twice (all of that name), the members of a cycle, and segments
// that name a refused one.
func (l *Language) CompileSet(defs ...Definition) (*Set, error) {
	if len(defs) > maxSegments {
		message := fmt.Sprintf("a set has at most %d segments", maxSegments)
		return &Set{language: l}, newSetError([]*CompileError{{Line: 1, Column: 1, Rule: "limit", Message: message}})
	}
	c := setCompiler{language: l}
	c.take(defs)
	c.compile()
	g := c.graph()
	components := g.components()
	c.refuseCycles(g, components)
	c.refuseNamingRefused(components)
	return c.set(components), newSetError(c.errs)
}

// setCompiler compiles a set. A segment's slot is its index in defs.
type setCompiler struct {
	language    *Language
	defs        []Definition // sorted by name, each name once
	expressions []*Expression
	refused     []bool
	errs        []*CompileError
}

// take sorts the definitions and refuses bad names and names given twice.
func (c *setCompiler) take(defs []Definition) {
	defs = slices.Clone(defs)
	slices.SortStableFunc(defs, compareNames)
	for len(defs) > 0 {
		n := 1
		for n < len(defs) && defs[n].Name == defs[0].Name {
			n++
		}
		c.takeOne(defs[:n])
		defs = defs[n:]
	}
	c.expressions = make([]*Expression, len(c.defs))
}

// takeOne takes the definitions of one name.
func (c *setCompiler) takeOne(same []Definition) {
	if rule, hint := checkName(same[0].Name); rule != "" {
		for _, def := range same {
			def.Name, def.File = printable(def.Name), printable(def.File)
			c.errs = append(c.errs, placed(def, &CompileError{Rule: rule, Message: "this is not a name of a segment", Hint: hint}))
		}
		return
	}
	c.defs = append(c.defs, same[0])
	c.refused = append(c.refused, len(same) > 1)
	for i, def := range same {
		if len(same) > 1 {
			hint := "give each its own name"
			if other := same[(i+1)%len(same)]; other.File != "" {
				hint += "; another is in " + printable(other.File)
			}
			c.errs = append(c.errs, placed(def, &CompileError{
				Rule: "duplicate", Message: fmt.Sprintf("there are %d segments of the name %q", len(same), def.Name),
				Hint: hint,
			}))
		}
	}
}

// placed fills in whose error it is, and a place where there is none.
func placed(def Definition, err *CompileError) *CompileError {
	for _, e := range append([]*CompileError{err}, err.More...) {
		e.Segment, e.File = def.Name, def.File
		e.Line, e.Column = max(e.Line, 1), max(e.Column, 1)
	}
	return err
}

// refuse refuses the segment in a slot.
func (c *setCompiler) refuse(i int, err *CompileError) {
	c.refused[i] = true
	c.errs = append(c.errs, placed(c.defs[i], err))
}

func (c *setCompiler) compile() {
	names := namesOf(c.defs)
	for i, def := range c.defs {
		if c.refused[i] {
			continue
		}
		expression, err := c.language.compile(def.Source, names)
		if err == nil {
			c.expressions[i] = expression
			continue
		}
		var bad *CompileError
		if !errors.As(err, &bad) {
			bad = &CompileError{Rule: "syntax", Message: err.Error()}
		}
		c.refuse(i, bad)
	}
}

// graph leaves out what refused segments name.
func (c *setCompiler) graph() graph {
	g := make(graph, len(c.defs))
	for i, expression := range c.expressions {
		if !c.refused[i] {
			g[i] = expression.segments()
		}
	}
	return g
}

// refuseCycles tells every member of a cycle its way back to itself.
func (c *setCompiler) refuseCycles(g graph, components [][]int) {
	var found *cycles
	for _, members := range components {
		if !g.isCycle(members) {
			continue
		}
		if found == nil {
			found = g.cycles(components)
		}
		for _, i := range members {
			cycle := found.through(i)
			line, column := c.expressions[i].segmentAt(cycle[1%len(cycle)])
			c.refuse(i, &CompileError{
				Line: line, Column: column, Rule: "cycle", Message: "the segment depends on itself: " + c.cyclePath(cycle),
				Hint: "one of them must not name the next",
			})
		}
	}
}

// cyclePath gives "a -> b -> a", of a long cycle the two ends.
func (c *setCompiler) cyclePath(cycle []int) string {
	const head, tail = 8, 4
	names := make([]string, 0, head+tail+2)
	for k, i := range cycle {
		switch {
		case len(cycle) <= head+tail+1 || k < head || k >= len(cycle)-tail:
			names = append(names, c.defs[i].Name)
		case k == head:
			names = append(names, fmt.Sprintf("(%d more)", len(cycle)-head-tail))
		}
	}
	return strings.Join(append(names, c.defs[cycle[0]].Name), " -> ")
}

// refuseNamingRefused goes through the segments after those that they name.
func (c *setCompiler) refuseNamingRefused(components [][]int) {
	for _, members := range components {
		for _, i := range members {
			if c.refused[i] {
				continue
			}
			for _, named := range c.expressions[i].segments() {
				if c.refused[named] {
					line, column := c.expressions[i].segmentAt(named)
					c.refuse(i, &CompileError{
						Line: line, Column: column, Rule: "broken", Message: fmt.Sprintf("it names the segment %q, which was refused", c.defs[named].Name),
						Hint: "mend that one first",
					})
					break
				}
			}
		}
	}
}

// set makes the set of what was not refused.
func (c *setCompiler) set(components [][]int) *Set {
	s := &Set{language: c.language, expressions: c.expressions}
	for i, def := range c.defs {
		if c.refused[i] {
			s.expressions[i] = nil
			continue
		}
		s.definitions = append(s.definitions, def)
		s.slots = append(s.slots, i)
		p := c.expressions[i].Parts()
		s.parts.Events = append(s.parts.Events, p.Events...)
		s.parts.Lists = s.parts.Lists || p.Lists
		s.parts.Ledger = s.parts.Ledger || p.Ledger
		s.parts.Suppressed = s.parts.Suppressed || p.Suppressed
	}
	for _, members := range components {
		if !c.refused[members[0]] { // then it is alone
			s.order = append(s.order, members[0])
		}
	}
	s.parts = s.Parts() // each type once
	return s
}

func compareNames(a, b Definition) int { return strings.Compare(a.Name, b.Name) }

func namesOf(defs []Definition) []string {
	out := make([]string, len(defs))
	for i, def := range defs {
		out[i] = def.Name
	}
	return out
}

// printable gives the beginning of a text that may be anything, without what
// would control a terminal.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
	if len(s) > maxNameBytes {
		return strings.ToValidUTF8(s[:maxNameBytes], "") + "..."
	}
	return s
}
