package web_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/compliance/web"
	"github.com/audiencekit/audiencekit/store"
)

func TestSignup(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.KeepIP = web.IPTruncated })
	s.header = http.Header{"User-Agent": {"Browser/1"}}
	requested := s.clock().Add(5 * time.Second)
	require.Equal(t, http.StatusOK, s.signup("Ann.Lee@example.com", "t.news", "on", "f.first_name", "Ann", "o.source", "fair", "o.utm_campaign", "spring", "o.ref", "friend").StatusCode)

	t.Run("O09 looking confirms nothing", func(t *testing.T) {
		_, err := s.aud.Contact(t.Context(), audience.Email("ann.lee@example.com"))
		require.ErrorIs(t, err, audience.ErrNotFound, "there is no contact before she confirmed")
	})
	mails := s.deliver()
	require.Len(t, mails, 1)
	link := mails[0].Data["url"]
	require.True(t, strings.HasPrefix(link, "https://shop.example/mail/c/"))
	require.Equal(t, "Ann.Lee@example.com", mails[0].To.Reveal())
	require.Equal(t, map[string]string{"url": link, "form": "footer"}, mails[0].Data)
	for range 50 {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
			for _, query := range []string{"", "?confirm=true", "?do=confirm"} {
				require.Less(t, s.send(method, link+query, "", "").StatusCode, 300)
			}
		}
	}
	require.Contains(t, s.get(link), "I agree that The Shop sends me emails for: News and offers.")
	_, err := s.aud.Contact(t.Context(), audience.Email("ann.lee@example.com"))
	require.ErrorIs(t, err, audience.ErrNotFound)

	s.pass(time.Hour)
	require.Contains(t, text(s.post(link, "do", "confirm")), "You are subscribed")
	c, err := s.aud.Contact(t.Context(), audience.Email("ann.lee@example.com"))
	require.NoError(t, err)

	t.Run("O09 the button confirms, once", func(t *testing.T) {
		want := []string{"granted email/marketing/* double-opt-in", "granted email/marketing/news double-opt-in"}
		require.Equal(t, want, s.kinds(c.ID))
		require.Contains(t, text(s.post(link, "do", "confirm")), "You are subscribed")
		require.Contains(t, s.get(link), "You are subscribed")
		require.Equal(t, want, s.kinds(c.ID))
		require.True(t, s.mailable(c.ID))
		require.True(t, s.onList(c.ID, "news"))
		require.False(t, s.onList(c.ID, "promotions"))
	})
	t.Run("O09 the evidence says who, when, how and what", func(t *testing.T) {
		h := s.history(c.ID)
		n, err := s.ledger.Notice(t.Context(), h.Records[0].Notice)
		require.NoError(t, err)
		require.Equal(t, "3", n.Version)
		require.Equal(t, "https://shop.example/privacy", n.URL)
		require.Contains(t, n.Text, "I agree that The Shop sends me emails for: News and offers.")
		require.Equal(t, requested.Add(time.Hour), h.Records[0].Acted)
		require.Equal(t, audience.Source{Kind: audience.SourcePerson, Name: "footer"}, h.Records[0].Source)
		e := s.evidence(h.Records[0])
		for _, part := range []string{
			`"text":"I agree that The Shop sends me emails for: News and offers.`, `"form":"footer"`, `"requested":"` + requested.Format(time.RFC3339) + `"`,
			`"text_sha256":"`, `"requested_ip":"192.0.2.0/24"`, `"ip":"192.0.2.0/24"`, `"user_agent":"Browser/1"`,
		} {
			require.Contains(t, e, part)
		}
	})
	t.Run("what was typed and where she came from", func(t *testing.T) {
		schema := s.aud.Schema()
		require.Equal(t, "Ann", c.FirstName.Reveal())
		for field, want := range map[string]string{"lead_source": "fair", "utm_campaign": "spring", "lead_referral": "friend"} {
			require.Equal(t, want, c.Field(&schema, field).Reveal())
		}
		for i := range c.Fields {
			require.Equal(t, audience.SourcePerson, c.Fields[i].Origin.Kind)
			require.Equal(t, "footer", c.Fields[i].Origin.Name)
		}
	})
	t.Run("somebody else's entries do not replace what is known", func(t *testing.T) {
		s.pass(48 * time.Hour)
		require.Equal(t, http.StatusOK, s.signup("ann.lee@example.com", "t.promotions", "on", "f.first_name", "Zed", "f.company", "Acme").StatusCode)
		mails := s.deliver()
		require.Len(t, mails, 1)
		s.post(mails[0].Data["url"], "do", "confirm")
		c, err := s.aud.Contact(t.Context(), audience.Email("ann.lee@example.com"))
		require.NoError(t, err)
		schema := s.aud.Schema()
		require.Equal(t, "Ann", c.FirstName.Reveal())
		require.Equal(t, "Acme", c.Field(&schema, "company").Reveal())
		require.True(t, s.onList(c.ID, "promotions"))
	})
	t.Run("who has it all is told so", func(t *testing.T) {
		s.pass(48 * time.Hour)
		before := s.kinds(c.ID)
		s.signup("ann.lee@example.com", "t.news", "on")
		mails := s.deliver()
		require.Len(t, mails, 1)
		require.Equal(t, compliance.OutgoingSubscribed, mails[0].Kind)
		require.Contains(t, s.get(mails[0].Data["url"]), "Your preferences")
		require.Equal(t, before, s.kinds(c.ID))
	})
}

