package audience

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"time"
)

// ConsentKind says what a ledger record is about.
type ConsentKind uint8

// The kinds. Numbers are part of the canonical bytes and never change.
const (
	ConsentRequested  ConsentKind = 1 // somebody asked for it; nothing is consented yet
	ConsentGranted    ConsentKind = 2 // she consented; needs evidence
	ConsentWithdrawn  ConsentKind = 3 // she refused
	ConsentBounced    ConsentKind = 4 // the address failed for good
	ConsentComplained ConsentKind = 5 // she reported a message as spam
	ConsentRetracted  ConsentKind = 6 // an earlier request, grant or relation was recorded in error
	// The fold never counts the kinds below: they make nobody mailable, and
	// refuse nothing by themselves.
	ConsentRestricted ConsentKind = 7 // her data may only be stored from now on (GDPR Art. 18), see [History.Restricted]
	ConsentReleased   ConsentKind = 8 // a restriction ended; needs an actor and evidence of the reason
	ConsentRelation   ConsentKind = 9 // what ties her to the host, such as a purchase; the mechanism says which
)

// String gives "requested", "granted", "withdrawn", "bounced", "complained",
// "retracted", "restricted", "released" or "relation"; "none" for any other.
func (k ConsentKind) String() string {
	switch k {
	case ConsentRequested:
		return "requested"
	case ConsentGranted:
		return "granted"
	case ConsentWithdrawn:
		return "withdrawn"
	case ConsentBounced:
		return "bounced"
	case ConsentComplained:
		return "complained"
	case ConsentRetracted:
		return "retracted"
	case ConsentRestricted:
		return "restricted"
	case ConsentReleased:
		return "released"
	case ConsentRelation:
		return "relation"
	default:
		return "none"
	}
}

// kindsHint says which kinds there are.
const kindsHint = "requested, granted, withdrawn, bounced, complained, retracted, restricted, released or relation"

// IsRefusal reports whether the kind is a refusal or a failure.
func (k ConsentKind) IsRefusal() bool {
	return k == ConsentWithdrawn || k == ConsentBounced || k == ConsentComplained
}

// Status gives the status that a record of the kind makes where nothing else is
// recorded; StatusNone of kinds that the fold does not count.
func (k ConsentKind) Status() Status {
	switch k {
	case ConsentRequested:
		return StatusPending
	case ConsentGranted:
		return StatusSubscribed
	case ConsentWithdrawn:
		return StatusUnsubscribed
	case ConsentBounced:
		return StatusBounced
	case ConsentComplained:
		return StatusComplained
	default:
		return StatusNone
	}
}

// CanEnd reports whether a record of the kind may expire. A refusal does not,
// nor does a retraction or a restriction: somebody has to end it.
func (k ConsentKind) CanEnd() bool {
	return k == ConsentRequested || k == ConsentGranted || k == ConsentRelation
}

// Mechanism is how a declaration was made. Only the affirmative ones below
// make a grant count (GDPR Art. 4(11) and recital 32); any other text is
// kept as a fact and never counts.
type Mechanism string

// The affirmative mechanisms.
const (
	MechanismDoubleOptIn Mechanism = "double-opt-in" // confirmed from the mailbox
	MechanismSingleOptIn Mechanism = "single-opt-in" // a form or box of her own
	MechanismAttested    Mechanism = "attested"      // the host attests consent it holds, such as on import
	MechanismPaper       Mechanism = "paper"         // a signed form
	MechanismVerbal      Mechanism = "verbal"        // said and noted
)

// Mechanisms that are no consent: recorded, never counted.
const (
	MechanismPreTicked Mechanism = "pre-ticked"
	MechanismBundled   Mechanism = "bundled"
	MechanismSilence   Mechanism = "silence"
)

// Mechanisms of refusals that say more than that she refused.
const (
	MechanismObjection Mechanism = "objection" // to direct marketing (GDPR Art. 21(2))
	MechanismGPC       Mechanism = "gpc"       // a Global Privacy Control signal (11 CCR 7025)
)

// Mechanisms of relations: what ties a person to the host (CASL s. 10(9) and
// (10), ePrivacy Directive Art. 13(2)).
const (
	MechanismPurchase   Mechanism = "purchase"
	MechanismInquiry    Mechanism = "inquiry" // or an application
	MechanismMembership Mechanism = "membership"
	MechanismContract   Mechanism = "contract"
	MechanismDonation   Mechanism = "donation"
	MechanismPublished  Mechanism = "published-address" // or disclosed to the host
)

