package web

import (
	"context"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// without says for which purposes somebody may be written to, above all without
// consent. It looks at what a gate looks at, but for what only the message or the policy
// says, such as the product or her country: then it takes it that she may be,
// so that there is something to untick.
type without struct {
	pages   *Pages
	contact *audience.Contact
	history *audience.History
	at      time.Time
	related bool // the ledger holds a relation
}

// isRelated reports whether the ledger holds a relation with somebody, and its
// facts.
func (p *Pages) isRelated(ctx context.Context, r *store.Reader, id audience.ContactID, h *audience.History, at time.Time) (bool, error) {
	if !hasRelation(h) {
		return false, nil
	}
	relations, err := p.ledger.RelationsIn(ctx, r, id)
	return slices.ContainsFunc(relations, func(r compliance.Relation) bool { return !r.FactsUnavailable && !r.At.After(at) }), err
}

func hasRelation(h *audience.History) bool {
	return slices.ContainsFunc(h.Records, func(r audience.ConsentRecord) bool { return r.Kind == audience.ConsentRelation }) ||
		slices.ContainsFunc(h.Merged, func(m audience.MergedHistory) bool { return hasRelation(&m.History) })
}

// agreed reports whether consent stands that is not older than a refusal of all
// marketing, which covers every purpose of that class.
func (w *without) agreed(purpose *compliance.Purpose, standing audience.Standing) bool {
	if standing.Status != audience.StatusSubscribed {
		return false
	}
	all := w.history.Fold(audience.MarketingScope(), w.at)
	return !isMarketing(purpose) || !all.Status.IsRefusal() || standing.Since.After(all.Since)
}

func isMarketing(p *compliance.Purpose) bool {
	return p.Class == "" || p.Class == compliance.ClassMarketing
}

// unasked reports whether what a box is about goes to her without her consent.
// Where the gate lets it go on the interest of the sender, only an objection to the
// purpose ends it, and nothing does for a topic alone.
func (w *without) unasked(purpose *compliance.Purpose, c *choice, standing audience.Standing) bool {
	if isInterest(purpose) {
		return c.list.Name == "" && standing.Status != audience.StatusSubscribed && !purpose.Objected(w.history, c.scope().Channel, w.at)
	}
	return standing.Status == audience.StatusNone && w.consent(purpose)
}

// isInterest reports whether messages of the purpose cannot be refused, but for
// an objection (GDPR Art. 21(1)).
func isInterest(p *compliance.Purpose) bool {
	return (p.Class == compliance.ClassTransactional || p.Class == compliance.ClassService) && p.CanObject()
}

// consent reports whether she may be written to without it, where nothing is
// recorded about the purpose itself.
func (w *without) consent(purpose *compliance.Purpose) bool {
	switch {
	case purpose.Class == compliance.ClassTransactional, purpose.Class == compliance.ClassService:
		return false // nobody can refuse it, so there is nothing to untick
	case isMarketing(purpose) && w.history.Fold(audience.MarketingScope(), w.at).Status.IsRefusal():
		return false
	}
	if own := w.pages.opts.WithoutConsent; own != nil && own(w.contact, purpose.ID) {
		return true
	}
	for _, basis := range purpose.Basis {
		switch basis {
		case compliance.BasisConsent, "":
		case compliance.BasisSoftOptIn, compliance.BasisImplied, compliance.BasisOptOut:
			if w.related {
				return true
			}
		default: // a regime of the host's may know it for marketing
			return true
		}
	}
	return false
}
