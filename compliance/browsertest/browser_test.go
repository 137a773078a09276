package browsertest_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/compliance/web"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// site is a host with its pages, behind a server of its own.
type site struct {
	t      *testing.T
	server *httptest.Server
	aud    *store.Audience
	ledger *compliance.Ledger
	pages  *web.Pages

	mu   sync.Mutex
	mail []compliance.Outgoing
}

func (s *site) Enqueue(_ context.Context, m compliance.Outgoing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mail = append(s.mail, m)
	return nil
}

func newSite(t *testing.T) *site {
	s := &site{t: t, server: httptest.NewUnstartedServer(nil)}
	ctx := t.Context()
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": bytes.Repeat([]byte("k"), 32)})
	require.NoError(t, err)
	s.aud, err = store.Open(ctx, memstore.New(), "main", store.Options{Keys: keys, Schema: audience.Schema{
		Purposes: []audience.Purpose{{Name: "sharing"}, {Name: "partners"}},
		Lists: []audience.List{
			{Name: "news", Kind: audience.ListTopic, Title: "Weekly news"},
			{Name: "promotions", Kind: audience.ListTopic, Title: "Promotions and sales"},
			{Name: "partner-news", Kind: audience.ListTopic, Title: "What our partners do", Purpose: "partners"},
		},
	}})
	require.NoError(t, err)
	s.ledger, err = compliance.NewLedger(s.aud, compliance.LedgerOptions{Controller: compliance.Party{ID: "shop"}, Purposes: []compliance.Purpose{
		{ID: "marketing", Public: true, Basis: map[compliance.Regime]compliance.Basis{compliance.RegimeGDPR: compliance.BasisSoftOptIn}, Title: map[string]string{"en": "News and offers", "de": "Neues und Angebote"}, Description: map[string]string{"en": "What is new in the shop, at most twice a week.", "de": "Was es Neues im Laden gibt, höchstens zweimal in der Woche."}},
		{ID: "partners", Public: true, Title: map[string]string{"en": "Offers of partners", "de": "Angebote von Partnern"}},
		{ID: "sharing", Class: compliance.ClassSaleShare},
	}})
	require.NoError(t, err)
	tokens, err := compliance.NewTokens(s.aud)
	require.NoError(t, err)
	base := "https://" + s.server.Listener.Addr().String() + "/mail"
	s.pages, err = web.NewPages(ctx, s.ledger, tokens, s, web.Options{
		BaseURL: base, Name: "The Shop", Limits: web.Limits{MinAge: time.Nanosecond, PerAddress: 100, PerPrefix: 1000},
		Forms: []web.Form{
			{ID: "footer", Purposes: []string{"marketing"}, Topics: []string{"news", "promotions"}, PrivacyURL: "https://shop.example/privacy", Fields: []web.Field{{Name: "first_name"}}},
			{ID: "two", Purposes: []string{"marketing", "partners"}, Topics: []string{"news", "partner-news"}, Statement: map[string]string{"de": "Ja, bitte schreibt mir."}, Fields: []web.Field{{Name: "last_name", Required: true}}},
		},
	})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/", s.pages)
	mux.HandleFunc("/host", s.hostPage)
	s.server.Config.Handler = mux
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	return s
}

// hostPage is a page of the host's, with three forms, that lets in no style and no
// script.
func (s *site) hostPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; form-action 'self'")
	_, _ = io.WriteString(w, `<!DOCTYPE html><html lang="en"><head><title>Host</title></head><body><main><h1>Host</h1>`)
	for _, form := range []string{"footer", "footer", "two"} {
		html, err := s.pages.Snippet(form, "en", nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, string(html))
	}
	_, _ = io.WriteString(w, `</main></body></html>`)
}

// customer makes somebody who bought something and asked for nothing.
func (s *site) customer(address string) audience.ContactID {
	res, err := s.aud.Put(s.t.Context(), audience.ContactWrite{Email: audience.MustAddress(address)})
	require.NoError(s.t, err)
	require.NoError(s.t, s.ledger.Relate(s.t.Context(), audience.ID(res.ID), compliance.Relation{
		Kind: audience.MechanismPurchase, Entity: "shop", Category: "books", ObtainedBySale: true, OptOutOffered: true,
	}))
	return res.ID
}

func (s *site) url(path string) string { return s.server.URL + "/mail" + path }

// delivered gives the messages that wait.
func (s *site) delivered() []compliance.Outgoing {
	_, err := s.pages.Deliver(s.t.Context())
	require.NoError(s.t, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.mail
	s.mail = nil
	return out
}

// profile gives what is known of an address.
func (s *site) profile(address string) audience.Profile {
	p, err := s.aud.Profile(s.t.Context(), audience.Email(address), audience.ProfileParts{Ledger: true, Suppressed: true})
	require.NoError(s.t, err)
	return p
}

func (s *site) mailable(address string) bool {
	p := s.profile(address)
	return p.Mailable(s.aud.Now())
}

func (s *site) onList(address, name string) bool {
	p, schema := s.profile(address), s.aud.Schema()
	l, ok := schema.ListNamed(name)
	require.True(s.t, ok)
	return p.OnList(l, s.aud.Now())
}

// subscribed makes a subscriber without a browser.
func (s *site) subscribed(address string) audience.ContactID {
	ctx := s.t.Context()
	_, err := s.aud.Put(ctx, audience.ContactWrite{Email: audience.MustAddress(address)})
	require.NoError(s.t, err)
	_, err = s.aud.Record(ctx, audience.ConsentWrite{
		Contact: audience.Email(address), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(),
		Mechanism: audience.MechanismDoubleOptIn, Evidence: []byte("test"),
	})
	require.NoError(s.t, err)
	return s.profile(address).Contact.ID
}

// browserPath finds a browser, or skips.
func browserPath(t *testing.T) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless_shell"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("AUDIENCEKIT_BROWSER") == "required" {
		t.Fatal("there is no chromium in PATH, and AUDIENCEKIT_BROWSER says that it is required")
	}
	t.Skip("there is no chromium in PATH: the pages are not looked at in a browser")
	return ""
}

// newBrowser starts a browser that ends with the test.
func newBrowser(t *testing.T) context.Context {
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(browserPath(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(2*time.Minute))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Run(ctx, network.Enable()))
	return ctx
}

// run does something in the browser.
func run(ctx context.Context, t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	require.NoError(t, chromedp.Run(ctx, actions...))
}

// view is a size of window.
type view struct {
	name          string
	width, height int64
	dark          bool
}

func views() []view {
	return []view{{"desktop", 1280, 900, false}, {"phone", 375, 812, false}, {"narrow", 320, 640, true}, {"dark", 1280, 900, true}}
}

func (v *view) apply() chromedp.Tasks {
	scheme := "light"
	if v.dark {
		scheme = "dark"
	}
	return chromedp.Tasks{
		chromedp.EmulateViewport(v.width, v.height),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
	}
}

// shoot keeps a picture where somebody wants them.
func shoot(ctx context.Context, t *testing.T, name string) {
	dir := os.Getenv("AUDIENCEKIT_SCREENSHOTS")
	if dir == "" {
		return
	}
	var png []byte
	run(ctx, t, chromedp.FullScreenshot(&png, 100))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}

func heading(ctx context.Context, t *testing.T) (text string) {
	t.Helper()
	run(ctx, t, chromedp.WaitVisible("h1", chromedp.ByQuery), chromedp.Text("h1", &text, chromedp.ByQuery))
	return strings.TrimSpace(text)
}

func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
