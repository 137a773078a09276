package web_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
)

// reject signs an address up and says that it was somebody else.
func (s *site) reject(address string) (confirm, rejected string) {
	s.signup(address)
	mails := s.deliver()
	require.Len(s.t, mails, 1)
	confirm = s.get(mails[0].Data["url"])
	return confirm, text(s.post(mails[0].Data["url"], "do", "reject"))
}

// TestNotMe holds what the page promises against what happens.
func TestNotMe(t *testing.T) {
	t.Run("no form mails her for a year, as the page says", func(t *testing.T) {
		s := newSite(t)
		confirm, rejected := s.reject("ann@example.com")
		for _, page := range []string{confirm, rejected} {
			require.Contains(t, page, "for a year none of our signup forms sends an email to your address")
		}
		s.pass(364 * 24 * time.Hour)
		s.signupOn("footer", "ann@example.com")
		s.signupOn("two", "ann@example.com", "c.offers", "on")
		require.Empty(t, s.deliver())
		s.pass(48 * time.Hour)
		s.signupOn("two", "ann@example.com", "c.offers", "on")
		require.Len(t, s.deliver(), 1)
	})
	t.Run("her own preferences do, as they say", func(t *testing.T) {
		s := newSite(t)
		s.reject("ann@example.com")
		id := s.put(audience.ContactWrite{Email: audience.MustAddress("ann@example.com")})
		require.Contains(t, text(s.save(s.preferencesURL(id), "c.marketing", "on")), "we have sent you an email")
		mails := s.deliver()
		require.Len(t, mails, 1)
		s.post(mails[0].Data["url"], "do", "confirm")
		require.True(t, s.mailable(id))
	})
	t.Run("somebody else has the link to her preferences", func(t *testing.T) {
		s := newSite(t)
		id := s.subscribe("ann@example.com")
		forwarded := s.preferencesURL(id)
		s.save(forwarded, "t.news", "on")
		mail := s.deliver()[0].Data["url"]
		require.Contains(t, s.get(mail), "the link with which somebody opened your preferences stops working")
		for range 2 {
			require.Contains(t, text(s.post(mail, "do", "reject")), "Nothing was changed")
		}
		require.Contains(t, s.get(forwarded), "This link does not work")
		require.Equal(t, 404, s.post(forwarded, "do", "save").StatusCode)
		require.False(t, s.onList(id, "news"))
		require.True(t, s.mailable(id))
		require.Contains(t, s.get(s.preferencesURL(id)), "Your preferences")
		s.signup("ann@example.com", "t.promotions", "on")
		require.Len(t, s.deliver(), 1, "no form did this")
	})
	t.Run("an erasure does not let mails start again", func(t *testing.T) {
		s := newSite(t)
		s.reject("ann@example.com")
		id := s.put(audience.ContactWrite{Email: audience.MustAddress("ann@example.com")})
		rights, err := compliance.NewRights(s.ledger, compliance.RightsOptions{Holders: []compliance.Holder{s.pages.Holder()}})
		require.NoError(t, err)
		q, err := rights.Open(t.Context(), compliance.RequestErasure, compliance.RegimeGDPR, audience.ID(id), time.Time{})
		require.NoError(t, err)
		_, err = rights.Attest(t.Context(), q.ID, audience.Source{Actor: "op7"})
		require.NoError(t, err)
		report, err := rights.Erase(t.Context(), q.ID)
		require.NoError(t, err)
		require.True(t, report.Complete)
		require.Equal(t, "pages", report.Holders[0].Holder)
		require.Zero(t, report.Holders[0].Removed)
		require.Equal(t, []compliance.Retention{{
			What: "that signups were rejected, as a keyed hash of the address", Basis: "GDPR Art. 21(3): no further confirmation mails",
			Until: s.clock().Add(365 * 24 * time.Hour),
		}}, report.Holders[0].Kept)
		_, err = s.aud.Update(t.Context(), func(tx *store.Tx) error {
			return s.pages.Forget(t.Context(), tx, audience.MustAddress("ann@example.com"))
		})
		require.NoError(t, err)
		s.pass(48 * time.Hour)
		s.signup("ann@example.com")
		require.Empty(t, s.deliver())
	})
}
