package celenv

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/interpreter"
	"cel.dev/cel-go/parser"

	"github.com/audiencekit/audiencekit/audience"
)

// Truth is the outcome of a condition.
type Truth uint8

// The outcomes.
const (
	Unknown Truth = iota
	False
	True
)

// Program is a compiled expression. It is immutable and safe for concurrent
// use.
type Program struct {
	env      *Env
	root     interpreter.InterpretableV2
	moments  []course
	facts    int // how many
	parts    audience.ProfileParts
	reads    bool
	timed    bool
	noNumber string
	segments []Mention
	formula  *Formula
}

// Mention is a segment that an expression names.
type Mention struct {
	Segment      int // the place in the names given to Compile
	Line, Column int // of the first inSegment that names it
}

// Compile compiles a condition. segments are the names that inSegment may
// name, ascending; nil means that there is no set.
func (e *Env) Compile(source string, segments []string) (*Program, []*Error) {
	return e.compile(source, segments, true)
}

// CompileValue compiles any expression that has a value, for [Moment.Text].
func (e *Env) CompileValue(source string, segments []string) (*Program, []*Error) {
	return e.compile(source, segments, false)
}

func (e *Env) compile(source string, segments []string, condition bool) (*Program, []*Error) {
	if errs := e.checkSource(source); errs != nil {
		return nil, errs
	}
	parsed, errs := e.parser.Parse(common.NewTextSource(source))
	if found := errs.GetErrors(); len(found) > 0 {
		return nil, syntaxErrors(source, e.limits, found)
	}
	c := &checker{
		env: e, source: sourceOf(source), info: parsed.SourceInfo(), segments: segments,
		factory: ast.NewExprFactoryWithAccumulator(parser.HiddenAccumulatorName), named: map[int]int64{},
	}
	var v value
	var formula *Formula
	if condition {
		v, _ = c.boolean(parsed.Expr(), "the whole expression")
		formula = c.formula(parsed.Expr(), v, 0)
	} else {
		v = c.plain(parsed.Expr())
	}
	if len(c.errs) > 0 {
		return nil, c.errors()
	}
	if v.tree == nil {
		return nil, []*Error{{Line: 1, Column: 1, Rule: ruleSyntax, Message: "this is not understood"}}
	}
	root, err := e.planner.NewInterpretable(ast.NewAST(v.tree, parsed.SourceInfo()), interpreter.CustomDecoratorV2(c.decorate))
	if err != nil {
		return nil, []*Error{{Line: 1, Column: 1, Rule: ruleSyntax, Message: "this cannot be evaluated"}}
	}
	slices.Sort(c.parts.Events)
	c.parts.Events = slices.Compact(c.parts.Events)
	p := &Program{
		env: e, root: root, moments: c.moments, facts: len(c.facts), parts: c.parts, segments: c.mentions(),
		reads: c.reads, timed: c.timed || len(c.moments) > 0, noNumber: c.noNumber, formula: formula,
	}
	return p, c.planAtoms(p)
}

// planAtoms makes the programs of the atoms that are decided row by row. They
// share what the whole program computes from now.
func (c *checker) planAtoms(whole *Program) []*Error {
	for _, pending := range c.rowwise {
		root := whole.root
		if pending.tree != nil {
			var err error
			root, err = c.env.planner.NewInterpretable(ast.NewAST(pending.tree, c.info), interpreter.CustomDecoratorV2(c.decorate))
			if err != nil {
				return []*Error{{Line: 1, Column: 1, Rule: ruleSyntax, Message: "this cannot be evaluated"}}
			}
		}
		p := *whole
		p.root, p.formula = root, nil
		pending.atom.Program = &p
	}
	return nil
}

// Formula gives the condition as an engine plans it.
func (p *Program) Formula() *Formula { return p.formula }

func (e *Env) checkSource(source string) []*Error {
	one := func(rule, message, hint string) []*Error {
		return []*Error{{Line: 1, Column: 1, Rule: rule, Message: message, Hint: hint}}
	}
	switch {
	case len(source) > e.limits.SourceBytes:
		return one(ruleLimit, fmt.Sprintf("the expression has more than %d bytes", e.limits.SourceBytes), "split it into several segments")
	case !utf8.ValidString(source):
		return one(ruleSyntax, "the expression is no valid UTF-8", "save it as UTF-8")
	case strings.Contains(source, "\x00"):
		return one(ruleSyntax, "the expression holds a NUL character", "text")
	}
	return nil
}

func (c *checker) mentions() []Mention {
	var out []Mention
	for _, i := range slices.Sorted(maps.Keys(c.named)) {
		r, _ := c.info.GetOffsetRange(c.named[i])
		line, column := c.source.place(c.source.before(int(r.Start), "inSegment"))
		out = append(out, Mention{Segment: i, Line: line, Column: column})
	}
	return out
}

// Parts says what the program reads of a row.
func (p *Program) Parts() audience.ProfileParts {
	parts := p.parts
	parts.Events = slices.Clone(parts.Events)
	return parts
}

// Reads reports whether the program reads anything of the contact: whether it
// can differ between contacts.
func (p *Program) Reads() bool { return p.reads }

// Timed reports whether the outcome can change by time alone: it depends on
// now, or reads what may be dated ahead, as events, consent and suppression.
func (p *Program) Timed() bool {
	return p.timed || len(p.parts.Events) > 0 || p.parts.Ledger || p.parts.Suppressed
}

// Unnumbered gives the first field or property that the program reads and
// that has no number in the schema, or "". Values are found by their numbers.
func (p *Program) Unnumbered() string { return p.noNumber }

// Segments gives the segments that the program names, ascending.
func (p *Program) Segments() []Mention { return p.segments }

func evaluationError(panicked any) error {
	switch p := panicked.(type) {
	case tooManySteps:
		return errSteps
	case tooMuchText:
		return errText
	case functionPanicked:
		return fmt.Errorf("segment: the function %s panicked", p.name)
	case functionResult:
		return fmt.Errorf("segment: the function %s gave something else than its declared result: %w", p.name, audience.ErrInvalid)
	}
	return errInternal
}
