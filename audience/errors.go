package audience

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Categories. Every error of this library answers errors.Is for exactly the
// categories that apply to it; the typed errors below carry the details.
var (
	// ErrNotFound: what was named does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the write contradicts what is stored, a version, an
	// identity that belongs to somebody else, or an event with other content.
	ErrConflict = errors.New("conflict")
	// ErrInvalid: the input can never be accepted as it is.
	ErrInvalid = errors.New("invalid")
	// ErrDenied: a rule forbids it: consent without evidence, a refusal that
	// stands, a missing key, a field owned by somebody else.
	ErrDenied = errors.New("denied")
	// ErrRetryable: nothing was written and the same call may succeed later.
	ErrRetryable = errors.New("retryable")
	// ErrFull: a bound of the store is reached, such as the last contact id.
	ErrFull = errors.New("full")
	// ErrPositionGone: a feed position is of another incarnation of the
	// store, ahead of it or older than what it keeps. Rebuild from a snapshot.
	ErrPositionGone = errors.New("feed position gone")
	// ErrInvalidCursor: a page cursor is damaged, of another version, or was
	// made by another query or audience.
	ErrInvalidCursor = errors.New("invalid cursor")
	// ErrUnsupported: this adapter cannot do it.
	ErrUnsupported = errors.New("unsupported")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("closed")
	// ErrLimit: a bound on size or work was exceeded.
	ErrLimit = errors.New("limit exceeded")
)

// FieldError says which part of an input is refused. It is [ErrInvalid], and
// also [ErrLimit] when the rule is a size.
type FieldError struct {
	Path  string // where: "email", "fields.score", "events[3].props.value"
	Rule  string // stable code of the broken rule: "type", "utf8", "max-length"
	Hint  string // what is expected instead, without the refused value
	Limit bool   // the rule is a size limit
}

// Error gives the place, the rule and what is expected; never the value.
func (e *FieldError) Error() string {
	s := e.Path + ": " + e.Rule
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

// Is answers the categories.
func (e *FieldError) Is(target error) bool {
	return target == ErrInvalid || e.Limit && target == ErrLimit
}

// NotFoundError names what kind of thing is missing. It is [ErrNotFound].
type NotFoundError struct {
	Kind string // "contact", "list", "segment", "merge", "record", "evidence"
	Name string // a name that is not personal: an id, a list or a segment
}

func (e *NotFoundError) Error() string {
	if e.Name == "" {
		return e.Kind + " not found"
	}
	return e.Kind + " " + strconv.Quote(e.Name) + " not found"
}

// Is answers the category.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// ConflictError says what stands in the way of a write. It is [ErrConflict].
type ConflictError struct {
	Kind    string    // "version", "identity", "event", "ambiguous", "exists", "merge", "schema", "ledger", "evidence"
	Contact ContactID // the contact that is in the way, 0 when none is
	Hint    string    // what to do
}

func (e *ConflictError) Error() string {
	s := e.Kind + " conflict"
	if e.Contact != 0 {
		s += " with contact " + e.Contact.String()
	}
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

// Is answers the category.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// DeniedError names the rule that forbids. It is [ErrDenied].
type DeniedError struct {
	Rule string // "evidence", "mechanism", "key", "suppressed", "lift", "erased", "owner", "namespace"
	Hint string // what would be needed
}

func (e *DeniedError) Error() string {
	if e.Hint == "" {
		return "denied (" + e.Rule + ")"
	}
	return "denied (" + e.Rule + "): " + e.Hint
}

// Is answers the category.
func (e *DeniedError) Is(target error) bool { return target == ErrDenied }

// ItemError is one refused item of a batch.
type ItemError struct {
	Index int   // position in the batch, from 0
	Err   error // why
}

func (e *ItemError) Error() string { return fmt.Sprintf("item %d: %v", e.Index, e.Err) }

// Unwrap gives the cause.
func (e *ItemError) Unwrap() error { return e.Err }

// BatchError lists the refused items of a batch in ascending order of their
// index. Unless the call says otherwise nothing of the batch was written.
type BatchError struct {
	Items []*ItemError
}

// Error shows the first three items and how many there are.
func (e *BatchError) Error() string {
	const shown = 3
	parts := make([]string, 0, shown)
	for _, it := range e.Items[:min(shown, len(e.Items))] {
		parts = append(parts, it.Error())
	}
	s := fmt.Sprintf("%d refused: %s", len(e.Items), strings.Join(parts, "; "))
	if len(e.Items) > shown {
		s += "; ..."
	}
	return s
}

// Unwrap gives every item, so that errors.Is finds a category that any of
// them has.
func (e *BatchError) Unwrap() []error {
	out := make([]error, len(e.Items))
	for i, it := range e.Items {
		out[i] = it
	}
	return out
}

// Add appends a refused item.
func (e *BatchError) Add(index int, err error) {
	e.Items = append(e.Items, &ItemError{Index: index, Err: err})
}

// OrNil gives the error, or nil when no item was refused, as a plain error.
func (e *BatchError) OrNil() error {
	if e == nil || len(e.Items) == 0 {
		return nil
	}
	return e
}
