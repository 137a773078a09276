package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
)

// doom makes the transaction one that never commits: a race was lost after
// something was written. It begins again.
func (w *writer) doom(why string) error {
	if w.doomed == nil {
		w.doomed = wrap(fmt.Errorf("%s: %w", why, audience.ErrRetryable))
	}
	return w.doomed
}

// numbersError says that a transaction needs more numbers than were taken before
// it began. Beginning again it has twice as many as it came to need, so that
// this ends by itself: it is nobody's conflict.
type numbersError struct{}

func (*numbersError) Error() string { return "numbers have to be taken before the transaction begins" }

// Is answers the category.
func (*numbersError) Is(target error) bool { return target == audience.ErrRetryable }

// lackedNumbers reports whether an attempt only lacked numbers.
func lackedNumbers(err error) bool {
	var short *numbersError
	return errors.As(err, &short)
}

// add inserts rows that are not there, as far as the transaction knows. When
// somebody was faster the transaction has to begin again: then it finds
// theirs.
func (w *writer) add(ctx context.Context, in *insertion, n int, fill row) error {
	touched, err := w.insert(ctx, in, n, fill)
	switch {
	case isDuplicate(err), err == nil && touched < int64(n):
		return w.doom("somebody else made the row meanwhile")
	default:
		return err
	}
}
