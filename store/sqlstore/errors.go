package sqlstore

import (
	"context"
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
)

// DatabaseError is something that the database or its driver refused. What the
// driver says of it may hold addresses and names, so its own text does not:
// errors.As finds the driver's error in it, for hosts that may look. It is
// [audience.ErrRetryable] when the database undid the transaction for the sake
// of another one, or the connection broke before the commit.
type DatabaseError struct {
	Statement string // name of the statement, such as "add identities"
	Code      string // SQLSTATE, or the number of MySQL or SQLite; "" when the driver gives none
	text      string // what it means, without anybody's data
	trouble   trouble
	err       error
}

// Error names the statement and the code.
func (e *DatabaseError) Error() string {
	s := e.Statement + ": database error"
	if e.Code != "" {
		s += " " + e.Code
	}
	if e.text != "" {
		s += ": " + e.text
	}
	return s
}

// Unwrap gives the driver's error.
func (e *DatabaseError) Unwrap() error { return e.err }

// Is answers the category.
func (e *DatabaseError) Is(target error) bool {
	return target == audience.ErrRetryable && (e.trouble == conflicting || e.trouble == disconnected)
}

// CommitUnknownError says that the connection was lost while a transaction was
// being committed: it was either committed or rolled back as a whole, and
// nobody told which. The caller has to look before it writes again; it is not
// [audience.ErrRetryable].
type CommitUnknownError struct {
	Err error // what happened to the connection
}

// Error says what is not known.
func (e *CommitUnknownError) Error() string {
	s := "the connection was lost during the commit: the transaction was committed as a whole or not at all, look which before writing it again"
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Is reports whether the target is of this type too: errors.Is(err,
// &CommitUnknownError{}) asks for any of them.
func (e *CommitUnknownError) Is(target error) bool {
	_, ok := target.(*CommitUnknownError)
	return ok
}

// failed gives the error of a statement as it leaves the adapter: it names the
// statement, and never the values it was about.
func (s *Store) failed(ctx context.Context, name string, err error, hasValues bool) error {
	if err == nil {
		return nil
	}
	if over := ctx.Err(); over != nil { // drivers have many words for it
		return fmt.Errorf(adapterName+": %s: %w", name, over)
	}
	code, what := classify(s.dialect.kind, err)
	text := s.dialect.kind.harmlessText(code, err, hasValues)
	return wrap(&DatabaseError{Statement: name, Code: code, trouble: what, err: err, text: text})
}

// isDuplicate reports whether a statement was refused since a row is there
// already.
func isDuplicate(err error) bool {
	e, ok := databaseError(err)
	return ok && e.trouble == duplicate
}

// wrap names the adapter in an error that leaves it.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(adapterName+": %w", err)
}
