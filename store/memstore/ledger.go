package memstore

import (
	"context"
	"math"

	"github.com/audiencekit/audiencekit/audience"
)

// Ledger gives the contacts' chains in order.
func (r *reader) Ledger(ctx context.Context, contacts []audience.ContactID) ([]audience.ConsentRecord, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	var out []audience.ConsentRecord
	for i, id := range ascending(contacts) {
		if err := sometimes(ctx, i); err != nil {
			return nil, err
		}
		for k, record := range r.v.ledger.from(numberedKey{contact: id}) {
			if k.contact != id {
				break
			}
			if err := sometimes(ctx, len(out)); err != nil {
				return nil, err
			}
			out = append(out, *record)
		}
	}
	return out, nil
}

// LedgerHeads gives the ends of the contacts' chains.
func (r *reader) LedgerHeads(ctx context.Context, contacts []audience.ContactID) ([]audience.ConsentRecord, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	var out []audience.ConsentRecord
	for i, id := range ascending(contacts) {
		if err := sometimes(ctx, i); err != nil {
			return nil, err
		}
		if record := r.v.chainEnd(id); record != nil {
			out = append(out, *record)
		}
	}
	return out, nil
}

// LedgerHeadsAfter gives the ends of chains in ascending order.
func (r *reader) LedgerHeadsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.ConsentRecord, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	var out []audience.ConsentRecord
	for after < math.MaxUint32 && len(out) < limit {
		if err := sometimes(ctx, len(out)); err != nil {
			return nil, err
		}
		id, ok := r.v.chainAfter(after)
		if !ok {
			break
		}
		out = append(out, *r.v.chainEnd(id))
		after = id
	}
	return out, nil
}

// chainAfter gives the contact of the next chain.
func (v *version) chainAfter(after audience.ContactID) (audience.ContactID, bool) {
	for k := range v.ledger.from(numberedKey{contact: after + 1}) {
		return k.contact, true
	}
	return 0, false
}

// chainEnd gives the last record of a chain, nil when there is none.
func (v *version) chainEnd(id audience.ContactID) *audience.ConsentRecord {
	k, record, ok := v.ledger.floor(numberedKey{id, math.MaxUint64})
	if !ok || k.contact != id {
		return nil
	}
	return record
}

// AppendLedger appends records that follow their chains. They stay where they
// are: nobody changes what was given, and no record ever goes away, so that one
// does not keep others for longer.
func (w *writer) AppendLedger(ctx context.Context, records []audience.ConsentRecord) error {
	return w.atomically(ctx, func() error {
		for i := range records {
			if err := sometimes(ctx, i); err != nil {
				return err
			}
			record := &records[i]
			if err := record.CheckLink(w.p.name, w.v.chainEnd(record.Contact)); err != nil {
				return wrap(err)
			}
			w.v.ledger.fill(w.edit, numberedKey{record.Contact, record.Seq}, record)
		}
		return nil
	})
}
