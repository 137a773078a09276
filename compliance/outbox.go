package compliance

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/audiencekit/audiencekit/audience"
)

// OutgoingKind says which message the host is asked to send.
type OutgoingKind string

// The kinds. None of these messages may hold advertising, and none holds
// anything that somebody typed into a form.
const (
	OutgoingConfirm     OutgoingKind = "confirm"            // asks to confirm a signup: Data "url", "form"
	OutgoingSubscribed  OutgoingKind = "already-subscribed" // a signup of somebody who is subscribed: Data "url" of her preferences, "form"
	OutgoingUnsubscribe OutgoingKind = "unsubscribe-link"   // the link that somebody asked for who had none: Data "url" and, but for a further address of a contact, "preferences"
)

// Outgoing is a message that the host is asked to send. It prints without
// address and data.
type Outgoing struct {
	// ID is the same when a message comes again after a failure, so that the
	// host can leave out what it has sent.
	ID       string
	Kind     OutgoingKind
	To       audience.Address
	Language string            // BCP 47, such as "de"; "" when it is not known
	Data     map[string]string // for the text of the message; URLs in it are secrets
	Headers  map[string]string // to add to the message
}

// Format prints the kind, whatever the verb.
func (o Outgoing) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(o.mask())) }

// LogValue logs what Format prints.
func (o Outgoing) LogValue() slog.Value { return slog.StringValue(o.mask()) }

// MarshalJSON gives what Format prints: a host's queue names the members it
// keeps.
func (o Outgoing) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", o.mask()), nil }

func (o Outgoing) mask() string { return "outgoing " + string(o.Kind) }

// Outbox takes messages for sending. It is the host's: this library knows no
// transport. Enqueue keeps the message safe before it returns nil; after an
// error it is offered again. It is called by several goroutines at once.
type Outbox interface {
	Enqueue(ctx context.Context, m Outgoing) error
}
