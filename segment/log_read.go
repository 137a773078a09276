package segment

import (
	"context"
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// TrimmedError says that transitions were asked for which the log does not
// keep any more. It is [audience.ErrPositionGone]: whoever needed them starts
// anew from the members as they are.
type TrimmedError struct {
	Oldest uint64 // the number of the oldest transition that is kept, or of the next one
}

func (e *TrimmedError) Error() string {
	return fmt.Sprintf("transitions before number %d are trimmed", e.Oldest)
}

// Is answers the category.
func (e *TrimmedError) Is(target error) bool { return target == audience.ErrPositionGone }

// after gives up to limit transitions after a number, in order of their
// numbers; none when there are none. Of erased contacts there is nothing but
// what they left by that. A limit below 1 is 1,000. When transitions after the
// number have been trimmed it is a [*TrimmedError].
func (l *transitionLog) after(ctx context.Context, number uint64, limit int) (found []Transition, err error) {
	if limit < 1 {
		limit = batchMoves
	}
	err = l.aud.View(ctx, func(r *store.Reader) error {
		h, _, err := loadHead(ctx, r)
		if err != nil {
			return err
		}
		found, _, err = readAfter(ctx, r, &h, number, limit)
		return err
	})
	return found, err
}

// readAfter gives besides the number up to which everything has been read.
func readAfter(ctx context.Context, r *store.Reader, h *logHead, number uint64, limit int) (found []Transition, through uint64, err error) {
	switch {
	case number+1 < h.FirstNumber:
		return nil, number, &TrimmedError{Oldest: h.FirstNumber}
	case number >= h.Number:
		return nil, number, nil
	}
	batch, err := batchOf(ctx, r, h, number+1)
	if err != nil {
		return nil, number, err
	}
	through = number
	for scan := scanBatches(r, h, batch-1); len(found) < limit; {
		b, err := scan.header(ctx)
		if err != nil || b == nil {
			return found, through, err
		}
		moves, err := scan.moves(ctx, b)
		if err != nil {
			return nil, number, err
		}
		for _, m := range moves {
			if m.Number <= number {
				continue
			}
			if len(found) == limit {
				return found, through, nil
			}
			found = append(found, m)
			through = m.Number
		}
		through = b.last()
	}
	return found, through, nil
}
