package compliance

// Obligation is something that a message must carry or must not do.
type Obligation struct {
	ID    string `json:"id"`    // see the constants
	Basis string `json:"basis"` // the rule that asks for it
}

// The obligations of the default table.
const (
	OblUnsubscribe    = "list-unsubscribe"  // headers of RFC 2369 and RFC 8058, and a link that can be seen
	OblSender         = "sender-identity"   // on whose behalf
	OblPostalAddress  = "postal-address"    // as text
	OblContactDetails = "contact-details"   // phone, e-mail or web of the sender
	OblObjectNotice   = "objection-notice"  // the first message says that she may object, apart from the rest
	OblSourceNotice   = "source-notice"     // the first message says where her data came from
	OblReferrerName   = "referrer-name"     // who passed the address on
	OblNoOpenTracking = "no-open-tracking"  // she did not consent to it
	OblOptOutLink     = "sale-share-notice" // the way to refuse sale and sharing
)
