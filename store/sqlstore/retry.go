package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

const (
	mostAttempts = 30
	longestPause = 100 * time.Millisecond
	// mostShort is more often than numbers can double.
	mostShort = 64
	// patience bounds attempts that are slow each, such as those that wait for
	// another process.
	patience = time.Minute
)

// again calls try until it gives another error than audience.ErrRetryable, or
// the attempts are used up. An attempt that only lacked numbers is not one of
// them, however long it took: the next one has more.
func (s *Store) again(ctx context.Context, try func() error) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	short := 0
	for attempt := 1; ; attempt++ {
		err := try()
		switch {
		case err == nil, !errors.Is(err, audience.ErrRetryable), errors.Is(err, &CommitUnknownError{}):
			return err
		case ctx.Err() != nil:
			return wrap(ctx.Err())
		case lackedNumbers(err) && short < mostShort:
			short++
			attempt--
			late.Reset(patience)
			continue
		case attempt == mostAttempts:
			return fmt.Errorf(adapterName+": given up after %d attempts: %w", attempt, err)
		}
		select {
		case <-late.C:
			return fmt.Errorf(adapterName+": given up after %d attempts: %w", attempt, err)
		default:
		}
		if err := pause(ctx, backoff(attempt)); err != nil {
			return err
		}
	}
}

// backoff gives how long to wait after an attempt, from 1: about a millisecond
// at first, doubling, at random so that two who met do not meet again.
func backoff(attempt int) time.Duration {
	most := min(time.Millisecond<<min(attempt-1, 10), longestPause)
	return most/2 + rand.N(most/2+1)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return wrap(ctx.Err())
	}
}
