package sqlstore

import (
	"context"

	"github.com/audiencekit/audiencekit/store"
)

var _ store.FeedInside = (*writer)(nil)

// CommitsByNow gives commits while the transaction is open. Where there is one
// writer at a time the transaction sees all there are: nobody else commits any,
// and its own comes last. Elsewhere commits have to be numbered first, which
// must not wait for this transaction to end.
func (w *writer) CommitsByNow(ctx context.Context, after store.Position, limit int) (page []store.Commit, err error) {
	if err := w.enter(ctx); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	if w.p.store.dialect.oneWriter && !w.joined {
		return w.commitsAfter(ctx, after, limit)
	}
	err = w.p.apart(ctx, func(ctx context.Context) error {
		page, err = w.p.Commits(ctx, after, limit)
		return err
	})
	return page, err
}
