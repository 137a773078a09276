package segment_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

// TestSchemaWithoutNumbers: values are found by the store's numbers, so with a
// schema that was only declared what reads them must not answer.
func TestSchemaWithoutNumbers(t *testing.T) {
	aud := setAudience(t)
	p := aged(t, aud, 20)
	declared, err := segment.NewLanguage(setSchema(), segment.Options{})
	require.NoError(t, err)
	for source, name := range map[string]string{
		`contact.age >= 18`:                              "contact.age",
		`has(contact.age)`:                               "contact.age",
		`contact.?age.orValue(0) == 0`:                   "contact.age",
		`true || contact.city == "x"`:                    "contact.city",
		`events("purchase").sum("value") == 0`:           "purchase.value",
		`events("visit").where(e, has(e.page)).none()`:   "visit.page",
		`events("purchase").since(contact.seen).none()`:  "contact.seen",
		`events("refund", "purchase").sum("value") == 0`: "refund.value",
	} {
		t.Run(source, func(t *testing.T) {
			set := compileSet(t, declared, "s", source)
			e, _ := set.Expression("s")
			want := "segment: " + name + " has no number of a store: make the language with LanguageOf: " + audience.ErrInvalid.Error()
			_, err := e.At(setNow()).Match(p)
			require.ErrorIs(t, err, audience.ErrInvalid)
			require.EqualError(t, err, want)
			truth, err := e.At(setNow()).Truth(p)
			require.EqualError(t, err, want)
			require.Equal(t, segment.Unknown, truth)
			_, err = e.At(setNow()).Explain(p)
			require.EqualError(t, err, want)
			_, err = set.At(setNow()).Match(p, nil)
			require.EqualError(t, err, `segment "s": `+want)
			_, err = compileSet(t, setLanguage(t, aud), "s", source).At(setNow()).Match(p, nil)
			require.NoError(t, err)
		})
	}
	for _, source := range []string{`contact.id > 0`, `events("purchase").none()`, `contact.status == "none"`, `!suppressed()`, `contact.tags.size() == 0`} {
		e, err := declared.Compile(source)
		require.NoError(t, err)
		member, err := e.At(setNow()).Match(p)
		require.NoError(t, err, source)
		require.True(t, member, "%s reads nothing by number", source)
	}
}
