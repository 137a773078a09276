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

// TestStepsOfNodes (G8): what goes through lists and long texts in one part of
// an expression costs more than the part.
func TestStepsOfNodes(t *testing.T) {
	words, long := numbered(200), strings.Repeat("a", 60_000)
	tests := []struct{ name, source, city string }{
		{"in a computed list", `contact.interests.exists(a, (a + "x") in (contact.vip ? contact.interests : []))`, "Berlin"},
		{"long texts in a computed list", `[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].all(n, contact.city in [contact.city])`, long},
		{"a long salt", `[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].exists(n, bucket("` + long + `", 2) == 7)`, "Berlin"},
		{"a list for a function", `contact.interests.exists(a, many(contact.interests) == 7)`, "Berlin"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := testEnv(t, func(o *Options) {
				o.Limits.Steps = 8_000
				o.Functions = []Function{{
					Name: "many", Args: []audience.Type{audience.TypeStringList}, Result: audience.TypeInt,
					Call: func([]audience.Value) (audience.Value, error) { return audience.IntValue(1), nil },
				}}
			})
			program, errs := e.Compile(tt.source, nil)
			require.Empty(t, shown(errs))
			truth, err := program.At(testNow()).Truth(testRow{withCity(e, tt.city, words...)}, nil)
			require.ErrorIs(t, err, audience.ErrLimit)
			require.Equal(t, Unknown, truth)
		})
	}
}

// TestInComputedLists holds what in means where the list is no field and not
// written out.
func TestInComputedLists(t *testing.T) {
	e := testEnv(t)
	p := testProfile(e)
	for source, want := range map[string]Truth{
		`"vip" in (contact.vip ? contact.tags : [])`:              True,
		`"VIP" in (contact.vip ? contact.tags : [])`:              False,
		`"vip" in contact.tags.filter(t, t != "vip")`:             False,
		`35 in [contact.age, 1]`:                                  True,
		`7.5 in [contact.score]`:                                  True,
		`8 in [contact.score, 1]`:                                 False,
		`contact.seen in [contact.seen]`:                          True,
		`contact.seen in [contact.updated_at, contact.seen]`:      True,
		`(contact.seen - contact.seen) in [duration("1s")]`:       False,
		`true in [contact.vip]`:                                   True,
		`contact.nickname in [contact.city]`:                      Unknown,
		`contact.city in [contact.nickname, contact.city]`:        Unknown,
		`contact.city in contact.tags.map(t, contact.nickname)`:   Unknown,
		`contact.city in (contact.missing_int == 1 ? ["a"] : [])`: Unknown,
	} {
		require.Equal(t, want, answer(t, e, source, p), source)
	}
}