func TestSignupKeepsNoClientByDefault(t *testing.T) {
	s := newSite(t)
	s.header = http.Header{"User-Agent": {"Browser/1"}}
	id := s.subscribe("ann@example.com")
	e := s.evidence(s.history(id).Records[0])
	require.NotContains(t, e, "192.0.2")
	require.NotContains(t, e, "Browser/1")
}

func TestSignupOlderMailDies(t *testing.T) {
	s := newSite(t)
	s.signup("ann@example.com")
	older := s.deliver()[0].Data["url"]
	s.pass(time.Minute)
	s.signup("ann@example.com", "t.news", "on")
	newer := s.deliver()[0].Data["url"]
	t.Run("O10 the older token is refused with the neutral page", func(t *testing.T) {
		res := s.post(older, "do", "confirm")
		require.Equal(t, http.StatusNotFound, res.StatusCode)
		require.Contains(t, text(res), "This link does not work")
		_, err := s.aud.Contact(t.Context(), audience.Email("ann@example.com"))
		require.ErrorIs(t, err, audience.ErrNotFound)
	})
	t.Run("O10 the newer one works", func(t *testing.T) {
		require.Contains(t, text(s.post(newer, "do", "confirm")), "You are subscribed")
	})
}

// TestSignupAnswersEverybodyAlike also counts what the store was asked to write.
func TestSignupAnswersEverybodyAlike(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Limits.PerPrefix = 1000 })
	ctx := t.Context()
	s.subscribe("confirmed@example.com")
	unsubscribed := s.subscribe("unsubscribed@example.com")
	s.post(s.unsubscribeURL(unsubscribed, audience.Scope{}))
	complained := s.subscribe("complained@example.com")
	_, err := s.ledger.Record(ctx, compliance.Declaration{Contact: audience.ID(complained), Kind: audience.ConsentComplained, Scope: audience.MarketingScope()})
	require.NoError(t, err)
	s.subscribe("erased@example.com")
	_, err = s.aud.Update(ctx, func(tx *store.Tx) error {
		return tx.Erase(ctx, audience.Source{}, audience.Email("erased@example.com"))
	})
	require.NoError(t, err)
	s.signup("pending@example.com")
	s.signup("rejected@example.com")
	for _, m := range s.deliver() {
		if m.To.Reveal() == "rejected@example.com" {
			s.post(m.Data["url"], "do", "reject")
		}
	}
	for range 5 {
		s.signup("flooded@example.com")
	}
	s.deliver()

	stamp := hidden(t, s.get("/mail/s/footer"), "at")
	s.pass(5 * time.Second)
	var first string
	for _, address := range []string{
		"new@example.com", "pending@example.com", "confirmed@example.com", "unsubscribed@example.com", "complained@example.com", "erased@example.com",
		"rejected@example.com", "flooded@example.com", "o'odd+tag%25@sub.example.co", "ünïcode@bücher.example",
	} {
		t.Run("O11 "+strings.SplitN(address, "@", 2)[0], func(t *testing.T) {
			queued := s.records("compliance/outbox")
			res := s.post("/mail/s/footer", "email", address, "at", stamp)
			answer := strconv.Itoa(res.StatusCode) + "\n"
			require.NoError(t, res.Header.Write(&builder{&answer}))
			answer += text(res)
			if first == "" {
				first = answer
			}
			require.Equal(t, first, answer)
			require.Equal(t, queued+1, s.records("compliance/outbox"), "everybody has a message waiting")
		})
	}
	var to []string
	for _, m := range s.deliver() {
		to = append(to, string(m.Kind)+" "+m.To.Reveal())
	}
	require.ElementsMatch(t, []string{
		"confirm new@example.com", "confirm pending@example.com", "already-subscribed confirmed@example.com", "confirm unsubscribed@example.com",
		"confirm complained@example.com", "confirm erased@example.com", "confirm o'odd+tag%25@sub.example.co", "confirm ünïcode@bücher.example",
	}, to, "only what is sent differs")
}

