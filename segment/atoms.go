package segment

import (
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
)

// atom is one leaf of an expression under && || and !. It is evaluated by
// itself with [Moment.atomTruth].
//
// Atoms are cut from the source and compiled again, which is why they need
// nothing of the compiler: a leaf can use no variable, because variables
// exist within macros only, and those are part of a leaf.
type atom struct {
	source       string // as it was written
	line, column int    // where
	negated      bool   // under an odd number of !
	compares     bool   // it is a comparison: Moment.atomValue gives the value of a side

	truth *celenv.Program
	side  *celenv.Program // of a comparison, the side that says something

	counted []*countedPart // made by [Expression.counts]
}

// branch is how atoms go together: one atom, or parts under an operator.
type branch struct {
	operator string // "&&", "||", "!" with one part, "" of an atom
	parts    []*branch
	atom     int // its place among the atoms
}

// atoms gives the leaves of the expression under && || and !, in the order
// of the source. They are compiled at the first call. For the author of
// Explain.
func (e *Expression) atoms() []*atom {
	e.once.Do(func() {
		s := &splitter{source: e.source, tokens: tokensOf(e.source)}
		e.tree = s.split(0, len(s.tokens), false)
		e.leaves = s.atoms
		for _, a := range e.leaves {
			e.compileAtom(a, s)
		}
	})
	return e.leaves
}

func (e *Expression) compileAtom(a *atom, s *splitter) {
	// A part of what has been compiled compiles, so the errors say nothing.
	a.truth, _ = e.language.env.Compile(a.source, e.names)
	left, right, ok := s.sides(a.source)
	if !ok {
		return
	}
	a.compares = true
	a.side, _ = e.language.env.CompileValue(left, e.names)
	if a.side != nil && a.side.Reads() {
		return
	}
	// The same for every contact, as in "vip" in contact.tags: the other side says more.
	if other, _ := e.language.env.CompileValue(right, e.names); other != nil && other.Reads() {
		a.side = other
	}
}

// atomTruth evaluates one atom of [Expression.atoms]. members is that of
// [Moment.truth].
func (m *Moment) atomTruth(a *atom, p *audience.Profile, members []bool) (Truth, error) {
	if p == nil {
		return Unknown, errNoProfile
	}
	if a.truth == nil {
		return Unknown, nil
	}
	t, err := a.truth.At(m.Now()).Truth(profileRow{p}, members)
	return Truth(t), err
}

// atomValue gives the text of the value of the side of an atom that compares,
// in the form of [audience.Value.Reveal]; false when the value is unknown or
// the atom does not compare.
func (m *Moment) atomValue(a *atom, p *audience.Profile, members []bool) (string, bool, error) {
	if p == nil {
		return "", false, errNoProfile
	}
	if a.side == nil {
		return "", false, nil
	}
	return a.side.At(m.Now()).Text(profileRow{p}, members)
}

// splitter cuts a source at && || and !.
type splitter struct {
	source string
	tokens []token
	atoms  []*atom
}

// split cuts the tokens from from up to to, and gives how they go together:
// nil for none.
func (s *splitter) split(from, to int, negated bool) *branch {
	for s.wrapped(from, to) {
		from, to = from+1, to-1
	}
	if from >= to {
		return nil
	}
	top := s.top(from, to)
	if slices.ContainsFunc(top, func(i int) bool { return s.tokens[i].text == "?" }) {
		return s.leaf(from, to, negated)
	}
	for _, operator := range []string{"||", "&&"} {
		if b := s.cut(from, to, top, operator, negated); b != nil {
			return b
		}
	}
	if s.tokens[from].text != "!" || slices.ContainsFunc(top, func(i int) bool { return isComparison(s.tokens[i].text) }) {
		return s.leaf(from, to, negated)
	}
	odd := false
	for s.tokens[from].text == "!" && from < to-1 { // all at once: there may be thousands
		from, odd = from+1, !odd
	}
	part := s.split(from, to, negated != odd)
	if !odd || part == nil {
		return part
	}
	return &branch{operator: "!", parts: []*branch{part}}
}

// cut splits at every operator of the highest level, nil if there is none.
func (s *splitter) cut(from, to int, top []int, operator string, negated bool) *branch {
	b := &branch{operator: operator}
	add := func(part *branch) {
		if part != nil {
			b.parts = append(b.parts, part)
		}
	}
	found := false
	for _, i := range top {
		if s.tokens[i].text == operator {
			add(s.split(from, i, negated))
			from, found = i+1, true
		}
	}
	if !found {
		return nil
	}
	add(s.split(from, to, negated))
	return b
}

// wrapped reports whether one pair of parentheses holds all of the tokens.
func (s *splitter) wrapped(from, to int) bool {
	if to-from < 2 || s.tokens[from].text != "(" || s.tokens[to-1].text != ")" {
		return false
	}
	depth := 0
	for i := from; i < to; i++ {
		depth += s.tokens[i].nesting()
		if depth == 0 {
			return i == to-1
		}
	}
	return false
}

// top gives the tokens that are within no parentheses of their own.
func (s *splitter) top(from, to int) []int {
	var out []int
	depth := 0
	for i := from; i < to; i++ {
		n := s.tokens[i].nesting()
		if depth == 0 && n == 0 {
			out = append(out, i)
		}
		depth += n
	}
	return out
}

func (s *splitter) leaf(from, to int, negated bool) *branch {
	start, end := s.tokens[from].start, s.tokens[to-1].end
	before := s.source[:start]
	line := 1 + strings.Count(before, "\n")
	column := 1 + len([]rune(before[strings.LastIndexByte(before, '\n')+1:]))
	s.atoms = append(s.atoms, &atom{source: s.source[start:end], line: line, column: column, negated: negated})
	return &branch{atom: len(s.atoms) - 1}
}

// sides gives what stands on the two sides of a comparison; false for
// anything else.
func (s *splitter) sides(source string) (left, right string, ok bool) {
	part := &splitter{source: source, tokens: tokensOf(source)}
	top := part.top(0, len(part.tokens))
	if slices.ContainsFunc(top, func(i int) bool { return part.tokens[i].text == "?" }) {
		return "", "", false
	}
	for _, i := range slices.Backward(top) {
		if i > 0 && i+1 < len(part.tokens) && isComparison(part.tokens[i].text) {
			return source[:part.tokens[i-1].end], source[part.tokens[i+1].start:], true
		}
	}
	return "", "", false
}

func isComparison(text string) bool {
	switch text {
	case "==", "!=", "<", "<=", ">", ">=", "in":
		return true
	}
	return false
}
