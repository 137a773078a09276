package web_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/compliance/web"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

func TestGPCVectors(t *testing.T) {
	var file struct {
		Vectors []struct {
			Headers [][2]string
			GPC     bool
		}
		WellKnown struct {
			Body        map[string]any
			ContentType string `json:"content_type"`
		} `json:"well_known"`
	}
	require.NoError(t, json.Unmarshal(corpora(t, "vectors/gpc.json"), &file))
	for i, v := range file.Vectors {
		t.Run(fmt.Sprintf("O36 headers %d", i), func(t *testing.T) {
			h := make(http.Header)
			for _, pair := range v.Headers {
				h.Add(pair[0], strings.TrimSpace(pair[1])) // as a server gives them
			}
			require.Equal(t, v.GPC, web.GPC(h))

			s := newSite(t)
			id := s.subscribe("ann@example.com")
			for range 2 {
				honoured, err := web.HonourGPC(t.Context(), s.ledger, audience.ID(id), h)
				require.NoError(t, err)
				require.Equal(t, v.GPC, honoured)
			}
			want := []string{"granted email/marketing/* double-opt-in"}
			if v.GPC {
				want = append(want, "withdrawn */sharing/* gpc")
			}
			require.Equal(t, want, s.kinds(id))
			require.True(t, s.mailable(id))
			s.header = h
			require.Equal(t, v.GPC, strings.Contains(s.get(s.preferencesURL(id)), "Opt-out request honored"))
		})
	}
	w := httptest.NewRecorder()
	web.GPCHandler(time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/.well-known/gpc.json", http.NoBody))
	var body map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	require.Equal(t, file.WellKnown.Body, body)
	require.Equal(t, file.WellKnown.ContentType, w.Header().Get("Content-Type"))
}

func TestHonourGPCOfNobody(t *testing.T) {
	s := newSite(t)
	h := http.Header{"Sec-Gpc": {"1"}}
	_, err := web.HonourGPC(t.Context(), s.ledger, audience.Key("nobody"), h)
	require.ErrorIs(t, err, audience.ErrNotFound)
	w := httptest.NewRecorder()
	web.GPCHandler(s.clock()).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
}

// TestPagesHaveNoScriptAndOneStyle also holds the style against the hash that the browser is told.
func TestPagesHaveNoScriptAndOneStyle(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Style = "h1 { color: red }\r\n/* \"quoted\" > & < */" })
	id := s.subscribe("ann@example.com")
	for _, target := range []string{
		"/mail/s/footer", "/mail/s/two", "/mail/u", s.unsubscribeURL(id, audience.Scope{}), s.preferencesURL(id), "/mail/u/bad", "/mail/nothing", "/elsewhere", "/", "//mail/u",
		"/mail/s", "/mail/s/footer/x", "/mail/c/", "/mail",
	} {
		res := s.send(http.MethodGet, target, "", "")
		page := text(res)
		_, rest, _ := strings.Cut(page, "<style>")
		css, _, ok := strings.Cut(rest, "</style>")
		require.True(t, ok)
		sum := sha256.Sum256([]byte(css))
		require.Contains(t, res.Header.Get("Content-Security-Policy"), "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
		require.Contains(t, css, "color: red")
		for _, bad := range []string{"<script", "javascript:", " style=", " onclick", "http-equiv", "<img", "<link", "ZgotmplZ", "src="} {
			require.NotContains(t, page, bad)
		}
		require.Contains(t, page, `<html lang="en">`)
		require.Equal(t, 1, strings.Count(page, "<main>"))
		require.Equal(t, 1, strings.Count(page, "<h1>"))
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	s := newSite(t)
	for name, change := range map[string]func(*web.Options){
		"http":                    func(o *web.Options) { o.BaseURL = "http://shop.example/mail" },
		"no host":                 func(o *web.Options) { o.BaseURL = "https:///mail" },
		"query":                   func(o *web.Options) { o.BaseURL += "?x=1" },
		"user":                    func(o *web.Options) { o.BaseURL = "https://u:p@shop.example" },
		"doubled slash":           func(o *web.Options) { o.BaseURL = "https://shop.example//mail" },
		"dots":                    func(o *web.Options) { o.BaseURL = "https://shop.example/a/../mail" },
		"none":                    func(o *web.Options) { o.BaseURL = "" },
		"mode":                    func(o *web.Options) { o.KeepIP = "some" },
		"style":                   func(o *web.Options) { o.Style = "</STYLE><script>" },
		"form id":                 func(o *web.Options) { o.Forms[0].ID = "Footer Form" },
		"form twice":              func(o *web.Options) { o.Forms[1].ID = "footer" },
		"form of our own":         func(o *web.Options) { o.Forms[1].ID = "preferences" },
		"form without purpose":    func(o *web.Options) { o.Forms[0].Purposes = nil },
		"unknown purpose":         func(o *web.Options) { o.Forms[0].Purposes = []string{"nope"} },
		"unknown topic":           func(o *web.Options) { o.Forms[0].Topics = []string{"nope"} },
		"topic of other purposes": func(o *web.Options) { o.Forms[0].Topics = []string{"secret"} },
		"field of nobody":         func(o *web.Options) { o.Forms[0].Fields = []web.Field{{Name: "nope"}} },
		"field of another type":   func(o *web.Options) { o.Forms[0].Fields = []web.Field{{Name: "paused_until"}} },
		"privacy by http":         func(o *web.Options) { o.Forms[0].PrivacyURL = "javascript:alert(1)" },
		"template":                func(o *web.Options) { o.Templates = fstest.MapFS{"sent.html": {Data: []byte("{{")}} },
	} {
		t.Run(name, func(t *testing.T) {
			opts := siteOptions()
			change(&opts)
			_, err := web.NewPages(t.Context(), s.ledger, s.tokens, s.mail, opts)
			require.ErrorIs(t, err, audience.ErrInvalid)
		})
	}
	_, err := web.NewPages(t.Context(), nil, s.tokens, s.mail, siteOptions())
	require.ErrorIs(t, err, audience.ErrInvalid)
}

func TestTemplatesOfTheHost(t *testing.T) {
	s := newSite(t, func(o *web.Options) {
		o.Templates = fstest.MapFS{"sent.html": {Data: []byte(`{{define "content"}}<p>Own words in {{.Lang}}</p>{{end}}`)}}
	})
	require.Contains(t, text(s.signup("ann@example.com")), "<p>Own words in en</p>")
	require.Contains(t, s.get("/mail/u"), "Send me a link")
}

func TestMaskTokens(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com")
	var seen strings.Builder
	h := s.pages.MaskTokens(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			_, _ = fmt.Fprintf(&seen, "%s %s %s %s\n", r.Method, r.URL, r.RequestURI, r.URL.Query().Encode())
		})
	})
	link := s.unsubscribeURL(id, audience.Scope{})
	for _, target := range []string{
		link + "?x=" + link, "https://shop.example/mail/s/footer?utm_source=ann@example.com", "https://shop.example/mail/u",
		s.preferencesURL(id), "https://shop.example/mail/s/ann@example.com", "https://shop.example/ann@example.com",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(oneClick))
		r.Header.Set("Content-Type", urlencoded)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	require.False(t, s.mailable(id), "what is behind it sees the token")
	require.Equal(t, []string{
		"POST https://shop.example/mail/u/masked", "POST https://shop.example/mail/s/footer", "POST https://shop.example/mail/u",
		"POST https://shop.example/mail/p/masked", "POST https://shop.example/mail/s/masked", "POST https://shop.example/masked",
	}, firsts(seen.String()))
	require.NotContains(t, seen.String(), "ann@")
	require.NotContains(t, seen.String(), strings.TrimPrefix(link, "https://shop.example/mail/u/"))
}