type builder struct{ s *string }

func (b *builder) Write(p []byte) (int, error) {
	*b.s += string(p)
	return len(p), nil
}

func TestSignupFlood(t *testing.T) {
	s := newSite(t)
	stamp := hidden(t, s.get("/mail/s/footer"), "at")
	s.pass(5 * time.Second)
	first := ""
	for i := range 500 {
		s.ip = "198.51." + strconv.Itoa(i/250) + "." + strconv.Itoa(i%250)
		s.pass(7 * time.Second)
		answer := text(s.post("/mail/s/footer", "email", "victim@example.com", "at", stamp))
		if first == "" {
			first = answer
		}
		require.Equal(t, first, answer)
	}
	t.Run("O12 at most 3 confirmation mails", func(t *testing.T) {
		mails := s.deliver()
		require.NotEmpty(t, mails)
		require.LessOrEqual(t, len(mails), 3)
		require.Equal(t, 1, strings.Count(s.log(), "a limit was reached"), "one alarm")
		require.Contains(t, s.log(), "limit=address")
		require.NotContains(t, s.log(), "victim")
		require.Contains(t, text(s.post(mails[len(mails)-1].Data["url"], "do", "confirm")), "You are subscribed", "the flood did not end what was sent")
	})
	t.Run("the next day is a new one", func(t *testing.T) {
		s.pass(24 * time.Hour)
		s.signup("victim@example.com", "t.news", "on")
		require.Len(t, s.deliver(), 1)
	})
}

func TestSignupLimits(t *testing.T) {
	for name, tt := range map[string]struct {
		limits web.Limits
		ip     func(i int) string
		form   func(i int) string
		ok     int // answers before a 429
	}{
		"IPv4":             {web.Limits{PerPrefix: 4}, func(int) string { return "203.0.113.9" }, nil, 4},
		"IPv6 /64":         {web.Limits{PerPrefix: 4}, func(i int) string { return "2001:db8:1:2::" + strconv.Itoa(i+1) }, nil, 4},
		"IPv4 within IPv6": {web.Limits{PerPrefix: 4}, func(i int) string { return []string{"::ffff:203.0.113.9", "203.0.113.9"}[i%2] }, nil, 4},
		"form":             {web.Limits{PerForm: 5}, func(i int) string { return "203.0.113." + strconv.Itoa(i) }, nil, 5},
		"global":           {web.Limits{Global: 6}, func(i int) string { return "203.0.113." + strconv.Itoa(i) }, func(i int) string { return []string{"footer", "two"}[i%2] }, 6},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(o *web.Options) { o.Limits = tt.limits })
			for i := range 9 {
				s.ip = tt.ip(i)
				form := "footer"
				if tt.form != nil {
					form = tt.form(i)
				}
				res := s.signupOn(form, person(i), "c.marketing", "on")
				if i < tt.ok {
					require.Equal(t, http.StatusOK, res.StatusCode)
				} else {
					require.Equal(t, http.StatusTooManyRequests, res.StatusCode)
					require.NotEmpty(t, res.Header.Get("Retry-After"))
				}
			}
			require.Len(t, s.deliver(), tt.ok)
			require.Equal(t, 1, strings.Count(s.log(), "a limit was reached"))
		})
	}
	t.Run("domain", func(t *testing.T) {
		s := newSite(t, func(o *web.Options) { o.Limits = web.Limits{PerDomain: 2} })
		for i := range 5 {
			require.Equal(t, http.StatusOK, s.signup("p"+strconv.Itoa(i)+"@example.com").StatusCode, "nobody is told")
		}
		require.Len(t, s.deliver(), 2)
	})
}

