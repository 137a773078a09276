package segment

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

var errStop = errors.New("stop")

// collect follows until a number was delivered.
func (f *logFixture) collect(name string, opts FollowOptions, until uint64) (got []uint64, err error) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	defer cancel()
	err = f.log.follow(ctx, name, opts, func(_ context.Context, moves []Transition) error {
		got = append(got, numbersOf(moves)...)
		if slices.Contains(got, until) {
			cancel()
		}
		return nil
	})
	return got, err
}

func TestFollowDeliversInOrderAndGoesOnWhereItWas(t *testing.T) {
	f := newLogFixture(t, 20)
	for _, id := range f.ids[:10] {
		f.append(f.tick(in("vip", id)))
	}
	got, err := f.collect("mail", FollowOptions{FromStart: true, Batch: 3}, 5)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []uint64{1, 2, 3, 4, 5, 6}, got)
	got, err = f.collect("mail", FollowOptions{FromStart: true, Batch: 3}, 10)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []uint64{7, 8, 9, 10}, got, "what fn took while the host stopped does not come again")

	places, err := f.log.followers(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{"mail": 10}, places)
	require.ErrorIs(t, f.log.follow(t.Context(), "", FollowOptions{}, nil), audience.ErrInvalid)
}

// The batch was delivered, and then the process died: it comes again.
func TestFollowDeliversAtLeastOnce(t *testing.T) {
	f := newLogFixture(t, 6)
	for _, id := range f.ids {
		f.append(f.tick(in("vip", id)))
	}
	var done []uint64
	run := func(fail func(int) (error, bool), fn func([]Transition) error) (err error) {
		f.failing(fail, func() {
			err = f.log.follow(t.Context(), "mail", FollowOptions{FromStart: true, Batch: 2}, func(_ context.Context, moves []Transition) error {
				if err := fn(moves); err != nil {
					return err
				}
				done = append(done, numbersOf(moves)...)
				return nil
			})
		})
		return err
	}
	never := func(int) (error, bool) { return nil, false }
	all := func([]Transition) error { return nil }

	lost := func(update int) (error, bool) { // the first update opens the place
		if update == 3 {
			return errFlaky, false
		}
		return nil, false
	}
	require.ErrorIs(t, run(lost, all), errFlaky)
	require.Equal(t, []uint64{1, 2, 3, 4}, done)
	done = nil
	require.ErrorIs(t, run(never, func([]Transition) error { return errStop }), errStop)
	require.Empty(t, done)
	require.ErrorIs(t, run(never, func(moves []Transition) error {
		if moves[0].Number == 5 {
			return errStop
		}
		return nil
	}), errStop)
	require.Equal(t, []uint64{3, 4}, done, "again what was not written down, and from there")

	unsure := func(update int) (error, bool) {
		if update == 2 {
			return errFlaky, true
		}
		return nil, false
	}
	done = nil
	require.ErrorIs(t, run(unsure, all), errFlaky)
	require.Equal(t, []uint64{5, 6}, done)
	f.append(f.tick(out("vip", f.ids[0])))
	done = nil
	require.ErrorIs(t, run(never, func(moves []Transition) error { require.Equal(t, uint64(7), moves[0].Number); return errStop }), errStop)
	require.Panics(t, func() { _ = run(never, func([]Transition) error { panic("fn") }) })
	f.adapter.fail = nil
	require.ErrorIs(t, run(never, func(moves []Transition) error { require.Equal(t, uint64(7), moves[0].Number); return errStop }), errStop)
}

func TestFollowOfOneNameTwice(t *testing.T) {
	f := newLogFixture(t, 4)
	for _, id := range f.ids {
		f.append(f.tick(in("vip", id)))
	}
	opts := FollowOptions{FromStart: true, Batch: 2}
	err := f.log.follow(t.Context(), "mail", opts, func(context.Context, []Transition) error {
		// Meanwhile another process follows the name.
		got, err := f.collect("mail", opts, 4)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, []uint64{1, 2, 3, 4}, got)
		return nil
	})
	require.ErrorIs(t, err, audience.ErrConflict)
	places, err := f.log.followers(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{"mail": 4}, places)
}

func TestUnfollowEndsWhoFollows(t *testing.T) {
	f := newLogFixture(t, 1)
	f.append(f.tick(in("vip", f.ids[0])))
	require.ErrorIs(t, f.log.follow(t.Context(), "mail", FollowOptions{FromStart: true}, func(ctx context.Context, _ []Transition) error {
		return f.log.unfollow(ctx, "mail")
	}), audience.ErrConflict)
}

// Transitions of the erased are no delivery, and still the place goes on.
func TestFollowPassesHoles(t *testing.T) {
	f := newLogFixture(t, 30)
	for _, id := range f.ids {
		f.append(f.tick(in("vip", id)))
	}
	f.erase(f.ids[:25]...)
	got, err := f.collect("holes", FollowOptions{FromStart: true, Batch: 2}, 30)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []uint64{26, 27, 28, 29, 30}, got)
	f.append(f.tick(out("vip", f.ids[29])))
	f.erase(f.ids[29])
	f.append(f.tick(out("vip", f.ids[28])))
	got, err = f.collect("holes", FollowOptions{}, 32)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []uint64{32}, got)

	f.erase(f.ids[25:29]...)
	require.NoError(t, f.aud.View(t.Context(), func(r *store.Reader) error {
		h, _, err := loadHead(t.Context(), r)
		require.NoError(t, err)
		moves, through, err := readAfter(t.Context(), r, &h, 3, 10)
		require.Empty(t, moves)
		require.Equal(t, uint64(32), through, "holes at the end are passed too")
		return err
	}))
}

func TestFollowWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLogFixture(t, 10)
		f.append(f.tick(in("vip", f.ids[0])))
		type delivery struct {
			number uint64
			after  time.Duration
		}
		begin := time.Now()
		var mu sync.Mutex
		var hereGot, slowGot []delivery
		got := func(from *[]delivery) []delivery {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(*from)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		follow := func(l *transitionLog, name string, into *[]delivery, work time.Duration) {
			ended <- l.follow(ctx, name, FollowOptions{Poll: 10 * time.Second}, func(_ context.Context, moves []Transition) error {
				mu.Lock()
				for _, m := range moves {
					*into = append(*into, delivery{m.Number, time.Since(begin)})
				}
				mu.Unlock()
				time.Sleep(work)
				return nil
			})
		}
		elsewhere := f.open() // as in another process: nothing wakes it but the time
		go follow(f.log, "here", &hereGot, 0)
		go follow(elsewhere, "elsewhere", &slowGot, time.Hour)
		require.Empty(t, got(&hereGot), "new ones begin with the next transition")

		time.Sleep(3 * time.Second)
		f.append(f.tick(in("vip", f.ids[1])))
		require.Equal(t, []delivery{{2, 3 * time.Second}}, got(&hereGot), "at once")
		require.Empty(t, got(&slowGot))
		time.Sleep(20 * time.Second)
		require.Equal(t, []delivery{{2, 10 * time.Second}}, got(&slowGot), "at the next look")

		for i := range 3 { // while one of them is busy
			f.append(f.tick(in("vip", f.ids[2+i])))
			synctest.Wait()
		}
		at := 23 * time.Second
		require.Equal(t, []delivery{{2, 3 * time.Second}, {3, at}, {4, at}, {5, at}}, got(&hereGot))
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		at = 10*time.Second + time.Hour
		require.Equal(t, []delivery{{2, 10 * time.Second}, {3, at}, {4, at}, {5, at}}, got(&slowGot))

		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}
