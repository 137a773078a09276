package celenv

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// The rules of errors, documented with segment.CompileError.
const (
	ruleSyntax   = "syntax"
	ruleType     = "type"
	ruleName     = "unknown-name"
	ruleField    = "unknown-field"
	ruleProperty = "unknown-property"
	ruleFunction = "unknown-function"
	ruleEvents   = "event-type"
	rulePeriod   = "period"
	ruleDate     = "date"
	ruleTime     = "timestamp"
	ruleDuration = "duration"
	ruleRegex    = "regex"
	ruleEmail    = "email"
	ruleStatus   = "status"
	ruleNow      = "now"
	ruleMacro    = "macro"
	ruleLiteral  = "literal"
	ruleList     = "list"
	rulePurpose  = "purpose"
	ruleSegment  = "segment"
	ruleZone     = "zone"
	ruleWhere    = "where"
	ruleLimit    = "limit"
)

// source is the text of an expression by characters, which is how cel-go
// counts.
type source struct {
	text []rune
}

func sourceOf(text string) *source { return &source{text: []rune(text)} }

// place gives line and column, from 1, of a character.
func (s *source) place(offset int) (line, column int) {
	offset = min(max(offset, 0), len(s.text))
	line, start := 1, 0
	for i, r := range s.text[:offset] {
		if r == '\n' {
			line++
			start = i + 1
		}
	}
	return line, offset - start + 1
}

// after skips the sign at offset, a question mark and space: what follows a
// dot.
func (s *source) after(offset int) int {
	i := offset + 1
	for i < len(s.text) && (unicode.IsSpace(s.text[i]) || s.text[i] == '?') {
		i++
	}
	return i
}

// before gives where a name of so many characters begins that stands before
// the parenthesis at offset.
func (s *source) before(offset int, name string) int {
	i := offset
	for i > 0 && unicode.IsSpace(s.text[i-1]) {
		i--
	}
	return max(i-len([]rune(name)), 0)
}

// at gives where cel-go has put a part: an operator, a name, the parenthesis
// of a call, a dot.
func (c *checker) at(e ast.Expr) int {
	r, _ := c.info.GetOffsetRange(e.ID())
	return int(r.Start)
}

// start gives where a part begins.
func (c *checker) start(e ast.Expr) int {
	for {
		switch e.Kind() {
		case ast.SelectKind:
			e = e.AsSelect().Operand()
		case ast.CallKind:
			call := e.AsCall()
			name := call.FunctionName()
			switch {
			case call.IsMemberFunction():
				e = call.Target()
			case name == operators.Negate || name == operators.LogicalNot || len(call.Args()) == 0:
				return c.nameAt(e)
			case isOperator(name):
				e = call.Args()[0]
			default:
				return c.nameAt(e)
			}
		default:
			return c.at(e)
		}
	}
}

// nameAt gives where the name of a call or a selection is.
func (c *checker) nameAt(e ast.Expr) int {
	switch e.Kind() {
	case ast.SelectKind:
		return c.source.after(c.at(e))
	case ast.CallKind:
		name := e.AsCall().FunctionName()
		if name == operators.OptSelect {
			return c.source.after(c.at(e))
		}
		if !isOperator(name) {
			return c.source.before(c.at(e), name)
		}
	default:
	}
	return c.at(e)
}

func isOperator(name string) bool {
	return strings.ContainsAny(name, "_@!-") && (strings.HasPrefix(name, "_") || strings.HasPrefix(name, "@") ||
		strings.HasPrefix(name, "!") || strings.HasPrefix(name, "-"))
}

// fail reports an error.
func (c *checker) fail(offset int, rule, message, hint string) {
	if len(c.errs) >= foundErrors {
		return
	}
	line, column := c.source.place(offset)
	c.errs = append(c.errs, &Error{Line: line, Column: column, Rule: rule, Message: message, Hint: hint})
}

func (c *checker) failf(offset int, rule, hint, format string, args ...any) {
	c.fail(offset, rule, fmt.Sprintf(format, args...), hint)
}

// errors gives what was reported, in order of place, as much as is shown.
func (c *checker) errors() []*Error {
	slices.SortStableFunc(c.errs, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return c.errs[:min(len(c.errs), maxErrors)]
}
