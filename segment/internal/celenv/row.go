package celenv

import (
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Row is one contact as expressions read it. Implementations are read by one
// goroutine at a time; what they return is not changed and not kept.
type Row interface {
	// Contact gives the contact with its fields and tags.
	Contact() *audience.Contact
	// Events gives the events of a type, ordered by time, then id.
	Events(eventType string) []audience.Event
	// Status gives the standing for e-mail and marketing.
	Status(at time.Time) audience.Standing
	// Consent gives the standing for e-mail and a purpose.
	Consent(purpose string, at time.Time) audience.Standing
	// OnList reports whether she is on a list.
	OnList(list audience.List, at time.Time) bool
	// IsSuppressed reports whether one of her addresses is suppressed.
	IsSuppressed(at time.Time) bool
}