func TestSignupNothingTypedReachesTheMail(t *testing.T) {
	s := newSite(t)
	const evil = "Win http://evil.example NOW"
	s.signup("ann@example.com", "f.first_name", evil, "f.company", evil, "o.utm_source", evil, "o.ref", evil, "unknown", evil)
	mails := s.deliver()
	require.Len(t, mails, 1)
	t.Run("O13 neither the URL nor the text", func(t *testing.T) {
		for _, m := range mails {
			for name, value := range m.Data {
				require.NotContains(t, name+value, "evil")
			}
			require.Empty(t, m.Headers)
		}
		require.NotContains(t, s.get(mails[0].Data["url"]), "evil")
	})
}

func TestPurgePending(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.KeepIP = web.IPFull })
	s.signup("ann@example.com", "f.first_name", "Ann")
	link := s.deliver()[0].Data["url"]
	s.subscribe("bob@example.com")
	s.pass(13 * 24 * time.Hour)
	removed, err := s.pages.PurgePending(t.Context())
	require.NoError(t, err)
	require.Zero(t, removed)
	s.pass(25 * time.Hour)
	removed, err = s.pages.PurgePending(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, removed, "one that waits, and what was left of a confirmed one")
	t.Run("O14 only a counter is left", func(t *testing.T) {
		require.Zero(t, s.records("compliance/pending"))
		require.Zero(t, s.records("compliance/pending-address"))
		require.Zero(t, s.records("compliance/outbox"))
		require.NoError(t, s.aud.View(t.Context(), func(r *store.Reader) error {
			rec, err := r.LoadRecord(t.Context(), "compliance/pending-purged", "unconfirmed")
			require.Equal(t, "1", string(rec.Value))
			return err
		}))
	})
	t.Run("O14 the old link gives the neutral page", func(t *testing.T) {
		require.Contains(t, s.get(link), "This link does not work")
		require.Contains(t, text(s.post(link, "do", "confirm")), "This link does not work")
	})
}

func TestConfirmLinkLife(t *testing.T) {
	for after, works := range map[time.Duration]bool{7*24*time.Hour - time.Minute: true, 7 * 24 * time.Hour: false} {
		s := newSite(t)
		s.signup("ann@example.com")
		link := s.deliver()[0].Data["url"]
		s.pass(after)
		require.Equal(t, works, s.post(link, "do", "confirm").StatusCode == http.StatusOK, after)
	}
}

func TestReject(t *testing.T) {
	s := newSite(t)
	s.signup("ann@example.com", "f.first_name", "Ann")
	link := s.deliver()[0].Data["url"]
	require.Contains(t, text(s.post(link, "do", "reject")), "You will not be subscribed")
	require.Contains(t, text(s.post(link, "do", "confirm")), "This link does not work")
	require.Contains(t, text(s.post(link, "do", "reject")), "You will not be subscribed")
	s.pass(300 * 24 * time.Hour)
	require.Contains(t, text(s.signup("ANN@example.com")), "Please look into your mailbox")
	require.Empty(t, s.deliver(), "no further confirmations for a year")
	s.signup("bob@example.com")
	require.Len(t, s.deliver(), 1)
	s.pass(66 * 24 * time.Hour)
	s.signup("ann@example.com")
	require.Len(t, s.deliver(), 1)
}

