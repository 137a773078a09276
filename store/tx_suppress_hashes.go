package store

import (
	"cmp"
	"context"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// SuppressHashes takes over suppressions that are known by their keyed hash
// alone, such as those of a file of this audience, and reports for each whether
// it changed anything. It adds and raises, and never lifts: what stands goes on
// standing, and a refusal from before the act that lifted it here does not come
// back. Tombstones are taken as well. Nobody can tell whose hashes they are: who
// needs the feed to tell of contacts who have such an address calls
// [Tx.AnnounceSuppressions] afterwards.
//
// Refused items: [audience.ErrInvalid] for a missing reason, instant or sum;
// [audience.ErrDenied] for a key that the audience was not opened with: nothing
// could ever be found under it.
func (tx *Tx) SuppressHashes(ctx context.Context, rows ...audience.Suppression) ([]bool, error) {
	if err := checkBatch(tx.audience.limits, rows, tx.checkHashed); err != nil || len(rows) == 0 {
		return nil, err
	}
	hashes := make([]audience.AddressHash, len(rows))
	for i := range rows {
		hashes[i] = rows[i].Hash
	}
	held, err := tx.loadSuppressions(ctx, nil)
	if err != nil {
		return nil, err
	}
	if err := held.load(ctx, hashes); err != nil {
		return nil, err
	}
	changed := make([]bool, len(rows))
	for i := range rows {
		changed[i] = held.raise(rows[i])
	}
	return changed, tx.whole(func() error { return held.store(ctx) })
}

func (tx *Tx) checkHashed(s *audience.Suppression) error {
	switch {
	case !tx.audience.keys.Has(s.Hash.Key):
		return &audience.DeniedError{Rule: "key", Hint: "a suppression under a key that Options.Keys has"}
	case s.Hash.Sum == [32]byte{}:
		return &audience.FieldError{Path: "sum", Rule: "empty", Hint: "the 32 bytes of a keyed hash"}
	case s.Reason.String() == "none":
		return &audience.FieldError{Path: "reason", Rule: "unknown", Hint: "withdrawn, bounced, complained, manual or erased"}
	case s.At.IsZero():
		return &audience.FieldError{Path: "at", Rule: "empty", Hint: "when it happened"}
	}
	for _, t := range []time.Time{s.At, s.Lifted, s.LiftedUntil} {
		if _, err := audience.Instant(t); err != nil { // the zero Time is in range
			return &audience.FieldError{Path: "at", Rule: "range", Hint: "an instant in the years 1 to 9999"}
		}
	}
	return s.Source.Check("source", tx.audience.limits)
}

// load reads what is held under hashes.
func (h *heldSuppressions) load(ctx context.Context, hashes []audience.AddressHash) error {
	found, err := h.tx.roles.Suppressions(ctx, hashes)
	if err != nil {
		return err
	}
	for _, s := range found {
		h.held[suppressionKey{s.Hash, s.Reason}] = s
	}
	return nil
}

// raise takes over a suppression as suppress does, and reports whether it
// changed anything.
func (h *heldSuppressions) raise(s audience.Suppression) bool {
	s.At, s.Lifted, s.LiftedUntil = whole(s.At), whole(s.Lifted), whole(s.LiftedUntil)
	if s.At.After(h.tx.at) {
		s.At = h.tx.at
	}
	known, ok := h.held[suppressionKey{s.Hash, s.Reason}]
	stands := known.Stands(h.tx.at)
	if _, will := s.StandsFrom(); !will || ok && !s.Stands(h.tx.at) {
		return false // it was lifted, which says nothing about what is known
	}
	switch {
	case !ok:
	case !s.At.After(known.At) && (stands || s.At.Before(known.Lifted)):
		return false
	case stands, s.At.Before(known.Lifted):
		known.At = s.At
		s = known
	}
	h.set(s)
	return true
}

// whole cuts an instant to what is stored; the zero Time stays.
func whole(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return audience.FromMicros(audience.Micros(t))
}

// AnnounceSuppressions tells the feed from when on contacts are suppressed, as
// it is now. Ids that nobody has are left out.
func (tx *Tx) AnnounceSuppressions(ctx context.Context, source audience.Source, ids ...audience.ContactID) error {
	if err := source.Check("source", tx.audience.limits); err != nil {
		return err
	}
	rows, err := tx.Lock(ctx, ids...)
	if err != nil || len(rows) == 0 {
		return err
	}
	from, err := tx.suppressedOf(ctx, rows, tx.addressHashes)
	if err != nil {
		return err
	}
	changes := make([]Change, len(rows))
	for i := range rows {
		changes[i] = Change{Kind: ChangeSuppression, Contact: rows[i].ID, SuppressedFrom: &from[i], Source: source}
	}
	return tx.whole(func() error { return tx.log(ctx, changes...) })
}

// RekeySuppressions moves what is held about addresses under other keys to the
// primary key, and gives how many rows it moved. Nobody's standing changes by
// it. Once no row names a key any more ([Reader.SuppressionKeyUse]) the host
// may open the audience without it.
func (tx *Tx) RekeySuppressions(ctx context.Context, addresses ...audience.Address) (int, error) {
	noCheck := func(*audience.Address) error { return nil }
	if err := checkBatch(tx.audience.limits, addresses, noCheck); err != nil {
		return 0, err
	}
	held, err := tx.loadSuppressions(ctx, addresses)
	if err != nil {
		return 0, err
	}
	var moves []SuppressionMove
	for _, hashes := range held.hashes {
		for _, old := range hashes[1:] {
			for reason := audience.SuppressedWithdrawn; reason <= audience.SuppressedErased; reason++ {
				s, ok := held.held[suppressionKey{old, reason}]
				if !ok {
					continue
				}
				s.Hash = hashes[0]
				key := suppressionKey{s.Hash, reason}
				if there, ok := held.held[key]; ok {
					s = stricter(s, there, tx.at)
				}
				held.held[key] = s
				moves = append(moves, SuppressionMove{From: old, To: s})
			}
		}
	}
	if len(moves) == 0 {
		return 0, nil
	}
	return len(moves), tx.whole(func() error { return tx.write.MoveSuppressions(ctx, moves) })
}

// stricter joins two suppressions of one address and reason: the one that
// stands, or will stand first, with the later date.
func stricter(a, b audience.Suppression, now time.Time) audience.Suppression {
	rank := func(s *audience.Suppression) (int, time.Time) {
		from, will := s.StandsFrom()
		switch {
		case s.Stands(now):
			return 0, time.Time{}
		case will:
			return 1, from
		default:
			return 2, time.Time{}
		}
	}
	out, other := a, b
	x, xFrom := rank(&a)
	y, yFrom := rank(&b)
	if cmp.Or(cmp.Compare(x, y), xFrom.Compare(yFrom), b.Lifted.Compare(a.Lifted)) > 0 {
		out, other = b, a
	}
	if other.At.After(out.At) {
		out.At = other.At
	}
	return out
}

// SuppressionKeyUse counts the suppressions under each key that any names,
// lifted ones too: as long as there are any the key must be given at opening.
func (r *Reader) SuppressionKeyUse(ctx context.Context) (map[string]int, error) {
	out := make(map[string]int)
	for after := (audience.Suppression{}); ; {
		page, err := r.roles.SuppressionsAfter(ctx, after, maxPage)
		if err != nil {
			return nil, err
		}
		for i := range page {
			out[page[i].Hash.Key]++
		}
		if len(page) < maxPage {
			return out, nil
		}
		after = page[len(page)-1]
	}
}

// AllSuppressions gives up to limit suppressions after one, in order of key
// id, sum and reason; the zero Suppression is before the first.
func (r *Reader) AllSuppressions(ctx context.Context, after audience.Suppression, limit int) ([]audience.Suppression, error) {
	return r.roles.SuppressionsAfter(ctx, after, pageSize(limit, maxPage))
}

// LedgerHeads gives the last records of up to limit chains of contacts with an
// id above after, ascending; also of contacts who were deleted or erased.
func (r *Reader) LedgerHeads(ctx context.Context, after audience.ContactID, limit int) ([]audience.ConsentRecord, error) {
	return r.roles.LedgerHeadsAfter(ctx, after, pageSize(limit, maxPage))
}

// Chains gives the records that were written under contacts themselves, in
// order of contact and sequence, as they are stored; also of contacts who were
// deleted or erased.
func (r *Reader) Chains(ctx context.Context, ids ...audience.ContactID) ([]audience.ConsentRecord, error) {
	return r.roles.Ledger(ctx, ids)
}
