package store

import (
	"context"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Unwrapper is implemented by adapters, partitions and roles that wrap
// another one, so that what the inner one can do is found through them.
type Unwrapper interface {
	Unwrap() any
}

// As finds a capability in v or in what it wraps, outermost first. It is how
// optional power is asked for: a small interface and a helper with a
// fallback, never a bigger role.
func As[T any](v any) (T, bool) {
	for v != nil {
		if t, ok := v.(T); ok {
			return t, true
		}
		u, ok := v.(Unwrapper)
		if !ok {
			break
		}
		v = u.Unwrap()
	}
	var zero T
	return zero, false
}

// Restorer is a capability of partitions: start a new incarnation after a
// backup was restored, so that old positions are refused and contact ids are
// not given twice.
type Restorer interface {
	// Restored makes a new incarnation and skips the counter of contact ids
	// ahead, past every id that may have been given since the backup. Handles
	// that were open before have to be opened again.
	Restored(ctx context.Context) error
}

// Waker is a capability of partitions: tell when there may be new commits in
// the feed, so that who follows it need not wait until it looks again.
type Waker interface {
	// Wake calls hint once it listens, and then, in one goroutine and once for
	// several commits that came meanwhile, whenever there may be new commits,
	// until ctx ends, and gives its error. A hint may come without a commit, and a commit without a hint:
	// who follows the feed looks at it from time to time all the same.
	Wake(ctx context.Context, hint func()) error
}

// ContactCounter is a capability of ReadRoles: count contacts without
// reading them.
type ContactCounter interface {
	CountContacts(ctx context.Context) (int, error)
}

// CrowdReader is a capability of ReadRoles: find those of many contacts who have
// very many events, which is less work than to count the events of each.
type CrowdReader interface {
	// Crowded gives the origins that have at least so many events of all types,
	// taken back or not; in any order, each once.
	Crowded(ctx context.Context, origins []audience.ContactID, least int) ([]audience.ContactID, error)
}

// PredicateReader is a capability of ReadRoles: find the contacts for whom a
// predicate is true inside the database.
type PredicateReader interface {
	// Candidates gives contacts in ascending order of their id, above after,
	// up to limit, which may be a million; fewer than limit only at the end. Every contact that has a
	// row and for whom [Match] is true at the instant is among them. Others may
	// be too: one that is Certain matches for sure, of any other the caller has
	// to ask Match.
	//
	// A predicate of which nothing can be pushed down, and one of a type that
	// the adapter does not know, is [audience.ErrUnsupported]: the caller then
	// goes through all contacts.
	Candidates(ctx context.Context, p Predicate, at time.Time, after audience.ContactID, limit int) ([]Candidate, error)
}

// Candidate is a contact that may match a predicate.
type Candidate struct {
	ID      audience.ContactID
	Certain bool // it does
}
