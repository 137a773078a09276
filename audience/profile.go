package audience

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// EventStream holds the events of one type of one contact, ordered by time,
// then id bytes, without those taken back.
type EventStream struct {
	Type   string
	Events []Event
}

// Profile is everything about one contact at one position of the store that
// a segment can ask for. Parts that were not asked for are empty, and Parts
// says which were, so that nothing takes what was not read for what is not
// there. It is shared between readers and must not be changed.
type Profile struct {
	Contact Contact
	Parts   ProfileParts  // what the others hold
	Streams []EventStream // one per type that was asked for, sorted by type
	Lists   []string      // the static and test lists she is on, sorted
	History History       // her ledger, for standings
	// SuppressedFrom is the instant from which one of her addresses is
	// suppressed; it may lie ahead, when the consent that lifted a refusal is
	// over. Zero: none is.
	SuppressedFrom time.Time
}

// Events gives the events of a type in order; nil when there are none.
func (p *Profile) Events(eventType string) []Event {
	i, ok := slices.BinarySearchFunc(p.Streams, eventType, func(s EventStream, t string) int { return strings.Compare(s.Type, t) })
	if !ok {
		return nil
	}
	return p.Streams[i].Events
}

// Status gives the standing for e-mail and marketing: contact.status.
func (p *Profile) Status(at time.Time) Standing { return p.History.Fold(MarketingScope(), at) }

// Consent gives the standing for e-mail and a purpose.
func (p *Profile) Consent(purpose string, at time.Time) Standing {
	return p.History.Fold(Scope{Channel: ChannelEmail, Purpose: purpose}, at)
}

// OnList reports whether she is on the list at the instant: for a topic its
// own grant stands and nothing wider refuses, else she was put there by hand.
func (p *Profile) OnList(list List, at time.Time) bool {
	return p.ListStanding(list, at).Status == StatusSubscribed
}

// ListStanding gives the standing on a list at the instant: of a topic that of
// the ledger, of any other list StatusSubscribed while she is there and else
// StatusNone, which time does not change.
func (p *Profile) ListStanding(list List, at time.Time) Standing {
	if list.Kind == ListTopic {
		return p.History.OnList(list, at)
	}
	if _, ok := slices.BinarySearch(p.Lists, list.Name); ok {
		return Standing{Status: StatusSubscribed}
	}
	return Standing{}
}

// IsSuppressed reports whether one of her addresses is suppressed at the
// instant.
func (p *Profile) IsSuppressed(at time.Time) bool {
	return !p.SuppressedFrom.IsZero() && !p.SuppressedFrom.After(at)
}

// Mailable reports whether marketing e-mail may go to her: subscribed, not
// suppressed, and with an address. Of a profile that was read without ledger
// or suppressions it is false.
func (p *Profile) Mailable(at time.Time) bool {
	return p.Parts.Ledger && p.Parts.Suppressed && !p.IsSuppressed(at) && !p.Contact.Email().IsZero() && p.Status(at).Status == StatusSubscribed
}

// Format prints what the contact prints.
func (p Profile) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(p.Contact.mask())) }

// LogValue logs what Format prints.
func (p Profile) LogValue() slog.Value { return slog.StringValue(p.Contact.mask()) }

// MarshalJSON gives what Format prints; exporters use the accessors.
func (p Profile) MarshalJSON() ([]byte, error) { return p.Contact.MarshalJSON() }

// ProfileParts says which parts of profiles a reader asks for.
type ProfileParts struct {
	Events     []string // the event types
	Lists      bool     // static and test lists
	Ledger     bool     // the history of consent
	Suppressed bool     // whether one of her addresses is suppressed
}

// Covers reports whether p has all that o asks for.
func (p ProfileParts) Covers(o ProfileParts) bool {
	if o.Lists && !p.Lists || o.Ledger && !p.Ledger || o.Suppressed && !p.Suppressed {
		return false
	}
	for _, t := range o.Events {
		if !slices.Contains(p.Events, t) {
			return false
		}
	}
	return true
}

// Union gives what both ask for, event types sorted and each once.
func (p ProfileParts) Union(o ProfileParts) ProfileParts {
	types := slices.Concat(p.Events, o.Events)
	slices.Sort(types)
	return ProfileParts{
		Events:     slices.Compact(types),
		Lists:      p.Lists || o.Lists,
		Ledger:     p.Ledger || o.Ledger,
		Suppressed: p.Suppressed || o.Suppressed,
	}
}
