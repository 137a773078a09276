package importer

import (
	"bytes"
	"context"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// TestRefusedAtTheLastMoment: a record that the store refuses although it was
// weighed, as when somebody else was faster, costs its row and nothing else, and
// nothing is told twice.
func TestRefusedAtTheLastMoment(t *testing.T) {
	rows := func(yield func(*Contact, error) bool) {
		for i, key := range []string{"u1", "u2", "u3", "u4"} {
			c := &Contact{Line: i + 2, Status: audience.StatusSubscribed, Write: audience.ContactWrite{
				External: []audience.ExternalID{audience.External(audience.HostSystem, key)}, FirstName: audience.NewPrivate("Ann"),
			}}
			if !yield(c, nil) {
				return
			}
		}
	}
	for _, preview := range []bool{false, true} {
		keys, err := audience.NewKeys("k1", map[string][]byte{"k1": bytes.Repeat([]byte{7}, 32)})
		require.NoError(t, err)
		aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{
			Keys: keys, Limits: audience.Limits{LedgerRecords: 1}, Clock: func() time.Time { return time.Unix(1_700_000_000, 0) },
		})
		require.NoError(t, err)
		for _, key := range []string{"u2", "u4"} {
			_, err := aud.Put(t.Context(), audience.ContactWrite{Match: audience.Key(key)})
			require.NoError(t, err)
			_, err = aud.Record(t.Context(), audience.ConsentWrite{Contact: audience.Key(key), Kind: audience.ConsentRequested, Scope: audience.MarketingScope()})
			require.NoError(t, err)
		}
		var lines []int
		r := newRunner(aud, &Plan{Attestation: Attestation{Text: "They signed up."}}, &Options{
			Limits: Limits{BatchRows: 3}, OnRow: func(r RowResult) { lines = append(lines, r.Line) },
		})
		r.limits.LedgerRecords = 1_000 // what the store does not think
		r.feed.rows = func(context.Context) iter.Seq2[*Contact, error] { return rows }
		if preview {
			err = r.runTried(t.Context())
		} else {
			err = r.runPlain(t.Context())
		}
		require.NoError(t, err)
		require.NoError(t, r.report.Check())
		require.Equal(t, []int{2, 2, 2}, []int{r.report.Created, r.report.Rejected, r.report.Recorded})
		require.ErrorIs(t, r.report.Errors[0], audience.ErrLimit)
		require.Equal(t, []int{2, 3, 4, 5}, lines)
		c, err := aud.Contact(t.Context(), audience.Key("u2"))
		require.NoError(t, err)
		require.True(t, c.FirstName.IsZero(), "nothing of a rejected row goes in")
	}
}
