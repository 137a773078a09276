package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/compliance/web"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// confirmed is ann, who presses the button of the one mail that waits, and gives what the ledger has then and what the page had shown.
func (s *site) confirmed() (n compliance.Notice, evidence, shown string) {
	mails := s.deliver()
	require.Len(s.t, mails, 1)
	page := s.get(mails[0].Data["url"])
	shown = regexp.MustCompile(`(?s)<blockquote[^>]*>(.*?)</blockquote>`).FindStringSubmatch(page)[1]
	require.Equal(s.t, 200, s.post(mails[0].Data["url"], "do", "confirm").StatusCode)
	c, err := s.aud.Contact(s.t.Context(), audience.Email("ann@example.com"))
	require.NoError(s.t, err)
	r := s.history(c.ID).Records[0]
	n, err = s.ledger.Notice(s.t.Context(), r.Notice)
	require.NoError(s.t, err)
	return n, s.evidence(r), shown
}

const withdraw = " I can withdraw this at any time with a link in every email."

// TestStatementIsWhatWasTicked holds the text that is kept against the form and the boxes.
func TestStatementIsWhatWasTicked(t *testing.T) {
	const ticked = "I agree that The Shop sends me emails for what I ticked here." + withdraw
	const one = "I agree that The Shop sends me emails for: News and offers." + withdraw
	for name, tt := range map[string]struct {
		form     string
		tick     []string
		shown    string // by the form
		kept     string
		purposes []string
	}{
		"one of two":     {"two", []string{"c.offers"}, ticked, ticked + "\nTicked: Offers of partners", []string{"offers"}},
		"the other":      {"two", []string{"c.marketing"}, ticked, ticked + "\nTicked: News and offers", []string{"marketing"}},
		"both":           {"two", []string{"c.offers", "c.marketing"}, ticked, ticked + "\nTicked: News and offers; Offers of partners", []string{"marketing", "offers"}},
		"with its topic": {"topics", []string{"c.offers", "t.secret"}, ticked, ticked + "\nTicked: Offers of partners; secret", []string{"offers"}},
		"only purpose":   {"footer", nil, one, one, []string{"marketing"}},
		"and a topic":    {"footer", []string{"t.promotions"}, one, one + "\nTicked: Promotions", []string{"marketing"}},
		"own words":      {"own", []string{"c.offers"}, "Yes, do write.", "Yes, do write.\nTicked: Offers of partners", []string{"offers"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, moreForms)
			require.Contains(t, s.get("/mail/s/"+tt.form), ">"+tt.shown+"</span>")
			var pairs []string
			for _, box := range tt.tick {
				pairs = append(pairs, box, "on")
			}
			require.Equal(t, 200, s.signupOn(tt.form, "ann@example.com", pairs...).StatusCode)
			n, evidence, shown := s.confirmed()
			require.Equal(t, tt.kept, n.Text)
			require.Equal(t, tt.kept, shown, "what she confirmed")
			require.Equal(t, tt.purposes, n.Purposes)
			require.Contains(t, evidence, `"text":"`+strings.ReplaceAll(tt.kept, "\n", `\n`)+`"`)
		})
	}
}

// moreForms adds forms with topics of two purposes, with words of the host's and with words in one language only.
func moreForms(o *web.Options) {
	o.Forms = append(
		o.Forms,
		web.Form{ID: "topics", Purposes: []string{"marketing", "offers"}, Topics: []string{"news", "secret"}},
		web.Form{ID: "own", Purposes: []string{"marketing", "offers"}, Statement: map[string]string{"en": "Yes, do write."}, Title: map[string]string{"en": "Write to me"}},
		web.Form{ID: "must", Purposes: []string{"marketing", "offers"}, Fields: []web.Field{{Name: "company", Required: true, Label: map[string]string{"en": "Your firm"}}, {Name: "first_name"}}},
	)
}

// TestEvidenceIsInTheLanguageOfTheForm reads the form in one language and sends it by a browser that prefers another.
func TestEvidenceIsInTheLanguageOfTheForm(t *testing.T) {
	const english, german = "I agree that The Shop", "Ich bin einverstanden, dass The Shop"
	page := func(lang string) func(*site) string {
		return func(s *site) string {
			s.header = http.Header{"Accept-Language": {lang}}
			return s.get("/mail/s/footer")
		}
	}
	snippet := func(lang string) func(*site) string {
		return func(s *site) string {
			html, err := s.pages.Snippet("footer", lang, nil)
			require.NoError(s.t, err)
			return string(html)
		}
	}
	for name, tt := range map[string]struct {
		form          func(*site) string
		accept        string
		lang, says    string
		language, got string // of the text where it is another one
	}{
		"snippet in German":         {snippet("de-CH"), "en", "de", german, "de", "Bitte sehen Sie in Ihr Postfach"},
		"snippet in English":        {snippet("en"), "de", "en", english, "en", "Please look into your mailbox"},
		"page in German":            {page("de"), "en", "de", german, "de", "Bitte sehen Sie in Ihr Postfach"},
		"page in French, partially": {page("fr"), "de", "fr", english, "en", "Regardez"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(o *web.Options) { o.Texts = map[string]map[string]string{"fr": {"sent.title": "Regardez"}} })
			html := tt.form(s)
			s.pass(5 * time.Second)
			s.header = http.Header{"Accept-Language": {tt.accept}}
			answer := text(s.post("/mail/s/footer", "email", "ann@example.com", "at", hidden(t, html, "at"), "lang", hidden(t, html, "lang")))
			require.Contains(t, answer, tt.got)
			require.Contains(t, answer, `<html lang="`+tt.lang+`">`)
			n, evidence, shown := s.confirmed()
			require.Contains(t, n.Text, tt.says)
			require.Contains(t, html, shown)
			require.Equal(t, tt.language, n.Language)
			require.Contains(t, evidence, `"language":"`+tt.lang+`"`)
		})
	}
}

