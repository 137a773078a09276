package store

import "context"

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
	// Wake calls hint, in one goroutine and once for several commits that came
	// meanwhile, whenever there may be new commits, until ctx ends, and gives
	// its error. A hint may come without a commit, and a commit without a hint:
	// who follows the feed looks at it from time to time all the same.
	Wake(ctx context.Context, hint func()) error
}

// ContactCounter is a capability of ReadRoles: count contacts without
// reading them.
type ContactCounter interface {
	CountContacts(ctx context.Context) (int, error)
}
