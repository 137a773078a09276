package segment

import (
	"context"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func errLease(hint string) error { return &audience.ConflictError{Kind: "lease", Hint: hint} }

// acquire takes the lease of the log for ttl, which every write renews, and
// gives until when it is held. While another one holds it, that is
// [audience.ErrConflict] and the instant at which the other's lease is over
// unless renewed. Whoever holds it already takes it anew, and learns what
// became of a write whose outcome is unknown.
//
// Expiry only decides who may take over, by the clock of whoever asks. What
// keeps a former holder from writing is the fencing number, which grows with
// every acquire.
func (l *transitionLog) acquire(ctx context.Context, ttl time.Duration) (until time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var next logHead
	var version uint64
	_, err = l.aud.Update(ctx, func(tx *store.Tx) error {
		h, stored, err := loadHead(ctx, &tx.Reader)
		if err != nil {
			return err
		}
		now := l.aud.Now()
		if h.Holder != "" && h.Holder != l.holder && audience.Micros(now) < h.Expires {
			until = audience.FromMicros(h.Expires)
			return errLease("another engine writes the transitions")
		}
		h.Fence++
		h.Holder = l.holder
		h.Expires = audience.Micros(now.Add(ttl))
		version, err = saveHead(ctx, tx, &h, stored)
		next = h
		return err
	})
	if err != nil {
		l.held = false
		return until, err
	}
	l.head, l.version, l.held, l.ttl = next, version, true, ttl
	return audience.FromMicros(next.Expires), nil
}

// renew prolongs the lease by the ttl it was acquired with and gives until
// when it is held; [audience.ErrConflict] when it was taken over.
func (l *transitionLog) renew(ctx context.Context) (until time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.fenced(ctx, func(*store.Tx, *logHead) error { return nil }); err != nil {
		return time.Time{}, err
	}
	return audience.FromMicros(l.head.Expires), nil
}

// release gives the lease back, so that another one need not wait. Without a
// lease it does nothing; [audience.ErrConflict] when it was taken over.
func (l *transitionLog) release(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.held {
		return nil
	}
	l.ttl = 0
	err := l.fenced(ctx, func(_ *store.Tx, h *logHead) error {
		h.Holder, h.Expires = "", 0
		return nil
	})
	l.held = false
	return err
}
