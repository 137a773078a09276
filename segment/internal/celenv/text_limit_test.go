package celenv

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// withCity gives the test's contact another city, and interests.
func withCity(e *Env, city string, interests ...string) *audience.Profile {
	p := testProfile(e)
	for name, v := range map[string]audience.Value{"city": audience.StringValue(city), "interests": audience.StringListValue(interests...)} {
		f, _ := e.schema.FieldNamed(name)
		i := slices.IndexFunc(p.Contact.Fields, func(v audience.FieldValue) bool { return v.ID == f.ID })
		p.Contact.Fields[i].Value = v
	}
	return p
}

// numbered gives n different words.
func numbered(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("word %04d", i)
	}
	return out
}

// TestTextIsBounded (G8): steps that would do for a large answer do not make
// the process run out of memory.
func TestTextIsBounded(t *testing.T) {
	e := testEnv(t) // 1 MiB of text
	p := withCity(e, strings.Repeat("a", 60_000), numbered(20)...)
	double := ".map(x, x + x)"
	tests := []struct{ name, source string }{
		{"doubled again and again", `["` + strings.Repeat("a", 1_000) + `"]` + strings.Repeat(double, 12) + `.size() == 1`},
		{"many that are kept", `contact.interests.map(a, contact.city + contact.city).size() == 20`},
		{"many that are dropped", `contact.interests.exists(a, contact.city + a == "x")`},
		{"lower case", `contact.interests.exists(a, contact.city.upperAscii().lowerAscii() == a)`},
		{"absorbed by nothing", `contact.interests.exists(a, contact.city + a == "x") || true`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			program, errs := e.Compile(tt.source, nil)
			require.Empty(t, shown(errs))
			truth, err := program.At(testNow()).Truth(testRow{p}, nil)
			require.ErrorIs(t, err, audience.ErrLimit)
			require.EqualError(t, err, "segment: the expression makes too much text for a contact: "+audience.ErrLimit.Error())
			require.Equal(t, Unknown, truth)
		})
	}
	require.Equal(t, True, answer(t, e, `contact.interests.exists_one(a, contact.city.trim() == contact.city && a == "word 0003")`, p), "this makes none")

	exactly := testEnv(t, func(o *Options) { o.Limits.TextBytes = 8 })
	require.Equal(t, True, answer(t, exactly, `contact.city + "12" == "Berlin12"`, testProfile(e)))
	program, errs := exactly.Compile(`contact.city + "123" == "Berlin123"`, nil)
	require.Empty(t, errs)
	_, err := program.At(testNow()).Truth(testRow{testProfile(e)}, nil)
	require.ErrorIs(t, err, audience.ErrLimit)
}
