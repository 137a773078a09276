package compliance

import (
	"context"
	"encoding/hex"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// subject reads who a contact is; [audience.ErrNotFound] when she is not there.
func (r *Rights) subject(ctx context.Context, rd *store.Reader, id audience.ContactID) (Subject, error) {
	c, err := rd.Contact(ctx, audience.ID(id))
	if err != nil {
		return Subject{}, err
	}
	s := Subject{Contact: c.ID, Addresses: c.Addresses, External: c.External}
	return s, addOrigins(ctx, rd, &s, c.ID)
}

// addOrigins adds who was merged into a contact.
func addOrigins(ctx context.Context, rd *store.Reader, s *Subject, id audience.ContactID) error {
	origins, err := rd.Origins(ctx, id)
	if err != nil {
		return err
	}
	for _, o := range origins {
		if o != s.Contact && !slices.Contains(s.Merged, o) {
			s.Merged = append(s.Merged, o)
		}
	}
	return nil
}

// identify finds whom a Ref is about who is not, or no longer, a contact:
// deleted ones by their id, or by an address that evidence names; else whoever
// a holder knows by the address or external id. [audience.ErrNotFound] when
// nobody holds anything of her.
func (r *Rights) identify(ctx context.Context, who audience.Ref) (Subject, error) {
	var s Subject
	named, _ := who.ContactID()
	if a, ok := who.Address(); ok {
		s.Addresses = append(s.Addresses, a)
	}
	if x, ok := who.External(); ok {
		s.External = append(s.External, x)
	}
	found := []audience.ContactID{named}
	if len(s.Addresses) > 0 {
		var err error
		if found, err = r.ledger.deletedWith(ctx, s.Addresses[0]); err != nil {
			return s, err
		}
	}
	if err := r.ledger.aud.View(ctx, func(rd *store.Reader) error { return addDeleted(ctx, rd, &s, found...) }); err != nil {
		return s, err
	}
	if s.Contact == 0 && len(s.Addresses) == 0 && len(s.External) == 0 {
		return s, &audience.NotFoundError{Kind: "contact"}
	}
	for _, h := range r.holders {
		known := false
		err := h.Collect(ctx, s, func(Item) error {
			known = true
			return errStop
		})
		switch {
		case known:
			return s, nil
		case err != nil:
			return s, err
		}
	}
	return s, &audience.NotFoundError{Kind: "contact"}
}

// addDeleted adds contacts who were deleted, with who was merged into them: the
// same person may have been deleted several times.
func addDeleted(ctx context.Context, rd *store.Reader, s *Subject, ids ...audience.ContactID) error {
	for _, id := range ids {
		as, err := rd.DeletedAs(ctx, id)
		if err != nil {
			return err
		}
		if as.Contact == 0 {
			continue
		}
		if s.Contact == 0 {
			s.Contact = as.Contact
		}
		if err := addOrigins(ctx, rd, s, as.Contact); err != nil {
			return err
		}
	}
	return nil
}

// deletedWith gives the contacts who were deleted and whose evidence names an
// address last: what they consented to in the end was for it. Whoever has an
// address that a contact had given up before is somebody else. It opens the
// evidence of everybody who was deleted.
func (l *Ledger) deletedWith(ctx context.Context, a audience.Address) (found []audience.ContactID, err error) {
	for after := audience.ContactID(0); ; {
		var page []audience.ContactID
		err := l.aud.View(ctx, func(rd *store.Reader) (err error) {
			if page, err = rd.DeletedIDs(ctx, after, batch); err != nil || len(page) == 0 {
				return err
			}
			records, err := rd.Chains(ctx, page...)
			if err != nil {
				return err
			}
			some, err := l.lastGivenFor(ctx, rd, records, a)
			found = append(found, some...)
			return err
		})
		if err != nil || len(page) < batch {
			return found, err
		}
		after = page[len(page)-1]
	}
}

// lastGivenFor gives the contacts the last of whose records with an address, in
// order of contact and sequence, has this one.
func (l *Ledger) lastGivenFor(ctx context.Context, rd *store.Reader, records []audience.ConsentRecord, a audience.Address) (found []audience.ContactID, err error) {
	var told audience.ContactID
	for _, rec := range slices.Backward(records) {
		if rec.Kind != audience.ConsentGranted && rec.Kind != audience.ConsentRequested || rec.Contact == told {
			continue
		}
		same, known, err := l.GivenFor(ctx, rd, rec, a)
		if err != nil {
			return nil, err
		}
		if known {
			told = rec.Contact
		}
		if same {
			found = append(found, rec.Contact)
		}
	}
	slices.Reverse(found)
	return found, nil
}

// subjectOf reads who a request is about. Of whoever is not there any more it
// is who she was when she asked, with what is known of her since.
func (r *Rights) subjectOf(ctx context.Context, rd *store.Reader, q *Request) (Subject, error) {
	if q.Contact != 0 {
		s, err := r.subject(ctx, rd, q.Contact)
		if !isNotFound(err) {
			return s, err
		}
	}
	s := Subject{Contact: q.Contact}
	if len(q.secret.Sealed) > 0 {
		var err error
		if s, _, err = r.ledger.openSubject(q); err != nil {
			return s, err
		}
	}
	if err := addDeleted(ctx, rd, &s, q.Contact); err != nil {
		return s, err
	}
	return s, isNobodyElse(ctx, rd, &s)
}

// isNobodyElse reports that an address or id of hers is that of a contact now,
// who may be herself, come back.
func isNobodyElse(ctx context.Context, rd *store.Reader, s *Subject) error {
	var refs []audience.Ref
	for _, a := range s.Addresses {
		refs = append(refs, audience.AddressRef(a))
	}
	for _, x := range s.External {
		refs = append(refs, audience.ExternalRef(x))
	}
	ids, err := rd.Resolve(ctx, refs...)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if id != 0 {
			return &audience.ConflictError{Kind: "request", Contact: id, Hint: "a contact has her address or id now: open a request for the contact, and refuse this one if she is the same person"}
		}
	}
	return nil
}

