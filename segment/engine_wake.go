package segment

import (
	"context"
	"time"

	"github.com/audiencekit/audiencekit/store"
)

// restAtLeast is how long Run waits before it looks again, however many
// commits it is told of: those that come meanwhile are read together.
const restAtLeast = 5 * time.Millisecond

// hints gives a channel that gets something, once until it is taken, when the
// store says that there may be new commits; nil when it cannot say so.
func (e *Engine) hints(ctx context.Context) (hints <-chan struct{}, stop func()) {
	waker, ok := store.As[store.Waker](e.aud)
	if !ok {
		return nil, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	out, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		err := waker.Wake(ctx, func() {
			select {
			case out <- struct{}{}:
			default: // Run has not looked since
			}
		})
		if ctx.Err() == nil {
			e.aud.Logger().WarnContext(ctx, "segment: the engine is no longer told of commits and finds them when it looks", "error", err)
		}
	}()
	return out, func() {
		cancel()
		<-ended
	}
}

// rest waits for what is due, for a hint or for the next look.
func (e *Engine) rest(ctx context.Context, hints <-chan struct{}) error {
	least := time.NewTimer(restAtLeast)
	defer least.Stop()
	most := time.NewTimer(e.pause())
	defer most.Stop()
	select {
	case <-most.C:
		return nil
	case <-least.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-most.C:
	case <-hints:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
