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
	// Status gives the standing for e-mail and marketing. Of this and the other
	// standings Until may be early, and must not be late.
	Status(at time.Time) audience.Standing
	// Consent gives the standing for e-mail and a purpose.
	Consent(purpose string, at time.Time) audience.Standing
	// OnList gives the standing on a list: subscribed when she is on it.
	OnList(list audience.List, at time.Time) audience.Standing
	// SuppressedFrom gives the instant from which one of her addresses is
	// suppressed, which may lie ahead; zero: none is.
	SuppressedFrom() time.Time
}