// mayBeGone reports whether a request makes sense of somebody who is no
// contact: there is nothing of hers to correct or to restrict.
func (k RequestKind) mayBeGone() bool {
	return k == RequestAccess || k == RequestPortability || k == RequestErasure || k == RequestObjection
}

// collectGone emits what is held of somebody who is no contact: of a deleted
// one the ledger with its evidence, and what is held against her addresses, as
// far as they are known.
func (h *audienceHolder) collectGone(ctx context.Context, r *store.Reader, s Subject, c *collector) error {
	covered := make(map[audience.ContactID]bool)
	for _, id := range append([]audience.ContactID{s.Contact}, s.Merged...) {
		if id == 0 || covered[id] {
			continue
		}
		history, err := r.History(ctx, audience.ID(id))
		switch {
		case isNotFound(err): // nothing was recorded
		case err != nil:
			return err
		default:
			everyRecord(&history, func(rec *audience.ConsentRecord) { covered[rec.Contact] = true })
			if err := h.declarations(ctx, r, &history, c); err != nil {
				return err
			}
		}
		covered[id] = true
		as, err := r.DeletedAs(ctx, id)
		if err != nil {
			return err
		}
		if as.Contact == id {
			c.add("traces", "deleted contact", audience.NewPrivate("contact "+id.String()+": her number, where she was in segments, and changes that the feed still has"), as.Created, OriginObserved)
		}
	}
	return h.suppressionsOf(ctx, r, s.Addresses, c)
}

// eraseGone removes what is left of contacts who were deleted, and reports
// whether there was any. Of addresses that nobody has tombstones are put, so
// that no import brings her back.
func (h *audienceHolder) eraseGone(ctx context.Context, tx *store.Tx, s *Subject, source audience.Source) (bool, error) {
	found := false
	for _, id := range append([]audience.ContactID{s.Contact}, s.Merged...) {
		as, err := tx.DeletedAs(ctx, id)
		if err != nil {
			return false, err
		}
		if as.Contact == 0 {
			continue
		}
		found = true
		if err := tx.Erase(ctx, source, audience.ID(as.Contact)); err != nil {
			return false, err
		}
	}
	return found, h.bury(ctx, tx, s.Addresses, source)
}

// bury puts tombstones for addresses that nobody has.
func (h *audienceHolder) bury(ctx context.Context, tx *store.Tx, addresses []audience.Address, source audience.Source) error {
	keys, name := h.ledger.aud.Keys(), h.ledger.aud.Name()
	var rows []audience.Suppression
	for _, a := range addresses {
		ids, err := tx.Resolve(ctx, audience.AddressRef(a))
		if err != nil {
			return err
		}
		if ids[0] != 0 {
			continue
		}
		for _, hash := range keys.AddressHashes(name, a) {
			if hash.Key == keys.Primary() {
				rows = append(rows, audience.Suppression{Hash: hash, Reason: audience.SuppressedErased, At: tx.At(), Source: source})
			}
		}
	}
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.SuppressHashes(ctx, rows...)
	return err
}

// hashesOf gives the keyed hashes of addresses, as the register holds them.
func (l *Ledger) hashesOf(addresses []audience.Address) (out []string) {
	for _, a := range addresses {
		for _, h := range l.aud.Keys().AddressHashes(l.aud.Name(), a) {
			out = append(out, h.Key+":"+hex.EncodeToString(h.Sum[:]))
		}
	}
	return out
}
