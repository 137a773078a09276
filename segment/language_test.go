package segment_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

func newLanguage(t testing.TB, opts segment.Options) *segment.Language {
	t.Helper()
	schema := audience.Schema{
		Fields: []audience.Field{{ID: 1, Name: "city", Type: audience.TypeString}, {ID: 2, Name: "age", Type: audience.TypeInt}},
		Lists:  []audience.List{{Name: "news", Kind: audience.ListTopic}, {Name: "vip", Kind: audience.ListStatic}},
	}
	l, err := segment.NewLanguage(schema, opts)
	require.NoError(t, err)
	return l
}

func TestNewLanguageRefuses(t *testing.T) {
	double := audience.Schema{Fields: []audience.Field{{Name: "a", Type: audience.TypeInt}, {Name: "a", Type: audience.TypeInt}}}
	_, err := segment.NewLanguage(double, segment.Options{})
	require.ErrorIs(t, err, audience.ErrInvalid)

	_, err = segment.NewLanguage(audience.Schema{}, segment.Options{Functions: []segment.Function{{Name: "ago"}}})
	var field *audience.FieldError
	require.ErrorAs(t, err, &field)
	require.Equal(t, "functions.ago", field.Path)

	_, err = new(segment.Language).Compile("true")
	require.ErrorIs(t, err, audience.ErrInvalid)
}

func TestCompileError(t *testing.T) {
	l := newLanguage(t, segment.Options{Limits: segment.Limits{ListItems: 2}})
	_, err := l.Compile("contact.cty == \"x\"\n  && contact.agee > 3")
	var bad *segment.CompileError
	require.ErrorAs(t, err, &bad)
	require.ErrorIs(t, err, audience.ErrInvalid)
	require.NotErrorIs(t, err, audience.ErrLimit)
	require.Equal(t, "unknown-field", bad.Rule)
	require.EqualError(t, err, `1:9: the contact has no field "cty" (did you mean "city"?)`)
	require.Len(t, bad.More, 1)
	require.EqualError(t, bad.More[0], `2:14: the contact has no field "agee" (did you mean "age"?)`)

	bad.Segment = "grown-ups"
	require.EqualError(t, err, `grown-ups:1:9: the contact has no field "cty" (did you mean "city"?)`)
	bad.File = "segments/grown-ups.cel"
	require.EqualError(t, err, `segments/grown-ups.cel:1:9: the contact has no field "cty" (did you mean "city"?)`)

	_, err = l.Compile(`contact.age in [1, 2, 3]`)
	require.ErrorIs(t, err, audience.ErrLimit)
	require.ErrorIs(t, err, audience.ErrInvalid)
}

func TestMoment(t *testing.T) {
	l := newLanguage(t, segment.Options{})
	e, err := l.Compile(`contact.city == "Berlin"`)
	require.NoError(t, err)
	require.Equal(t, `contact.city == "Berlin"`, e.Source())

	at := time.Date(2026, 3, 1, 12, 0, 0, 1999, time.UTC)
	m := e.At(at)
	require.Equal(t, at.Truncate(time.Microsecond), m.Now())
	cities := map[string]segment.Truth{"Berlin": segment.True, "Paris": segment.False}
	for city, want := range cities {
		p := &audience.Profile{Contact: audience.Contact{ID: 1, Fields: []audience.FieldValue{{ID: 1, Value: audience.StringValue(city)}}}}
		truth, err := m.Truth(p)
		require.NoError(t, err)
		require.Equal(t, want, truth)
		member, err := m.Match(p)
		require.NoError(t, err)
		require.Equal(t, want == segment.True, member)
	}
	truth, err := m.Truth(&audience.Profile{})
	require.NoError(t, err)
	require.Equal(t, segment.Unknown, truth)
	require.Equal(t, "unknown false true", segment.Unknown.String()+" "+segment.False.String()+" "+segment.True.String())

	_, err = m.Match(nil)
	require.ErrorIs(t, err, audience.ErrInvalid)
	_, err = e.At(time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)).Match(&audience.Profile{})
	require.ErrorIs(t, err, audience.ErrInvalid)
	_, err = e.At(time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)).Explain(&audience.Profile{})
	require.ErrorIs(t, err, audience.ErrInvalid)
}

