package celenv

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/audiencekit/audiencekit/audience"
)

// maxErrors is how many errors of one expression are reported.
const maxErrors = 10

// foundErrors is how many are looked for: they are not found in the order of
// their places.
const foundErrors = 10 * maxErrors

// errUnknown is the outcome of whatever has no value. It has a node id of its
// own because cel-go would otherwise give it one, and it is shared.
var errUnknown ref.Val = types.NewErrWithNodeID(1, "unknown") //nolint:gochecknoglobals // a sentinel like errSteps, of cel-go's kind

// errSteps is the error of an evaluation that costs too much.
var errSteps = fmt.Errorf("segment: the expression takes too many steps for a contact: %w", audience.ErrLimit)

// errText is the error of an evaluation that makes too much text.
var errText = fmt.Errorf("segment: the expression makes too much text for a contact: %w", audience.ErrLimit)

var errInternal = errors.New("segment: evaluating failed by a defect of the library")

// Error is one error of an expression.
type Error struct {
	Line, Column int
	Rule         string
	Message      string
	Hint         string
}

// syntaxErrors translates what the parser reports.
func syntaxErrors(source string, limits Limits, errs []*common.Error) []*Error {
	out := make([]*Error, 0, len(errs))
	for _, err := range errs {
		e := &Error{Line: 1, Column: 1, Rule: "syntax"}
		if l := err.Location; l != nil && l.Line() > 0 {
			e.Line, e.Column = l.Line(), max(l.Column()+1, 1)
		}
		if e.Message, e.Hint = foreign(source, e.Line, e.Column); e.Message != "" {
			out = append(out, e)
			continue
		}
		e.Message, e.Hint = syntaxMessage(strings.TrimPrefix(err.Message, "Syntax error: "))
		if strings.Contains(err.Message, "recursion limit") {
			e.Rule = ruleLimit
			e.Message = fmt.Sprintf("the expression nests deeper than %d", limits.Depth)
			e.Hint = "split it into several segments"
		}
		out = append(out, e)
	}
	if len(out) > 1 {
		out = out[:1] // what follows a syntax error is mostly caused by it
	}
	if strings.TrimSpace(source) == "" {
		return []*Error{{Line: 1, Column: 1, Rule: "syntax", Message: "the expression is empty", Hint: `such as contact.status == "subscribed"`}}
	}
	return out
}

// foreign recognises what other languages have in the place of an error.
func foreign(source string, line, column int) (message, hint string) {
	lines := strings.Split(source, "\n")
	text := []rune(lines[min(line, len(lines))-1])
	at := min(column-1, len(text))
	before, after := strings.TrimSpace(string(text[:at])), string(text[at:])
	word, _, _ := strings.Cut(after, " ")
	switch {
	case word == "and", word == "AND":
		return "there is no " + word, "&&"
	case word == "or", word == "OR":
		return "there is no " + word, "||"
	case strings.HasSuffix(before, "not"), strings.HasSuffix(before, "NOT"):
		return "there is no not", "!"
	case strings.HasPrefix(after, "= ") && !strings.HasSuffix(before, "="):
		return "a single = compares nothing", "=="
	}
	return "", ""
}

func syntaxMessage(text string) (message, hint string) {
	const oneOf = "a value, a name or an opening parenthesis"
	is := func(what string) bool { return strings.Contains(text, what) }
	switch {
	case is("<EOF>"):
		return "the expression ends too early", expectation(text, oneOf)
	case is("after expression"):
		return "nothing was expected after the end of the expression", "combine conditions with && or ||"
	case is("mismatched input"), is("unexpected token"):
		return "something else was expected here", expectation(text, oneOf)
	case is("single '&'"), is("single '|'"):
		return "a single & or |", "&& or ||"
	case is("unexpected character"):
		return "this character means nothing here", oneOf
	case is("unexpected '-'"):
		return "a minus cannot follow a !", "parentheses between them"
	case strings.HasPrefix(text, "expected "):
		return "something else was expected here", text
	case is("int literal"), is("integral literal"):
		return "the number is no int", "from -9223372036854775808 to 9223372036854775807"
	case is("double literal"), is("floating point"):
		return "the number is no double", "such as 1.5, and not beyond 1.8e308"
	case is("reserved identifier"):
		return "this word is reserved", "another name"
	case is("quoted identifier"), is("'`'"):
		return "names in backticks are not part of the language", `e["a-name"] for a property`
	case is("unterminated"):
		return "the string is not closed", "the same quote at its end"
	case is("unescape"), is("unicode code point"):
		return "the string has an escape that does not exist", `\\ for a backslash`
	}
	return "this is not understood", oneOf
}

// expectation takes what was expected out of a message of the parser.
func expectation(text, otherwise string) string {
	if _, after, ok := strings.Cut(text, "expecting '"); ok {
		return "expected " + strings.TrimSuffix(after, "'")
	}
	return otherwise
}
