package dbtest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
)

// TestEngineIsWoken: a commit of the own process is applied at once, and its
// transitions are delivered, by an engine that looks at the feed once an hour.
func TestEngineIsWoken(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		w := newEngineWorld(t, d)
		w.fill(3)
		e, err := segment.OpenEngine(w.ctx, w.aud, segment.EngineOptions{Poll: time.Hour})
		require.NoError(t, err)
		w.apply(e, countSegments(1))
		ctx, stop := context.WithCancel(w.ctx)
		defer stop()
		ran, followed := make(chan error, 1), make(chan error, 1)
		got := make(chan segment.Transition, 10)
		go func() { ran <- e.Run(ctx) }()
		go func() {
			followed <- e.Follow(ctx, "f", segment.FollowOptions{FromStart: true, Poll: time.Hour}, func(_ context.Context, batch []segment.Transition) error {
				for _, x := range batch {
					got <- x
				}
				return nil
			})
		}()
		for i := range 3 {
			_, err := w.aud.Append(w.ctx, audiencetest.Event(audiencetest.Key(i), "visit", w.clock.Now()))
			require.NoError(t, err)
			select {
			case x := <-got:
				require.Equal(t, audience.ContactID(1+i), x.Contact)
				require.True(t, x.Entered)
			case <-w.ctx.Done():
				t.Fatal("nothing has woken the engine")
			}
		}
		stop()
		require.ErrorIs(t, <-ran, context.Canceled)
		require.ErrorIs(t, <-followed, context.Canceled)
	})
}
