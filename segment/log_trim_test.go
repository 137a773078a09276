package segment

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestTrim(t *testing.T) {
	f := newLogFixture(t, 30)
	var at []time.Time
	for _, id := range f.ids {
		at = append(at, f.at())
		f.append(f.tick(in("vip", id)), f.tick(in("all", id))) // one batch of two
		f.later(time.Second)
	}
	stop := errors.New("stop")
	follow := func(name string, opts FollowOptions) (got []uint64, err error) {
		err = f.log.follow(t.Context(), name, opts, func(_ context.Context, moves []Transition) error {
			got = append(got, numbersOf(moves)...)
			return stop
		})
		return got, err
	}
	_, err := follow("slow", FollowOptions{FromStart: true})
	require.ErrorIs(t, err, stop)

	require.NoError(t, f.log.trim(t.Context(), 0))
	require.NoError(t, f.log.trim(t.Context(), 2), "half a batch stays whole")
	require.Equal(t, uint64(1), f.stand().first)

	// Broken off at every point, it goes on the next time.
	for i := 1; ; i++ {
		n := f.failing(func(update int) (error, bool) {
			if update == i {
				return errFlaky, false
			}
			return nil, false
		}, func() { _ = f.log.trim(t.Context(), 22) })
		if n < i {
			break
		}
		f.acquire(f.log)
		if f.stand().first == 1 {
			require.Len(t, f.members("vip", at[3]), 4, "whole as long as it has not begun")
		}
		require.Len(t, f.members("vip", at[12]), 13)
	}
	require.Equal(t, uint64(21), f.stand().first)
	require.Len(t, f.records(spaceBatches), 20)
	require.Len(t, f.records(spaceMoves), 20)
	require.Len(t, f.records(spaceFrames), 1)

	_, err = follow("slow", FollowOptions{})
	var trimmed *TrimmedError
	require.ErrorAs(t, err, &trimmed)
	require.Equal(t, uint64(21), trimmed.Oldest)
	require.ErrorIs(t, err, audience.ErrPositionGone)
	require.NoError(t, f.log.unfollow(t.Context(), "slow"))
	require.ErrorIs(t, f.log.unfollow(t.Context(), "slow"), audience.ErrNotFound)
	got, err := follow("slow", FollowOptions{FromStart: true, Batch: 1})
	require.ErrorIs(t, err, stop)
	require.Equal(t, []uint64{21}, got)

	_, err = f.log.after(t.Context(), 19, 10)
	require.ErrorAs(t, err, &trimmed)
	require.Equal(t, []uint64{21, 22, 23}, numbersOf(f.after(20, 3)))
	_, err = f.log.membersAt(t.Context(), "vip", at[9].Add(-time.Microsecond))
	require.ErrorAs(t, err, &trimmed)
	require.Len(t, f.members("vip", at[9]), 10)
	require.Len(t, f.members("vip", f.at()), 30)

	f.erase(f.ids[0]) // whose transitions are trimmed: only the keyframe has her
	require.Len(t, f.members("vip", at[9]), 9)

	require.NoError(t, f.log.trim(t.Context(), 1<<62))
	require.Equal(t, uint64(61), f.stand().first)
	require.Empty(t, f.records(spaceMoves))
	require.Len(t, f.members("vip", f.at()), 29)
	f.append(f.tick(out("vip", f.ids[1])))
	require.Equal(t, []uint64{61}, numbersOf(f.after(60, 10)))
	require.Len(t, f.members("vip", f.at()), 28)
	require.NoError(t, f.log.trim(t.Context(), 1<<62))
	require.Len(t, f.members("vip", f.at()), 28)
}

func TestTrimOfAnEmptyLog(t *testing.T) {
	f := newLogFixture(t, 0)
	require.NoError(t, f.log.trim(t.Context(), 100))
	require.Equal(t, uint64(1), f.stand().first)
}
