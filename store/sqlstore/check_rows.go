package sqlstore

import (
	"context"
	"database/sql"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// counter looks whether ids would be given again.
func (c *checker) counter(ctx context.Context) error {
	return c.page(ctx, func(w *writer, note func(FindingKind, audience.ContactID, bool)) error {
		var highest sql.NullInt64
		if err := w.query(ctx, w.p.store.sql.check.highest, func(r *sql.Rows) error { return r.Scan(&highest) }, w.p.id); err != nil {
			return err
		}
		next := int64(1)
		if err := w.query(ctx, w.p.store.sql.counters.next, func(r *sql.Rows) error { return r.Scan(&next) }, w.p.id, int64(countContacts)); err != nil {
			return err
		}
		if highest.Int64 < next {
			return nil
		}
		note(FindingCounter, audience.ContactID(highest.Int64), true)
		if !c.mend {
			return nil
		}
		_, err := w.count(ctx, countContacts, 0, uint64(highest.Int64))
		return err
	})
}

// identities goes through what is held: whoever holds it must have it. Tags
// are gone through in the same way.
func (c *checker) identities(ctx context.Context) error {
	last := identityKey{}
	for more := true; more; {
		if err := c.page(ctx, func(w *writer, note func(FindingKind, audience.ContactID, bool)) error {
			from := last
			held, err := w.identityPage(ctx, from)
			if err != nil {
				return err
			}
			if more = len(held) > 0; !more {
				return nil
			}
			if err := c.heldPage(ctx, w, held, note); err != nil {
				return err
			}
			last = held[len(held)-1].key
			return nil
		}); err != nil {
			return err
		}
	}
	at := tagged{}
	for more := true; more; {
		if err := c.page(ctx, func(w *writer, note func(FindingKind, audience.ContactID, bool)) error {
			page, err := w.tagPage(ctx, at)
			if err != nil {
				return err
			}
			if more = len(page) > 0; !more {
				return nil
			}
			if err := c.strayTags(ctx, w, page, note); err != nil {
				return err
			}
			at = page[len(page)-1]
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// heldIdentity is a row of {identities}.
type heldIdentity struct {
	key     identityKey
	contact audience.ContactID
}

func (w *writer) identityPage(ctx context.Context, after identityKey) ([]heldIdentity, error) {
	var out []heldIdentity
	err := w.query(ctx, w.p.store.sql.check.identities, func(r *sql.Rows) error {
		var h heldIdentity
		var contact int64
		err := r.Scan(&h.key.kind, &h.key.ident, &contact)
		h.contact = audience.ContactID(contact)
		out = append(out, h)
		return err
	}, w.behind(after.kind, after.ident)...)
	return out, err
}

// behind gives the arguments of a page behind a key.
func (w *writer) behind(key ...any) []any {
	args := append([]any{w.p.id}, w.p.store.dialect.behindArgs(key...)...)
	return append(args, int64(checkedAtOnce))
}

func (w *writer) tagPage(ctx context.Context, after tagged) ([]tagged, error) {
	var out []tagged
	err := w.query(ctx, w.p.store.sql.check.tags, func(r *sql.Rows) error {
		var t tagged
		var contact int64
		err := r.Scan(&t.tag, &contact)
		t.contact = audience.ContactID(contact)
		out = append(out, t)
		return err
	}, w.behind(after.tag, int64(after.contact))...)
	return out, err
}

func (c *checker) heldPage(ctx context.Context, w *writer, held []heldIdentity, note noting) error {
	ids := make([]audience.ContactID, len(held))
	for i := range held {
		ids[i] = held[i].contact
	}
	rows, err := w.LockContacts(ctx, distinct(ids))
	if err != nil {
		return err
	}
	has := make(map[heldIdentity]bool)
	for i := range rows {
		for _, identity := range rows[i].Identities() {
			has[heldIdentity{keyOf(identity), rows[i].ID}] = true
		}
	}
	var doubtful []identityKey
	of := make(map[identityKey]audience.ContactID)
	for _, h := range held {
		if !has[h] {
			doubtful = append(doubtful, h.key)
			of[h.key] = h.contact
		}
	}
	// It may have moved on between the two reads, and even come back. Now it
	// stays where it is, and nobody gets or loses it.
	now, err := w.lockHeld(ctx, doubtful)
	if err != nil {
		return err
	}
	if err := w.addIdentities(ctx, now, has); err != nil {
		return err
	}
	var stray []identityKey
	for _, h := range now {
		if of[h.key] == h.contact && !has[h] {
			note(FindingIdentity, h.contact, true)
			stray = append(stray, h.key)
		}
	}
	if !c.mend {
		return nil
	}
	return byKind(stray, func(kind string, idents []string) error {
		_, err := w.exec(ctx, w.p.store.sql.identities.remove, textList(idents), w.p.id, kind)
		return err
	})
}

// addIdentities notes what those who hold identities have now.
func (w *writer) addIdentities(ctx context.Context, held []heldIdentity, has map[heldIdentity]bool) error {
	ids := make([]audience.ContactID, len(held))
	for i := range held {
		ids[i] = held[i].contact
	}
	rows, err := w.reader.Contacts(ctx, distinct(ids)) // not what the transaction remembers
	if err != nil {
		return err
	}
	for i := range rows {
		for _, identity := range rows[i].Identities() {
			has[heldIdentity{keyOf(identity), rows[i].ID}] = true
		}
	}
	return nil
}

// lockHeld locks identities and gives who holds them.
func (w *writer) lockHeld(ctx context.Context, keys []identityKey) ([]heldIdentity, error) {
	var out []heldIdentity
	err := byKind(keys, func(kind string, idents []string) error {
		return w.query(ctx, w.p.store.sql.identities.lock, func(r *sql.Rows) error {
			h := heldIdentity{key: identityKey{kind: kind}}
			var contact int64
			err := r.Scan(&h.key.ident, &contact)
			h.contact = audience.ContactID(contact)
			out = append(out, h)
			return err
		}, textList(idents), w.p.id, kind)
	})
	return out, err
}

// strayTags finds tags that contacts do not have.
func (c *checker) strayTags(ctx context.Context, w *writer, page []tagged, note noting) error {
	ids := make([]audience.ContactID, len(page))
	for i := range page {
		ids[i] = page[i].contact
	}
	rows, err := w.LockContacts(ctx, distinct(ids))
	if err != nil {
		return err
	}
	byID := make(map[audience.ContactID]*audience.Contact, len(rows))
	for i := range rows {
		byID[rows[i].ID] = &rows[i]
	}
	doubtful := slices.DeleteFunc(slices.Clone(page), func(t tagged) bool { return byID[t.contact] != nil && byID[t.contact].HasTag(t.tag) })
	stray, err := w.stillTagged(ctx, doubtful)
	if err != nil {
		return err
	}
	for _, t := range stray {
		note(FindingTags, t.contact, true)
	}
	if !c.mend {
		return nil
	}
	return w.deleteTags(ctx, stray)
}

// stillTagged leaves the tags that are there now that their contacts are
// locked.
func (w *writer) stillTagged(ctx context.Context, all []tagged) ([]tagged, error) {
	byTag := make(map[string][]audience.ContactID)
	for _, t := range all {
		byTag[t.tag] = append(byTag[t.tag], t.contact)
	}
	var out []tagged
	for _, tag := range sortedKeys(byTag) {
		for part := range parts(distinct(byTag[tag])) {
			if err := w.query(ctx, w.p.store.sql.tags.among, func(r *sql.Rows) error {
				var id int64
				err := r.Scan(&id)
				out = append(out, tagged{tag, audience.ContactID(id)})
				return err
			}, idList(part), w.p.id, tag); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// chains goes through the ledger: each chain must link, and the standings must
// be what it says.
func (c *checker) chains(ctx context.Context) error {
	for after := audience.ContactID(0); ; {
		var ids []audience.ContactID
		if err := c.page(ctx, func(w *writer, note func(FindingKind, audience.ContactID, bool)) error {
			var err error
			if ids, err = w.chainsAfter(ctx, after, checkedAtOnce); err != nil {
				return err
			}
			return c.chainPage(ctx, w, ids, note)
		}); err != nil || len(ids) == 0 {
			return err
		}
		after = ids[len(ids)-1]
	}
}

func (c *checker) chainPage(ctx context.Context, w *writer, ids []audience.ContactID, note noting) error {
	if _, err := w.LockContacts(ctx, ids); err != nil {
		return err
	}
	records, err := w.Ledger(ctx, ids)
	if err != nil {
		return err
	}
	chains := make(map[audience.ContactID][]audience.ConsentRecord)
	broken := make(map[audience.ContactID]bool)
	for i := range records {
		r := &records[i]
		chain := chains[r.Contact]
		var prev *audience.ConsentRecord
		if len(chain) > 0 {
			prev = &chain[len(chain)-1]
		}
		if r.CheckLink(w.p.name, prev) != nil && !broken[r.Contact] {
			broken[r.Contact] = true
			note(FindingLedger, r.Contact, false)
		}
		chains[r.Contact] = append(chain, *r)
	}
	stored, err := w.readStandings(ctx, ids)
	if err != nil {
		return err
	}
	wrong := make(map[audience.ContactID][]audience.ConsentRecord)
	for _, id := range ids {
		derived := standingsOf(chains[id])
		slices.SortFunc(derived, standingRow.compare)
		if !slices.Equal(derived, stored[id]) {
			note(FindingStandings, id, true)
			wrong[id] = chains[id]
		}
	}
	if !c.mend || len(wrong) == 0 {
		return nil
	}
	return w.putStandings(ctx, wrong)
}

func (w *writer) readStandings(ctx context.Context, ids []audience.ContactID) (map[audience.ContactID][]standingRow, error) {
	out := make(map[audience.ContactID][]standingRow)
	for part := range parts(ids) {
		if err := w.query(ctx, w.p.store.sql.check.standings, func(r *sql.Rows) error {
			var row standingRow
			var contact, status int64
			if err := r.Scan(&contact, &row.purpose, &row.list, &status, &row.since, &row.until); err != nil {
				return err
			}
			row.contact, row.status = audience.ContactID(contact), audience.Status(status)
			out[row.contact] = append(out[row.contact], row)
			return nil
		}, idList(part), w.p.id); err != nil {
			return nil, err
		}
	}
	for id := range out {
		slices.SortFunc(out[id], standingRow.compare)
	}
	return out, nil
}

// feed looks for commits without all of their parts, and for what belongs to
// none.
func (c *checker) feed(ctx context.Context) error {
	if err := c.commitParts(ctx); err != nil {
		return err
	}
	st := &c.p.store.sql.check
	for more := true; more; {
		if err := c.page(ctx, func(w *writer, note func(FindingKind, audience.ContactID, bool)) error {
			more = false
			var seqs, contacts []int64
			if err := w.query(ctx, st.strayParts, func(r *sql.Rows) error {
				var seq int64
				err := r.Scan(&seq)
				seqs, contacts = append(seqs, seq), append(contacts, 0)
				return err
			}, w.p.id, int64(checkedAtOnce)); err != nil {
				return err
			}
			if err := w.query(ctx, st.strayMentions, func(r *sql.Rows) error {
				var contact, seq int64
				err := r.Scan(&contact, &seq)
				seqs, contacts = append(seqs, seq), append(contacts, contact)
				return err
			}, w.p.id, int64(checkedAtOnce)); err != nil {
				return err
			}
			for i, seq := range seqs {
				note(FindingLeftover, audience.ContactID(contacts[i]), true)
				if !c.mend {
					continue
				}
				more = true // there may be others
				var err error
				if contacts[i] == 0 {
					_, err = w.exec(ctx, st.removePart, w.p.id, seq)
				} else {
					_, err = w.exec(ctx, st.removeMention, w.p.id, contacts[i], seq)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) commitParts(ctx context.Context) error {
	st := &c.p.store.sql.check
	for after := int64(0); ; {
		var seqs, want []int64
		if err := c.page(ctx, func(w *writer, note func(FindingKind, audience.ContactID, bool)) error {
			seqs, want = seqs[:0], want[:0]
			if err := w.query(ctx, st.feedParts, func(r *sql.Rows) error {
				var seq, n int64
				err := r.Scan(&seq, &n)
				seqs, want = append(seqs, seq), append(want, n)
				return err
			}, w.p.id, after, int64(checkedAtOnce)); err != nil {
				return err
			}
			for i, seq := range seqs {
				var n int64
				if err := w.query(ctx, st.partsOf, func(r *sql.Rows) error { return r.Scan(&n) }, w.p.id, seq); err != nil {
					return err
				}
				if n != want[i] {
					note(FindingFeed, 0, false)
				}
			}
			return nil
		}); err != nil || len(seqs) == 0 {
			return err
		}
		after = seqs[len(seqs)-1]
	}
}
