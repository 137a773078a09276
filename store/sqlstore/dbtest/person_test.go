package dbtest

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/compliance/mail"
	"github.com/audiencekit/audiencekit/compliance/web"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// host is a whole host over a store: pages, gate, rights, feedback, imports and
// segments, with one log.
type host struct {
	t       *testing.T
	adapter store.Adapter
	aud     *store.Audience
	ledger  *compliance.Ledger
	gate    *compliance.Gate
	pages   *web.Pages
	site    http.Handler // the pages behind a log of requests
	tokens  *compliance.Tokens
	rights  *compliance.Rights
	engine  *segment.Engine
	notice  string

	mu    sync.Mutex
	now   time.Time
	log   bytes.Buffer
	sent  []compliance.Outgoing
	deaf  error             // what the outbox answers
	heard map[string]func() // by what the log says
}

func (h *host) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *host) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// Write is that of the log.
func (h *host) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for text, do := range h.heard {
		if bytes.Contains(b, []byte(text)) {
			do()
		}
	}
	return h.log.Write(b)
}

// hear has something done once the log says something.
func (h *host) hear(text string, do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard = map[string]func(){text: do}
}

func (h *host) logged() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Clone(h.log.Bytes())
}

// Enqueue is that of the host's outbox, which keeps nothing that the test does
// not take at once.
func (h *host) Enqueue(_ context.Context, m compliance.Outgoing) error {
	if h.deaf != nil {
		return h.deaf
	}
	h.sent = append(h.sent, m)
	return nil
}

func newHost(t *testing.T, adapter store.Adapter) *host {
	t.Helper()
	h := &host{t: t, adapter: adapter, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	ctx := t.Context()
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": bytes.Repeat([]byte{7}, 32)})
	require.NoError(t, err)
	h.aud, err = store.Open(ctx, adapter, "shop", store.Options{
		Keys: keys, Clock: h.clock, Logger: slog.New(slog.NewJSONHandler(h, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Schema: audience.Schema{
			Fields: []audience.Field{
				{Name: "city", Type: audience.TypeString},
				{Name: "likes", Type: audience.TypeStringList},
				{Name: "visits", Type: audience.TypeInt},
				{Name: "score", Type: audience.TypeDouble},
				{Name: "met", Type: audience.TypeTimestamp},
				{Name: "birthday", Type: audience.TypeDate},
				{Name: "vip", Type: audience.TypeBool},
			},
			Lists: []audience.List{{Name: "panel", Kind: audience.ListStatic}, {Name: "news", Kind: audience.ListTopic}},
		},
	})
	require.NoError(t, err)
	h.ledger, err = compliance.NewLedger(h.aud, compliance.LedgerOptions{
		Controller: compliance.Party{ID: "shop", Name: "Shop"},
		Purposes:   []compliance.Purpose{{ID: "marketing", Public: true, Basis: map[compliance.Regime]compliance.Basis{compliance.RegimeGDPR: compliance.BasisSoftOptIn}}},
	})
	require.NoError(t, err)
	n, err := h.ledger.PutNotice(ctx, compliance.Notice{Version: "1", Language: "en", Text: "May we write to you?", Purposes: []string{"marketing"}})
	require.NoError(t, err)
	h.notice = n.ID
	h.gate, err = compliance.NewGate(h.ledger, compliance.Policy{
		Facts: func(*audience.Contact, *audience.Schema) compliance.Facts { return compliance.Facts{Country: "FR"} },
		Caps:  []compliance.Cap{{Most: 5, Within: 24 * time.Hour}},
	})
	require.NoError(t, err)
	h.tokens, err = compliance.NewTokens(h.aud)
	require.NoError(t, err)
	h.pages, err = web.NewPages(ctx, h.ledger, h.tokens, h, web.Options{
		BaseURL: "https://shop.example/mail", KeepIP: web.IPFull,
		ClientIP: func(r *http.Request) netip.Addr {
			a, _ := netip.ParseAddr(r.Header.Get("X-Client"))
			return a
		},
		Forms: []web.Form{{ID: "footer", Purposes: []string{"marketing"}, Topics: []string{"news"}, Version: "1", Fields: []web.Field{{Name: "first_name"}, {Name: "city"}}}},
	})
	require.NoError(t, err)
	h.site = h.pages.MaskTokens(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.aud.Logger().Info("request", "url", r.URL.String(), "uri", r.RequestURI)
			next.ServeHTTP(w, r)
		})
	})
	h.rights, err = compliance.NewRights(h.ledger, compliance.RightsOptions{Holders: []compliance.Holder{h.pages.Holder()}})
	require.NoError(t, err)
	h.engine, err = segment.OpenEngine(ctx, h.aud, segment.EngineOptions{Index: segment.RefAddresses})
	require.NoError(t, err)
	_, err = h.engine.Apply(ctx,
		segment.Definition{Name: "buyers", Source: `events("purchase").any()`},
		segment.Definition{Name: "locals", Source: `contact.city.startsWith("Q") || "x" in contact.likes || "y" in contact.tags`},
		segment.Definition{Name: "spenders", Source: `events("purchase").sum("value") > 100 || contact.score > 10`},
		segment.Definition{Name: "mailable", Source: `contact.status == "subscribed"`},
	)
	require.NoError(t, err)
	return h
}

