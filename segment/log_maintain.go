package segment

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// maintain does what the writer owes the log besides appending: keyframes
// that are due, and erased contacts that keyframes still hold. It costs
// nothing when there is nothing to do, can be broken off at any point, and is
// for the holder of the lease, else [audience.ErrConflict].
func (l *transitionLog) maintain(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.checkHeld(); err != nil {
		return err
	}
	if err := l.dropLoose(ctx); err != nil {
		return err
	}
	if err := l.forgetQueued(ctx); err != nil {
		return err
	}
	for {
		step := l.frameStep()
		if l.head.Number-l.head.Frame < step {
			return nil
		}
		due := l.head.Frame + step
		made, err := l.makeFrame(ctx, func(b *batchHeader) bool { return b.last() >= due })
		if err != nil || !made {
			return err
		}
		if err := l.thinFrames(ctx); err != nil {
			return err
		}
	}
}

// frameStep gives how many transitions there are between two keyframes.
func (l *transitionLog) frameStep() uint64 {
	return max(l.frameEvery, uint64(l.head.FrameBytes)/moveBytes)
}

// thinFrames lets go of keyframes from before what the log keeps, and then of
// those that are too many: of those between the first and the last the one
// that leaves the smallest gap. So they stay spread over the whole log. The
// first is never let go: once the log was trimmed, folding begins there.
func (l *transitionLog) thinFrames(ctx context.Context) error {
	var frames []logFrame
	if err := l.aud.View(ctx, func(r *store.Reader) (err error) {
		frames, err = loadFrames(ctx, r)
		return err
	}); err != nil {
		return err
	}
	for len(frames) > 0 && frames[0].Number+1 < l.head.FirstNumber {
		if err := l.dropFrame(ctx, frames[0].Number); err != nil {
			return err
		}
		frames = frames[1:]
	}
	for len(frames) > max(l.frames, 2) {
		least := 1
		for i := 1; i < len(frames)-1; i++ {
			if frames[i+1].Number-frames[i-1].Number < frames[least+1].Number-frames[least-1].Number {
				least = i
			}
		}
		if err := l.dropFrame(ctx, frames[least].Number); err != nil {
			return err
		}
		frames = slices.Delete(frames, least, least+1)
	}
	return nil
}

// forget takes erased contacts, and who had been merged into them, out of
// whatever the log still holds of them. appendTicks does so for the erasures
// that its ticks cover; this is for a writer that learns of them otherwise.
// Contacts who were not erased stay. Keyframes follow with maintain.
func (l *transitionLog) forget(ctx context.Context, contacts []audience.ContactID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fenced(ctx, func(tx *store.Tx, h *logHead) error { return forgetLater(ctx, tx, h, contacts) })
}

// forgetAnybody has maintain look for erased contacts in all keyframes. It is
// for a writer that has missed erasures, since it was rebuilt.
func (l *transitionLog) forgetAnybody(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fenced(ctx, func(tx *store.Tx, h *logHead) error { return queueForget(ctx, tx, h, nil) })
}

// forgetQueued takes the queue of erased contacts out of the keyframes.
func (l *transitionLog) forgetQueued(ctx context.Context) error {
	if l.head.Queued == l.head.Forgotten {
		return nil
	}
	queued, err := l.loadQueue(ctx)
	if err != nil {
		return err
	}
	var frames []logFrame
	if err := l.aud.View(ctx, func(r *store.Reader) (err error) {
		frames, err = loadFrames(ctx, r)
		return err
	}); err != nil {
		return err
	}
	for _, f := range frames {
		for page := range f.Pages {
			if !queued.anybody && !queued.pages[page] {
				continue
			}
			if err := l.forgetInPage(ctx, f.Number, page); err != nil {
				return err
			}
		}
	}
	if err := l.deleteRecords(ctx, spaceForget, "", numberKey(queued.through)+"~"); err != nil {
		return err
	}
	return l.fenced(ctx, func(_ *store.Tx, h *logHead) error {
		h.Forgotten = queued.through
		return nil
	})
}

// forgetQueue is the pages of contacts in which somebody was erased.
type forgetQueue struct {
	through uint64
	anybody bool // anywhere
	pages   map[uint32]bool
}

func (l *transitionLog) loadQueue(ctx context.Context) (q forgetQueue, err error) {
	q = forgetQueue{through: l.head.Queued, pages: make(map[uint32]bool)}
	err = l.aud.View(ctx, func(r *store.Reader) error {
		for after := ""; ; {
			const limit = 256
			found, err := r.Records(ctx, spaceForget, "", after, limit)
			if err != nil {
				return err
			}
			for _, rec := range found {
				after = rec.Key
				if len(rec.Value)%4 != 0 {
					return errDamaged("queue")
				}
				q.anybody = q.anybody || len(rec.Value) == 0
				for b := rec.Value; len(b) > 0; b = b[4:] {
					page, _ := pageOf(binary.LittleEndian.Uint32(b))
					q.pages[page] = true
				}
			}
			if len(found) < limit {
				return nil
			}
		}
	})
	return q, err
}

// forgetInPage takes everybody out of a page who was erased.
func (l *transitionLog) forgetInPage(ctx context.Context, number uint64, page uint32) error {
	var changed []segmentPage
	if err := l.aud.View(ctx, func(r *store.Reader) error {
		segments, err := loadPage(ctx, r, number, page)
		if err != nil {
			return err
		}
		erased, err := erasedAmong(ctx, r, page, unionOf(segments))
		if err != nil || erased.len() == 0 {
			return err
		}
		for _, s := range segments {
			before := s.members.len()
			if s.members.andNot(erased); s.members.len() != before {
				changed = append(changed, s)
			}
		}
		return nil
	}); err != nil || len(changed) == 0 {
		return err
	}
	return l.fenced(ctx, func(tx *store.Tx, _ *logHead) error {
		for _, s := range changed {
			key := pageKey(number, page, s.segment)
			if s.members.len() == 0 {
				if err := tx.DeleteRecord(ctx, spacePages, key, s.version); err != nil {
					return err
				}
				continue
			}
			if _, err := tx.SaveRecord(ctx, store.Record{Namespace: spacePages, Key: key, Value: s.members.encode(), Version: s.version}); err != nil {
				return err
			}
		}
		return nil
	})
}

func unionOf(segments []segmentPage) *memberPage {
	out := new(memberPage)
	for _, s := range segments {
		out.or(s.members)
	}
	return out
}
