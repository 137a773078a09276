package web_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// customers are purposes of which some may rest on a sale.
func customers() []compliance.Purpose {
	sale := map[compliance.Regime]compliance.Basis{compliance.RegimeGDPR: compliance.BasisSoftOptIn, compliance.RegimeUK: compliance.BasisSoftOptIn}
	return []compliance.Purpose{
		{ID: "marketing", Public: true, Title: map[string]string{"en": "News and offers"}, Basis: sale},
		{ID: "offers", Basis: sale},
		{ID: "sharing", Public: true}, // rests on consent alone
	}
}

// bought records the sale on which mail may rest.
func (s *site) bought(id audience.ContactID) {
	require.NoError(s.t, s.ledger.Relate(s.t.Context(), audience.ID(id), compliance.Relation{
		Kind: audience.MechanismPurchase, Entity: "shop", Category: "books", ObtainedBySale: true, OptOutOffered: true,
	}))
}

func (s *site) refuse(id audience.ContactID, scope audience.Scope) {
	_, err := s.ledger.Record(s.t.Context(), compliance.Declaration{Contact: audience.ID(id), Kind: audience.ConsentWithdrawn, Scope: scope})
	require.NoError(s.t, err)
}

// agree records consent for offers and their topic.
func (s *site) agree(id audience.ContactID) {
	n, err := s.ledger.PutNotice(s.t.Context(), compliance.Notice{Text: "Yes, send me offers.", Language: "en", Purposes: []string{"offers"}})
	require.NoError(s.t, err)
	for _, scope := range []audience.Scope{offers(), {Channel: "email", Purpose: "offers", List: "secret"}} {
		_, err = s.ledger.Record(s.t.Context(), compliance.Declaration{
			Contact: audience.ID(id), Kind: audience.ConsentGranted, Scope: scope, Mechanism: audience.MechanismSingleOptIn, Notice: n.ID,
			Evidence: compliance.Evidence{Form: "till"},
		})
		require.NoError(s.t, err)
	}
}

// wanted are the boxes of the preferences and what each is about.
func wanted() map[string]compliance.Intent {
	return map[string]compliance.Intent{
		"c.marketing": {Purpose: "marketing"}, "t.news": {Purpose: "marketing", List: "news"}, "t.promotions": {Purpose: "marketing", List: "promotions"},
		"c.offers": {Purpose: "offers"}, "t.secret": {Purpose: "offers", List: "secret"}, "c.sharing": {Purpose: "sharing"},
	}
}

