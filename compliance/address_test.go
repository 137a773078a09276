package compliance_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// TestAddressChange is case O25 (R-GDPR-10).
func TestAddressChange(t *testing.T) {
	person := audience.Source{Kind: audience.SourcePerson}
	a, b := audience.MustAddress("a@example.com"), audience.MustAddress("b@example.com")
	begin := func(t *testing.T) (*world, audience.ContactID) {
		w := newWorld(t)
		id := w.put("jane", "a@example.com")
		d := w.grant(id)
		d.Mechanism = audience.MechanismDoubleOptIn
		w.record(d)
		topic := w.grant(id)
		topic.Scope = audience.Scope{List: "news"}
		w.record(topic)
		w.later(time.Second)
		return w, id
	}
	topicState := func(w *world, id audience.ContactID) string {
		s, err := w.StateAt(t.Context(), audience.ID(id), audience.Scope{List: "news"}, time.Time{})
		require.NoError(t, err)
		return s.Standing.Status.String()
	}
	t.Run("O25 the new address is requested, not granted", func(t *testing.T) {
		w, id := begin(t)
		before := w.now.Add(-time.Microsecond)
		require.NoError(t, w.ChangeAddress(t.Context(), audience.ID(id), b, person))
		require.Equal(t, "pending", w.state(id, time.Time{}))
		require.Equal(t, "pending", topicState(w, id))
		require.Equal(t, "subscribed", w.state(id, before), "what was, stays")
		c, err := w.Audience().Contact(t.Context(), audience.ID(id))
		require.NoError(t, err)
		require.Equal(t, []audience.Address{b}, c.Addresses)

		require.NoError(t, w.ChangeAddress(t.Context(), audience.ID(id), b, person), "again")
		p, err := w.Proof(t.Context(), audience.ID(id), audience.MarketingScope(), time.Time{})
		require.NoError(t, err)
		require.Len(t, p.Chains, 6)

		w.later(time.Second)
		d := w.grant(id)
		d.Mechanism = audience.MechanismDoubleOptIn
		rec := w.record(d)
		require.Equal(t, "subscribed", w.state(id, time.Time{}))
		require.Equal(t, []bool{true, true}, w.givenFor(rec, "b@example.com"))
	})
	t.Run("O25 what is held against the old address stays with it", func(t *testing.T) {
		w, id := begin(t)
		w.record(withdrawal(id))
		w.later(time.Second)
		require.NoError(t, w.ChangeAddress(t.Context(), audience.ID(id), b, person))
		require.Equal(t, []string{"withdrawn"}, w.held("a@example.com"))
		require.Equal(t, "unsubscribed", w.state(id, time.Time{}))
		w.later(time.Second)
		require.NoError(t, w.ChangeAddress(t.Context(), audience.ID(id), a, person))
		require.Equal(t, "unsubscribed", w.state(id, time.Time{}))
		require.Equal(t, []string{"withdrawn"}, w.held("a@example.com"))
	})
	t.Run("O25 coming back revives no grant", func(t *testing.T) {
		w, id := begin(t)
		require.NoError(t, w.ChangeAddress(t.Context(), audience.ID(id), b, person))
		w.later(time.Second)
		require.NoError(t, w.ChangeAddress(t.Context(), audience.ID(id), a, person))
		require.Equal(t, "pending", w.state(id, time.Time{}))
	})
	t.Run("O25 a refusal that consent had lifted stands with its address", func(t *testing.T) {
		w := newWorld(t)
		id := w.put("jane", "a@example.com")
		w.record(withdrawal(id))
		w.later(time.Second)
		w.record(w.grant(id))
		require.Empty(t, w.held("a@example.com"))
		w.later(time.Second)
		require.NoError(t, w.ChangeAddress(t.Context(), audience.ID(id), b, person))
		require.NotEqual(t, "subscribed", w.state(id, time.Time{}))
		w.later(time.Second)
		require.NoError(t, w.ChangeAddress(t.Context(), audience.ID(id), a, person))
		require.NotEqual(t, "subscribed", w.state(id, time.Time{}))
	})
	t.Run("a corrected typing error, attested in the same transaction", func(t *testing.T) {
		w, id := begin(t)
		w.update(func(tx *store.Tx) error {
			if err := w.ChangeAddressIn(t.Context(), tx, audience.ID(id), b, audience.Source{Actor: "op-1"}); err != nil {
				return err
			}
			d := w.grant(id)
			d.Mechanism, d.Notice, d.Evidence.Text = audience.MechanismAttested, "", "letter of 3 May: the domain was misspelt"
			_, err := w.RecordIn(t.Context(), tx, d)
			return err
		})
		require.Equal(t, "subscribed", w.state(id, time.Time{}))
	})
	t.Run("a write around the ledger is told by the evidence", func(t *testing.T) {
		w, id := begin(t)
		_, err := w.Audience().Put(t.Context(), audience.ContactWrite{Match: audience.ID(id), Email: b})
		require.NoError(t, err)
		s, err := w.StateAt(t.Context(), audience.ID(id), audience.MarketingScope(), time.Time{})
		require.NoError(t, err)
		require.Equal(t, []bool{false, true}, w.givenFor(s.Record, "b@example.com"))
		require.ErrorIs(t, w.ChangeAddress(t.Context(), audience.ID(99), b, person), audience.ErrNotFound)
		require.ErrorIs(t, w.ChangeAddress(t.Context(), audience.ID(id), audience.Address{}, person), audience.ErrInvalid)
	})
}
