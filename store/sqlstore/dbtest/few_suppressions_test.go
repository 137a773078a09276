package dbtest

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// TestFewSuppressions holds that many hashes asked for at once get what they
// get when they are asked for a few at a time, where there are fewer
// suppressions than it takes to look for each, just as few and more; in the
// transaction that has written them and after it.
func TestFewSuppressions(t *testing.T) {
	const asked = 400
	hash := func(i int) audience.AddressHash {
		h := audience.AddressHash{Key: []string{"k1", "k2"}[i%2]}
		binary.BigEndian.PutUint64(h.Sum[:], uint64(i))
		return h
	}
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	Run(t, func(t *testing.T, d Database) {
		for name, held := range map[string]int{"none": 0, "one": 1, "one fewer": asked/8 - 1, "as many": asked / 8, "all": asked} {
			t.Run(name, func(t *testing.T) {
				partition, err := d.Fresh(t).Store(t, d.Engine).Partition(t.Context(), "main")
				require.NoError(t, err)
				var all []audience.Suppression
				for i := range held {
					all = append(all, audience.Suppression{Hash: hash(i * 3), Reason: audience.SuppressedComplained, At: at})
				}
				if held > 0 { // one address for two reasons
					all = append(all, audience.Suppression{Hash: hash(0), Reason: audience.SuppressedErased, At: at})
				}
				hashes := []audience.AddressHash{hash(3), hash(0)} // again, and before their turn
				for i := range asked {
					hashes = append(hashes, hash(i))
				}
				check := func(roles store.ReadRoles) {
					for range 2 { // what is remembered of them changes nothing
						var want []audience.Suppression
						for part := range slices.Chunk(hashes[2:], 40) {
							some, err := roles.Suppressions(t.Context(), part)
							require.NoError(t, err)
							want = append(want, some...)
						}
						got, err := roles.Suppressions(t.Context(), hashes)
						require.NoError(t, err)
						require.ElementsMatch(t, want, got)
						expected := 0
						for _, s := range all {
							if binary.BigEndian.Uint64(s.Hash.Sum[:]) < asked {
								expected++
							}
						}
						require.Len(t, got, expected)
					}
				}
				_, err = partition.Update(t.Context(), func(roles store.WriteRoles) error {
					none, err := roles.Suppressions(t.Context(), hashes)
					require.NoError(t, err)
					require.Empty(t, none)
					require.NoError(t, roles.PutSuppressions(t.Context(), all))
					check(roles)
					return nil
				})
				require.NoError(t, err)
				_, err = partition.Update(t.Context(), func(roles store.WriteRoles) error {
					check(roles)
					return nil
				})
				require.NoError(t, err)
				require.NoError(t, partition.View(t.Context(), func(roles store.ReadRoles) error {
					check(roles)
					return nil
				}))
			})
		}
	})
}
