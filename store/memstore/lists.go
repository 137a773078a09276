package memstore

import (
	"context"
	"math"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Memberships gives the memberships of the contacts in order.
func (r *reader) Memberships(ctx context.Context, origins []audience.ContactID) ([]store.Membership, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	var out []store.Membership
	for i, origin := range ascending(origins) {
		if err := sometimes(ctx, i); err != nil {
			return nil, err
		}
		for k, m := range r.v.memberships.from(membershipKey{origin: origin}) {
			if k.origin != origin {
				break
			}
			out = append(out, *m)
		}
	}
	return out, nil
}

// MembersAfter gives members of a list in ascending order.
func (r *reader) MembersAfter(ctx context.Context, list string, after audience.ContactID, limit int) ([]store.Membership, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	if after == math.MaxUint32 {
		return nil, nil
	}
	var out []store.Membership
	for k, m := range r.v.members.from(memberKey{list, after + 1}) {
		if k.list != list || len(out) == limit {
			break
		}
		if err := sometimes(ctx, len(out)); err != nil {
			return nil, err
		}
		out = append(out, *m)
	}
	return out, nil
}

// AddMembers adds the memberships that do not exist.
func (w *writer) AddMembers(ctx context.Context, members []store.Membership) error {
	return w.atomically(ctx, func() error {
		for i, m := range members {
			if err := sometimes(ctx, i); err != nil {
				return err
			}
			if _, added := w.v.members.add(w.edit, memberKey{m.List, m.Origin}, &m); added {
				w.v.memberships.set(w.edit, membershipKey{m.Origin, m.List}, &m)
			}
		}
		return nil
	})
}

// RemoveMembers removes memberships.
func (w *writer) RemoveMembers(ctx context.Context, members []store.Membership) error {
	return w.atomically(ctx, func() error {
		for i, m := range members {
			if err := sometimes(ctx, i); err != nil {
				return err
			}
			w.v.members.delete(w.edit, memberKey{m.List, m.Origin})
			w.v.memberships.delete(w.edit, membershipKey{m.Origin, m.List})
		}
		return nil
	})
}
