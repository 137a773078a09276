package columns

import (
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
)

var _ celenv.Row = (*Row)(nil)

func (r *Row) ledger() *audience.History {
	if !r.folded {
		r.folded = true
		r.t.history(r.id, &r.history, len(r.t.lineages.winner))
	}
	return &r.history
}

// Status gives the standing for e-mail and marketing.
func (r *Row) Status(at time.Time) audience.Standing {
	return r.ledger().Fold(audience.MarketingScope(), at)
}

// Consent gives the standing for e-mail and a purpose.
func (r *Row) Consent(purpose string, at time.Time) audience.Standing {
	return r.ledger().Fold(audience.Scope{Channel: audience.ChannelEmail, Purpose: purpose}, at)
}

// OnList reports whether she is on a list.
func (r *Row) OnList(list audience.List, at time.Time) bool {
	if list.Kind == audience.ListTopic {
		return r.ledger().OnList(list, at).Status == audience.StatusSubscribed
	}
	in := r.t.List(list.Name)
	return in != nil && in.Contains(r.id)
}

// IsSuppressed reports whether one of her addresses is suppressed.
func (r *Row) IsSuppressed(at time.Time) bool {
	from, ok := r.t.SuppressedFrom(r.id)
	return ok && from <= audience.Micros(at)
}
