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

// ContactCounter is a capability of ReadRoles: count contacts without
// reading them.
type ContactCounter interface {
	CountContacts(ctx context.Context) (int, error)
}