func TestSignupRefusals(t *testing.T) {
	s := newSite(t)
	stamp := hidden(t, s.get("/mail/s/footer"), "at")
	other := hidden(t, s.get("/mail/s/two"), "at")
	s.pass(5 * time.Second)
	young := hidden(t, s.get("/mail/s/footer"), "at")
	for name, tt := range map[string]struct {
		form   string
		pairs  []string
		status int
		says   string
	}{
		"no address":             {"footer", []string{"at", stamp}, 422, "complete email address"},
		"no address at all":      {"footer", []string{"at", stamp, "email", "<script>alert(1)</script>"}, 422, "&lt;script&gt;"},
		"two in one":             {"footer", []string{"at", stamp, "email", "a@example.com,b@example.com"}, 422, "complete email address"},
		"header injection":       {"footer", []string{"at", stamp, "email", "a@example.com\r\nBcc: b@example.com"}, 422, "complete email address"},
		"no stamp":               {"footer", []string{"email", "a@example.com"}, 422, "once more"},
		"forged stamp":           {"footer", []string{"email", "a@example.com", "at", stamp[:len(stamp)-2] + "AA"}, 422, "once more"},
		"stamp of another form":  {"footer", []string{"email", "a@example.com", "at", other}, 422, "once more"},
		"faster than a person":   {"footer", []string{"email", "a@example.com", "at", young}, 422, "once more"},
		"nothing chosen":         {"two", []string{"email", "a@example.com", "at", other}, 422, "at least one"},
		"something unknown":      {"two", []string{"email", "a@example.com", "at", other, "c.sharing", "on"}, 422, "at least one"},
		"long text":              {"footer", []string{"email", "a@example.com", "at", stamp, "f.first_name", strings.Repeat("x", 201)}, 422, "at most 200"},
		"trap":                   {"footer", []string{"email", "a@example.com", "at", stamp, "leave_empty", "x"}, 200, "Please look into your mailbox"},
		"unknown form":           {"nope", []string{"email", "a@example.com", "at", stamp}, 404, "nothing here"},
		"topic of another place": {"footer", []string{"email", "b@example.com", "at", stamp, "t.secret", "on"}, 200, "Please look into your mailbox"},
	} {
		t.Run(name, func(t *testing.T) {
			res := s.post("/mail/s/"+tt.form, tt.pairs...)
			require.Equal(t, tt.status, res.StatusCode)
			require.Contains(t, text(res), tt.says)
		})
	}
	mails := s.deliver()
	require.Len(t, mails, 1)
	s.post(mails[0].Data["url"], "do", "confirm")
	c, err := s.aud.Contact(t.Context(), audience.Email("b@example.com"))
	require.NoError(t, err)
	require.Equal(t, []string{"granted email/marketing/* double-opt-in"}, s.kinds(c.ID))

	t.Run("what the page asks to look at again can be sent as it is", func(t *testing.T) {
		page := text(s.post("/mail/s/footer", "email", "c@example.com", "f.company", "A & B", "t.news", "on", "o.source", "fair"))
		require.Contains(t, page, `value="c@example.com"`)
		require.Contains(t, page, `value="A &amp; B"`)
		require.Contains(t, page, `name="t.news" value="on" checked`)
		require.Equal(t, "fair", hidden(t, page, "o.source"))
		s.pass(5 * time.Second)
		require.Equal(t, 200, s.post("/mail/s/footer", "email", "c@example.com", "at", hidden(t, page, "at")).StatusCode)
	})
}

func TestSnippet(t *testing.T) {
	s := newSite(t)
	html, err := s.pages.Snippet("footer", "de-AT", url.Values{"utm_source": {`"><script>`}, "utm_unknown": {"x"}})
	require.NoError(t, err)
	page := string(html)
	require.Contains(t, page, `<form method="post" action="https://shop.example/mail/s/footer" lang="de"`)
	require.NotContains(t, page, "<script>")
	require.NotContains(t, page, "utm_unknown")
	s.pass(5 * time.Second)
	require.Equal(t, 200, s.post("/mail/s/footer", "email", "ann@example.com", "at", hidden(t, page, "at"), "lang", "de").StatusCode)
	require.Len(t, s.deliver(), 1)
	_, err = s.pages.Snippet("nope", "en", nil)
	require.ErrorIs(t, err, audience.ErrNotFound)
}
