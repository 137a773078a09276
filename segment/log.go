package segment

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Defaults of a transitionLog.
const (
	defaultFrameEvery = 100_000
	defaultFrames     = 64
	defaultPoll       = time.Second

	// moveBytes is about what one transition takes in the store. A keyframe
	// is made when the log has grown by what the last one took, so that
	// keyframes never take more than the log itself.
	moveBytes = 64
)

// transitionLog is the numbered log of transitions in the store of an
// audience. Any number of processes read it; one at a time writes it, holding
// a lease. It is safe for concurrent use; writing calls wait for each other.
type transitionLog struct {
	aud        *store.Audience
	holder     string // this log among all writers
	frameEvery uint64 // transitions between keyframes, at least
	frames     int    // keyframes that are kept, at least 2

	mu      sync.Mutex // of writing
	head    logHead    // as this log wrote it last
	version uint64     // of head
	held    bool
	ttl     time.Duration

	wakeMu sync.Mutex
	wake   chan struct{} // closed when something was appended
}

// newTransitionLog opens the log of an audience. Limits that leave too little
// room for its records are [audience.ErrInvalid] and [audience.ErrLimit].
func newTransitionLog(aud *store.Audience) (*transitionLog, error) {
	l := aud.Limits()
	if l.RecordBytes < logRecordBytes || l.KeyBytes < logKeyBytes {
		return nil, &audience.FieldError{
			Path: "limits", Rule: "transitions", Limit: true,
			Hint: fmt.Sprintf("RecordBytes of at least %d and KeyBytes of at least %d", logRecordBytes, logKeyBytes),
		}
	}
	var id [16]byte
	rand.Read(id[:]) // never fails
	return &transitionLog{
		aud: aud, holder: hex.EncodeToString(id[:]),
		frameEvery: defaultFrameEvery, frames: defaultFrames, wake: make(chan struct{}),
	}, nil
}

// logStand is where the log stands: a new holder continues from here.
type logStand struct {
	number   uint64         // of the last transition, 0 before the first
	first    uint64         // of the first that is kept
	position store.Position // of the last tick, zero before the first
	at       int64          // of the last tick in microseconds, the least int64 before the first
}

func (h *logHead) stand() logStand {
	return logStand{number: h.Number, first: h.FirstNumber, position: h.Position, at: h.At}
}

// standsAt gives the instant of the last tick, as this log wrote or took it
// over last.
func (l *transitionLog) standsAt() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head.At
}

// stand reads where the log stands.
func (l *transitionLog) stand(ctx context.Context) (s logStand, err error) {
	err = l.aud.View(ctx, func(r *store.Reader) error {
		h, _, err := loadHead(ctx, r)
		s = h.stand()
		return err
	})
	return s, err
}

// fenced runs fn in a transaction of the holder and swaps the head that fn
// may change. When the lease was taken over, or the head is not as this log
// left it, it is [audience.ErrConflict] and nothing is written. fn may run
// again. The caller holds mu.
func (l *transitionLog) fenced(ctx context.Context, fn func(tx *store.Tx, h *logHead) error) error {
	if err := l.checkHeld(); err != nil {
		return err
	}
	var next logHead
	var version uint64
	_, err := l.aud.Update(ctx, func(tx *store.Tx) error {
		h, stored, err := loadHead(ctx, &tx.Reader)
		switch {
		case err != nil:
			return err
		case h.Holder != l.holder || h.Fence != l.head.Fence:
			return errLease("another engine has taken over the log")
		case stored != l.version:
			// A commit of ours whose acknowledgement was lost.
			return errLease("the log has moved on; acquire the lease again and see where it stands")
		}
		if err := fn(tx, &h); err != nil {
			return err
		}
		if l.ttl > 0 {
			h.Expires = audience.Micros(l.aud.Now().Add(l.ttl))
		}
		version, err = saveHead(ctx, tx, &h, stored)
		next = h
		return err
	})
	if err != nil {
		return err
	}
	l.head, l.version = next, version
	return nil
}

// checkHeld refuses what only the holder does, before it looks at a head that
// may be anybody's.
func (l *transitionLog) checkHeld() error {
	if !l.held {
		return errLease("acquire the lease first")
	}
	return nil
}

// notify wakes the followers of this process.
func (l *transitionLog) notify() {
	l.wakeMu.Lock()
	defer l.wakeMu.Unlock()
	close(l.wake)
	l.wake = make(chan struct{})
}

// awaken gives a channel that is closed at the next append. It has to be
// asked for before reading, or an append in between is missed.
func (l *transitionLog) awaken() <-chan struct{} {
	l.wakeMu.Lock()
	defer l.wakeMu.Unlock()
	return l.wake
}