// Relates reports whether the mechanism is one of a relation.
func (m Mechanism) Relates() bool {
	switch m {
	case MechanismPurchase, MechanismInquiry, MechanismMembership, MechanismContract, MechanismDonation, MechanismPublished:
		return true
	default:
		return false
	}
}

// Affirms reports whether a grant by this mechanism counts.
func (m Mechanism) Affirms() bool {
	switch m {
	case MechanismDoubleOptIn, MechanismSingleOptIn, MechanismAttested, MechanismPaper, MechanismVerbal:
		return true
	default:
		return false
	}
}

// Confirms reports whether the mechanism proves control of the mailbox: only
// that lifts a complaint.
func (m Mechanism) Confirms() bool { return m == MechanismDoubleOptIn }

// Scope is what a record is about. An empty member means all of them: the
// zero Scope is everything.
type Scope struct {
	Channel string // such as "email"
	Purpose string // a declared purpose
	List    string // a declared topic
}

// String gives channel, purpose and list joined by slashes, a star for all:
// "email/marketing/*".
func (s Scope) String() string {
	return cmp.Or(s.Channel, "*") + "/" + cmp.Or(s.Purpose, "*") + "/" + cmp.Or(s.List, "*")
}

// Covers reports whether s is o or wider than o.
func (s Scope) Covers(o Scope) bool {
	covers := func(a, b string) bool { return a == "" || a == b }
	return covers(s.Channel, o.Channel) && covers(s.Purpose, o.Purpose) && covers(s.List, o.List)
}

// onEmail reports whether the scope is about e-mail, alone or among others.
func (s Scope) onEmail() bool { return s.Channel == "" || s.Channel == ChannelEmail }

// MarketingScope is what the status of a contact is about: e-mail for the
// purpose marketing.
func MarketingScope() Scope { return Scope{Channel: ChannelEmail, Purpose: PurposeMarketing} }

// ConsentRecord is one entry of a contact's ledger, chained to the one
// before it and never edited. It holds no address and no evidence, only a
// commitment to it. Seq, Prev and Hash are given by the store.
type ConsentRecord struct {
	Contact   ContactID // under whom it was written
	Seq       uint64    // 1, 2, 3 within the contact's chain
	Kind      ConsentKind
	Scope     Scope
	Acted     time.Time // when the person acted, never after Recorded
	Recorded  time.Time // the instant of the commit
	Expires   time.Time // of a request, grant or relation; zero: never
	Mechanism Mechanism
	Notice    string // id or hash of the text she was shown
	Source    Source
	Evidence  [32]byte // commitment to salted evidence; zero: none
	Prev      [32]byte // hash of the record before; [ChainStart] for the first
	Hash      [32]byte // SHA-256 of the canonical bytes, which include Prev
	// Retracts is, of a retraction alone, the Seq of the request, grant or
	// relation of the same chain that was recorded in error.
	Retracts uint64
}

// HasEvidence reports whether the record commits to evidence.
func (r *ConsentRecord) HasEvidence() bool { return r.Evidence != [32]byte{} }

// counts reports whether the fold looks at the record at all: unknown kinds,
// grants without evidence and mechanisms that are no consent never count. What
// retractions do is done before, see [History.Resolved].
func (r *ConsentRecord) counts() bool {
	switch r.Kind {
	case ConsentGranted:
		return r.HasEvidence() && r.Mechanism.Affirms()
	case ConsentRequested:
		return true
	default:
		return r.Kind.IsRefusal()
	}
}

// ChainStart is what the first record of a contact's chain follows: it binds
// the chain to its audience and contact, so that no chain passes for another.
func ChainStart(audience string, contact ContactID) [32]byte {
	var stack [128]byte
	b := append(stack[:0], "audiencekit ledger 1\x00"...)
	b = append(b, audience...)
	b = append(b, 0)
	return sha256.Sum256(strconv.AppendUint(b, uint64(contact), 10))
}

// Commit gives the commitment to evidence: SHA-256 over a domain tag, the
// 32-byte salt and the evidence. With the salt destroyed it says nothing.
func Commit(salt [32]byte, evidence []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("audiencekit evidence 1\x00"))
	h.Write(salt[:])
	h.Write(evidence)
	var out [32]byte
	h.Sum(out[:0])
	return out
}

