package sqlstore

import (
	"context"

	"github.com/audiencekit/audiencekit/audience"
)

func (r *reader) Ledger(ctx context.Context, contacts []audience.ContactID) ([]audience.ConsentRecord, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (r *reader) LedgerHeads(ctx context.Context, contacts []audience.ContactID) ([]audience.ConsentRecord, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (w *writer) AppendLedger(ctx context.Context, records []audience.ConsentRecord) error {
	return wrap(audience.ErrUnsupported)
}