// TestPreferencesSwitchOffWhatTheGateLetsOut holds the boxes against a gate: what it lets out is ticked, on whatever that
// rests, and once it is unticked the gate lets it out no more.
func TestPreferencesSwitchOffWhatTheGateLetsOut(t *testing.T) {
	company := compliance.Facts{Country: "GB", Business: true}
	for name, tt := range map[string]struct {
		facts  compliance.Facts
		before func(s *site, id audience.ContactID)
		ticked string
	}{
		"nobody":             {compliance.Facts{}, func(*site, audience.ContactID) {}, ""},
		"customer":           {compliance.Facts{}, (*site).bought, "c.marketing c.offers t.news t.promotions t.secret"},
		"subscriber":         {compliance.Facts{}, func(s *site, id audience.ContactID) { s.grant(id, audience.MechanismSingleOptIn) }, "c.marketing"},
		"company under PECR": {company, func(*site, audience.ContactID) {}, "c.marketing c.offers c.sharing t.news t.promotions t.secret"},
		"customer and subscriber": {compliance.Facts{}, func(s *site, id audience.ContactID) {
			s.bought(id)
			s.grant(id, audience.MechanismSingleOptIn)
		}, "c.marketing c.offers t.news t.promotions t.secret"},
		"customer who refused a topic": {compliance.Facts{}, func(s *site, id audience.ContactID) {
			s.bought(id)
			s.refuse(id, marketingOf("news"))
		}, "c.marketing c.offers t.promotions t.secret"},
		"customer who refused another purpose": {compliance.Facts{}, func(s *site, id audience.ContactID) {
			s.bought(id)
			s.refuse(id, offers())
		}, "c.marketing t.news t.promotions"},
		"customer who refused marketing": {compliance.Facts{}, func(s *site, id audience.ContactID) {
			s.bought(id)
			s.refuse(id, audience.MarketingScope())
		}, ""},
		"subscriber of offers who refused marketing": {compliance.Facts{}, func(s *site, id audience.ContactID) {
			s.agree(id)
			s.pass(time.Minute)
			s.refuse(id, audience.MarketingScope())
		}, ""},
		"subscriber of offers after refusing marketing": {compliance.Facts{}, func(s *site, id audience.ContactID) {
			s.refuse(id, audience.MarketingScope())
			s.pass(time.Minute)
			s.agree(id)
		}, "c.offers t.secret"},
		"customer who has not confirmed": {compliance.Facts{}, func(s *site, id audience.ContactID) {
			s.bought(id)
			_, err := s.ledger.Record(s.t.Context(), compliance.Declaration{Contact: audience.ID(id), Kind: audience.ConsentRequested, Scope: audience.MarketingScope()})
			require.NoError(s.t, err)
		}, "c.offers t.news t.promotions t.secret"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := siteOptions()
			opts.WithoutConsent = func(*audience.Contact, string) bool { return tt.facts.Business }
			if tt.facts.Country == "" {
				tt.facts.Country, opts.WithoutConsent = "FR", nil
			}
			s := newSiteOf(t, memstore.New(), opts, customers(), "k1", "k1")
			gate, err := compliance.NewGate(s.ledger, compliance.Policy{Facts: func(*audience.Contact, *audience.Schema) compliance.Facts { return tt.facts }})
			require.NoError(t, err)
			id := s.put(audience.ContactWrite{Email: audience.MustAddress("ann@example.com")})
			lets := func(in compliance.Intent) bool {
				in.Contact, in.Product = audience.ID(id), "books"
				d, err := gate.Check(t.Context(), in)
				require.NoError(t, err)
				return d.Allow
			}
			tt.before(s, id)
			s.pass(time.Second)
			link := s.preferencesURL(id)
			for box, in := range wanted() {
				require.Equal(t, lets(in), ticked(s.get(link), box), box)
				require.Equal(t, contains(tt.ticked, box), lets(in), box)
			}
			before := s.kinds(id)
			require.Contains(t, text(s.save(link)), "preferences are saved")
			require.Equal(t, before, s.kinds(id), "a box that is left as it is says nothing")
			for _, box := range []string{"t.news", "t.secret", "c.offers", "c.marketing", "c.sharing", "t.promotions"} {
				if !ticked(s.get(link), box) {
					continue
				}
				s.pass(time.Second)
				require.Contains(t, text(s.save(link, "-"+box, "")), "preferences are saved")
				require.False(t, lets(wanted()[box]), box)
				require.False(t, ticked(s.get(link), box), box)
			}
			for box, in := range wanted() {
				require.False(t, lets(in), box)
			}
		})
	}
}

// TestPreferencesObjectToWhatRestsOnInterest switches off messages that no
// unsubscribing ends, and holds the box against a gate.
func TestPreferencesObjectToWhatRestsOnInterest(t *testing.T) {
	for name, tt := range map[string]struct {
		public bool
		facts  compliance.Facts
	}{
		"not public": {facts: compliance.Facts{Country: "FR"}}, "public": {public: true, facts: compliance.Facts{Country: "FR"}},
		"a company under PECR": {facts: compliance.Facts{Country: "GB", Business: true}}, "another regime": {facts: compliance.Facts{Country: "US"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSiteOf(t, memstore.New(), siteOptions(), []compliance.Purpose{
				{ID: "offers", Class: compliance.ClassService, Public: tt.public, Basis: map[compliance.Regime]compliance.Basis{compliance.RegimeGDPR: compliance.BasisLegitimateInterest}},
				{ID: "sharing", Class: compliance.ClassService}, // to which nobody can object
			}, "k1", "k1")
			gate, err := compliance.NewGate(s.ledger, compliance.Policy{Facts: func(*audience.Contact, *audience.Schema) compliance.Facts { return tt.facts }})
			require.NoError(t, err)
			id := s.put(audience.ContactWrite{Email: audience.MustAddress("ann@example.com")})
			lets := func() bool {
				d, err := gate.Check(t.Context(), compliance.Intent{Contact: audience.ID(id), Purpose: "offers"})
				require.NoError(t, err)
				return d.Allow
			}
			link := s.preferencesURL(id)
			page := s.get(link)
			require.True(t, lets())
			require.True(t, ticked(page, "c.offers"))
			require.Contains(t, described(t, page, "c.offers"), "You may object")
			require.NotContains(t, page, "c.sharing")
			require.False(t, ticked(page, "t.secret"), "a topic alone ends nothing")
			requireWhole(t, page)

			require.Equal(t, 200, s.post(link, "do", "all").StatusCode)
			require.True(t, lets(), "it is no advertisement")
			require.True(t, ticked(s.get(link), "c.offers"), "so it can be switched off still")

			s.pass(time.Minute)
			require.Contains(t, text(s.save(link, "-c.offers", "")), "preferences are saved")
			require.Equal(t, []string{"withdrawn email/*/* preference-centre", "withdrawn email/offers/* objection"}, s.kinds(id))
			require.False(t, lets())
			page = s.get(link)
			require.False(t, ticked(page, "c.offers"))
			require.Equal(t, tt.public, strings.Contains(page, "c.offers"))
			if !tt.public {
				return
			}
			s.pass(time.Minute)
			s.save(link, "c.offers", "on")
			require.False(t, lets(), "back it goes by mail alone")
			mails := s.deliver()
			require.Len(t, mails, 1)
			require.Equal(t, 200, s.post(mails[0].Data["url"], "do", "confirm").StatusCode)
			require.True(t, lets())
			require.True(t, ticked(s.get(link), "c.offers"))
			s.pass(time.Minute)
			s.save(link, "-c.offers", "")
			require.False(t, lets())
		})
	}
}