// CheckLink reports why the record may not follow prev in the chain of an
// audience, or nil. prev is nil for the first record. Stores call it for
// every record they append: a grant without evidence or without an
// affirmative mechanism is [ErrDenied] here, whoever asks, and so is a release
// from a restriction without an actor or a reason. A record that does
// not follow prev is [ErrConflict], one that is damaged [ErrInvalid]. Whether
// what a retraction names is a request or grant is not checked here: the fold
// takes nothing else back.
//
// Going through a chain that is stored it finds every record that was
// changed, left out or moved; not that records are missing at the end.
func (r *ConsentRecord) CheckLink(audience string, prev *ConsentRecord) error {
	if err := checkGround(r.Kind, r.Mechanism, r.HasEvidence(), &r.Source); err != nil {
		return err
	}
	var want [32]byte
	seq, earliest := uint64(1), MinInstant()
	if prev != nil {
		want, seq, earliest = prev.Hash, prev.Seq+1, prev.Recorded
	} else {
		want = ChainStart(audience, r.Contact)
	}
	switch {
	case r.Kind.String() == "none":
		return &FieldError{Path: "kind", Rule: "unknown", Hint: kindsHint}
	case r.Contact == 0:
		return &FieldError{Path: "contact", Rule: "empty", Hint: "a contact id"}
	case r.Seq != seq || r.Prev != want || prev != nil && r.Contact != prev.Contact:
		return &ConflictError{Kind: "ledger", Contact: r.Contact, Hint: "the chain has moved on; read it again"}
	case (r.Kind == ConsentRetracted) != (r.Retracts != 0) || r.Retracts >= r.Seq:
		return errRetracts()
	}
	if err := r.checkTimes(earliest); err != nil {
		return err
	}
	if err := r.checkTexts(); err != nil {
		return err
	}
	hash, size := r.hashAndSize()
	switch {
	case size > maxCanonicalBytes:
		return &FieldError{Path: "record", Rule: "max-length", Hint: fmt.Sprintf("at most %d bytes", maxCanonicalBytes), Limit: true}
	case r.Hash != hash:
		return &FieldError{Path: "hash", Rule: "hash", Hint: "the hash of the canonical bytes"}
	}
	return nil
}

// checkGround reports why a record of a kind has no ground to stand on, or
// nil.
func checkGround(kind ConsentKind, m Mechanism, evidence bool, source *Source) error {
	switch {
	case kind == ConsentGranted && !evidence:
		return &DeniedError{Rule: "evidence", Hint: "a grant needs evidence: who attests, when, and what was said"}
	case kind == ConsentGranted && !m.Affirms():
		return &DeniedError{Rule: "mechanism", Hint: "a grant needs an affirmative mechanism, such as double-opt-in"}
	case kind == ConsentReleased && source.Actor == "":
		return &DeniedError{Rule: "actor", Hint: "a release from a restriction needs Source.Actor: who lifts it"}
	case kind == ConsentReleased && !evidence:
		return &DeniedError{Rule: "evidence", Hint: "a release from a restriction needs its reason as evidence"}
	case kind == ConsentRelation && !m.Relates():
		return &DeniedError{Rule: "mechanism", Hint: "a relation is a purchase, inquiry, membership, contract, donation or published-address"}
	}
	return nil
}

// errRetracts is about the number of the record that is taken back.
func errRetracts() error {
	return &FieldError{Path: "retracts", Rule: "range", Hint: "the Seq of an earlier record of the chain, of a retraction; else 0"}
}

// checkTexts refuses what not every store can keep; how long they may be is
// for the writer's limits to say.
func (r *ConsentRecord) checkTexts() error {
	for _, s := range []string{
		r.Scope.Channel, r.Scope.Purpose, r.Scope.List, string(r.Mechanism), r.Notice, r.Source.Name, r.Source.Actor,
	} {
		if err := checkText("record", s, maxCanonicalBytes); err != nil {
			return err
		}
	}
	return nil
}