// firsts gives the first two words of each line.
func firsts(lines string) (out []string) {
	for line := range strings.Lines(lines) {
		words := strings.Fields(line)
		out = append(out, words[0]+" "+words[1])
	}
	return out
}

// TestLogsHaveNoAddress does everything that can go wrong and reads what was logged, at every level and through both handlers.
func TestLogsHaveNoAddress(t *testing.T) {
	broken := &breaking{Adapter: memstore.New()}
	s := newSiteOn(t, broken, siteOptions(), "k1", "k1")
	id := s.subscribe("ann@example.com")
	confirm := func() string {
		s.signup("bob@example.com", "f.first_name", "Bobby", "f.company", "Acme")
		return s.deliver()[0].Data["url"]
	}()
	links := []string{s.unsubscribeURL(id, audience.Scope{}), s.preferencesURL(id), confirm, "/mail/u", "/mail/s/footer"}
	stamp := hidden(t, s.get("/mail/s/footer"), "at")
	s.pass(time.Minute)
	broken.set(true)
	for _, link := range links {
		for _, do := range []string{"unsubscribe", "save", "all", "confirm", "reject"} {
			require.GreaterOrEqual(t, s.post(link, "do", do, "email", "ann@example.com", "at", stamp, "frequency", "", "pause", "0").StatusCode, 400)
		}
	}
	broken.set(false)
	s.mail.fail = errors.New("550 no such user bob@example.com")
	for range 6 {
		s.signup("bob@example.com")
	}
	_, err := s.pages.Deliver(t.Context())
	require.Error(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s.pass(10 * time.Minute)
	require.ErrorIs(t, s.pages.Run(ctx), context.DeadlineExceeded)
	logged := s.log()
	require.Contains(t, logged, "a request failed")
	require.Contains(t, logged, "messages wait")
	require.Contains(t, logged, "a limit was reached")
	for _, secret := range []string{"ann@", "bob@", "example.com", "Bobby", "Acme", "192.0.2.1", "550"} {
		require.NotContains(t, logged, secret)
	}
	for _, link := range links[:3] {
		require.NotContains(t, logged, link[strings.LastIndexByte(link, '/')+1:])
	}
	var printed strings.Builder
	for _, handler := range []slog.Handler{slog.NewTextHandler(&printed, nil), slog.NewJSONHandler(&printed, nil)} {
		m := compliance.Outgoing{Kind: compliance.OutgoingConfirm, To: audience.MustAddress("ann@example.com"), Data: map[string]string{"url": "secret"}}
		slog.New(handler).Info("queued", "message", m, "all", []any{m, map[string]any{"m": m}, struct{ M compliance.Outgoing }{m}})
		_, _ = fmt.Fprintf(&printed, "%v %+v %#v %s", m, m, m, &m)
	}
	require.NotContains(t, printed.String(), "secret")
	require.NotContains(t, printed.String(), "ann")
}

func TestDeliverTriesAgain(t *testing.T) {
	s := newSite(t)
	s.signup("ann@example.com")
	s.signup("bob@example.com")
	s.mail.fail = errors.New("queue full")
	n, err := s.pages.Deliver(t.Context())
	require.Error(t, err)
	require.Zero(t, n)
	s.mail.fail = nil
	require.Empty(t, s.deliver(), "another process might be at it")
	s.pass(5*time.Minute + time.Second)
	mails := s.deliver()
	require.Len(t, mails, 2)
	require.NotEmpty(t, mails[0].ID)
	require.Empty(t, s.deliver())
	require.Zero(t, s.records("compliance/outbox"))
}

func TestDeliverMany(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Limits.PerPrefix = 1000 })
	for i := range 130 {
		s.signup(person(i))
	}
	require.Len(t, s.deliver(), 130)
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.pages.Run(ctx) }()
		synctest.Wait()
		s.signup("ann@example.com")
		synctest.Wait()
		s.mail.mu.Lock()
		require.Len(t, s.mail.sent, 1, "at once")
		s.mail.mu.Unlock()
		s.pass(15 * 24 * time.Hour)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Zero(t, s.records("compliance/pending"))
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
}

