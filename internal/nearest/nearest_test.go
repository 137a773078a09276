package nearest

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// slowDistance is distance as it is defined, without any short cut.
func slowDistance(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	x, y := a[:len(a)-1], b[:len(b)-1]
	d := slowDistance(x, y)
	if a[len(a)-1] != b[len(b)-1] {
		d++
	}
	d = min(d, slowDistance(x, b)+1, slowDistance(a, y)+1)
	if len(x) > 0 && len(y) > 0 && a[len(a)-1] == y[len(y)-1] && b[len(b)-1] == x[len(x)-1] {
		d = min(d, slowDistance(x[:len(x)-1], y[:len(y)-1])+1)
	}
	return d
}

// TestDistance compares the distance of random words with its definition.
func TestDistance(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, random.IntN(7))
		for i := range b {
			b[i] = "abc"[random.IntN(3)]
		}
		return string(b)
	}
	exact := 0
	for range 3_000 {
		a, b := word(), word()
		want := slowDistance(a, b)
		for most := range 4 {
			got := distance(a, b, most)
			if want > most {
				require.Greater(t, got, most, "%q %q", a, b)
				continue
			}
			require.Equal(t, want, got, "%q %q within %d", a, b, most)
			exact++
		}
	}
	require.Greater(t, exact, 1_000)
	require.Equal(t, 0, distance("ABC", "abc", 1))
}

func TestNearest(t *testing.T) {
	candidates := []string{"city", "created_at", "email", "status", "subscribed", "email.opened", "email.sent"}
	for name, want := range map[string]string{
		"cyti": "city", "City": "city", "emial": "email", "staus": "status", "email.open": "email.opened", "subscibed": "subscribed",
		"x": "", "": "", "completely": "", "createdat": "created_at", "zzzzzz": "",
	} {
		require.Equal(t, want, Of(name, candidates), name)
	}
}
