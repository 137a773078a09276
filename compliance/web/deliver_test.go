package web_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// grant records consent for marketing as a host does.
func (s *site) grant(id audience.ContactID, m audience.Mechanism) {
	n, err := s.ledger.PutNotice(s.t.Context(), compliance.Notice{Text: "Yes, send me news.", Language: "en", Purposes: []string{"marketing"}})
	require.NoError(s.t, err)
	_, err = s.ledger.Record(s.t.Context(), compliance.Declaration{
		Contact: audience.ID(id), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: m, Notice: n.ID,
		Evidence: compliance.Evidence{Form: "till", Text: "Yes, send me news."},
	})
	require.NoError(s.t, err)
}

func (s *site) put(w audience.ContactWrite) audience.ContactID {
	res, err := s.aud.Put(s.t.Context(), w)
	require.NoError(s.t, err)
	return res.ID
}

// TestAlreadySubscribedNeedsProof signs somebody up whose consent stands: only who confirmed from that very mailbox is not asked again.
func TestAlreadySubscribedNeedsProof(t *testing.T) {
	const old, address = "ann@old.example", "ann@example.com"
	granted := func(m audience.Mechanism) func(*site) {
		return func(s *site) {
			s.grant(s.put(audience.ContactWrite{Email: audience.MustAddress(address)}), m)
		}
	}
	for name, tt := range map[string]struct {
		before func(s *site)
		want   compliance.OutgoingKind
	}{
		"confirmed":        {func(s *site) { s.subscribe(address) }, compliance.OutgoingSubscribed},
		"confirmed before": {granted(audience.MechanismDoubleOptIn), compliance.OutgoingSubscribed},
		"unconfirmed":      {granted(audience.MechanismSingleOptIn), compliance.OutgoingConfirm},
		"on paper":         {granted(audience.MechanismPaper), compliance.OutgoingConfirm},
		"unconfirmed after confirmed": {func(s *site) {
			id := s.subscribe(address)
			s.pass(time.Minute)
			s.grant(id, audience.MechanismSingleOptIn)
		}, compliance.OutgoingConfirm},
		"from nobody knows which mailbox": {func(s *site) {
			id := s.put(audience.ContactWrite{Email: audience.MustAddress(address)})
			_, err := s.aud.Record(s.t.Context(), audience.ConsentWrite{
				Contact: audience.ID(id), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismDoubleOptIn, Evidence: []byte("x"),
			})
			require.NoError(s.t, err)
		}, compliance.OutgoingConfirm},
		"from her former mailbox": {func(s *site) {
			id := s.subscribe(old)
			s.put(audience.ContactWrite{Match: audience.ID(id), Email: audience.MustAddress(address)})
		}, compliance.OutgoingConfirm},
		"from another mailbox of hers": {func(s *site) {
			winner, loser := s.subscribe(old), s.put(audience.ContactWrite{Email: audience.MustAddress(address)})
			_, err := s.aud.Update(s.t.Context(), func(tx *store.Tx) error {
				return tx.Merge(s.t.Context(), audience.ID(winner), audience.ID(loser), audience.Source{})
			})
			require.NoError(s.t, err)
		}, compliance.OutgoingConfirm},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			tt.before(s)
			s.pass(48 * time.Hour)
			s.signup(address)
			mails := s.deliver()
			require.Len(t, mails, 1)
			require.Equal(t, tt.want, mails[0].Kind)
			require.Equal(t, address, mails[0].To.Reveal())
		})
	}
}
