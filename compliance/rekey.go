package compliance

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// RekeyReport says what [Ledger.Rekey] did and what is left. A key may be taken
// from Options.Keys once neither map names it; seals and tokens made under it do
// not verify any more then.
type RekeyReport struct {
	Contacts     int            // gone through
	Moved        int            // suppressions that were moved to the primary key
	Rewrapped    int            // keys of evidence that were
	Requests     int            // open requests that were sealed anew
	Suppressions map[string]int // by key id: rows that name it
	Evidence     map[string]int // by key id: keys of evidence under it
}

// Rekey moves everything to the primary key: the suppressions of all contacts'
// addresses and of those given besides, the keys that evidence is sealed under,
// and whom open requests are about. Addresses of nobody's are only hashes here: their rows stay under the
// old key until somebody names them, to Rekey or to
// [store.Tx.RekeySuppressions]. It may be broken off and called again.
func (l *Ledger) Rekey(ctx context.Context, progress func(contacts int), besides ...audience.Address) (RekeyReport, error) {
	var out RekeyReport
	if err := l.rekey(ctx, besides, &out); err != nil {
		return out, err
	}
	if err := eachContactPage(ctx, l.aud, func(page []audience.Contact) error {
		var addresses []audience.Address
		for i := range page {
			addresses = append(addresses, page[i].Addresses...)
		}
		out.Contacts += len(page)
		if progress != nil {
			progress(out.Contacts)
		}
		return l.rekey(ctx, addresses, &out)
	}); err != nil {
		return out, err
	}
	if err := l.rewrap(ctx, &out); err != nil {
		return out, err
	}
	if err := l.reseal(ctx, &out); err != nil {
		return out, err
	}
	return out, l.aud.View(ctx, func(r *store.Reader) (err error) {
		out.Suppressions, err = r.SuppressionKeyUse(ctx)
		return err
	})
}

func (l *Ledger) rekey(ctx context.Context, addresses []audience.Address, out *RekeyReport) error {
	for len(addresses) > 0 {
		some := addresses[:min(len(addresses), importBatch, l.aud.Limits().BatchItems)]
		addresses = addresses[len(some):]
		moved := 0
		if _, err := l.aud.Update(ctx, func(tx *store.Tx) (err error) {
			moved, err = tx.RekeySuppressions(ctx, some...)
			return err
		}); err != nil {
			return err
		}
		out.Moved += moved
	}
	return nil
}

// rewrap wraps the keys of evidence under the primary key, of everybody in the
// ledger.
func (l *Ledger) rewrap(ctx context.Context, out *RekeyReport) error {
	out.Evidence = make(map[string]int)
	for after, more := audience.ContactID(0), true; more; {
		var page []head
		if err := l.aud.View(ctx, func(r *store.Reader) error {
			heads, err := r.LedgerHeads(ctx, after, headsPage)
			for i := range heads {
				page = append(page, head{contact: heads[i].Contact})
			}
			return err
		}); err != nil {
			return err
		}
		if more = len(page) == headsPage; len(page) > 0 {
			after = page[len(page)-1].contact
		}
		use, done := make(map[string]int), 0
		if _, err := l.aud.Update(ctx, func(tx *store.Tx) error {
			clear(use)
			done = 0
			for _, h := range page {
				name, did, err := l.rewrapOne(ctx, tx, h.contact)
				if err != nil {
					return err
				}
				if did {
					done++
				}
				if name != "" {
					use[name]++
				}
			}
			return nil
		}); err != nil {
			return err
		}
		out.Rewrapped += done
		for name, n := range use {
			out.Evidence[name] += n
		}
	}
	return nil
}

// rewrapOne wraps one key anew, and gives the id of the key it is under now;
// "" when the contact has none.
func (l *Ledger) rewrapOne(ctx context.Context, tx *store.Tx, id audience.ContactID) (under string, did bool, err error) {
	wrapped, rec, err := l.loadWrapped(ctx, &tx.Reader, id)
	if errors.Is(err, audience.ErrNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	primary := l.aud.Keys().Primary()
	if wrappedUnder(wrapped) == primary {
		return primary, false, nil
	}
	key, err := l.unwrap(id, wrapped)
	if err != nil {
		return "", false, err
	}
	fresh, err := l.wrap(id, key)
	if err != nil {
		return "", false, err
	}
	if l.keys != nil {
		return primary, true, l.keys.Save(ctx, l.aud.Name(), id, fresh, wrapped)
	}
	rec.Value = fresh
	_, err = tx.SaveRecord(ctx, rec)
	return primary, true, err
}

// reseal seals anew, under the primary key, whom open requests are about. One
// whose key is missing already stays as it is.
func (l *Ledger) reseal(ctx context.Context, out *RekeyReport) error {
	for after, more := "", true; more; {
		var last string
		done := 0
		if _, err := l.aud.Update(ctx, func(tx *store.Tx) error {
			page, err := tx.Records(ctx, namespaceRequests, "", after, batch)
			if err != nil {
				return err
			}
			last, done, more = after, 0, len(page) == batch
			for i := range page {
				last = page[i].Key
				did, err := l.resealOne(ctx, tx, page[i])
				if err != nil {
					return err
				}
				if did {
					done++
				}
			}
			return nil
		}); err != nil {
			return err
		}
		after = last
		out.Requests += done
	}
	return nil
}

func (l *Ledger) resealOne(ctx context.Context, tx *store.Tx, rec store.Record) (bool, error) {
	q, err := parseRequest(rec.Value)
	if err != nil || len(q.secret.Sealed) == 0 {
		return false, err
	}
	s, under, err := l.openSubject(&q)
	if errors.Is(err, audience.ErrDenied) || err == nil && under == l.aud.Keys().Primary() {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if q.secret.Sealed, err = l.sealSubject(q.ID, &s); err != nil {
		return false, err
	}
	if rec.Value, err = json.Marshal(&storedRequest{Request: q, Secret: q.secret}); err != nil {
		return false, err
	}
	_, err = tx.SaveRecord(ctx, rec)
	return true, err
}
