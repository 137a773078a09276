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
}

// atoms gives the leaves of the expression under && || and !, in the order
// of the source. They are compiled at the first call. For the author of
// Explain.
func (e *Expression) atoms() []*atom {
	e.once.Do(func() {
		s := &splitter{source: e.source, tokens: tokensOf(e.source)}
		s.split(0, len(s.tokens), false)
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

// split cuts the tokens from from up to to.
func (s *splitter) split(from, to int, negated bool) {
	for s.wrapped(from, to) {
		from, to = from+1, to-1
	}
	top := s.top(from, to)
	switch {
	case from >= to:
	case slices.ContainsFunc(top, func(i int) bool { return s.tokens[i].text == "?" }):
		s.leaf(from, to, negated)
	case s.cut(from, to, top, "||", negated), s.cut(from, to, top, "&&", negated):
	case s.tokens[from].text == "!" && !slices.ContainsFunc(top, func(i int) bool { return isComparison(s.tokens[i].text) }):
		for s.tokens[from].text == "!" && from < to-1 { // all at once: there may be thousands
			from, negated = from+1, !negated
		}
		s.split(from, to, negated)
	default:
		s.leaf(from, to, negated)
	}
}

// cut splits at every operator of the highest level, if there is one.
func (s *splitter) cut(from, to int, top []int, operator string, negated bool) bool {
	found := false
	for _, i := range top {
		if s.tokens[i].text == operator {
			s.split(from, i, negated)
			from, found = i+1, true
		}
	}
	if found {
		s.split(from, to, negated)
	}
	return found
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

func (s *splitter) leaf(from, to int, negated bool) {
	start, end := s.tokens[from].start, s.tokens[to-1].end
	before := s.source[:start]
	line := 1 + strings.Count(before, "\n")
	column := 1 + len([]rune(before[strings.LastIndexByte(before, '\n')+1:]))
	s.atoms = append(s.atoms, &atom{source: s.source[start:end], line: line, column: column, negated: negated})
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
