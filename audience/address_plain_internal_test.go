package audience

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/idna"
)

// TestPlainAddresses: the addresses at which one look is enough are those of
// which all rules together say the same.
func TestPlainAddresses(t *testing.T) {
	const alphabet = "abXY09z_+-..-@@"
	random := rand.New(rand.NewPCG(3, 4))
	plain := 0
	for range 1_000_000 {
		text := make([]byte, 1+random.IntN(12))
		for i := range text {
			text[i] = alphabet[random.IntN(len(alphabet))]
		}
		s := string(text)
		if !isPlainAddress(s) {
			continue
		}
		plain++
		at := strings.IndexByte(s, '@')
		_, local, err := canonicalLocal(s[:at])
		require.NoError(t, err, s)
		domain, err := canonicalDomain(s[at+1:])
		require.NoError(t, err, s)
		require.Equal(t, strings.ToLower(s), local+"@"+domain)
	}
	require.Greater(t, plain, 2_000)
	for _, other := range []string{"", "@", "a@", "@b.c", "a@b", "a.@b.c", ".a@b.c", "a@.b.c", "a@b.c.", "a@b.1", "a@b-.c", "a@-b.c", "a@b@c.d", "a b@c.d", "a@xn--b.c", "ü@b.c"} {
		require.False(t, isPlainAddress(other), other)
	}
	require.False(t, isPlainAddress(strings.Repeat("a", 60)+"@b.c"), "limits are for the rules")
}

// TestPlainDomains: the domains that are not mapped are those of which mapping
// would change nothing.
func TestPlainDomains(t *testing.T) {
	const alphabet = "aaxxnn019z--..-."
	random := rand.New(rand.NewPCG(1, 2))
	plain := 0
	for range 200_000 {
		domain := make([]byte, 1+random.IntN(14))
		for i := range domain {
			domain[i] = alphabet[random.IntN(len(alphabet))]
		}
		if !isPlainDomain(string(domain)) {
			continue
		}
		plain++
		mapped, err := idna.Lookup.ToASCII(string(domain))
		require.NoError(t, err, "%s", domain)
		require.Equal(t, string(domain), mapped)
	}
	require.Greater(t, plain, 10_000)
	for _, other := range []string{"", ".", "a..b", "-a.b", "a-.b", "a.b-", "a.b.", "xn--a.de", "a_b.de", "A.de", "straße.de", "a--b.de"} {
		require.False(t, isPlainDomain(other), other)
	}
}