func (h *host) update(fn func(tx *store.Tx) error) {
	h.t.Helper()
	_, err := h.aud.Update(h.t.Context(), fn)
	require.NoError(h.t, err)
	h.pass(time.Second)
}

func (h *host) put(w audience.ContactWrite) audience.ContactID {
	h.t.Helper()
	res, err := h.aud.Put(h.t.Context(), w)
	require.NoError(h.t, err)
	h.pass(time.Second)
	return res.ID
}

func (h *host) record(d compliance.Declaration) {
	h.t.Helper()
	_, err := h.ledger.Record(h.t.Context(), d)
	require.NoError(h.t, err)
	h.pass(time.Second)
}

// advance has the segments follow, and gives a checkpoint of them.
func (h *host) advance() []byte {
	h.t.Helper()
	require.NoError(h.t, h.engine.Advance(h.t.Context(), h.clock()))
	var b bytes.Buffer
	require.NoError(h.t, h.engine.Checkpoint(h.t.Context(), &b))
	return b.Bytes()
}

// visit sends a request to the pages.
func (h *host) visit(method, target string, form url.Values) (status int, page string) {
	h.t.Helper()
	u, err := url.Parse(target)
	require.NoError(h.t, err)
	r := httptest.NewRequestWithContext(h.t.Context(), method, u.RequestURI(), strings.NewReader(form.Encode()))
	r.Header.Set("X-Client", herIP)
	r.Header.Set("User-Agent", herAgent)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.site.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func (h *host) hidden(page, name string) string {
	h.t.Helper()
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	require.NotNil(h.t, m, name)
	return m[1]
}

func (h *host) signup(address string, more url.Values) {
	h.t.Helper()
	_, page := h.visit(http.MethodGet, "/mail/s/footer", nil)
	h.pass(5 * time.Second)
	form := url.Values{"email": {address}, "at": {h.hidden(page, "at")}}
	maps.Copy(form, more)
	status, _ := h.visit(http.MethodPost, "/mail/s/footer", form)
	require.Equal(h.t, http.StatusOK, status)
	h.pass(time.Second)
}

// deliver gives what the host has to send.
func (h *host) deliver() []compliance.Outgoing {
	h.t.Helper()
	_, err := h.pages.Deliver(h.t.Context())
	require.NoError(h.t, err)
	out := h.sent
	h.sent = nil
	return out
}

// send has the gate let one message out.
func (h *host) send(id audience.ContactID) {
	h.t.Helper()
	p, d, err := h.gate.Acquire(h.t.Context(), compliance.Intent{Contact: audience.ID(id)})
	require.NoError(h.t, err)
	require.True(h.t, d.Allow, d.Denied)
	require.NoError(h.t, h.gate.Commit(h.t.Context(), p))
	h.pass(time.Second)
}

// importFile imports a CSV file.
func (h *host) importFile(job, text string) {
	h.t.Helper()
	ctx := h.t.Context()
	file := importer.Bytes("people.csv", []byte(text))
	formats := []importer.Format{csvimport.Format()}
	proposal, err := importer.Inspect(ctx, file, h.aud.Schema(), importer.InspectOptions{Formats: formats})
	require.NoError(h.t, err)
	plan := &importer.Plan{Job: job, Layout: proposal.Layout, Mapping: proposal.Mapping, Mode: importer.Overwrite}
	report, err := importer.Run(ctx, h.aud, file, plan, importer.Options{Formats: formats})
	require.NoError(h.t, err)
	require.Positive(h.t, report.Rejected)
	require.Positive(h.t, report.Updated)
	h.pass(time.Second)
}

// post imports over HTTP. A key that comes again gets the answer that was kept.
func (h *host) post(key, body string) (status int) {
	h.t.Helper()
	handler, err := importer.Handler(h.aud, importer.HandlerOptions{Plan: importer.Plan{Job: "api"}})
	require.NoError(h.t, err)
	r := httptest.NewRequestWithContext(h.t.Context(), http.MethodPost, "/contacts", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	h.pass(time.Second)
	return w.Code
}

// report takes in what the mail servers say.
func (h *host) report(message string) {
	h.t.Helper()
	f, err := mail.NewFeedback(h.ledger, mail.FeedbackOptions{Resolve: mail.ResolveTokens(h.tokens)})
	require.NoError(h.t, err)
	r, err := mail.ParseReport(strings.NewReader(message))
	require.NoError(h.t, err)
	_, err = f.Apply(h.t.Context(), r)
	require.NoError(h.t, err)
	h.pass(time.Second)
}

// request opens a request of somebody who is who she says.
func (h *host) request(kind compliance.RequestKind, id audience.ContactID) string {
	h.t.Helper()
	q, err := h.rights.Open(h.t.Context(), kind, compliance.RegimeGDPR, audience.ID(id), time.Time{})
	require.NoError(h.t, err)
	code, err := h.rights.Challenge(h.t.Context(), q.ID)
	require.NoError(h.t, err)
	_, err = h.rights.Prove(h.t.Context(), q.ID, code)
	require.NoError(h.t, err)
	h.pass(time.Second)
	return q.ID
}
