package store

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// TestNumbers holds the table against a map, while it grows, with the same keys
// in several systems.
func TestNumbers(t *testing.T) {
	for _, room := range []int{0, 1, 7, 1000} {
		t.Run(strconv.Itoa(room), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(room)))
			n, model := newNumbers(room), map[string]int{}
			for range 5_000 {
				key, system := strconv.Itoa(r.IntN(700)), strconv.Itoa(r.IntN(3))
				identity := audience.ExternalIdentity(audience.External(system, key))
				if r.IntN(4) == 0 {
					identity = audience.AddressIdentity(audience.MustAddress("name" + key + "@example.com"))
				}
				want, known := model[identity.Index()]
				if !known {
					want = len(model)
					model[identity.Index()] = want
				}
				require.Equal(t, want, n.of(identity))
				require.True(t, n.all[want].Equal(identity))
			}
			require.Len(t, n.all, len(model))
		})
	}
}

// TestNumbersOfOneKey has one key in so many systems that in small tables
// they are next to each other.
func TestNumbersOfOneKey(t *testing.T) {
	for range 200 {
		n := newNumbers(0)
		for i := range 40 {
			require.Equal(t, i, n.of(audience.ExternalIdentity(audience.External(strconv.Itoa(i), "same"))))
		}
	}
}
