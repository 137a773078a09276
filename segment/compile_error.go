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
// The rules are stable codes. Of an expression:
//
//	syntax             it is no expression
//	type               values of types that do not go together
//	literal            a constant of a kind that the language does not have, or out of range
//	unknown-name       a name that stands by itself and means nothing
//	unknown-field      a field that the schema does not have
//	unknown-property   a property that the events do not have
//	unknown-function   a function that does not exist, or not on this
//	event-type         a type of events that the schema does not have
//	period date timestamp duration regex zone email status
//	                   a constant that is none of these
//	now                now, or what moves with it, where it cannot be
//	macro where        has, orValue, exists and its like, or where is not used as it must be
//	list purpose       a list or a purpose that the schema does not have
//	segment            a segment that the set does not have, or no set
//	limit              larger than [Limits] allows
//	language           the zero Language
//
// Of sets and their files: name, utf8, duplicate, cycle, broken (it names a segment
// that was refused).
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
