package compliance_test

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// BenchmarkGate measures decisions, one at a time and in batch, over contacts
// half of whom consented.
func BenchmarkGate(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			g := benchGate(b, n)
			b.Run("one", func(b *testing.B) {
				b.ReportAllocs()
				id := audience.ContactID(0)
				for b.Loop() {
					id = id%audience.ContactID(n) + 1
					_, err := g.Check(b.Context(), compliance.Intent{Contact: audience.ID(id)})
					require.NoError(b, err)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
			})
			b.Run("all", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					allowed := 0
					for d, err := range g.CheckAll(b.Context(), everybody(n), compliance.Intent{}) {
						require.NoError(b, err)
						if d.Allow {
							allowed++
						}
					}
					require.Equal(b, n/2, allowed)
				}
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
			})
		})
	}
}

func everybody(n int) func(func(audience.ContactID) bool) {
	return func(yield func(audience.ContactID) bool) {
		for id := range n {
			if !yield(audience.ContactID(id + 1)) {
				return
			}
		}
	}
}

func benchGate(b *testing.B, n int) *compliance.Gate {
	b.Helper()
	keys, err := audience.NewKeys("1", map[string][]byte{"1": bytes.Repeat([]byte{1}, 32)})
	require.NoError(b, err)
	aud, err := store.Open(b.Context(), memstore.New(), "main", store.Options{Keys: keys})
	require.NoError(b, err)
	l, err := compliance.NewLedger(aud, compliance.LedgerOptions{})
	require.NoError(b, err)
	n1, err := l.PutNotice(b.Context(), compliance.Notice{Version: "1", Language: "en", Text: "May we write to you?", Purposes: []string{audience.PurposeMarketing}})
	require.NoError(b, err)
	const page = 10_000
	for from := 0; from < n; from += page {
		_, err = aud.Update(b.Context(), func(tx *store.Tx) error {
			var puts []audience.ContactWrite
			var grants []compliance.Declaration
			for i := from; i < min(from+page, n); i++ {
				key := audience.Key(strconv.Itoa(i))
				puts = append(puts, audience.ContactWrite{Match: key, Email: audience.MustAddress(fmt.Sprintf("p%d@example.com", i))})
				if i%2 == 0 {
					grants = append(grants, compliance.Declaration{
						Contact: key, Kind: audience.ConsentGranted, Scope: audience.MarketingScope(),
						Mechanism: audience.MechanismDoubleOptIn, Notice: n1.ID, Evidence: compliance.Evidence{Text: "yes"},
					})
				}
			}
			if _, err := tx.Put(b.Context(), puts...); err != nil {
				return err
			}
			_, err := l.RecordIn(b.Context(), tx, grants...)
			return err
		})
		require.NoError(b, err)
	}
	g, err := compliance.NewGate(l, compliance.Policy{})
	require.NoError(b, err)
	return g
}
