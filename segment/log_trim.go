package segment

import (
	"context"
	"errors"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// trim forgets transitions before a number, in whole batches: up to a
// thousand before it may stay. A keyframe keeps who was a member by then, so
// that everything later can still be folded. Followers that have not come as
// far end with a [*TrimmedError]; see followers. It is for the holder of the
// lease, else [audience.ErrConflict], can be broken off at any point, and
// continues when it is called again.
func (l *transitionLog) trim(ctx context.Context, before uint64) error {
	if err := l.maintain(ctx); err != nil { // so that little is left to fold
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.checkHeld(); err != nil {
		return err
	}
	cut, err := l.cutBefore(ctx, before)
	if err != nil {
		return err
	}
	if cut != nil {
		if _, err := l.makeFrame(ctx, func(b *batchHeader) bool { return b.batch >= cut.batch }); err != nil {
			return err
		}
		if err := l.moveStart(ctx, cut); err != nil {
			return err
		}
	}
	if err := l.thinFrames(ctx); err != nil {
		return err
	}
	below := numberKey(l.head.FirstBatch)
	if err := l.deleteRecords(ctx, spaceMoves, "", below); err != nil {
		return err
	}
	return l.deleteRecords(ctx, spaceBatches, "", below)
}

// cutBefore gives the last batch that ends before a number, nil when there is
// none.
func (l *transitionLog) cutBefore(ctx context.Context, before uint64) (cut *batchHeader, err error) {
	h := &l.head
	before = min(before, h.Number+1)
	if before <= h.FirstNumber {
		return nil, nil
	}
	err = l.aud.View(ctx, func(r *store.Reader) error {
		batch, err := batchOf(ctx, r, h, before-1)
		if err != nil {
			return err
		}
		if cut, err = loadBatch(ctx, r, batch); err != nil || cut.last() < before {
			return err
		}
		cut = nil
		if batch == h.FirstBatch {
			return nil
		}
		cut, err = loadBatch(ctx, r, batch-1)
		return err
	})
	return cut, err
}

// moveStart has the log begin after a batch, once the keyframe there is
// whole.
func (l *transitionLog) moveStart(ctx context.Context, cut *batchHeader) error {
	return l.fenced(ctx, func(tx *store.Tx, h *logHead) error {
		frames, err := loadFrames(ctx, &tx.Reader)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(frames, func(f logFrame) bool { return f.Batch == cut.batch }) {
			return errors.Join(errDamaged("keyframe"), audience.ErrRetryable)
		}
		h.FirstNumber, h.FirstBatch = cut.last()+1, cut.batch+1
		return nil
	})
}