func TestParts(t *testing.T) {
	l := newLanguage(t, segment.Options{})
	tests := map[string]audience.ProfileParts{
		`contact.city == "x"`:                          {},
		`contact.status == "subscribed"`:               {Ledger: true},
		`consent("marketing")`:                         {Ledger: true},
		`onList("news")`:                               {Ledger: true},
		`onList("vip")`:                                {Lists: true},
		`suppressed()`:                                 {Suppressed: true},
		`has(contact.status) || suppressed()`:          {Ledger: true, Suppressed: true},
		`events("refund", "purchase", "refund").any()`: {Events: []string{"purchase", "refund"}},
		`events("purchase").since(events("refund").last()).then(events("email.sent"), "1d").any() || events("refund").any()`: {
			Events: []string{"email.sent", "purchase", "refund"},
		},
	}
	for source, want := range tests {
		t.Run(source, func(t *testing.T) {
			e, err := l.Compile(source)
			require.NoError(t, err)
			require.Equal(t, want, e.Parts())
		})
	}
}

// TestAlone holds that what names other segments is evaluated by a set only.
func TestAlone(t *testing.T) {
	l := newLanguage(t, segment.Options{})
	_, err := l.Compile(`inSegment("a")`)
	require.EqualError(t, err, "1:1: inSegment needs a set of segments (compile the expression as part of a set)")

	set, err := l.CompileSet(segment.Definition{Name: "a", Source: "true"}, segment.Definition{Name: "b", Source: `inSegment("a")`})
	require.NoError(t, err)
	b, ok := set.Expression("b")
	require.True(t, ok)
	_, err = b.At(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).Match(&audience.Profile{})
	require.ErrorIs(t, err, audience.ErrUnsupported)

	_, err = l.CompileSet(segment.Definition{Name: "engaged", Source: "true"}, segment.Definition{Name: "b", Source: `inSegment("engagd")`})
	require.EqualError(t, err, `b:1:11: there is no segment "engagd" (did you mean "engaged"?)`)
}

// TestDefaultLimits holds that the zero Limits bounds and does not forbid.
func TestDefaultLimits(t *testing.T) {
	l := newLanguage(t, segment.Options{})
	_, err := l.Compile(strings.Repeat(`contact.age == 1 || `, 1_000) + `true`)
	require.NoError(t, err)
	_, err = l.Compile(strings.Repeat(`contact.age == 1 || `, 5_000) + `true`)
	require.ErrorIs(t, err, audience.ErrLimit)
	_, err = l.Compile(strings.Repeat("(", 10_000))
	require.ErrorIs(t, err, audience.ErrLimit)
}

// FuzzAtoms cuts anything that compiles into atoms, each of which must
// compile again.
func FuzzAtoms(f *testing.F) {
	for _, source := range []string{
		`contact.city == "a" && !(contact.age > 3 || suppressed())`, `!!contact.city.matches(r"\d\"") || 'a' + "b" == '''c'''`,
		"contact.age == 1 // && \n && (true ? false : contact.age in [1])", `((contact.age)) == (1) && ("x") in contact.tags`,
	} {
		f.Add(source)
	}
	l := newLanguage(f, segment.Options{Limits: segment.Limits{Steps: 10_000}})
	p := &audience.Profile{Parts: allParts(audience.Schema{}), Contact: audience.Contact{ID: 1, Fields: []audience.FieldValue{{ID: 2, Value: audience.IntValue(4)}}}}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, source string) {
		e, err := l.Compile(source)
		if err != nil {
			return
		}
		atoms, err := e.At(now).Explain(p)
		if err != nil {
			require.True(t, errors.Is(err, audience.ErrLimit) || strings.Contains(err.Error(), "has no number"), err)
			return
		}
		require.NotEmpty(t, atoms)
		for _, a := range atoms {
			require.Contains(t, source, a.Source)
			_, err := l.Compile(a.Source)
			require.NoError(t, err, a.Source)
		}
	})
}
