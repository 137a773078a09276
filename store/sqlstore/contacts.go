package sqlstore

import (
	"context"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func (r *reader) Resolve(ctx context.Context, identities []audience.Identity) ([]audience.ContactID, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (r *reader) Contacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (r *reader) ContactsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.Contact, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (w *writer) NewContactIDs(ctx context.Context, n int) ([]audience.ContactID, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (w *writer) LockContacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (w *writer) PutContacts(ctx context.Context, rows []store.ContactRow) error {
	return wrap(audience.ErrUnsupported)
}

func (w *writer) DeleteContacts(ctx context.Context, ids []audience.ContactID) error {
	return wrap(audience.ErrUnsupported)
}

func (w *writer) ClaimIdentities(ctx context.Context, claims []store.Claim) error {
	return wrap(audience.ErrUnsupported)
}

func (w *writer) ReleaseIdentities(ctx context.Context, claims []store.Claim) error {
	return wrap(audience.ErrUnsupported)
}
