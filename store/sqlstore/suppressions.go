package sqlstore

import (
	"context"

	"github.com/audiencekit/audiencekit/audience"
)

func (r *reader) Suppressions(ctx context.Context, hashes []audience.AddressHash) ([]audience.Suppression, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (r *reader) SuppressionsAfter(ctx context.Context, after audience.Suppression, limit int) ([]audience.Suppression, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (r *reader) SuppressionKeys(ctx context.Context) ([]string, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (w *writer) PutSuppressions(ctx context.Context, suppressions []audience.Suppression) error {
	return wrap(audience.ErrUnsupported)
}
