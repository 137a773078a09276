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
	Lifted time.Time // zero while it stands
	Source Source
}

// Stands reports whether the suppression has not been lifted.
func (s *Suppression) Stands() bool { return s.Lifted.IsZero() }

// LiftedBy reports whether a grant lifts the suppression: it must be later
// than the refusal (a refusal wins a tie), count as consent, not be over when
// it is recorded, and be about e-mail; consent to one topic says nothing about
// the refusal of everything.
// A complaint is lifted by a confirmed opt-in only; a manual suppression and
// a tombstone never by a grant.
func (s *Suppression) LiftedBy(r *ConsentRecord) bool {
	if r.Kind != ConsentGranted || !r.counts() || r.isOver(r.Recorded) || !r.Acted.After(s.At) {
		return false
	}
	if !r.Scope.onEmail() || r.Scope.List != "" {
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
