package audience_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"github.com/audiencekit/audiencekit/audience"
)

func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{
		"", "jane@example.com", " Jane.Doe+x@EXAMPLE.com\t", "jane@straße.de", "İrem@ΣΊΣΥΦΟΣ.gr", "zoe\u0308@xn--strae-oqa.de",
		"a=\u0338@b.c", "\u212aim@example.com", "jane@a\u200cb.com", "jane@نامه\u200cای.com", "用户@例子。广告", "jane@[192.0.2.1]",
		`"jane doe"@example.com`, "jane@example.com\r\nBcc: x@y.example", "jane@xn--a.xn--b", "ẞ\u0307\u0323@ǅ.hr", "\xff@\xfe.com",
		strings.Repeat("a", 64) + "@" + strings.Repeat("b.", 90) + "com", "j@a\u00adb.com", "ᾎͅ@ﬁ.com",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := audience.ParseAddress(s)
		if err != nil {
			var field *audience.FieldError
			require.ErrorAs(t, err, &field)
			require.Equal(t, addressErrors()[field.Rule], err.Error(), "only fixed texts, so none of the input")
			require.True(t, a.IsZero())
			return
		}
		require.Equal(t, strings.Trim(s, " \t"), a.Reveal())
		requireCanonical(t, a)

		again, err := audience.ParseAddress(a.Reveal())
		require.NoError(t, err)
		require.Equal(t, a, again)
		again, err = audience.ParseAddress(a.Canonical())
		require.NoError(t, err)
		require.Equal(t, a.Canonical(), again.Canonical())
		require.Equal(t, a.Canonical(), again.Reveal())

		_, err = audience.ParseAddress(a.Masked())
		require.Error(t, err, "a mask must not be an address")
	})
}

// requireCanonical checks what the canonical form promises, with other means
// than the parser's.
func requireCanonical(t *testing.T, a audience.Address) {
	t.Helper()
	c := a.Canonical()
	require.True(t, utf8.ValidString(c))
	require.True(t, norm.NFC.IsNormalString(c))
	require.LessOrEqual(t, len(c), 254)
	require.Equal(t, 1, strings.Count(c, "@"))
	require.NotContains(t, c, "..")

	local, domain, _ := strings.Cut(c, "@")
	require.NotEmpty(t, local)
	require.LessOrEqual(t, len(local), 64)
	require.Equal(t, local, norm.NFC.String(strings.ToLower(local)))
	require.NotContains(t, local, "ς")
	require.Equal(t, domain, a.Domain())
	require.Regexp(t, `^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`, domain)
	require.NotRegexp(t, `\.[0-9]+$`, domain)

	for _, r := range a.Reveal() {
		isJoiner := r == '\u200c' || r == '\u200d'
		require.False(t, unicode.In(r, unicode.C, unicode.Z) && !isJoiner, "%U", r)
	}
}
