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

// crowd is a ledger of n contacts.
func crowd(b *testing.B, n int) (*compliance.Ledger, []audience.ContactID) {
	b.Helper()
	aud, err := store.Open(b.Context(), memstore.New(), "main", store.Options{Keys: keysOf(b, "k1")})
	require.NoError(b, err)
	l, err := compliance.NewLedger(aud, compliance.LedgerOptions{})
	require.NoError(b, err)
	var ids []audience.ContactID
	for len(ids) < n {
		_, err := aud.Update(b.Context(), func(tx *store.Tx) error {
			writes := make([]audience.ContactWrite, min(5_000, n-len(ids)))
			for i := range writes {
				writes[i].Email = audience.MustAddress(fmt.Sprintf("u%d@example.com", len(ids)+i))
			}
			made, err := tx.Put(b.Context(), writes...)
			for _, m := range made {
				ids = append(ids, m.ID)
			}
			return err
		})
		require.NoError(b, err)
	}
	return l, ids
}

func grantOf(id audience.ContactID, notice string) compliance.Declaration {
	return compliance.Declaration{
		Contact: audience.ID(id), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismDoubleOptIn,
		Notice: notice, Evidence: compliance.Evidence{Form: "footer", IP: "192.0.2.1", Page: "/news"},
	}
}

// BenchmarkAppend appends grants with sealed evidence, 1 or 1,000 in a
// transaction; one operation is one record.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 1_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			l, ids := crowd(b, 10_000)
			n, err := l.PutNotice(b.Context(), notice("v1", "text"))
			require.NoError(b, err)
			next, done := 0, 0
			for b.Loop() {
				if done++; done%size != 0 {
					continue
				}
				ds := make([]compliance.Declaration, size)
				for i := range ds {
					ds[i] = grantOf(ids[next%len(ids)], n.ID)
					if next++; next >= 900*len(ids) {
						b.Skip("all ledgers are full")
					}
				}
				_, err := l.Record(b.Context(), ds...)
				require.NoError(b, err)
			}
			b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkVerify seals and verifies a ledger of 200,000 records.
func BenchmarkVerify(b *testing.B) {
	l, ids := crowd(b, 20_000)
	for range 10 {
		for part := ids; len(part) > 0; part = part[5_000:] {
			_, err := l.Audience().Update(b.Context(), func(tx *store.Tx) error {
				writes := make([]audience.ConsentWrite, 5_000)
				for i := range writes {
					writes[i] = audience.ConsentWrite{Contact: audience.ID(part[i]), Kind: audience.ConsentRequested, Scope: audience.MarketingScope()}
				}
				_, err := tx.Record(b.Context(), writes...)
				return err
			})
			require.NoError(b, err)
		}
	}
	var heads bytes.Buffer
	seal, err := l.Seal(b.Context(), &heads)
	require.NoError(b, err)
	b.Run("seal", func(b *testing.B) {
		for b.Loop() {
			_, err := l.Seal(b.Context(), nil)
			require.NoError(b, err)
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			report, err := l.Verify(b.Context(), compliance.VerifyOptions{Seal: &seal, Heads: bytes.NewReader(heads.Bytes())})
			require.NoError(b, err)
			require.True(b, report.OK())
			b.ReportMetric(float64(report.Records), "records/op")
		}
	})
}
