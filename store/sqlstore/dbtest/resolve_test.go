package dbtest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// TestResolveMany holds that each of very many identities gets who holds it: of
// several kinds, held and free, in no order, and often several times.
func TestResolveMany(t *testing.T) {
	const people = 2_500
	Run(t, func(t *testing.T, d Database) {
		partition, err := d.Fresh(t).Store(t, d.Engine).Partition(t.Context(), "main")
		require.NoError(t, err)
		// Keys of which one begins another, and that are no ASCII.
		identity := func(system string, i int) audience.Identity {
			return audience.ExternalIdentity(audience.External(system, fmt.Sprintf("%dü%s", i/2, []string{"", "x"}[i%2])))
		}
		var claims []store.Claim
		want := map[string]audience.ContactID{}
		var asked []audience.Identity
		for i := range people {
			for k, system := range []string{"a", "b", "b2"} {
				id := identity(system, i)
				asked = append(asked, id)
				if (i+k)%3 > 0 {
					claims = append(claims, store.Claim{Identity: id, Contact: audience.ContactID(1 + i)})
					want[id.Index()] = audience.ContactID(1 + i)
				}
			}
		}
		_, err = partition.Update(t.Context(), func(roles store.WriteRoles) error { return roles.ClaimIdentities(t.Context(), claims) })
		require.NoError(t, err)
		asked = append(asked, asked...)
		asked = append(asked, asked[:people]...)
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(asked), func(i, k int) { asked[i], asked[k] = asked[k], asked[i] })
		require.NoError(t, partition.View(t.Context(), func(roles store.ReadRoles) error {
			got, err := roles.Resolve(t.Context(), asked)
			require.NoError(t, err)
			for i, id := range asked {
				require.Equal(t, want[id.Index()], got[i], "%d", i)
			}
			return nil
		}))
	})
}
