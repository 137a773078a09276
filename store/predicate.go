package store

import (
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Predicate is a condition on one contact: a closed set of formulas that an
// engine can index, a dialect render and [Match] run. It is three-valued as
// the segment language is: a comparison with an absent feature is unknown,
// And, Or and Not follow Kleene's tables, and a contact matches only when the
// whole is true. A nil Predicate, alone or as a part, is true for everybody.
// Only this package defines predicates; an adapter refuses one it does not
// know with audience.ErrUnsupported.
type Predicate interface {
	// truth is the reference meaning.
	truth(m *matcher) truth
	// describe writes a form that tells any two predicates apart.
	describe(b *strings.Builder)
	parts() audience.ProfileParts
}

// FeatureKind says what a [Feature] reads.
type FeatureKind uint8

// The features that can be compared.
const (
	FeatureField     FeatureKind = iota + 1 // a custom field, by its stable number
	FeatureID                               // int
	FeatureEmail                            // string: the compare form of the primary address
	FeatureFirstName                        // string
	FeatureLastName                         // string
	FeaturePhone                            // string
	FeatureFrequency                        // string
	FeatureCreatedAt                        // timestamp
	FeatureUpdatedAt                        // timestamp
	FeatureStatus                           // string: the status for e-mail and marketing; never absent
)

// Feature is a value of a contact that a predicate compares.
type Feature struct {
	Kind  FeatureKind
	Field audience.FieldID // of FeatureField
}

// CompareOp is a comparison.
type CompareOp uint8

// The comparisons. Strings compare by bytes, false is before true.
const (
	Equal CompareOp = iota + 1
	NotEqual
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
)

// Compare is true or false by the comparison of a feature with a constant of
// its type, and unknown when the feature is absent or of another type.
type Compare struct {
	Feature Feature
	Op      CompareOp
	Value   audience.Value
}

// OneOf is true when the feature equals one of the constants, false when
// none, and unknown when it is absent or of another type than any of them.
type OneOf struct {
	Feature Feature
	Values  []audience.Value
}

// Present is true when the feature is not absent. Never unknown.
type Present struct{ Feature Feature }

// HasTag is true when the contact has the tag. Never unknown.
type HasTag struct{ Tag string }

// ListContains is true when a custom field of lists contains the item, and
// unknown when the field is absent or of another type.
type ListContains struct {
	Field audience.FieldID
	Item  string
}

// OnList is true when the contact is on the list at the instant: a topic by
// the ledger, any other by hand. Never unknown.
type OnList struct{ List audience.List }

// Consents is true when e-mail consent for the purpose stands at the
// instant. Never unknown.
type Consents struct{ Purpose string }

// IsSuppressed is true when an address of the contact is suppressed. Never
// unknown.
type IsSuppressed struct{}

// And is true when all are true, false when one is false, unknown else.
// Without parts it is true.
type And []Predicate

// Or is true when one is true, false when all are false, unknown else.
// Without parts it is false.
type Or []Predicate

// Not is true when the part is false, false when it is true, unknown when it
// is unknown.
type Not struct{ Part Predicate }

// IsTrue is true when the part is true, else false. Never unknown: it is
// membership in what the part describes.
type IsTrue struct{ Part Predicate }

// Match reports whether the predicate is true for the contact at the
// instant. The profile should hold what [PartsOf] names: a leaf whose part
// was not read is unknown, also one that never is otherwise. A nil predicate
// matches everybody.
func Match(p Predicate, profile *audience.Profile, at time.Time) bool {
	return truthFor(p, &matcher{profile: profile, at: at}) == isTrue
}
