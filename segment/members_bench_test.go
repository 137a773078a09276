package segment

import (
	"math/rand/v2"
	"testing"

	"github.com/audiencekit/audiencekit/segment/internal/bitset"
)

// BenchmarkMembers combines two sets of 500,000 of a million contacts each.
func BenchmarkMembers(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 1))
	half := func() Members {
		var ids bitset.Builder
		for _, id := range random.Perm(1_000_000)[:500_000] {
			ids.Add(uint32(id + 1))
		}
		return Members{ids: ids.Build()}
	}
	x, y := half(), half()
	b.Run("And", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := x.And(y); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Overlap", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := x.Overlap(y); err != nil {
				b.Fatal(err)
			}
		}
	})
}