// TestStampBindsWhatWasShown sends forms whose text is not the one that would be kept: they are shown once more instead.
func TestStampBindsWhatWasShown(t *testing.T) {
	adapter := memstore.New()
	s := newSiteOn(t, adapter, siteOptions(), "k1", "k1")
	html := s.get("/mail/s/footer")
	stamp := hidden(t, html, "at")
	for name, tt := range map[string]struct {
		lang   string
		change func(*web.Form)
		want   int
	}{
		"as it was":                 {"en", func(*web.Form) {}, 200},
		"what nobody agrees to":     {"en", func(f *web.Form) { f.Title = map[string]string{"en": "Stay in touch"} }, 200},
		"another language":          {"de", func(*web.Form) {}, 422},
		"a language that is not":    {"xx", func(*web.Form) {}, 200}, // that of the browser, which is English
		"another statement":         {"en", func(f *web.Form) { f.Statement = map[string]string{"en": "And all my data."} }, 422},
		"another version":           {"en", func(f *web.Form) { f.Version = "4" }, 422},
		"another notice of privacy": {"en", func(f *web.Form) { f.PrivacyURL = "https://shop.example/other" }, 422},
		"another box":               {"en", func(f *web.Form) { f.Topics = []string{"promotions"} }, 422},
	} {
		t.Run(name, func(t *testing.T) {
			opts := siteOptions()
			tt.change(&opts.Forms[0])
			later := newSiteOn(t, adapter, opts, "k1", "k1")
			later.pass(5 * time.Second)
			res := later.post("/mail/s/footer", "email", "ann@example.com", "at", stamp, "lang", tt.lang, "t.promotions", "on")
			require.Equal(t, tt.want, res.StatusCode)
			if tt.want == 422 {
				again := text(res)
				later.pass(5 * time.Second)
				require.Equal(t, 200, later.post("/mail/s/footer", "email", "ann@example.com", "at", hidden(t, again, "at"), "lang", hidden(t, again, "lang")).StatusCode)
			}
		})
	}
}

// TestStampBindsThePurpose: what was agreed to for one purpose is not consent to
// another one, even in the same words.
func TestStampBindsThePurpose(t *testing.T) {
	adapter := memstore.New()
	form := web.Form{ID: "footer", Purposes: []string{"marketing"}, Statement: map[string]string{"en": "Write to me."}}
	opts := siteOptions()
	opts.Forms = []web.Form{form}
	stamp := hidden(t, newSiteOn(t, adapter, opts, "k1", "k1").get("/mail/s/footer"), "at")
	form.Purposes = []string{"offers"}
	opts.Forms = []web.Form{form}
	later := newSiteOn(t, adapter, opts, "k1", "k1")
	later.pass(5 * time.Second)
	require.Equal(t, 422, later.post("/mail/s/footer", "email", "ann@example.com", "at", stamp, "lang", "en").StatusCode)
}

// TestTopicNeedsItsPurpose ticks a topic alone: that is neither consent to more nor nothing.
func TestTopicNeedsItsPurpose(t *testing.T) {
	s := newSite(t, moreForms)
	res := s.signupOn("topics", "ann@example.com", "c.marketing", "on", "t.secret", "on")
	require.Equal(t, 422, res.StatusCode)
	page := text(res)
	box := input(t, page, "t.secret")
	require.Contains(t, box, " checked")
	require.Contains(t, box, `aria-invalid="true"`)
	require.Contains(t, described(t, page, "t.secret"), "This belongs to: Offers of partners.")
	require.NotContains(t, input(t, page, "c.marketing"), "aria-invalid")
	require.Contains(t, input(t, page, "c.marketing"), " checked")
	require.Empty(t, s.deliver())
	require.Less(t, strings.Index(page, "t.news"), strings.Index(page, "c.offers"), "topics stand below their purpose")

	require.Equal(t, 422, s.signupOn("topics", "ann@example.com", "t.secret", "on").StatusCode)
	none := text(s.signupOn("topics", "ann@example.com"))
	require.Contains(t, input(t, none, "c.offers"), "aria-invalid")
	require.NotContains(t, input(t, none, "t.secret"), "aria-invalid", "it alone would not do")
	require.Equal(t, 200, s.signupOn("topics", "ann@example.com", "c.offers", "on", "t.secret", "on").StatusCode)
	s.confirmed()
	c, err := s.aud.Contact(t.Context(), audience.Email("ann@example.com"))
	require.NoError(t, err)
	require.Equal(t, []string{"granted email/offers/* double-opt-in", "granted email/offers/secret double-opt-in"}, s.kinds(c.ID))
}
