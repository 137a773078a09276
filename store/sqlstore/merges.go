package sqlstore

import (
	"context"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func (r *reader) Redirect(ctx context.Context, ids []audience.ContactID) ([]audience.ContactID, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (r *reader) Merges(ctx context.Context, winners []audience.ContactID) ([]store.Merge, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (r *reader) MergeOf(ctx context.Context, loser audience.ContactID) (store.Merge, error) {
	return store.Merge{}, wrap(audience.ErrUnsupported)
}

func (w *writer) PutMerge(ctx context.Context, m store.Merge) error {
	return wrap(audience.ErrUnsupported)
}

func (w *writer) DeleteMerges(ctx context.Context, losers []audience.ContactID) error {
	return wrap(audience.ErrUnsupported)
}
