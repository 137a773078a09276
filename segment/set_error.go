package segment

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// SetError lists the segments that [Language.CompileSet] or [Load] refused.
// It is [audience.ErrInvalid], and [audience.ErrLimit] when one of them is.
type SetError struct {
	// Errors has at least one error per refused segment, ordered by the
	// segment's name, then file, line and column.
	Errors []*CompileError
}

// newSetError sorts the errors; without any it gives nil.
func newSetError(errs []*CompileError) error {
	if len(errs) == 0 {
		return nil
	}
	slices.SortStableFunc(errs, func(a, b *CompileError) int {
		return cmp.Or(
			strings.Compare(cmp.Or(a.Segment, a.File), cmp.Or(b.Segment, b.File)),
			strings.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
		)
	})
	return &SetError{Errors: errs}
}

// Error gives one line file:line:column: message per error, further errors of
// the same expression included, and says how many more there are beyond 50.
func (e *SetError) Error() string {
	const shown = 50
	var lines []string
	for _, err := range e.Errors {
		lines = append(lines, err.Error())
		for _, more := range err.More {
			lines = append(lines, more.Error())
		}
	}
	if n := len(lines) - shown; n > 0 {
		lines = append(lines[:shown], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives every error, so that errors.Is finds a category that any of
// them has.
func (e *SetError) Unwrap() []error {
	out := make([]error, len(e.Errors))
	for i, err := range e.Errors {
		out[i] = err
	}
	return out
}

// Is answers that it is [audience.ErrInvalid].
func (e *SetError) Is(target error) bool { return target == audience.ErrInvalid }
