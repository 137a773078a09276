package store

import (
	"cmp"
	"fmt"
	"slices"
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

// Match reports whether the predicate is true for the contact at the
// instant. The profile should hold what [PartsOf] names: a leaf whose part
// was not read is unknown, also one that never is otherwise. A nil predicate
// matches everybody.
func Match(p Predicate, profile *audience.Profile, at time.Time) bool {
	return truthFor(p, &matcher{profile: profile, at: at}) == isTrue
}

// truthFor is the truth of a predicate that may be nil.
func truthFor(p Predicate, m *matcher) truth {
	if p == nil {
		return isTrue
	}
	return p.truth(m)
}

// PartsOf names the parts of a profile that the predicate reads.
func PartsOf(p Predicate) audience.ProfileParts {
	if p == nil {
		return audience.ProfileParts{}
	}
	return p.parts()
}

// describePredicate gives a text that is the same for equal predicates and
// differs for others; it binds cursors to their query.
func describePredicate(p Predicate) string {
	var b strings.Builder
	describeAny(&b, p)
	return b.String()
}

// truth is Kleene's; the order makes And the minimum and Or the maximum.
type truth int8

const (
	isFalse truth = iota - 1
	isUnknown
	isTrue
)

func truthOf(b bool) truth {
	if b {
		return isTrue
	}
	return isFalse
}

type matcher struct {
	profile *audience.Profile
	at      time.Time
}

// value gives the feature, the zero Value when absent.
func (m *matcher) value(f Feature) audience.Value {
	c := &m.profile.Contact
	switch f.Kind {
	case FeatureField:
		return c.Value(f.Field)
	case FeatureID:
		return audience.IntValue(int64(c.ID))
	case FeatureEmail:
		return textOrAbsent(c.Email().Canonical())
	case FeatureFirstName:
		return textOrAbsent(c.FirstName.Reveal())
	case FeatureLastName:
		return textOrAbsent(c.LastName.Reveal())
	case FeaturePhone:
		return textOrAbsent(c.Phone.Reveal())
	case FeatureFrequency:
		return textOrAbsent(c.Frequency)
	case FeatureCreatedAt:
		return audience.TimestampValue(c.CreatedAt)
	case FeatureUpdatedAt:
		return audience.TimestampValue(c.UpdatedAt)
	case FeatureStatus:
		if !m.profile.Parts.Ledger {
			return audience.Value{}
		}
		return audience.StringValue(m.profile.Status(m.at).Status.String())
	}
	return audience.Value{}
}

func textOrAbsent(s string) audience.Value {
	if s == "" {
		return audience.Value{}
	}
	return audience.StringValue(s)
}

func (p Compare) truth(m *matcher) truth {
	v := m.value(p.Feature)
	if v.Type() != p.Value.Type() || v.IsZero() {
		return isUnknown
	}
	c := v.Compare(p.Value)
	switch p.Op {
	case Equal:
		return truthOf(c == 0)
	case NotEqual:
		return truthOf(c != 0)
	case Less:
		return truthOf(c < 0)
	case LessOrEqual:
		return truthOf(c <= 0)
	case Greater:
		return truthOf(c > 0)
	case GreaterOrEqual:
		return truthOf(c >= 0)
	}
	return isUnknown
}

func (p OneOf) truth(m *matcher) truth {
	v := m.value(p.Feature)
	if v.IsZero() {
		return isUnknown
	}
	typed := len(p.Values) == 0
	for _, w := range p.Values {
		if v.Equal(w) {
			return isTrue
		}
		typed = typed || v.Type() == w.Type()
	}
	if !typed {
		return isUnknown
	}
	return isFalse
}

func (p Present) truth(m *matcher) truth {
	if !m.profile.Parts.Covers(p.parts()) {
		return isUnknown
	}
	return truthOf(!m.value(p.Feature).IsZero())
}

func (p HasTag) truth(m *matcher) truth { return truthOf(m.profile.Contact.HasTag(p.Tag)) }

func (p ListContains) truth(m *matcher) truth {
	items, ok := m.profile.Contact.Value(p.Field).StringList()
	if !ok {
		return isUnknown
	}
	_, found := slices.BinarySearch(items, p.Item)
	return truthOf(found)
}

func (p OnList) truth(m *matcher) truth {
	if !m.profile.Parts.Covers(p.parts()) {
		return isUnknown
	}
	return truthOf(m.profile.OnList(p.List, m.at))
}

func (p Consents) truth(m *matcher) truth {
	if !m.profile.Parts.Ledger {
		return isUnknown
	}
	return truthOf(m.profile.Consent(p.Purpose, m.at).Status == audience.StatusSubscribed)
}

func (IsSuppressed) truth(m *matcher) truth {
	if !m.profile.Parts.Suppressed {
		return isUnknown
	}
	return truthOf(m.profile.IsSuppressed(m.at))
}

func (p And) truth(m *matcher) truth {
	t := isTrue
	for _, part := range p {
		t = min(t, truthFor(part, m))
		if t == isFalse {
			break
		}
	}
	return t
}

func (p Or) truth(m *matcher) truth {
	t := isFalse
	for _, part := range p {
		t = max(t, truthFor(part, m))
		if t == isTrue {
			break
		}
	}
	return t
}

func (p Not) truth(m *matcher) truth { return -truthFor(p.Part, m) }

func (p Compare) parts() audience.ProfileParts    { return p.Feature.parts() }
func (p OneOf) parts() audience.ProfileParts      { return p.Feature.parts() }
func (p Present) parts() audience.ProfileParts    { return p.Feature.parts() }
func (HasTag) parts() audience.ProfileParts       { return audience.ProfileParts{} }
func (ListContains) parts() audience.ProfileParts { return audience.ProfileParts{} }
func (Consents) parts() audience.ProfileParts     { return audience.ProfileParts{Ledger: true} }
func (IsSuppressed) parts() audience.ProfileParts { return audience.ProfileParts{Suppressed: true} }
func (p Not) parts() audience.ProfileParts        { return PartsOf(p.Part) }
func (p And) parts() audience.ProfileParts        { return unionOfParts(p) }
func (p Or) parts() audience.ProfileParts         { return unionOfParts(p) }

func (p OnList) parts() audience.ProfileParts {
	topic := p.List.Kind == audience.ListTopic
	return audience.ProfileParts{Ledger: topic, Lists: !topic}
}

func (f Feature) parts() audience.ProfileParts {
	return audience.ProfileParts{Ledger: f.Kind == FeatureStatus}
}

func unionOfParts(all []Predicate) audience.ProfileParts {
	var out audience.ProfileParts
	for _, p := range all {
		out = out.Union(PartsOf(p))
	}
	return out
}

func (p Compare) describe(b *strings.Builder) {
	fmt.Fprintf(b, "compare(%d,%d,%d,%s)", p.Feature.Kind, p.Feature.Field, p.Op, constantText(p.Value))
}

func (p OneOf) describe(b *strings.Builder) {
	fmt.Fprintf(b, "oneOf(%d,%d", p.Feature.Kind, p.Feature.Field)
	for _, v := range p.Values {
		b.WriteString("," + constantText(v))
	}
	b.WriteByte(')')
}

func (p Present) describe(b *strings.Builder) {
	fmt.Fprintf(b, "present(%d,%d)", p.Feature.Kind, p.Feature.Field)
}
func (p HasTag) describe(b *strings.Builder) { fmt.Fprintf(b, "tag(%q)", p.Tag) }

func (p ListContains) describe(b *strings.Builder) {
	fmt.Fprintf(b, "contains(%d,%q)", p.Field, p.Item)
}

func (p OnList) describe(b *strings.Builder) {
	fmt.Fprintf(b, "onList(%q,%d,%q)", p.List.Name, p.List.Kind, cmp.Or(p.List.Purpose, audience.PurposeMarketing))
}
func (p Consents) describe(b *strings.Builder)   { fmt.Fprintf(b, "consents(%q)", p.Purpose) }
func (IsSuppressed) describe(b *strings.Builder) { b.WriteString("suppressed") }
func (p And) describe(b *strings.Builder)        { describeAll(b, "and", p) }
func (p Or) describe(b *strings.Builder)         { describeAll(b, "or", p) }
func (p Not) describe(b *strings.Builder)        { describeAll(b, "not", []Predicate{p.Part}) }

func describeAll(b *strings.Builder, name string, all []Predicate) {
	b.WriteString(name + "(")
	for i, p := range all {
		if i > 0 {
			b.WriteByte(',')
		}
		describeAny(b, p)
	}
	b.WriteByte(')')
}

// describeAny describes a predicate that may be nil.
func describeAny(b *strings.Builder, p Predicate) {
	if p == nil {
		b.WriteString("all")
		return
	}
	p.describe(b)
}

// constantText is revealed into a hash only, never shown.
func constantText(v audience.Value) string {
	items, isList := v.StringList()
	if isList {
		return fmt.Sprintf("%s%q", v.Type(), items)
	}
	return fmt.Sprintf("%s%q", v.Type(), v.Reveal())
}
