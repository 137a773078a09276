package sqlstore

import (
	"context"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func (r *reader) Memberships(ctx context.Context, origins []audience.ContactID) ([]store.Membership, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (r *reader) MembersAfter(ctx context.Context, list string, after audience.ContactID, limit int) ([]store.Membership, error) {
	return nil, wrap(audience.ErrUnsupported)
}

func (w *writer) AddMembers(ctx context.Context, members []store.Membership) error {
	return wrap(audience.ErrUnsupported)
}

func (w *writer) RemoveMembers(ctx context.Context, members []store.Membership) error {
	return wrap(audience.ErrUnsupported)
}
