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

// OnList gives the standing on a list: subscribed when she is on it.
func (r *Row) OnList(list audience.List, at time.Time) audience.Standing {
	if list.Kind == audience.ListTopic {
		return r.ledger().OnList(list, at)
	}
	if in := r.t.List(list.Name); in != nil && in.Contains(r.id) {
		return audience.Standing{Status: audience.StatusSubscribed}
	}
	return audience.Standing{}
}

// SuppressedFrom gives the instant from which one of her addresses is
// suppressed; zero: none is.
func (r *Row) SuppressedFrom() time.Time {
	from, ok := r.t.SuppressedFrom(r.id)
	if !ok {
		return time.Time{}
	}
	return audience.FromMicros(from)
}
