package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/compliance/web"
	"github.com/audiencekit/audiencekit/store"
)

// save sends the page as it is shown, with some inputs set ("name", "value")
// and boxes unticked ("-name", "").
func (s *site) save(link string, change ...string) *answer {
	page := s.get(link)
	inputs := map[string]string{"do": "save", "version": hidden(s.t, page, "version"), "frequency": "", "pause": "0"}
	for line := range strings.SplitSeq(page, "\n") {
		if strings.Contains(line, `type="checkbox"`) && strings.Contains(line, " checked") {
			_, rest, _ := strings.Cut(line, `name="`)
			name, _, _ := strings.Cut(rest, `"`)
			inputs[name] = "on"
		}
		if strings.Contains(line, "<option") && strings.Contains(line, " selected") {
			_, rest, _ := strings.Cut(line, `value="`)
			value, _, _ := strings.Cut(rest, `"`)
			switch value {
			case "weekly", "monthly", "hourly":
				inputs["frequency"] = value
			case "keep", "7", "30", "90":
				inputs["pause"] = value
			}
		}
	}
	for i := 0; i+1 < len(change); i += 2 {
		if name, off := strings.CutPrefix(change[i], "-"); off {
			delete(inputs, name)
		} else {
			inputs[name] = change[i+1]
		}
	}
	var pairs []string
	for name, value := range inputs {
		pairs = append(pairs, name, value)
	}
	return s.post(link, pairs...)
}

func (s *site) contact(id audience.ContactID) audience.Contact {
	c, err := s.aud.Contact(s.t.Context(), audience.ID(id))
	require.NoError(s.t, err)
	return c
}

func (s *site) pausedUntil(id audience.ContactID) time.Time {
	c, schema := s.contact(id), s.aud.Schema()
	at, _ := c.Field(&schema, "paused_until").Timestamp()
	return at
}

func TestPreferencesLower(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com", "t.news", "on", "t.promotions", "on")
	link := s.preferencesURL(id)
	page := s.get(link)
	require.Contains(t, page, "a***@***.com")
	require.NotContains(t, page, "ann@example.com")
	require.NotContains(t, page, "secret", "topics of purposes that are not public are not shown")

	require.Contains(t, text(s.save(link, "-t.news", "")), "preferences are saved")
	require.False(t, s.onList(id, "news"))
	require.True(t, s.onList(id, "promotions"))
	require.True(t, s.mailable(id))
	require.Equal(t, "withdrawn email/marketing/news preference-centre", s.kinds(id)[3])

	require.Contains(t, text(s.save(link, "-c.marketing", "")), "preferences are saved")
	require.False(t, s.mailable(id))
	require.False(t, s.onList(id, "promotions"))
	require.Empty(t, s.deliver(), "what is less needs no confirmation")
}

func TestPreferencesRaiseByMailOnly(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com")
	link := s.preferencesURL(id)
	require.Contains(t, text(s.save(link, "t.news", "on")), "please confirm it there")
	require.False(t, s.onList(id, "news"), "nothing is raised by the page")
	mails := s.deliver()
	require.Len(t, mails, 1)
	require.Equal(t, compliance.OutgoingConfirm, mails[0].Kind)
	require.Equal(t, "ann@example.com", mails[0].To.Reveal())
	require.Contains(t, s.get(mails[0].Data["url"]), "Weekly news")
	s.post(mails[0].Data["url"], "do", "confirm")
	require.True(t, s.onList(id, "news"))

	t.Run("after unsubscribing from everything", func(t *testing.T) {
		s.pass(48 * time.Hour)
		require.Contains(t, text(s.post(link, "do", "all")), "You are unsubscribed")
		require.False(t, s.mailable(id))
		s.pass(time.Minute)
		s.save(link, "c.marketing", "on", "t.news", "on")
		require.False(t, s.mailable(id))
		mails := s.deliver()
		require.Len(t, mails, 1)
		s.post(mails[0].Data["url"], "do", "confirm")
		require.True(t, s.mailable(id))
		require.True(t, s.onList(id, "news"))
	})
	t.Run("too often", func(t *testing.T) {
		s.pass(48 * time.Hour)
		s.save(link, "-c.marketing", "", "-t.news", "")
		for range 3 {
			require.Equal(t, 200, s.save(link, "c.marketing", "on").StatusCode)
		}
		res := s.save(link, "c.marketing", "on", "frequency", "monthly")
		require.Equal(t, http.StatusTooManyRequests, res.StatusCode)
		require.Contains(t, text(res), "try again tomorrow")
		require.Equal(t, "monthly", s.contact(id).Frequency, "the rest is saved")
	})
	t.Run("the address went to somebody else", func(t *testing.T) {
		s := newSite(t)
		id := s.subscribe("ann@example.com")
		s.save(s.preferencesURL(id), "t.news", "on")
		confirm := s.deliver()[0].Data["url"]
		_, err := s.aud.Put(t.Context(), audience.ContactWrite{Match: audience.ID(id), Email: audience.MustAddress("ann@new.example"), Detach: []audience.Identity{audience.AddressIdentity(audience.MustAddress("ann@example.com"))}})
		require.NoError(t, err)
		require.Equal(t, 404, s.post(confirm, "do", "confirm").StatusCode)
		require.False(t, s.onList(id, "news"))
		_, err = s.aud.Put(t.Context(), audience.ContactWrite{Email: audience.MustAddress("ann@example.com")})
		require.NoError(t, err)
		require.Equal(t, 404, s.post(confirm, "do", "confirm").StatusCode)
	})
}

