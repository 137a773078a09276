package segment

import (
	"sync"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
)

// Truth is the outcome of an expression for a contact. The zero Truth is
// Unknown. Only True makes a member.
type Truth uint8

// The outcomes.
const (
	Unknown Truth = iota // something that is absent decides
	False
	True
)

// String gives "unknown", "false" or "true".
func (t Truth) String() string {
	switch t {
	case False:
		return "false"
	case True:
		return "true"
	default:
		return "unknown"
	}
}

// Expression is a compiled expression. It is immutable and safe for
// concurrent use.
type Expression struct {
	language *Language
	source   string
	names    []string // that inSegment may name
	program  *celenv.Program
	parts    audience.ProfileParts // of the program

	once   sync.Once
	leaves []*atom // made when somebody asks
	tree   *branch // of the leaves

	countOnce sync.Once // of what the leaves count
}

// Source gives the text it was compiled from.
func (e *Expression) Source() string { return e.source }

// Parts says what of a profile the expression reads. A profile that was read
// without one of these parts is refused.
func (e *Expression) Parts() audience.ProfileParts { return e.program.Parts() }

// At fixes the instant of evaluation, truncated to the microsecond. What
// depends on it alone is computed once. An instant outside the years 1 to
// 9999 makes every call of the Moment fail.
func (e *Expression) At(now time.Time) *Moment {
	return &Moment{expression: e, moment: e.program.At(now)}
}

// segments gives, ascending, the positions in the names given to
// [Language.compile] of the segments that the expression names itself. For
// the author of sets.
func (e *Expression) segments() []int {
	var out []int
	for _, m := range e.program.Segments() {
		out = append(out, m.Segment)
	}
	return out
}

// segmentAt gives line and column of the first inSegment that names the
// segment at a position, for an error about a cycle. For the author of sets.
func (e *Expression) segmentAt(i int) (line, column int) {
	for _, m := range e.program.Segments() {
		if m.Segment == i {
			return m.Line, m.Column
		}
	}
	return 0, 0
}