// checkTimes refuses what the canonical bytes cannot tell apart: times out of
// range or with more than microseconds.
func (r *ConsentRecord) checkTimes(earliest time.Time) error {
	times := []struct {
		path string
		t    time.Time
		need bool
	}{{"acted", r.Acted, true}, {"recorded", r.Recorded, true}, {"expires", r.Expires, false}}
	for _, x := range times {
		switch {
		case x.t.IsZero() && x.need:
			return &FieldError{Path: x.path, Rule: "empty", Hint: "an instant"}
		case x.t.IsZero():
			continue
		case !isInstant(Micros(x.t)):
			return instantError(x.path)
		case !FromMicros(Micros(x.t)).Equal(x.t):
			return &FieldError{Path: x.path, Rule: "precision", Hint: "whole microseconds"}
		}
	}
	switch {
	case r.Acted.After(r.Recorded):
		return &FieldError{Path: "acted", Rule: "range", Hint: "an instant not after the commit"}
	case r.Recorded.Before(earliest):
		return &FieldError{Path: "recorded", Rule: "range", Hint: "an instant not before the record in front of it"}
	}
	return nil
}

// ConsentWrite asks the store to append a ledger record.
type ConsentWrite struct {
	Contact   Ref
	Kind      ConsentKind
	Scope     Scope
	Acted     time.Time // zero: the instant of the commit. A later one counts as the instant of the commit
	Expires   time.Time // of a request, grant or relation, after Acted; zero: never. Nothing else ends: it is left out there
	Mechanism Mechanism
	Notice    string // id or hash of the text she was shown
	Source    Source
	// Evidence is who attests, when, and the exact text; any form. A grant
	// without it is ErrDenied. It is kept apart from the ledger, under the
	// contact, and goes when she is erased. It is personal, and fmt shows
	// its bytes where it cannot call Format: in somebody else's struct, in
	// an unexported field.
	Evidence []byte
	// Retracts is, of a retraction, the Seq of the request, grant or relation
	// that was recorded in error. Contact must then be the [ID] of the record's Contact,
	// which names the chain also when she was merged into somebody since. Scope
	// is that of the record: left empty, or the same.
	Retracts uint64
}

// Format prints kind, contact, channel, purpose and list, whatever the verb;
// never the evidence, nor the key or address in Contact.
func (w ConsentWrite) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(w.mask())) }

// LogValue logs what Format prints.
func (w ConsentWrite) LogValue() slog.Value { return slog.StringValue(w.mask()) }

// MarshalJSON gives what Format prints.
func (w ConsentWrite) MarshalJSON() ([]byte, error) { return json.Marshal(w.mask()) }

func (w *ConsentWrite) mask() string {
	return w.Kind.String() + " by " + w.Contact.mask() + " for " + w.Scope.String()
}

// Check reports why the record can never be accepted, or nil. What depends on
// the schema or on stored data is checked by the store.
func (w *ConsentWrite) Check(l Limits) error {
	l = l.withDefaults()
	switch {
	case w.Contact.IsZero():
		return &FieldError{Path: "contact", Rule: "empty", Hint: "a Ref"}
	case w.Kind.String() == "none":
		return &FieldError{Path: "kind", Rule: "unknown", Hint: kindsHint}
	case (w.Kind == ConsentRetracted) != (w.Retracts != 0):
		return errRetracts()
	case w.Kind == ConsentRetracted && w.Contact.id == 0:
		return &FieldError{Path: "contact", Rule: "id", Hint: "the ID of the contact under whom the record was written: another Ref may lead to another chain"}
	case len(w.Evidence) > l.EvidenceBytes:
		return &FieldError{Path: "evidence", Rule: "max-length", Hint: fmt.Sprintf("at most %d bytes", l.EvidenceBytes), Limit: true}
	}
	if err := checkGround(w.Kind, w.Mechanism, len(w.Evidence) > 0, &w.Source); err != nil {
		return err
	}
	if c := w.Scope.Channel; c != "" && !isChannel(c) { // a misspelt one would make a refusal of no effect
		return &FieldError{Path: "scope.channel", Rule: "unknown", Hint: "email, sms, phone, push, post, or none for all"}
	}
	texts := []struct{ path, s string }{
		{"scope.purpose", w.Scope.Purpose},
		{"scope.list", w.Scope.List},
		{"mechanism", string(w.Mechanism)},
		{"notice", w.Notice},
	}
	for _, t := range texts {
		if err := checkText(t.path, t.s, l.NameBytes); err != nil {
			return err
		}
	}
	if err := w.Source.Check("source", l); err != nil {
		return err
	}
	if err := checkInstant("acted", w.Acted); err != nil { // the zero Time is in range
		return err
	}
	return checkInstant("expires", w.Expires)
}
