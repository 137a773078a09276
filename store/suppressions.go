package store

import (
	"context"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// heldSuppressions are the suppressions of some addresses, kept up to date
// in memory while a batch changes them, so that an item sees what the items
// in front of it did.
type heldSuppressions struct {
	tx      *Tx
	hashes  map[string][]audience.AddressHash // by compare form; the hash under the primary key first
	held    map[suppressionKey]audience.Suppression
	changed []suppressionKey // in order of their first change
	dirty   map[suppressionKey]bool
}

type suppressionKey struct {
	hash   audience.AddressHash
	reason audience.SuppressionReason
}

// loadSuppressions reads what is held about addresses. Without keys nothing
// is held and nothing can be.
func (tx *Tx) loadSuppressions(ctx context.Context, addresses []audience.Address) (*heldSuppressions, error) {
	h := &heldSuppressions{
		tx:     tx,
		hashes: make(map[string][]audience.AddressHash, len(addresses)),
		held:   make(map[suppressionKey]audience.Suppression),
		dirty:  make(map[suppressionKey]bool),
	}
	var all []audience.AddressHash
	for _, a := range addresses {
		if _, seen := h.hashes[a.Canonical()]; seen {
			continue
		}
		hashes := tx.audience.keys.AddressHashes(tx.audience.name, a)
		h.hashes[a.Canonical()] = hashes
		all = append(all, hashes...)
	}
	if len(all) == 0 {
		return h, nil
	}
	found, err := tx.roles.Suppressions(ctx, all)
	if err != nil {
		return nil, err
	}
	for _, s := range found {
		h.held[suppressionKey{s.Hash, s.Reason}] = s
	}
	return h, nil
}

func (h *heldSuppressions) set(s audience.Suppression) {
	key := suppressionKey{s.Hash, s.Reason}
	if !h.dirty[key] {
		h.dirty[key] = true
		h.changed = append(h.changed, key)
	}
	h.held[key] = s
}

// suppress makes a refusal stand, dated when the person acted, and reports
// whether it changed anything. One that stands under any key keeps standing
// with the later date; a refusal from before the act that lifted it does not
// come back as long as that holds.
func (h *heldSuppressions) suppress(a audience.Address, reason audience.SuppressionReason, at time.Time, source audience.Source) bool {
	hashes := h.hashes[a.Canonical()]
	if len(hashes) == 0 {
		return false
	}
	for _, hash := range hashes {
		s, ok := h.held[suppressionKey{hash, reason}]
		stands := s.Stands(h.tx.at)
		switch {
		case !ok:
			continue
		case !stands && reason == audience.SuppressedManually: // the host's own act, as lifting it was
			s = audience.Suppression{Hash: hash, Reason: reason, At: at, Source: source}
		case !at.After(s.At) && (stands || at.Before(s.Lifted)):
			return false
		case stands, at.Before(s.Lifted):
			s.At = at // what lifted it came after this, too
		default:
			s = audience.Suppression{Hash: hash, Reason: reason, At: at, Source: source}
		}
		h.set(s)
		return true
	}
	h.set(audience.Suppression{Hash: hashes[0], Reason: reason, At: at, Source: source})
	return true
}

// each visits the suppressions of addresses that stand or will stand again.
func (h *heldSuppressions) each(addresses []audience.Address, visit func(audience.Suppression)) {
	for _, a := range addresses {
		for _, hash := range h.hashes[a.Canonical()] {
			for reason := audience.SuppressedWithdrawn; reason <= audience.SuppressedErased; reason++ {
				s, ok := h.held[suppressionKey{hash, reason}]
				if _, stands := s.StandsFrom(); ok && stands {
					visit(s)
				}
			}
		}
	}
}

// from gives the first instant from which one of the addresses is suppressed,
// zero when none is.
func (h *heldSuppressions) from(addresses []audience.Address) time.Time {
	var out time.Time
	h.each(addresses, func(s audience.Suppression) {
		if from, _ := s.StandsFrom(); out.IsZero() || from.Before(out) {
			out = from
		}
	})
	return out
}

// grant lifts what a grant lifts. When something stands that it does not
// lift, consent to marketing is refused: a grant that could not be acted on
// would read as consent.
func (h *heldSuppressions) grant(addresses []audience.Address, r *audience.ConsentRecord) (lifted bool, err error) {
	if !h.inForce(r) {
		return false, nil
	}
	h.each(addresses, func(s audience.Suppression) {
		if s.Stands(h.tx.at) && !s.LiftedBy(r) {
			err = &audience.DeniedError{Rule: "suppressed", Hint: "a suppression of the address stands (" + s.Reason.String() + "); " + howToLift(s.Reason)}
		}
	})
	if err != nil && forMarketing(r.Scope) {
		return false, err
	}
	return h.lift(addresses, r, func(audience.Suppression) bool { return true }), nil
}

// lift lifts, of the suppressions chosen, those that a grant in force lifts,
// for as long as it holds.
func (h *heldSuppressions) lift(addresses []audience.Address, r *audience.ConsentRecord, chosen func(audience.Suppression) bool) bool {
	changed := false
	h.each(addresses, func(s audience.Suppression) {
		if !chosen(s) || !h.inForce(r) || !s.LiftedBy(r) {
			return
		}
		if !s.Stands(h.tx.at) && !r.Expires.IsZero() && !r.Expires.After(s.LiftedUntil) {
			return // it is lifted for longer already
		}
		s.Lifted, s.LiftedUntil = r.Acted, r.Expires
		h.set(s)
		changed = true
	})
	return changed
}

func (h *heldSuppressions) inForce(r *audience.ConsentRecord) bool {
	return r.Kind == audience.ConsentGranted && (r.Expires.IsZero() || r.Expires.After(h.tx.at))
}

// forMarketing reports whether a grant would read as consent to marketing by
// e-mail, or to a topic of it.
func forMarketing(s audience.Scope) bool {
	s.List = ""
	return s.Covers(audience.MarketingScope())
}

func howToLift(reason audience.SuppressionReason) string {
	switch reason {
	case audience.SuppressedComplained:
		return "only a double opt-in to marketing after it lifts it"
	case audience.SuppressedManually:
		return "lift it with Suppress"
	case audience.SuppressedErased:
		return "put the contact with Returning first"
	default:
		return "a grant of marketing that was made after it lifts it"
	}
}

// store writes what changed.
func (h *heldSuppressions) store(ctx context.Context) error {
	if len(h.changed) == 0 {
		return nil
	}
	rows := make([]audience.Suppression, len(h.changed))
	for i, key := range h.changed {
		rows[i] = h.held[key]
	}
	return h.tx.write.PutSuppressions(ctx, rows)
}
