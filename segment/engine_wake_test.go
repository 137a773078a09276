package segment_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// waking is a store that tells of commits.
type waking struct {
	*memstore.Store
	signal chan struct{}
	broken error // Wake fails at once
}

func (w *waking) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := w.Store.Partition(ctx, name)
	return &wakingPartition{p, w}, err
}

type wakingPartition struct {
	store.Partition
	w *waking
}

func (p *wakingPartition) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	pos, err := p.Partition.Update(ctx, fn)
	if err == nil && !pos.IsZero() {
		select {
		case p.w.signal <- struct{}{}:
		default:
		}
	}
	return pos, err
}

func (p *wakingPartition) Wake(ctx context.Context, hint func()) error {
	if p.w.broken != nil {
		return p.w.broken
	}
	for {
		select {
		case <-p.w.signal:
			hint()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// TestRunIsWoken: the engine finds a commit when it is told of it, and else
// when it looks the next time.
func TestRunIsWoken(t *testing.T) {
	const poll = time.Hour
	for _, c := range []struct {
		name    string
		adapter func() store.Adapter
		within  time.Duration
		beyond  time.Duration
	}{
		{"told", func() store.Adapter { return &waking{Store: memstore.New(), signal: make(chan struct{}, 1)} }, 10 * time.Millisecond, 0},
		{"broken", func() store.Adapter { return &waking{Store: memstore.New(), broken: errors.New("broken")} }, poll, poll / 2},
		{"not told", func() store.Adapter { return memstore.New() }, poll, poll / 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				aud, err := store.Open(t.Context(), c.adapter(), "main", store.Options{Clock: time.Now})
				require.NoError(t, err)
				engine, err := segment.OpenEngine(t.Context(), aud, segment.EngineOptions{Poll: poll})
				require.NoError(t, err)
				ctx, cancel := context.WithCancel(t.Context())
				var background sync.WaitGroup
				background.Go(func() {
					if err := engine.Run(ctx); !errors.Is(err, context.Canceled) {
						t.Errorf("Run: %v", err)
					}
				})
				defer background.Wait()
				defer cancel()
				time.Sleep(time.Minute) // of the bubble: Run has looked and waits
				for range 3 {
					began := time.Now()
					_, err := aud.Put(t.Context(), audience.ContactWrite{External: []audience.ExternalID{audience.External(audience.HostSystem, began.String())}})
					require.NoError(t, err)
					head, err := aud.Head(t.Context())
					require.NoError(t, err)
					for engine.Position() != head {
						time.Sleep(c.within / 10)
						require.LessOrEqual(t, time.Since(began), 2*c.within)
					}
					took := time.Since(began)
					require.LessOrEqual(t, took, c.within)
					require.GreaterOrEqual(t, took, c.beyond)
				}
			})
		})
	}
}
