package audience

import "time"

// SuppressionReason says why an address is suppressed. An address may have
// several; each is lifted on its own.
type SuppressionReason uint8

// The reasons.
const (
	SuppressedWithdrawn  SuppressionReason = iota + 1 // she withdrew from everything
	SuppressedBounced                                 // the address failed for good
	SuppressedComplained                              // she reported a message as spam
	SuppressedManually                                // the host's own list of refusals
	SuppressedErased                                  // the tombstone of an erased person
)

// String gives "withdrawn", "bounced", "complained", "manual" or "erased";
// "none" for the zero reason.
func (r SuppressionReason) String() string {
	switch r {
	case SuppressedWithdrawn:
		return "withdrawn"
	case SuppressedBounced:
		return "bounced"
	case SuppressedComplained:
		return "complained"
	case SuppressedManually:
		return "manual"
	case SuppressedErased:
		return "erased"
	default:
		return "none"
	}
}

// Suppression is a refusal or a failure held by keyed address hash, so that
// it outlives the contact. One address has at most one of each reason.
type Suppression struct {
	Hash   AddressHash
	Reason SuppressionReason
	At     time.Time // when the person acted or the failure happened
	Lifted time.Time // when somebody acted who lifted it; zero: nobody did
	// LiftedUntil is when the consent that lifted it is over: from then on it
	// stands again. Zero: it was lifted for good.
	LiftedUntil time.Time
	Source      Source
}

// StandsFrom gives the instant from which the suppression stands as far as is
// known; false when it was lifted for good.
func (s *Suppression) StandsFrom() (time.Time, bool) {
	if s.Lifted.IsZero() {
		return s.At, true
	}
	return s.LiftedUntil, !s.LiftedUntil.IsZero()
}

// Stands reports whether the suppression stands at an instant that is not
// before the last change of it.
func (s *Suppression) Stands(at time.Time) bool {
	from, ok := s.StandsFrom()
	return ok && !from.After(at)
}

// LiftedBy reports whether a grant lifts the suppression, for as long as the
// grant is in force: it must be later than the refusal (a refusal wins a tie),
// count as consent, not be over when it is recorded, and cover marketing by
// e-mail; consent to one topic or to another purpose says nothing about the
// refusal of everything.
// A complaint is lifted by a confirmed opt-in only; a manual suppression and
// a tombstone never by a grant.
func (s *Suppression) LiftedBy(r *ConsentRecord) bool {
	if r.Kind != ConsentGranted || !r.counts() || r.isOver(r.Recorded) || !r.Acted.After(s.At) {
		return false
	}
	if !r.Scope.Covers(MarketingScope()) {
		return false
	}
	switch s.Reason {
	case SuppressedWithdrawn, SuppressedBounced:
		return true
	case SuppressedComplained:
		return r.Mechanism.Confirms()
	default:
		return false
	}
}

// SuppressionReasonOf gives the reason with which a ledger record suppresses
// the contact's addresses: a withdrawal from everything, a complaint or a
// bounce, for e-mail or for all channels. False for any other record: what
// failed or was refused on another channel says nothing about an address.
func SuppressionReasonOf(r *ConsentRecord) (SuppressionReason, bool) {
	if !r.Scope.onEmail() {
		return 0, false
	}
	switch r.Kind {
	case ConsentComplained:
		return SuppressedComplained, true
	case ConsentBounced:
		return SuppressedBounced, true
	case ConsentWithdrawn:
		if r.Scope.Purpose == "" && r.Scope.List == "" {
			return SuppressedWithdrawn, true
		}
		return 0, false
	default:
		return 0, false
	}
}
