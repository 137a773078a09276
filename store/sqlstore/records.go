package sqlstore

import (
	"context"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func (r *reader) Record(ctx context.Context, namespace, key string, at time.Time) (store.Record, error) {
	return store.Record{}, wrap(audience.ErrUnsupported)
}

func (r *reader) RecordsAfter(ctx context.Context, namespace, prefix, after string, limit int, at time.Time) ([]store.Record, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (w *writer) PutRecords(ctx context.Context, records []store.Record, at time.Time) ([]uint64, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (w *writer) DeleteRecord(ctx context.Context, namespace, key string, version uint64) error {
	return wrap(audience.ErrUnsupported)
}

func (w *writer) DeleteRecordsOf(ctx context.Context, contacts []audience.ContactID, keep []string) error {
	return wrap(audience.ErrUnsupported)
}
