package segment

import (
	"strconv"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
)

// CompileError says what is wrong with an expression, and where. It is
// [audience.ErrInvalid], and also [audience.ErrLimit] when its Rule is
// "limit".
//
// The rules, stable codes: "syntax", "type", "unknown-name",
// "unknown-field", "unknown-property", "unknown-function", "event-type",
// "period", "date", "timestamp", "duration", "regex", "email", "status",
// "now", "macro", "literal", "list", "purpose", "segment", "zone", "where",
// "limit".
type CompileError struct {
	Segment string // the segment's name; empty for an expression that stands alone
	File    string // where it was read from; empty when it was given as text
	Line    int    // from 1
	Column  int    // from 1, in characters
	Rule    string // stable code of the broken rule
	Message string // what is wrong
	Hint    string // what to write instead; may be empty

	// More are further errors of the same expression, in order of their place.
	More []*CompileError
}

// Error gives file:line:column: message (hint). Without a file the segment's
// name stands in its place.
func (e *CompileError) Error() string {
	s := strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Column) + ": " + e.Message
	if e.File != "" {
		s = e.File + ":" + s
	} else if e.Segment != "" {
		s = e.Segment + ":" + s
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Is answers the categories.
func (e *CompileError) Is(target error) bool {
	return target == audience.ErrInvalid || e.Rule == "limit" && target == audience.ErrLimit
}

// compileError makes one error of those that the compiler found.
func compileError(errs []*celenv.Error) *CompileError {
	all := make([]*CompileError, len(errs))
	for i, e := range errs {
		all[i] = &CompileError{Line: e.Line, Column: e.Column, Rule: e.Rule, Message: e.Message, Hint: e.Hint}
	}
	all[0].More = all[1:]
	return all[0]
}
