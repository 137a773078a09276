package compliance

import (
	"cmp"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// Class says what kind of message a purpose is, and with it which refusals
// touch it: a newsletter's opt-out must never stop a password reset.
type Class string

// The classes. The zero class is that of marketing, the strictest.
const (
	ClassMarketing     Class = "marketing"     // needs a basis and an opt-out, counts for caps
	ClassTransactional Class = "transactional" // asked for by the contact, such as a receipt
	ClassService       Class = "service"       // security and legal notices
	ClassPermission    Class = "permission"    // the message that asks to confirm a signup
	ClassTracking      Class = "tracking"      // opens and clicks, a purpose of its own (ePrivacy Art. 5(3))
	ClassSaleShare     Class = "sale-share"    // sale or sharing of personal data (CCPA)
)

// Basis is why processing is lawful: GDPR Art. 6 and its neighbours.
type Basis string

// The bases. Where a purpose names none for a regime, it is consent. Contract,
// legal obligation and legitimate interest are for messages of the classes
// transactional and service: no regime knows marketing by e-mail on them.
const (
	BasisConsent            Basis = "consent"             // GDPR Art. 6(1)(a)
	BasisContract           Basis = "contract"            // 6(1)(b): the gate warns while the ledger shows none, see [Ledger.Relate]
	BasisLegalObligation    Basis = "legal-obligation"    // 6(1)(c)
	BasisLegitimateInterest Basis = "legitimate-interest" // 6(1)(f): ends by a refusal that names the purpose (Art. 21(1))
	BasisSoftOptIn          Basis = "soft-opt-in"         // ePrivacy Art. 13(2), PECR reg. 22(3)
	BasisImplied            Basis = "implied"             // CASL s. 10(9), ends by itself
	BasisOptOut             Basis = "opt-out"             // CAN-SPAM, CCPA: allowed until refused
)

// Regime is a body of rules, such as "gdpr": a row of the table that
// [Regimes] gives.
type Regime string

// The regimes that the default policy knows.
const (
	RegimeGDPR      Regime = "gdpr" // with ePrivacy Art. 13
	RegimeUK        Regime = "uk"   // UK GDPR and PECR
	RegimeGermany   Regime = "de"   // gdpr and § 7 UWG
	RegimeCANSPAM   Regime = "can-spam"
	RegimeCASL      Regime = "casl"
	RegimeCCPA      Regime = "ccpa"
	RegimeAustralia Regime = "au-spam"
)

// Party is a legal person: the controller, a sender or a recipient of data.
type Party struct {
	ID            string // stable, not personal, such as "shop-eu"
	Name          string
	PostalAddress string
	Email         string
	Phone         string
	URL           string
	Role          string // such as "controller" or "processor"
	Country       string // ISO 3166-1, two letters
}

// Purpose is one thing that a host does with contacts' data. Its ID is a
// purpose of the audience's schema.
type Purpose struct {
	ID          string
	Class       Class             // zero: marketing
	Title       map[string]string // by language (BCP 47), for pages
	Description map[string]string
	Basis       map[Regime]Basis // exactly one each; none: consent
	// DoubleOptIn asks that consent was confirmed from the mailbox.
	DoubleOptIn bool
	// Period is how long consent holds; zero: until it is withdrawn.
	Period audience.Period
	// Retention is how long data is kept for it after its end; zero: as long
	// as the contact.
	Retention  audience.Period
	Recipients []Party  // to whom data goes (GDPR Art. 15(1)(c))
	Categories []string // of data, such as "address" or "purchases"
	// Public purposes are shown in the preference centre to everybody. One that
	// is not is shown to a contact while she gets it, so that she can end it.
	Public bool
}

// basisUnder gives the basis of the purpose under a regime.
func (p *Purpose) basisUnder(r Regime) Basis { return cmp.Or(p.Basis[r], BasisConsent) }

// class is the class, which is marketing when none is given.
func (p *Purpose) class() Class { return cmp.Or(p.Class, ClassMarketing) }

// purposes gives what a ledger knows of, marketing always among it, in order
// of id; or what is wrong with what the host gave.
func purposes(given []Purpose, schema audience.Schema) ([]Purpose, error) {
	out := slices.Clone(given)
	if !slices.ContainsFunc(out, func(p Purpose) bool { return p.ID == audience.PurposeMarketing }) {
		out = append(out, Purpose{ID: audience.PurposeMarketing, Class: ClassMarketing})
	}
	slices.SortFunc(out, func(a, b Purpose) int { return cmp.Compare(a.ID, b.ID) })
	for i := range out {
		switch p := &out[i]; {
		case !schema.HasPurpose(p.ID):
			return nil, &audience.FieldError{Path: "purposes." + p.ID, Rule: "unknown", Hint: "a purpose that the schema declares"}
		case i > 0 && out[i-1].ID == p.ID:
			return nil, &audience.FieldError{Path: "purposes." + p.ID, Rule: "unique", Hint: "each purpose once"}
		case !p.class().known():
			return nil, &audience.FieldError{Path: "purposes." + p.ID + ".class", Rule: "unknown", Hint: "marketing, transactional, service, permission, tracking or sale-share"}
		}
	}
	return out, nil
}

func (c Class) known() bool {
	switch c {
	case ClassMarketing, ClassTransactional, ClassService, ClassPermission, ClassTracking, ClassSaleShare:
		return true
	default:
		return false
	}
}
