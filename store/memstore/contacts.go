package memstore

import (
	"context"
	"math"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Resolve gives the contact that holds each identity.
func (r *reader) Resolve(ctx context.Context, identities []audience.Identity) ([]audience.ContactID, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	out := make([]audience.ContactID, len(identities))
	keys := identityKeys{p: r.p}
	for i, identity := range identities {
		if err := sometimes(ctx, i); err != nil {
			return nil, err
		}
		out[i] = r.p.identities.get(r.v.edit, keys.of(identity))
	}
	return out, nil
}

// Contacts gives the rows that exist, in the order of ids.
func (r *reader) Contacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	out := make([]audience.Contact, 0, len(ids))
	for i, id := range ids {
		if err := sometimes(ctx, i); err != nil {
			return nil, err
		}
		if c, ok := r.v.contacts.get(idKey(id)); ok {
			out = append(out, *c)
		}
	}
	return out, nil
}

// ContactsAfter gives rows in ascending order.
func (r *reader) ContactsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.Contact, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	if after == math.MaxUint32 {
		return nil, nil
	}
	last, _, _ := r.v.contacts.floor(math.MaxUint32)
	left := int64(last) - int64(after) // at most, so that a last page is not allocated as a full one
	out := make([]audience.Contact, 0, max(0, min(int64(limit), int64(r.v.contacts.len), left)))
	for _, c := range r.v.contacts.from(idKey(after + 1)) {
		if len(out) == limit {
			break
		}
		if err := sometimes(ctx, len(out)); err != nil {
			return nil, err
		}
		out = append(out, *c)
	}
	return out, nil
}

// CountContacts gives the number of rows, at no cost.
func (r *reader) CountContacts(ctx context.Context) (int, error) {
	if err := r.enter(ctx); err != nil {
		return 0, err
	}
	return r.v.contacts.len, nil
}

// NewContactIDs gives the next ids. They are the partition's and not the
// version's, so that no rollback gives them back.
func (w *writer) NewContactIDs(ctx context.Context, n int) ([]audience.ContactID, error) {
	if err := w.enter(ctx); err != nil {
		return nil, err
	}
	if left := math.MaxUint32 - w.p.lastID; n > 0 && uint64(n) > uint64(left) {
		return nil, wrap(audience.ErrFull)
	}
	out := make([]audience.ContactID, max(n, 0))
	for i := range out {
		w.p.lastID++
		out[i] = w.p.lastID
	}
	return out, nil
}

// LockContacts is Contacts: nobody else writes meanwhile.
func (w *writer) LockContacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	return w.Contacts(ctx, ids)
}

// PutContacts stores rows whose stored version is the expected one.
func (w *writer) PutContacts(ctx context.Context, rows []store.ContactRow) error {
	return w.atomically(ctx, func() error {
		for i := range rows {
			if err := sometimes(ctx, i); err != nil {
				return err
			}
			if err := w.putContact(&rows[i]); err != nil {
				return wrap(err)
			}
		}
		return nil
	})
}

func (w *writer) putContact(row *store.ContactRow) error {
	id := row.Contact.ID
	if id == 0 || id > w.p.lastID {
		return &audience.FieldError{Path: "contact.id", Rule: "range", Hint: "an id that this audience gave"}
	}
	stored, ok := w.v.contacts.get(idKey(id))
	if ok != (row.Expect != 0) || ok && stored.Version != row.Expect {
		return &audience.ConflictError{Kind: "version", Contact: id, Hint: "the row was changed; read it again"}
	}
	w.v.contacts.fill(w.edit, idKey(id), row.Contact)
	return nil
}

// DeleteContacts removes rows.
func (w *writer) DeleteContacts(ctx context.Context, ids []audience.ContactID) error {
	return w.atomically(ctx, func() error {
		for i, id := range ids {
			if err := sometimes(ctx, i); err != nil {
				return err
			}
			w.v.contacts.delete(w.edit, idKey(id))
		}
		return nil
	})
}

// ClaimIdentities gives identities to contacts. Claims of nobody come last, for
// then they see all the others.
func (w *writer) ClaimIdentities(ctx context.Context, claims []store.Claim) error {
	return w.atomically(ctx, func() error {
		keys := identityKeys{p: w.p}
		for _, nobodys := range []bool{false, true} {
			for i := range claims {
				if err := sometimes(ctx, i); err != nil {
					return err
				}
				if contact := claims[i].Contact; (contact == 0) == nobodys {
					if err := w.claim(keys.of(claims[i].Identity), contact); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

// claim gives an identity to a contact. Of a claim of nobody nothing stays:
// nobody else writes before the transaction ends.
func (w *writer) claim(key identityKey, contact audience.ContactID) error {
	if holder := w.p.identities.claim(w.edit, key, contact); holder != contact {
		return wrap(&audience.ConflictError{Kind: "identity", Contact: holder, Hint: "it belongs to that contact; release it or merge the two"})
	}
	return nil
}

// ReleaseIdentities takes identities from those who hold them.
func (w *writer) ReleaseIdentities(ctx context.Context, claims []store.Claim) error {
	return w.atomically(ctx, func() error {
		keys := identityKeys{p: w.p}
		for i, claim := range claims {
			if err := sometimes(ctx, i); err != nil {
				return err
			}
			w.p.identities.release(w.edit, keys.of(claim.Identity), claim.Contact)
		}
		return nil
	})
}
