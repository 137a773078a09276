package compliance

import (
	"context"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Subject is the person whom a request is about. It prints her id only. Of
// whoever is no contact any more it has what is known of her, which may be an
// address alone.
type Subject struct {
	Contact   audience.ContactID   // 0: she never was one, or nobody can tell which
	Merged    []audience.ContactID // contacts that were merged into her, or that she was before
	Addresses []audience.Address
	External  []audience.ExternalID // her ids in other systems, the host's own among them
}

// Key gives her id in the host's own system, or "".
func (s *Subject) Key() string {
	c := audience.Contact{External: s.External}
	return c.Key()
}

// Origin says how the holder came by an item. What is inferred is not part of
// portability (GDPR Art. 20; WP 242).
type Origin string

// The origins.
const (
	OriginProvided Origin = "provided" // she gave it
	OriginObserved Origin = "observed" // what she did
	OriginInferred Origin = "inferred" // derived, such as a score
	OriginObtained Origin = "obtained" // somebody else gave it: Source says who
)

// Item is one piece of personal data. It prints without its value.
type Item struct {
	Category   string // of data, such as "profile" or "orders"
	Field      string
	Value      audience.Private
	At         time.Time // when it was written or happened; zero: unknown
	Origin     Origin
	Source     string    // of what was obtained: who gave it (GDPR Art. 15(1)(g))
	Purposes   []string  // ids; empty: those of the ledger
	Recipients []Party   // to whom it went (GDPR Art. 15(1)(c))
	Keep       Retention // why it stays when she is erased; zero: it goes
	Secret     bool      // never leaves, such as the hash of a password
	ThirdParty bool      // another person's data: never leaves (GDPR Art. 15(4))
}

// Retention says why something is kept in spite of an erasure. The zero
// Retention says that it is not.
type Retention struct {
	What  string    `json:"what"`           // category, without personal data, such as "invoices"
	Basis string    `json:"basis"`          // such as "GDPR Art. 17(3)(b), 10 years (§ 147 AO)"
	Until time.Time `json:"until,omitzero"` // zero: as long as the basis holds
}

// Holder is anything that keeps personal data: ours and every table of the
// host's. There is one interface for reading and erasing, so that what is
// exported and what is erased cannot drift apart.
//
// Collect emits everything about a person, secrets and other people's data
// too, marked as such. Erase removes it, but for what it reports as kept; it
// is idempotent, since a request goes on after a failure, and a person who is
// not there is no error. Erase is called with a person whom the host has
// identified; Collect also before that, to find out whether anything is held of
// somebody who is no contact, and what it emits goes nowhere then. Errors must
// hold no personal data.
type Holder interface {
	Name() string
	Collect(ctx context.Context, s Subject, emit func(Item) error) error
	Erase(ctx context.Context, s Subject) (ErasedItems, error)
}

// Rectifier is a [Holder] that can correct a field.
type Rectifier interface {
	// Rectify corrects a field; [audience.ErrNotFound] when it has none of the
	// name.
	Rectify(ctx context.Context, s Subject, field string, value audience.Private) error
}

// Restricter is a [Holder] that has to act when processing is restricted or
// no longer is (GDPR Art. 18).
type Restricter interface {
	Restrict(ctx context.Context, s Subject, restricted bool) error
}

// ErasedItems is what a holder says it did.
type ErasedItems struct {
	Removed  int         // items, as Collect counts them
	Kept     []Retention // what stays, and why
	Notified []Party     // to whom it had gone, and who have to be told (GDPR Art. 17(2), 19)
}
