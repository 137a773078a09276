package audience

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/idna"
)

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
