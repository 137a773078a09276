package store

import (
	"fmt"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// target finds the record that a retraction is about, in the chain of origin,
// who is the contact id or was merged into her.
func (b *consentBatch) target(id, origin audience.ContactID, w *audience.ConsentWrite) (*audience.ConsentRecord, error) {
	if b.lineages.root[origin] != id {
		return nil, fmt.Errorf("contact %s was taken out of a merge meanwhile: %w", origin, audience.ErrRetryable)
	}
	chain := b.chains[origin]
	i := slices.IndexFunc(chain, func(r audience.ConsentRecord) bool { return r.Seq == w.Retracts })
	if i < 0 {
		return nil, &audience.NotFoundError{Kind: "ledger record"}
	}
	target := &chain[i]
	switch {
	case !target.Kind.CanEnd():
		return nil, &audience.FieldError{Path: "retracts", Rule: "kind", Hint: "the Seq of a request, grant or relation: refusals, restrictions and retractions stand"}
	case w.Scope != audience.Scope{} && w.Scope != target.Scope && b.tx.scopeOf(w.Scope) != target.Scope:
		return nil, &audience.FieldError{Path: "scope", Rule: "scope", Hint: "the scope of the record that is taken back, or none"}
	case slices.ContainsFunc(chain, func(r audience.ConsentRecord) bool {
		return r.Kind == audience.ConsentRetracted && r.Retracts == w.Retracts
	}):
		return nil, &audience.ConflictError{Kind: "retraction", Contact: origin, Hint: "the record was taken back already"}
	}
	return target, nil
}

// takeBack makes stand what a grant had lifted, unless the ledger still
// answers it, and reports whether that changed anything. A lift is known by
// the instants of the grant that it is due to. What is held from elsewhere
// stands: nobody can tell what else had lifted it.
func (b *consentBatch) takeBack(c *audience.Contact, grant *audience.ConsentRecord) bool {
	held, changed := b.suppressions, false // a request lifted nothing
	for _, a := range c.Addresses {
		for _, hash := range held.hashes[a.Canonical()] {
			for reason := audience.SuppressedWithdrawn; reason <= audience.SuppressedErased; reason++ {
				s, ok := held.held[suppressionKey{hash, reason}]
				if !ok || !s.LiftedBy(grant) || !s.Lifted.Equal(grant.Acted) || !s.LiftedUntil.Equal(grant.Expires) {
					continue
				}
				s.Lifted, s.LiftedUntil = b.answerTo(c.ID, &s)
				held.set(s)
				changed = true
			}
		}
	}
	return changed
}

// answerTo gives when a suppression of a contact is lifted and until when: of
// the refusals in her ledger that it holds, the one that is answered for the
// shortest time decides. The zero Time: it stands.
func (b *consentBatch) answerTo(id audience.ContactID, s *audience.Suppression) (lifted, until time.Time) {
	h := b.lineages.history(id, b.chains)
	held := refusalsIn(h.Resolved(), b.tx.at, func(r *audience.ConsentRecord) (audience.SuppressionReason, bool) {
		reason, ok := audience.SuppressionReasonOf(r)
		if !ok {
			reason, ok = refusesMarketing(r) // which holds an address that she gave up, and has again
		}
		return reason, ok && reason == s.Reason && r.Acted.Equal(s.At)
	}, nil)
	for i, f := range held {
		switch {
		case f.lifted.IsZero():
			return time.Time{}, time.Time{}
		case i == 0 || !f.until.IsZero() && (until.IsZero() || f.until.Before(until)):
			lifted, until = f.lifted, f.until
		}
	}
	return lifted, until
}
