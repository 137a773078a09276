package store

import (
	"context"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// A refusal of marketing alone is in the ledger of a contact, and holds no
// address. When an address leaves her it is held from then on, so that the
// refusal is not lost with the contact.

func errKeepNeedsKeys() error {
	return &audience.DeniedError{Rule: "key", Hint: "what has to be kept of her addresses needs Options.Keys"}
}

// refusals gives what a contact's history refuses of marketing, now or once
// the consent that answers it is over.
func (tx *Tx) refusals(h *audience.History) []refusal {
	return unanswered(refusalsIn(h.Resolved(), tx.at, refusesMarketing, nil))
}

// refusal is something a history refuses, and how it was answered.
type refusal struct {
	reason audience.SuppressionReason
	at     time.Time
	lifted time.Time // when somebody acted who answered it; zero: nobody did
	until  time.Time // the end of that; zero: never
}

// refusalsIn lists what the records of a resolved history refuse by a rule. A grant
// answers refusals of its own chain, and those of contacts that had been
// merged into it by then; what one of two contacts said before they were
// merged says nothing for the other.
func refusalsIn(h *audience.History, now time.Time, rule func(*audience.ConsentRecord) (audience.SuppressionReason, bool), above []*audience.ConsentRecord) []refusal {
	answers := slices.Clone(above)
	for i := range h.Records {
		if r := &h.Records[i]; r.Kind == audience.ConsentGranted && (r.Expires.IsZero() || r.Expires.After(now)) {
			answers = append(answers, r)
		}
	}
	var out []refusal
	for i := range h.Records {
		if reason, ok := rule(&h.Records[i]); ok {
			out = append(out, answered(refusal{reason: reason, at: h.Records[i].Acted}, answers))
		}
	}
	for i := range h.Merged {
		m := &h.Merged[i]
		later := slices.DeleteFunc(slices.Clone(answers[len(above):]), func(r *audience.ConsentRecord) bool { return r.Seq <= m.Seq })
		out = append(out, refusalsIn(&m.History, now, rule, append(later, above...))...)
	}
	return out
}

// answered finds the grant that answers a refusal for longest.
func answered(f refusal, grants []*audience.ConsentRecord) refusal {
	s := audience.Suppression{Reason: f.reason, At: f.at}
	for _, r := range grants {
		if !s.LiftedBy(r) {
			continue
		}
		if f.lifted.IsZero() || r.Expires.IsZero() || !f.until.IsZero() && r.Expires.After(f.until) {
			f.lifted, f.until = r.Acted, r.Expires
		}
	}
	return f
}

// refusesMarketing is the rule of addresses that leave a contact: everything
// that refuses marketing by e-mail.
func refusesMarketing(r *audience.ConsentRecord) (audience.SuppressionReason, bool) {
	if !r.Scope.Covers(audience.MarketingScope()) {
		return 0, false
	}
	switch r.Kind {
	case audience.ConsentWithdrawn:
		return audience.SuppressedWithdrawn, true
	case audience.ConsentBounced:
		return audience.SuppressedBounced, true
	case audience.ConsentComplained:
		return audience.SuppressedComplained, true
	default:
		return 0, false
	}
}

// unanswered leaves the refusals that stand, or will when an answer is over.
func unanswered(refusals []refusal) []refusal {
	return slices.DeleteFunc(refusals, func(f refusal) bool { return !f.lifted.IsZero() && f.until.IsZero() })
}

// hold holds refusals against addresses. It is the word of the ledger: a lift
// that the ledger does not know, such as that of a contact she was merged
// with, ends; what stands goes on standing.
func (h *heldSuppressions) hold(addresses []audience.Address, refusals []refusal, source audience.Source) {
	for _, f := range refusals {
		for _, a := range addresses {
			for i, hash := range h.hashes[a.Canonical()] {
				s, ok := h.held[suppressionKey{hash, f.reason}]
				if !ok && (i > 0 || h.holds(a, f.reason)) {
					continue
				}
				if !ok {
					s = audience.Suppression{Hash: hash, Reason: f.reason, At: f.at, Lifted: f.lifted, LiftedUntil: f.until, Source: source}
				} else {
					s = heldLonger(s, f, h.tx.at)
				}
				h.set(s)
			}
		}
	}
}

// holds reports whether anything is known of a reason under any key.
func (h *heldSuppressions) holds(a audience.Address, reason audience.SuppressionReason) bool {
	return slices.ContainsFunc(h.hashes[a.Canonical()], func(hash audience.AddressHash) bool {
		_, ok := h.held[suppressionKey{hash, reason}]
		return ok
	})
}

// heldLonger joins what is held with a refusal: the later date, and the
// earlier instant from which it stands.
func heldLonger(s audience.Suppression, f refusal, now time.Time) audience.Suppression {
	if f.at.After(s.At) {
		s.At = f.at
	}
	from, ends := s.StandsFrom()
	switch {
	case s.Stands(now):
	case f.lifted.IsZero():
		s.Lifted, s.LiftedUntil = time.Time{}, time.Time{}
	case !ends || f.until.Before(from):
		s.Lifted, s.LiftedUntil = f.lifted, f.until
	}
	return s
}

// keepRefusals plans the suppressions of addresses that the batch takes away
// from contacts who refuse.
func (p *putBatch) keepRefusals(ctx context.Context) error {
	leaving := make(map[*putContact][]audience.Address)
	var ids []audience.ContactID
	var addresses []audience.Address
	for _, c := range p.touched {
		if c.stored == nil {
			continue
		}
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
	for i, r := range p.results {
		c := r.contact
		if len(leaving[c]) == 0 {
			continue
		}
		h := histories[c.stored.ID]
		refusals := p.tx.refusals(&h)
		if len(refusals) == 0 {
			continue
		}
		if p.tx.audience.keys.IsZero() {
			refused.Add(i, errKeepNeedsKeys())
		}
		p.held.hold(leaving[c], refusals, c.by.Source)
	}
	return refused.OrNil()
}
