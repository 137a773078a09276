package importer

import (
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Gate has a say in whom an import makes subscribed or pending. It is asked
// about each row that would, and can only be stricter than the import is by
// itself: what the import would not record stays unrecorded whatever a Gate
// says, and no Gate keeps a refusal from being recorded.
type Gate interface {
	// Weigh gives the verdict about one claim. It is called within the
	// transaction that writes the row, maybe more than once for a row: it must
	// have no effects and must not call the audience.
	Weigh(claim Claim) Verdict
}

// Claim is what a row says about somebody's consent, beside what is known.
type Claim struct {
	Contact     audience.ContactID // 0: the import makes her
	Email       audience.Address   // that the row has; may be zero
	Outcome     audience.Status    // subscribed or pending: what the import would make of her
	Says        audience.Status    // what the row says
	Acted       time.Time          // when she consented, as the row says; zero: it does not
	Evidence    []Fact             // of the row
	Attestation Attestation        // of the plan; may be zero
	Standing    audience.Standing  // what stands so far
}

// Verdict is what a Gate makes of a claim.
type Verdict uint8

// The verdicts.
const (
	VerdictAsPlanned Verdict = iota // the import's own rule holds
	VerdictPending                  // at most a request, which makes nobody mailable
	VerdictNothing                  // nothing is recorded; the rest of the row goes in
	VerdictReject                   // the row is rejected
)
