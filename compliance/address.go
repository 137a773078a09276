package compliance

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// MechanismAddressChange is that of what a change of address records.
const MechanismAddressChange audience.Mechanism = "address-change"

// addressHash names an address without saying it, and only to whoever has the
// contact's key: it moves with the key when that is wrapped anew, and dies with
// it.
func (k dataKey) addressHash(a audience.Address) string {
	m := hmac.New(sha256.New, k.secret)
	m.Write([]byte("audiencekit address 1\x00"))
	m.Write([]byte(a.Canonical()))
	return hex.EncodeToString(m.Sum(nil))
}

// commitAddress notes in evidence which address a grant or request is for.
func (s *sealer) commitAddress(ctx context.Context, id audience.ContactID, e *Evidence) error {
	e.Address = ""
	if s.l.aud.Keys().IsZero() {
		return nil
	}
	c, err := s.tx.Contact(ctx, audience.ID(id))
	if errors.Is(err, audience.ErrNotFound) || err == nil && len(c.Addresses) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	key, err := s.key(ctx, id)
	if err != nil {
		return err
	}
	e.Address = key.addressHash(c.Addresses[0])
	return nil
}

// GivenFor reports whether a grant or request was made for an address (GDPR
// Art. 5(1)(d): consent given for one address is none for another). known is
// false when its evidence does not say, such as that of an import; and when it
// is gone.
func (l *Ledger) GivenFor(ctx context.Context, r *store.Reader, record audience.ConsentRecord, a audience.Address) (same, known bool, err error) {
	e, err := l.evidenceIn(ctx, r, record)
	switch {
	case errors.Is(err, audience.ErrNotFound):
		return false, false, nil
	case err != nil:
		return false, false, err
	case e.Address == "":
		return false, false, nil
	}
	key, err := l.openKey(ctx, r, record.Contact)
	if err != nil {
		return false, false, err
	}
	return hmac.Equal([]byte(e.Address), []byte(key.addressHash(a))), true, nil
}

// ChangeAddress makes an address the primary one of a contact: see
// ChangeAddressIn.
func (l *Ledger) ChangeAddress(ctx context.Context, ref audience.Ref, to audience.Address, source audience.Source) error {
	_, err := l.aud.Update(ctx, func(tx *store.Tx) error { return l.ChangeAddressIn(ctx, tx, ref, to, source) })
	return err
}

// ChangeAddressIn makes an address the primary one of a contact, and in the same
// transaction takes back what she granted for e-mail and records it as
// requested, until she confirms it from the new address (R-GDPR-10). The address
// that she had leaves her; whatever is held against either stays with it, so
// that coming back to an address revives nothing. Who corrects a typing error
// and can attest it records the grant anew, with evidence, in the same
// transaction.
//
// An address that she has already as the primary one changes nothing.
func (l *Ledger) ChangeAddressIn(ctx context.Context, tx *store.Tx, ref audience.Ref, to audience.Address, source audience.Source) error {
	if to.IsZero() {
		return &audience.FieldError{Path: "to", Rule: "empty", Hint: "an address"}
	}
	c, err := tx.Contact(ctx, ref)
	if err != nil {
		return err
	}
	if len(c.Addresses) > 0 && c.Addresses[0].Equal(to) {
		return nil
	}
	write := audience.ContactWrite{Match: audience.ID(c.ID), Mode: audience.UpdateOnly, Email: to, Source: source}
	if len(c.Addresses) > 0 {
		write.Detach = []audience.Identity{audience.AddressIdentity(c.Addresses[0])}
	}
	if _, err := tx.Put(ctx, write); err != nil {
		return err
	}
	return l.lower(ctx, tx, c.ID, source)
}

// lower takes back every grant for e-mail that is in force and asks for it
// again.
func (l *Ledger) lower(ctx context.Context, tx *store.Tx, id audience.ContactID, source audience.Source) error {
	h, err := tx.History(ctx, audience.ID(id))
	if err != nil {
		return err
	}
	var back, asked []Declaration
	seen := make(map[audience.Scope]bool)
	everyRecord(h.Resolved(), func(r *audience.ConsentRecord) {
		over := !r.Expires.IsZero() && !r.Expires.After(tx.At())
		email := r.Scope.Channel == "" || r.Scope.Channel == audience.ChannelEmail
		if r.Kind != audience.ConsentGranted || over || !email {
			return
		}
		back = append(back, Declaration{
			Contact: audience.ID(r.Contact), Kind: audience.ConsentRetracted, Retracts: r.Seq, Mechanism: MechanismAddressChange, Source: source,
		})
		if !seen[r.Scope] {
			seen[r.Scope] = true
			asked = append(asked, Declaration{
				Contact: audience.ID(id), Kind: audience.ConsentRequested, Scope: r.Scope, Expires: r.Expires,
				Mechanism: MechanismAddressChange, Notice: r.Notice, Source: source,
			})
		}
	})
	_, err = l.RecordIn(ctx, tx, append(back, asked...)...)
	return err
}
