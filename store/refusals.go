package store

import (
	"context"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// A refusal of marketing alone is in the ledger of a contact, and holds no
// address. When an address leaves her it is held from then on, so that the
// refusal is not lost with the contact.

func errKeepNeedsKeys() error {
	return &audience.DeniedError{Rule: "key", Hint: "what has to be kept of her addresses needs Options.Keys"}
}

// refusesEver reports whether a contact refuses marketing, now or once the
// consent that she gave after refusing is over.
func (tx *Tx) refusesEver(h *audience.History) bool {
	return h.Fold(audience.MarketingScope(), audience.MaxInstant()).Status.IsRefusal() ||
		h.Fold(audience.MarketingScope(), tx.at).Status.IsRefusal()
}

// keep holds what a contact refuses against addresses that leave her.
func (h *heldSuppressions) keep(addresses []audience.Address, history *audience.History, source audience.Source) {
	now := history.Fold(audience.MarketingScope(), h.tx.at)
	refusal := now
	if !now.Status.IsRefusal() {
		refusal = history.Fold(audience.MarketingScope(), audience.MaxInstant())
	}
	reason, refuses := reasonOf(refusal.Status)
	if !refuses {
		return
	}
	for _, a := range addresses {
		if h.suppress(a, reason, refusal.Since, source) && !now.Status.IsRefusal() {
			h.liftUntil(a, reason, now)
		}
	}
}

// liftUntil says of a refusal what the ledger says: consent answers it for
// the time being.
func (h *heldSuppressions) liftUntil(a audience.Address, reason audience.SuppressionReason, consent audience.Standing) {
	h.each([]audience.Address{a}, func(s audience.Suppression) {
		if s.Reason == reason && s.Stands(h.tx.at) {
			s.Lifted, s.LiftedUntil = consent.Since, consent.Until
			h.set(s)
		}
	})
}

func reasonOf(s audience.Status) (audience.SuppressionReason, bool) {
	switch s {
	case audience.StatusUnsubscribed:
		return audience.SuppressedWithdrawn, true
	case audience.StatusBounced:
		return audience.SuppressedBounced, true
	case audience.StatusComplained:
		return audience.SuppressedComplained, true
	default:
		return 0, false
	}
}

// keepRefusals plans the suppressions of addresses that the batch takes away
// from contacts who refuse.
func (p *putBatch) keepRefusals(ctx context.Context) error {
	leaving := make(map[*putContact][]audience.Address)
	var ids []audience.ContactID
	var addresses []audience.Address
	for _, c := range p.touched {
		for _, a := range c.stored.Addresses {
			if !slices.ContainsFunc(c.now.Addresses, a.Equal) {
				leaving[c] = append(leaving[c], a)
				addresses = append(addresses, a)
			}
		}
		if len(leaving[c]) > 0 {
			ids = append(ids, c.stored.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	l, err := p.tx.lineages(ctx, ids)
	if err != nil {
		return err
	}
	histories, err := p.tx.historiesOf(ctx, l)
	if err != nil {
		return err
	}
	if p.held, err = p.tx.loadSuppressions(ctx, addresses); err != nil {
		return err
	}
	var refused audience.BatchError
	for i, c := range p.results {
		h := histories[c.stored.ID]
		if len(leaving[c]) == 0 || !p.tx.refusesEver(&h) {
			continue
		}
		if p.tx.audience.keys.IsZero() {
			refused.Add(i, errKeepNeedsKeys())
		}
		p.held.keep(leaving[c], &h, c.source)
	}
	return refused.OrNil()
}
