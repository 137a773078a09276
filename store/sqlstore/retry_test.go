package sqlstore

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestAgain(t *testing.T) {
	busy := wrap(&DatabaseError{Statement: "x", trouble: conflicting})
	tests := []struct {
		name  string
		errs  []error // of the attempts; the last one again and again
		calls int
		want  error // nil: none
	}{
		{"at once", []error{nil}, 1, nil},
		{"second time", []error{busy, nil}, 2, nil},
		{"overtaken", []error{fmt.Errorf("x: %w", audience.ErrRetryable), busy, nil}, 3, nil},
		{"something else", []error{busy, audience.ErrConflict}, 2, audience.ErrConflict},
		{"never", []error{busy}, mostAttempts, audience.ErrRetryable},
		{"nobody knows", []error{&CommitUnknownError{Err: busy}}, 1, &CommitUnknownError{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0
			err := (&Store{}).again(t.Context(), func() error {
				calls++
				return tt.errs[min(calls, len(tt.errs))-1]
			})
			require.Equal(t, tt.calls, calls)
			if tt.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, tt.want)
		})
	}
	t.Run("ends with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		err := (&Store{}).again(ctx, func() error {
			if calls++; calls == 3 {
				cancel()
			}
			return busy
		})
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, audience.ErrRetryable)
		require.Equal(t, 3, calls)
	})
}

// TestAgainWithMoreNumbers: attempts that lacked numbers are neither counted
// nor held against the time, since each has more than the one before it.
func TestAgainWithMoreNumbers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		short int
		err   error
	}{
		{"as often as numbers double", 40, nil},
		{"never enough", 1000, audience.ErrRetryable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				err := (&Store{}).again(t.Context(), func() error {
					time.Sleep(20 * time.Second)
					if calls++; calls <= tt.short {
						return wrap(&numbersError{})
					}
					return nil
				})
				require.ErrorIs(t, err, tt.err)
				if tt.err == nil {
					require.Equal(t, tt.short+1, calls)
				}
			})
		})
	}
}

func TestBackoff(t *testing.T) {
	for attempt := 1; attempt < 200; attempt++ {
		d := backoff(attempt)
		require.Positive(t, d)
		require.LessOrEqual(t, d, longestPause)
	}
	require.LessOrEqual(t, backoff(1), time.Millisecond)
	require.GreaterOrEqual(t, backoff(20), longestPause/2)
}