// ticked reports whether a page has a box, and that ticked.
func ticked(page, name string) bool {
	_, rest, found := strings.Cut(page, `name="`+name+`" value="on"`)
	return found && strings.HasPrefix(rest, " checked")
}

func TestPreferencesSayThatNobodyAsked(t *testing.T) {
	s := newSiteOf(t, memstore.New(), siteOptions(), customers(), "k1", "k1")
	id := s.put(audience.ContactWrite{Email: audience.MustAddress("ann@example.com")})
	link := s.preferencesURL(id)
	require.NotContains(t, s.get(link), "You did not ask for this")
	require.NotContains(t, s.get(link), "c.offers", "it is not public")
	s.bought(id)
	s.pass(time.Second)
	page := s.get(link)
	for _, box := range []string{"c.marketing", "c.offers"} {
		require.Contains(t, described(t, page, box), "You did not ask for this")
	}
	require.Empty(t, attribute(input(t, page, "t.news"), "aria-describedby"), "it is said once")
	requireWhole(t, page)
	s.save(link, "-c.offers", "")
	require.NotContains(t, s.get(link), "c.offers")
	require.True(t, ticked(s.get(link), "c.marketing"))
	s.save(link, "-c.marketing", "")
	require.Equal(t, []string{"relation */*/* purchase", "withdrawn email/offers/* objection", "withdrawn email/marketing/* objection"}, s.kinds(id))
	s.pass(time.Second)
	s.save(link, "c.marketing", "on")
	require.Len(t, s.deliver(), 1, "back it goes by mail alone")
}

// TestPreferencesTopicAlone ticks topics whose purpose is not.
func TestPreferencesTopicAlone(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com", "t.news", "on")
	link := s.preferencesURL(id)
	s.save(link, "-c.marketing", "")
	require.False(t, s.mailable(id), "what is below the purpose need not be unticked")
	s.pass(time.Minute)
	res := s.save(link, "t.promotions", "on", "frequency", "monthly")
	require.Equal(t, 422, res.StatusCode)
	page := text(res)
	require.Contains(t, page, "All but the marked field is saved")
	require.Contains(t, described(t, page, "t.promotions"), "This belongs to: News and offers.")
	require.True(t, ticked(page, "t.promotions"), "as it was sent")
	require.Equal(t, "monthly", s.contact(id).Frequency)
	require.Empty(t, s.deliver())

	t.Run("what was unticked counts all the same", func(t *testing.T) {
		s := newSite(t)
		id := s.subscribe("ann@example.com", "t.news", "on")
		res := s.save(s.preferencesURL(id), "-c.marketing", "", "t.promotions", "on")
		require.Equal(t, 422, res.StatusCode)
		require.False(t, s.mailable(id))
		require.Empty(t, s.deliver())
	})
	t.Run("with its purpose both are asked for", func(t *testing.T) {
		s.save(link, "c.marketing", "on", "t.promotions", "on")
		s.confirmed()
		require.True(t, s.mailable(id))
		require.True(t, s.onList(id, "promotions"))
	})
}
