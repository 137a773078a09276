package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/compliance/web"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// mailbox is the host's outbox: it keeps what was handed over.
type mailbox struct {
	mu   sync.Mutex
	sent []compliance.Outgoing
	fail error
}

func (m *mailbox) Enqueue(_ context.Context, o compliance.Outgoing) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.sent = append(m.sent, o)
	return nil
}

// site is a host with its pages, all in memory.
type site struct {
	t      testing.TB
	mu     sync.Mutex
	now    time.Time
	aud    *store.Audience
	ledger *compliance.Ledger
	tokens *compliance.Tokens
	pages  *web.Pages
	mail   *mailbox
	logged bytes.Buffer
	logMu  sync.Mutex
	ip     string
	base   string
	header http.Header
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *site) Write(b []byte) (int, error) {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	return s.logged.Write(b)
}

func siteSchema() audience.Schema {
	return audience.Schema{
		Fields:   []audience.Field{{Name: "company", Type: audience.TypeString}},
		Purposes: []audience.Purpose{{Name: "offers"}, {Name: "sharing"}},
		Lists: []audience.List{
			{Name: "news", Kind: audience.ListTopic, Title: "Weekly news"},
			{Name: "promotions", Kind: audience.ListTopic, Title: "Promotions"},
			{Name: "secret", Kind: audience.ListTopic, Purpose: "offers"},
		},
	}
}

func siteOptions() web.Options {
	return web.Options{
		BaseURL: "https://shop.example/mail", Name: "The Shop",
		Forms: []web.Form{
			{
				ID: "footer", Purposes: []string{"marketing"}, Topics: []string{"news", "promotions"}, Version: "3", PrivacyURL: "https://shop.example/privacy",
				Fields: []web.Field{{Name: "first_name"}, {Name: "company"}},
			},
			{ID: "two", Purposes: []string{"marketing", "offers"}},
		},
		ClientIP: func(r *http.Request) netip.Addr {
			a, _ := netip.ParseAddr(r.Header.Get("X-Test-Client"))
			return a
		},
	}
}

func newSite(t testing.TB, change ...func(*web.Options)) *site {
	opts := siteOptions()
	for _, f := range change {
		f(&opts)
	}
	return newSiteOn(t, memstore.New(), opts, "k1", "k1")
}

func sitePurposes() []compliance.Purpose {
	return []compliance.Purpose{
		{ID: "marketing", Public: true, Title: map[string]string{"en": "News and offers", "de": "Neues"}},
		{ID: "offers", Title: map[string]string{"en": "Offers of partners"}},
		{ID: "sharing", Class: compliance.ClassSaleShare},
	}
}

func newSiteOn(t testing.TB, adapter store.Adapter, opts web.Options, primary string, keyIDs ...string) *site {
	return newSiteOf(t, adapter, opts, sitePurposes(), primary, keyIDs...)
}

// newSiteOf is a site that does other things with people's data.
func newSiteOf(t testing.TB, adapter store.Adapter, opts web.Options, purposes []compliance.Purpose, primary string, keyIDs ...string) *site {
	s := &site{t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), mail: &mailbox{}, ip: "192.0.2.1", base: opts.BaseURL}
	secrets := make(map[string][]byte)
	for _, id := range keyIDs {
		secrets[id] = bytes.Repeat([]byte(id), 32)[:32]
	}
	keys, err := audience.NewKeys(primary, secrets)
	require.NoError(t, err)
	s.aud, err = store.Open(t.Context(), adapter, "main", store.Options{
		Keys: keys, Clock: s.clock, Schema: siteSchema(), Logger: slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, err)
	s.ledger, err = compliance.NewLedger(s.aud, compliance.LedgerOptions{Controller: compliance.Party{ID: "shop"}, Purposes: purposes})
	require.NoError(t, err)
	s.tokens, err = compliance.NewTokens(s.aud)
	require.NoError(t, err)
	s.pages, err = web.NewPages(t.Context(), s.ledger, s.tokens, s.mail, opts)
	require.NoError(t, err)
	return s
}

// send sends a request and gives the answer. target is a URL or a path.
func (s *site) send(method, target, contentType, body string) *answer {
	u, err := url.Parse(target)
	require.NoError(s.t, err)
	u.Scheme, u.Host = "", ""
	r := httptest.NewRequestWithContext(s.t.Context(), method, u.String(), strings.NewReader(body))
	r.Header.Set("X-Test-Client", s.ip)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	maps.Copy(r.Header, s.header)
	w := httptest.NewRecorder()
	s.pages.ServeHTTP(w, r)
	res := &answer{StatusCode: w.Code, Header: w.Header(), body: w.Body.String()}
	checkAnswer(s.t, res)
	return res
}

// answer is what came back.
type answer struct {
	StatusCode int
	Header     http.Header
	body       string
}