func TestForget(t *testing.T) {
	s := newSite(t)
	for _, a := range []string{"ann@example.com", "bob@example.com", "eve@example.com"} {
		s.signup(a)
	}
	for _, m := range s.deliver() {
		if m.To.Reveal() == "eve@example.com" {
			s.post(m.Data["url"], "do", "reject")
		}
	}
	s.signup("ann@example.com")
	s.signup("bob@example.com")
	_, err := s.aud.Update(t.Context(), func(tx *store.Tx) error {
		return s.pages.Forget(t.Context(), tx, audience.MustAddress("ann@example.com"), audience.MustAddress("eve@example.com"))
	})
	require.NoError(t, err)
	mails := s.deliver()
	require.Len(t, mails, 1)
	require.Equal(t, "bob@example.com", mails[0].To.Reveal())
	require.Equal(t, 1, s.records("compliance/pending-address"))
	require.Equal(t, 1, s.records("compliance/not-me"), "an objection stays")
	require.Equal(t, 2, s.records("compliance/pending"), "of bob, and that somebody rejected one")
}

// TestRecordsHoldNoAddress looks at all that the pages keep while a signup waits.
func TestRecordsHoldNoAddress(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.KeepIP = web.IPFull })
	s.signup("ann@example.com", "f.first_name", "Annabel")
	s.post("/mail/u", "email", "ann@example.com")
	require.NoError(t, s.aud.View(t.Context(), func(r *store.Reader) error {
		n := 0
		for _, namespace := range []string{"pending", "pending-address", "outbox", "limit", "not-me"} {
			page, err := r.Records(t.Context(), "compliance/"+namespace, "", "", 1000)
			require.NoError(t, err)
			for _, rec := range page {
				n++
				for _, secret := range []string{"ann", "example", "Annabel", "192.0.2"} {
					require.NotContains(t, rec.Key+string(rec.Value), secret)
				}
			}
		}
		require.Greater(t, n, 5)
		return nil
	}))
}

