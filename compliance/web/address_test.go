package web_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store/memstore"
)

const (
	formerAddress = "ann@former.example"
	newAddress    = "ann@new.example"
)

// move gives somebody another primary address, in one of the ways in which a host may.
func move(t *testing.T, s *site, id audience.ContactID, how string) {
	t.Helper()
	s.pass(time.Minute)
	if how == "ChangeAddress" {
		require.NoError(t, s.ledger.ChangeAddress(t.Context(), audience.ID(id), audience.MustAddress(newAddress), audience.Source{}))
		return
	}
	w := audience.ContactWrite{Match: audience.ID(id), Email: audience.MustAddress(newAddress)}
	if how == "detached" {
		w.Detach = []audience.Identity{audience.AddressIdentity(audience.MustAddress(formerAddress))}
	}
	s.put(w)
}

// TestPreferencesOfAFormerAddress uses links that were mailed to an address which is no longer hers.
func TestPreferencesOfAFormerAddress(t *testing.T) {
	for _, how := range []string{"ChangeAddress", "detached", "kept as a further one"} {
		t.Run(how, func(t *testing.T) {
			s := newSite(t)
			id := s.subscribe(formerAddress, "t.news", "on")
			link, unsubscribe := s.preferencesURL(id), s.unsubscribeURL(id, audience.MarketingScope())
			page := s.get(link)
			s.save(link, "t.promotions", "on")
			confirm := s.deliver()[0].Data["url"]
			move(t, s, id, how)
			before := s.kinds(id)
			require.Equal(t, http.StatusNotFound, s.post(confirm, "do", "confirm").StatusCode, "nor what they asked to confirm")

			for _, pairs := range [][]string{
				{"do", "save", "version", hidden(t, page, "version"), "frequency", "weekly", "pause", "7", "sale_out", "on"}, {"do", "all"}, {},
			} {
				res := s.post(link, pairs...)
				require.Equal(t, http.StatusNotFound, res.StatusCode)
				require.Contains(t, text(res), "This link does not work")
			}
			require.NotContains(t, s.get(link), "Your preferences")
			require.Equal(t, before, s.kinds(id))
			require.Empty(t, s.contact(id).Frequency)
			require.Contains(t, s.get(s.preferencesURL(id)), "Your preferences", "a new one works")

			s.post("/mail/u", "email", formerAddress)
			s.post("/mail/u", "email", newAddress)
			for _, m := range s.deliver() {
				require.NotEmpty(t, m.Data["url"])
				require.Equal(t, m.To.Reveal() == newAddress, m.Data["preferences"] != "", "the other one gets what reduces alone")
			}

			require.Equal(t, 200, s.post(unsubscribe).StatusCode, "what only reduces goes on")
			require.False(t, s.mailable(id))
			require.NotEqual(t, before, s.kinds(id))
		})
	}
	t.Run("the same address in another spelling", func(t *testing.T) {
		s := newSite(t)
		id := s.subscribe(formerAddress)
		link := s.preferencesURL(id)
		s.put(audience.ContactWrite{Match: audience.ID(id), Email: audience.MustAddress("Ann@FORMER.example")})
		require.Contains(t, s.get(link), "Your preferences")
	})
	t.Run("another key", func(t *testing.T) {
		adapter := memstore.New()
		s := newSiteOn(t, adapter, siteOptions(), "k1", "k1")
		id := s.subscribe(formerAddress)
		link := s.preferencesURL(id)
		s = newSiteOn(t, adapter, siteOptions(), "k2", "k1", "k2")
		require.Contains(t, s.get(link), "Your preferences")
		move(t, s, id, "ChangeAddress")
		require.Contains(t, s.get(link), "This link does not work")
	})
	t.Run("of no address", func(t *testing.T) {
		s := newSite(t)
		id := s.subscribe(formerAddress)
		for _, scope := range []audience.Scope{{}, {List: "news"}} {
			token, err := s.tokens.Mint(compliance.Claims{Use: compliance.TokenPreferences, Contact: id, Scope: scope, Expires: s.clock().Add(time.Hour)})
			require.NoError(t, err)
			require.Contains(t, s.get("/mail/p/"+token), "This link does not work")
		}
		_, err := s.pages.PreferencesURL(t.Context(), id+1)
		require.ErrorIs(t, err, audience.ErrNotFound)
	})
}

// TestSignupFromAFurtherAddress confirms from a mailbox that is not the one to which mail would go.
func TestSignupFromAFurtherAddress(t *testing.T) {
	for _, known := range []bool{false, true} {
		s := newSite(t)
		id := s.put(audience.ContactWrite{Email: audience.MustAddress(formerAddress)})
		if known {
			s.grant(id, audience.MechanismSingleOptIn)
		}
		move(t, s, id, "kept as a further one")
		before := s.kinds(id)
		s.signup(formerAddress)
		link := s.deliver()[0].Data["url"]
		require.Contains(t, text(s.post(link, "do", "confirm")), "This is not possible here")
		require.Equal(t, before, s.kinds(id))
		s.signup(newAddress)
		s.post(s.deliver()[0].Data["url"], "do", "confirm")
		require.True(t, s.mailable(id))
	}
}

// TestUndoIsNotForOlderLinks unsubscribes again by a link from before the consent: nobody at the former address takes back
// what she did at the new one.
func TestUndoIsNotForOlderLinks(t *testing.T) {
	s := newSite(t)
	id := s.subscribe(formerAddress)
	former := s.unsubscribeURL(id, audience.MarketingScope())
	move(t, s, id, "ChangeAddress")
	s.pass(time.Minute)
	s.signup(newAddress)
	s.post(s.deliver()[0].Data["url"], "do", "confirm")
	require.True(t, s.mailable(id))
	s.pass(time.Minute)
	link := s.unsubscribeURL(id, audience.MarketingScope())
	require.Contains(t, text(s.post(link)), "/mail/z/")
	require.NotContains(t, text(s.post(former)), "/mail/z/")
	require.Contains(t, text(s.post(link)), "/mail/z/")
	require.False(t, s.mailable(id))
}
