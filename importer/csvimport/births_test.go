package csvimport_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// TestCreatedAtOfClash: what a row says that clashes is nobody's.
func TestCreatedAtOfClash(t *testing.T) {
	aud := open(t, audience.Schema{})
	report := importContacts(t, aud, importer.Options{}, "external_id,email,created_at",
		"u1,a@example.com,2020-01-01", "u2,b@example.com,2021-01-01",
		"u1,b@example.com,2022-01-01", "u3,a@example.com,2023-01-01")
	require.Equal(t, 2, report.Rejected)
	require.Equal(t, 2020, contact(t, aud, audience.Key("u1")).CreatedAt.Year())
	require.Equal(t, 2021, contact(t, aud, audience.Key("u2")).CreatedAt.Year())
}

// TestContactsInAnyBatches: how rows are put into batches must not show, not
// even where rows clash with rows that are refused.
func TestContactsInAnyBatches(t *testing.T) {
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": bytes.Repeat([]byte{7}, 32)})
	require.NoError(t, err)
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 7))
		rows := []string{"external_id,email,created_at"}
		for range 40 {
			key, mail, born := "", "", ""
			if r.IntN(4) > 0 {
				key = fmt.Sprint("u", r.IntN(6))
			}
			if r.IntN(4) > 0 || key == "" {
				mail = fmt.Sprintf("a%d@example.com", r.IntN(14))
			}
			if r.IntN(2) > 0 {
				born = fmt.Sprint(2000+r.IntN(20), "-01-01")
			}
			rows = append(rows, key+","+mail+","+born)
		}
		var want string
		for _, size := range []int{1, 2, 5, 1000} {
			aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{
				Keys: keys, Limits: audience.Limits{Identities: 3}, Clock: func() time.Time { return now },
			})
			require.NoError(t, err)
			report, err := runContacts(t.Context(), aud, lines(rows...), importer.Options{Limits: importer.Limits{BatchRows: size}})
			require.NoError(t, err)
			requireSum(t, report)
			var got strings.Builder
			for _, e := range report.Errors {
				fmt.Fprint(&got, e.Line, " ")
			}
			require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
				for c, err := range r.AllContacts(t.Context(), store.ContactQuery{}) {
					require.NoError(t, err)
					fmt.Fprintf(&got, "\n%s %d", c.Key(), c.CreatedAt.Year())
					for _, a := range c.Addresses {
						fmt.Fprint(&got, " ", a.Canonical())
					}
				}
				return nil
			}))
			if want == "" {
				want = got.String()
			}
			require.Equal(t, want, got.String(), "seed %d, batches of %d", seed, size)
		}
	}
}