func TestPreferencesFrequencyAndPause(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com")
	link := s.preferencesURL(id)
	require.Equal(t, 200, s.save(link, "frequency", "monthly", "pause", "30").StatusCode)
	require.Equal(t, "monthly", s.contact(id).Frequency)
	until := s.clock().Add(30 * 24 * time.Hour)
	require.Equal(t, until, s.pausedUntil(id))
	require.Contains(t, s.get(link), "Until 2026-12-23")

	s.pass(time.Hour)
	s.save(link)
	require.Equal(t, until, s.pausedUntil(id), "saving again does not move it")
	s.save(link, "pause", "0", "frequency", "")
	require.Zero(t, s.pausedUntil(id))
	require.Empty(t, s.contact(id).Frequency)
	require.True(t, s.mailable(id))

	schema := s.aud.Schema()
	f, ok := schema.FieldNamed("paused_until")
	require.True(t, ok)
	require.Equal(t, "compliance", f.Owner)
	_, err := s.aud.Put(t.Context(), audience.ContactWrite{Match: audience.ID(id), Set: map[string]audience.Value{"paused_until": audience.TimestampValue(until)}})
	require.ErrorIs(t, err, audience.ErrDenied, "nobody else writes it")

	t.Run("a word of the host's own stays", func(t *testing.T) {
		word := "hourly"
		_, err := s.aud.Put(t.Context(), audience.ContactWrite{Match: audience.ID(id), Frequency: &word})
		require.NoError(t, err)
		s.save(link, "pause", "7")
		require.Equal(t, "hourly", s.contact(id).Frequency)
	})
	for name, value := range map[string]string{"frequency": "every second", "pause": "-1"} {
		require.Equal(t, http.StatusBadRequest, s.save(link, name, value).StatusCode)
	}
}

func TestPreferencesOptimisticLock(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com", "t.news", "on")
	link := s.preferencesURL(id)
	old := hidden(t, s.get(link), "version")
	s.save(link, "frequency", "weekly")
	before := s.kinds(id)
	res := s.post(link, "do", "save", "version", old, "frequency", "", "pause", "0")
	require.Equal(t, http.StatusConflict, res.StatusCode)
	page := text(res)
	require.Contains(t, page, "Something changed meanwhile")
	require.NotEqual(t, old, hidden(t, page, "version"))
	require.Equal(t, before, s.kinds(id))
	require.Contains(t, text(s.post(link, "do", "all", "version", old)), "You are unsubscribed", "leaving depends on no version")
	require.Equal(t, 400, s.post(link, "do", "subscribe").StatusCode)
}

func TestPreferencesOfTheRestricted(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com")
	link := s.preferencesURL(id)
	require.NotContains(t, s.get(link), "GDPR Art. 18")
	require.NoError(t, s.ledger.Restrict(t.Context(), audience.ID(id), audience.Source{}, "asked for it"))
	t.Run("O31 the page says why", func(t *testing.T) {
		require.Contains(t, s.get(link), "GDPR Art. 18")
	})
}

func TestPreferencesTokenEnds(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com")
	link := s.preferencesURL(id)
	_, err := s.aud.Update(t.Context(), func(tx *store.Tx) error {
		return s.tokens.EndGeneration(t.Context(), tx, id, compliance.TokenPreferences)
	})
	require.NoError(t, err)
	for _, do := range []string{"save", "all"} {
		require.Equal(t, 404, s.post(link, "do", do).StatusCode)
	}
	require.Contains(t, s.get(link), "This link does not work")
	require.True(t, s.mailable(id))
	next := s.preferencesURL(id)
	require.Contains(t, s.get(next), "Your preferences")
	s.pass(90 * 24 * time.Hour)
	require.Contains(t, s.get(next), "This link does not work")
}

func TestPreferencesSaleAndGPC(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com")
	link := s.preferencesURL(id)
	s.save(link, "sale_out", "on")
	require.Equal(t, "withdrawn */sharing/* preference-centre", s.kinds(id)[1])
	require.True(t, s.mailable(id))
	s.pass(time.Minute)
	t.Run("back in takes two steps", func(t *testing.T) {
		require.Contains(t, text(s.save(link, "-sale_out", "")), "please confirm it there")
		require.Len(t, s.kinds(id), 2)
		s.post(s.deliver()[0].Data["url"], "do", "confirm")
		require.Equal(t, "granted */sharing/* double-opt-in", s.kinds(id)[2])
	})
	t.Run("the signal counts as much as the box", func(t *testing.T) {
		s.pass(time.Minute)
		s.header = http.Header{"Sec-Gpc": {"0", "1"}}
		require.Contains(t, s.get(link), "recorded when you save")
		require.Len(t, s.kinds(id), 3, "looking changes nothing")
		require.Contains(t, text(s.save(link, "-sale_out", "")), "Opt-out request honored")
		require.Equal(t, "withdrawn */sharing/* gpc", s.kinds(id)[3])
		s.save(link, "-sale_out", "")
		require.Len(t, s.kinds(id), 4, "and is not argued with")
	})
}

func TestPreferencesInAnotherLanguage(t *testing.T) {
	s := newSite(t, func(o *web.Options) {
		o.Texts = map[string]map[string]string{"fr": {"preferences.title": "Vos préférences"}, "DE": {"preferences.save": "Sichern"}}
	})
	link := s.preferencesURL(s.subscribe("ann@example.com"))
	for accept, want := range map[string]string{
		"fr-CA, de;q=0.5":          "Vos préférences",
		"de-CH":                    "Sichern",
		"xx, de;q=0.1, fr;q=0.001": "Ihre Einstellungen",
		"xx":                       "Your preferences",
		"":                         "Your preferences",
		strings.Repeat("x,", 5000): "Your preferences",
		"de;q=nonsense, ;;,,":      "Your preferences",
	} {
		s.header = http.Header{"Accept-Language": {accept}}
		require.Contains(t, s.get(link), want)
	}
}