// checkAnswer asks for what has to hold for every answer that there is.
func checkAnswer(t testing.TB, res *answer) {
	require.Empty(t, res.Header.Values("Set-Cookie"))
	require.Empty(t, res.Header.Get("Location"))
	require.False(t, 300 <= res.StatusCode && res.StatusCode < 400)
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	require.Equal(t, "no-referrer", res.Header.Get("Referrer-Policy"))
	require.Equal(t, "noindex", res.Header.Get("X-Robots-Tag"))
	require.Contains(t, res.Header.Get("Content-Security-Policy"), "default-src 'none'")
	require.Contains(t, res.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
}

func (s *site) get(target string) string { return text(s.send(http.MethodGet, target, "", "")) }

const urlencoded = "application/x-www-form-urlencoded"

func (s *site) post(target string, pairs ...string) *answer {
	v := make(url.Values)
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return s.send(http.MethodPost, target, urlencoded, v.Encode())
}

func text(res *answer) string { return res.body }

// signup fills in the form as a person does: gets it, takes her time, sends it.
func (s *site) signup(address string, more ...string) *answer {
	return s.signupOn("footer", address, more...)
}

func (s *site) signupOn(form, address string, more ...string) *answer {
	stamp := hidden(s.t, s.get(s.base+"/s/"+form), "at")
	s.pass(5 * time.Second)
	return s.post(s.base+"/s/"+form, append([]string{"email", address, "at", stamp}, more...)...)
}

// hidden gives the value of an input of a page.
func hidden(t testing.TB, page, name string) string {
	m := regexp.MustCompile(`<input type="hidden" name="` + regexp.QuoteMeta(name) + `" value="([^"]*)">`).FindStringSubmatch(page)
	require.NotNil(t, m, "the page has no %s", name)
	return m[1]
}

// deliver hands over what waits and gives it.
func (s *site) deliver() []compliance.Outgoing {
	_, err := s.pages.Deliver(s.t.Context())
	require.NoError(s.t, err)
	s.mail.mu.Lock()
	defer s.mail.mu.Unlock()
	out := s.mail.sent
	s.mail.sent = nil
	return out
}

// subscribe signs somebody up and confirms.
func (s *site) subscribe(address string, more ...string) audience.ContactID {
	require.Equal(s.t, http.StatusOK, s.signup(address, more...).StatusCode)
	mails := s.deliver()
	require.Len(s.t, mails, 1)
	require.Equal(s.t, compliance.OutgoingConfirm, mails[0].Kind)
	res := s.post(mails[0].Data["url"], "do", "confirm")
	require.Equal(s.t, http.StatusOK, res.StatusCode)
	require.Contains(s.t, text(res), "You are subscribed")
	c, err := s.aud.Contact(s.t.Context(), audience.Email(address))
	require.NoError(s.t, err)
	return c.ID
}

func (s *site) history(id audience.ContactID) (h audience.History) {
	require.NoError(s.t, s.aud.View(s.t.Context(), func(r *store.Reader) (err error) {
		h, err = r.History(s.t.Context(), audience.ID(id))
		return err
	}))
	return h
}

// status is what stands for marketing by e-mail.
func (s *site) status(id audience.ContactID) audience.Status {
	p, err := s.aud.Profile(s.t.Context(), audience.ID(id), audience.ProfileParts{Ledger: true, Suppressed: true})
	require.NoError(s.t, err)
	return p.Status(s.clock()).Status
}

func (s *site) mailable(id audience.ContactID) bool {
	p, err := s.aud.Profile(s.t.Context(), audience.ID(id), audience.ProfileParts{Ledger: true, Suppressed: true})
	require.NoError(s.t, err)
	return p.Mailable(s.clock())
}

func (s *site) onList(id audience.ContactID, name string) bool {
	schema := s.aud.Schema()
	l, ok := schema.ListNamed(name)
	require.True(s.t, ok)
	h := s.history(id)
	return h.OnList(l, s.clock()).Status == audience.StatusSubscribed
}

func (s *site) kinds(id audience.ContactID) (out []string) {
	h := s.history(id)
	for i := range h.Records {
		out = append(out, h.Records[i].Kind.String()+" "+h.Records[i].Scope.String()+" "+string(h.Records[i].Mechanism))
	}
	return out
}

func (s *site) log() string {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	return s.logged.String()
}

func (s *site) evidence(r audience.ConsentRecord) string {
	e, err := s.ledger.Evidence(s.t.Context(), r)
	require.NoError(s.t, err)
	b, err := json.Marshal(e)
	require.NoError(s.t, err)
	return string(b)
}

// records gives how many records a namespace has.
func (s *site) records(namespace string) (n int) {
	require.NoError(s.t, s.aud.View(s.t.Context(), func(r *store.Reader) error {
		page, err := r.Records(s.t.Context(), namespace, "", "", 10_000)
		n = len(page)
		return err
	}))
	return n
}

func (s *site) unsubscribeURL(id audience.ContactID, scope audience.Scope) string {
	u, err := s.pages.UnsubscribeURL(id, scope)
	require.NoError(s.t, err)
	return u
}

func (s *site) preferencesURL(id audience.ContactID) string {
	u, err := s.pages.PreferencesURL(s.t.Context(), id)
	require.NoError(s.t, err)
	return u
}

// corpora gives a file of samples that the repository does not carry.
func corpora(t *testing.T, name string) []byte {
	root := os.Getenv("AUDIENCEKIT_CORPORA")
	if root == "" {
		t.Skip("AUDIENCEKIT_CORPORA is not set: the samples are not there")
	}
	b, err := os.ReadFile(root + "/compliance/" + name)
	require.NoError(t, err)
	return b
}

func contains(page, text string) bool { return strings.Contains(page, text) }

func person(n int) string { return fmt.Sprintf("person-%d@mail-%d.example", n, n%7) }
