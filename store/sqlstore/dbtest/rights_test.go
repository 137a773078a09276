package dbtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// TestRightsOfTheDeleted: who was deleted is found by the address that her
// evidence names, told what is held, and erased.
func TestRightsOfTheDeleted(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		h := newHost(t, d.Fresh(t).Store(t, d.Engine))
		id := h.put(audience.ContactWrite{Match: audience.Key("zoe"), Email: audience.MustAddress("zoe@example.com")})
		rec := agreed(h, id)
		h.update(func(tx *store.Tx) error { return tx.Delete(t.Context(), audience.Source{}, audience.ID(id)) })
		ask := func(kind compliance.RequestKind) string {
			q, err := h.rights.Open(t.Context(), kind, compliance.RegimeGDPR, audience.Email("zoe@example.com"), time.Time{})
			require.NoError(t, err)
			_, err = h.rights.Attest(t.Context(), q.ID, audience.Source{Actor: "op7"})
			require.NoError(t, err)
			return q.ID
		}
		var answer bytes.Buffer
		require.NoError(t, h.rights.Access(t.Context(), ask(compliance.RequestAccess), &answer))
		require.Contains(t, answer.String(), "I agree to get news")
		report, err := h.rights.Erase(t.Context(), ask(compliance.RequestErasure))
		require.NoError(t, err)
		require.True(t, report.Complete)
		_, err = h.ledger.Evidence(t.Context(), rec)
		require.ErrorIs(t, err, compliance.ErrEvidenceGone)
	})
}

// agreed records a grant with evidence.
func agreed(h *host, id audience.ContactID) audience.ConsentRecord {
	h.t.Helper()
	out, err := h.ledger.Record(h.t.Context(), compliance.Declaration{
		Contact: audience.ID(id), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismPaper,
		Evidence: compliance.Evidence{AttestedBy: "op7", Text: "I agree to get news"},
	})
	require.NoError(h.t, err)
	return out[0]
}

// TestRetentionOfParts: evidence of consent that ended, and old events, go from
// the database.
func TestRetentionOfParts(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		h := newHost(t, d.Fresh(t).Store(t, d.Engine))
		id := h.put(audience.ContactWrite{Match: audience.Key("zoe"), Email: audience.MustAddress("zoe@example.com")})
		rec := agreed(h, id)
		h.pass(time.Hour)
		h.record(compliance.Declaration{Contact: audience.ID(id), Kind: audience.ConsentWithdrawn})
		h.update(func(tx *store.Tx) error {
			_, err := tx.Append(t.Context(), audience.EventWrite{Contact: audience.ID(id), ID: "m1", Type: "email.opened", Time: tx.At()})
			return err
		})
		h.pass(48 * time.Hour)
		day, err := audience.ParsePeriod("1d")
		require.NoError(t, err)
		cycle, err := compliance.NewLifeCycle(h.gate, nil)
		require.NoError(t, err)
		for name, part := range map[string]compliance.Part{"opens": {Events: "email.opened"}, "evidence": {Evidence: true}} {
			part.OlderThan = day
			rule := compliance.LifeCycleRule{Name: name, Do: compliance.ActionTrim, Why: "kept for a day", Part: part}
			for want := 1; want >= 0; want-- {
				got, err := cycle.Run(t.Context(), rule, nil)
				require.NoError(t, err)
				require.Equal(t, want, got.Parts, name)
			}
		}
		_, err = h.ledger.Evidence(t.Context(), rec)
		require.ErrorIs(t, err, compliance.ErrEvidenceGone)
		report, err := h.ledger.Verify(t.Context(), compliance.VerifyOptions{})
		require.NoError(t, err)
		require.True(t, report.OK())
	})
}

// TestRequestsHoldAgainstRules: a rule that deletes and somebody who asks for
// something at the same moment wait for each other: whose request was taken in
// is still there.
func TestRequestsHoldAgainstRules(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		h := newHost(t, d.Fresh(t).Store(t, d.Engine))
		cycle, err := compliance.NewLifeCycle(h.gate, nil)
		require.NoError(t, err)
		for i := range 20 {
			id := h.put(audience.ContactWrite{Match: audience.Key(fmt.Sprint("c", i)), Email: audience.MustAddress(fmt.Sprintf("c%d@example.com", i))})
			rule := compliance.LifeCycleRule{
				Name: "gone", Do: compliance.ActionDelete, Why: "inactive",
				Who: func(context.Context) iter.Seq2[audience.ContactID, error] {
					return func(yield func(audience.ContactID, error) bool) { yield(id, nil) }
				},
			}
			var asked, ran error
			var both sync.WaitGroup
			both.Go(func() {
				// What can be asked only by who is there.
				_, asked = h.rights.Open(t.Context(), compliance.RequestRectification, compliance.RegimeGDPR, audience.ID(id), time.Time{})
			})
			both.Go(func() { _, ran = cycle.Run(t.Context(), rule, nil) })
			both.Wait()
			require.NoError(t, ran)
			_, err := h.aud.Contact(t.Context(), audience.ID(id))
			if asked == nil {
				require.NoError(t, err, "her request was taken in, and she was deleted")
				continue
			}
			require.True(t, errors.Is(asked, audience.ErrNotFound) || errors.Is(asked, audience.ErrRetryable), "%v", asked)
			require.ErrorIs(t, err, audience.ErrNotFound)
		}
	})
}
