package sqlstore

import (
	"context"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func (r *reader) Events(ctx context.Context, q store.EventQuery) ([]audience.Event, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (r *reader) EventsByKey(ctx context.Context, keys []store.EventKey) ([]audience.Event, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (r *reader) EventCounts(ctx context.Context, keys []store.EventCountKey) ([]int, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (w *writer) PutEvents(ctx context.Context, events []audience.Event) error {
	return wrap(audience.ErrUnsupported)
}

func (w *writer) DeleteEvents(ctx context.Context, origins []audience.ContactID) error {
	return wrap(audience.ErrUnsupported)
}
