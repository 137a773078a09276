package sqlstore

import (
	"context"
	"sync"

	"github.com/audiencekit/audiencekit/store"
)

var _ store.Waker = (*partition)(nil)

// wakers are those who wait for commits of an audience in this process.
type wakers struct {
	mu  sync.Mutex
	all map[chan struct{}]bool
}

// add registers a waiter, whose channel gets something, once until it is
// taken, whenever there may be commits.
func (w *wakers) add() (signal chan struct{}, remove func()) {
	signal = make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = make(map[chan struct{}]bool)
	}
	w.all[signal] = true
	return signal, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, signal)
	}
}

// wake wakes everybody.
func (w *wakers) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for signal := range w.all {
		select {
		case signal <- struct{}{}:
		default: // it has not looked since
		}
	}
}

// Wake calls hint when it begins to listen, and whenever there may be new
// commits: those of this process at once, with a [Listener] also those of others.
func (p *partition) Wake(ctx context.Context, hint func()) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	signal, remove := p.feed.wakers.add()
	defer remove()
	leave := p.store.listening.join(p.store)
	defer leave()
	hint() // of what came before it was listened to
	for {
		select {
		case <-signal:
			if err := p.enter(ctx); err != nil {
				return err
			}
			hint()
		case <-ctx.Done():
			return wrap(ctx.Err())
		}
	}
}

// changed says that there are new commits, made by this process.
func (p *partition) changed() {
	p.feed.wakers.wake()
	p.store.announcing.announce(p.store, p.id)
}

// wakeAll wakes those who wait for commits of any audience.
func (s *Store) wakeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.partitions {
		p.feed.wakers.wake()
	}
}

// wakeOne wakes those who wait for commits of an audience.
func (s *Store) wakeOne(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.partitions {
		if p.id == id {
			p.feed.wakers.wake()
		}
	}
}