func TestIPModes(t *testing.T) {
	for mode, want := range map[web.IPMode][2]string{
		web.IPTruncated: {`"ip":"203.0.113.0/24"`, `"ip":"2001:db8:1::/48"`},
		web.IPFull:      {`"ip":"203.0.113.77"`, `"ip":"2001:db8:1:2::3"`},
		web.IPHashed:    {`"ip":"`, `"ip":"`},
		web.IPNone:      {"", ""},
	} {
		for i, ip := range []string{"203.0.113.77", "2001:db8:1:2::3"} {
			s := newSite(t, func(o *web.Options) { o.KeepIP = mode })
			s.ip = ip
			id := s.subscribe("ann@example.com")
			e := s.evidence(s.history(id).Records[0])
			require.Contains(t, e, want[i])
			require.Equal(t, mode == web.IPNone, !strings.Contains(e, `"ip"`))
			require.Equal(t, mode == web.IPFull, strings.Contains(e, ip))
		}
	}
	s := newSite(t, func(o *web.Options) { o.KeepIP, o.ClientIP = web.IPFull, nil })
	s.header = http.Header{"X-Forwarded-For": {"203.0.113.77"}, "X-Real-Ip": {"203.0.113.77"}, "Forwarded": {"for=203.0.113.77"}}
	id := s.subscribe("ann@example.com")
	require.NotContains(t, s.evidence(s.history(id).Records[0]), "203.0.113.77", "headers that anybody can send are not believed")
	require.NotContains(t, s.evidence(s.history(id).Records[0]), netip.Addr{}.String())
}

// TestTextsAreWhole holds the languages against each other, and templates against both.
func TestTextsAreWhole(t *testing.T) {
	read := func(name string) map[string]bool {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		keys := make(map[string]bool)
		for line := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(line, "\t\t\""); ok {
				key, _, _ := strings.Cut(rest, `"`)
				keys[key] = true
			}
		}
		return keys
	}
	english, german := read("text_en.go"), read("text_de.go")
	require.Greater(t, len(english), 80)
	require.Equal(t, english, german)
	files, err := os.ReadDir("templates")
	require.NoError(t, err)
	for _, f := range files {
		b, err := os.ReadFile("templates/" + f.Name())
		require.NoError(t, err)
		for _, part := range strings.Split(string(b), `T "`)[1:] {
			key, _, _ := strings.Cut(part, `"`)
			require.True(t, english[key], key)
		}
	}
}
