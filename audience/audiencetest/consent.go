package audiencetest

import (
	"github.com/audiencekit/audiencekit/audience"
)

// Consent is one ledger record of a contact, in a form that costs no
// allocation. Its scope is marketing by e-mail.
type Consent struct {
	Index     int // of the contact
	Kind      audience.ConsentKind
	Acted     int64 // microseconds
	Expires   int64 // microseconds; 0: never
	Mechanism audience.Mechanism
}

// Write gives the write that records it.
func (c Consent) Write() audience.ConsentWrite {
	w := audience.ConsentWrite{
		Contact: audience.Key(Key(c.Index)), Kind: c.Kind, Scope: audience.MarketingScope(),
		Acted: audience.FromMicros(c.Acted), Mechanism: c.Mechanism,
	}
	if c.Expires != 0 {
		w.Expires = audience.FromMicros(c.Expires)
	}
	if c.Kind == audience.ConsentGranted {
		w.Evidence = []byte("box ticked")
	}
	return w
}

// story is what became of a contact's consent.
type story uint8

const (
	stands    story = iota // granted
	ends                   // granted, and expires after the shop's end
	returned               // granted, withdrawn, granted again
	withdrawn              // granted and withdrawn
	bounced                // granted, then the address failed
	complains              // granted, then reported as spam
	expired                // granted, and expired before the shop's end
	asked                  // never confirmed
	silent                 // nothing is recorded
)

// standing is a contact's consent with its instants in microseconds. Mails
// may go out from granted on and before until.
type standing struct {
	story            story
	confirmed        bool
	granted, until   int64
	expires, regrant int64
}

// standing draws the consent of a contact who was created at an instant. It
// does not need the rest of her.
func (s Shop) standing(index int, created, end int64) standing {
	d := newDice(s.Seed, forConsent, uint64(index))
	st := standing{
		story:     story(d.pick([]uint16{640, 25, 35, 125, 20, 5, 25, 40, 85})),
		confirmed: d.chance(600),
		granted:   created,
		until:     end,
	}
	if d.chance(300) {
		st.granted = d.between(created, end)
	}
	later := d.between(st.granted+1, end)
	switch st.story {
	case stands: // as it was granted
	case ends:
		st.expires = end + 1 + d.below(90*day)
	case expired:
		st.until, st.expires = later, later
	case withdrawn, bounced, complains:
		st.until = later
	case returned:
		st.until, st.regrant = later, d.between(later+1, end)
	case asked, silent:
		st.until = st.granted
	}
	return st
}

// ConsentsOf gives the ledger records of a contact in the order in which they
// were made.
func (s Shop) ConsentsOf(index int) []Consent {
	_, end := s.span()
	st := s.standing(index, s.Person(index).Created, end)
	first := Consent{Index: index, Kind: audience.ConsentGranted, Acted: st.granted, Expires: st.expires, Mechanism: audience.MechanismSingleOptIn}
	if st.confirmed {
		first.Mechanism = audience.MechanismDoubleOptIn
	}
	then := func(kind audience.ConsentKind) []Consent {
		return []Consent{first, {Index: index, Kind: kind, Acted: st.until}}
	}
	switch st.story {
	case stands, ends, expired:
		return []Consent{first}
	case withdrawn:
		return then(audience.ConsentWithdrawn)
	case bounced:
		return then(audience.ConsentBounced)
	case complains:
		return then(audience.ConsentComplained)
	case returned:
		again := first
		again.Acted = st.regrant
		return append(then(audience.ConsentWithdrawn), again)
	case asked:
		return []Consent{{Index: index, Kind: audience.ConsentRequested, Acted: st.granted}}
	default:
		return nil
	}
}
