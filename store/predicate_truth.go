package store

import (
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/internal/decimal"
)

// truthFor is the truth of a predicate that may be nil.
func truthFor(p Predicate, m *matcher) truth {
	if p == nil {
		return isTrue
	}
	return p.truth(m)
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
	sum     decimal.Sum // scratch
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
	return p.Op.truth(v.Compare(p.Value))
}

// truth is that of the comparison when the left side is less than (-1), equal
// to (0) or greater than (1) the right.
func (o CompareOp) truth(c int) truth {
	switch o {
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

func (p IsTrue) truth(m *matcher) truth { return truthOf(truthFor(p.Part, m) == isTrue) }
