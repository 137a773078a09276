package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

const oneClick = "List-Unsubscribe=One-Click"

func offers() audience.Scope { return audience.Scope{Channel: "email", Purpose: "offers"} }

func marketingOf(id string) audience.Scope {
	return audience.Scope{Channel: "email", Purpose: "marketing", List: id}
}

func TestLookingChangesNothing(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com", "t.news", "on")
	before := s.kinds(id)
	head, err := s.aud.Head(t.Context())
	require.NoError(t, err)
	link := s.unsubscribeURL(id, marketingOf("news"))
	for range 50 {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
			for _, query := range []string{"", "?List-Unsubscribe=One-Click", "?do=unsubscribe", "?do=all"} {
				res := s.send(method, link+query, urlencoded, "")
				require.Less(t, res.StatusCode, 300)
				if method == http.MethodGet {
					page := text(res)
					require.Contains(t, page, `<form method="post"`)
					require.NotContains(t, page, "<script")
				}
			}
		}
	}
	t.Run("O01 there is no ledger event and she is mailable", func(t *testing.T) {
		require.Equal(t, before, s.kinds(id))
		require.True(t, s.mailable(id))
		after, err := s.aud.Head(t.Context())
		require.NoError(t, err)
		require.Equal(t, head, after, "nothing at all was committed")
	})
}

// httpVector is one request to an unsubscribe URL and what has to come of it.
type httpVector struct {
	Name, Method, Path, Body, Fault string
	Headers                         map[string]string
	BodyRepeat                      []any `json:"body_repeat"`
	Status                          []int
	Mutates                         any
	Repeat                          int
	Events                          int               `json:"ledger_events"`
	HeadersOut                      map[string]string `json:"headers_out"`
}

func TestUnsubscribeVectors(t *testing.T) {
	var file struct{ Vectors []httpVector }
	require.NoError(t, json.Unmarshal(corpora(t, "vectors/unsubscribe-http.json"), &file))
	require.NotEmpty(t, file.Vectors)
	for _, v := range file.Vectors {
		t.Run("O02 "+v.Name, func(t *testing.T) {
			broken := &breaking{Adapter: memstore.New()}
			opts := siteOptions()
			opts.BaseURL = "https://shop.example"
			s := newSiteOn(t, broken, opts, "k1", "k1")
			id := s.subscribe("ann@example.com")
			link := s.unsubscribeURL(id, audience.MarketingScope())
			token := strings.TrimPrefix(link, "https://shop.example/u/")
			forged := strings.Map(func(r rune) rune {
				if r == 'A' {
					return 'B'
				}
				return r
			}, token)
			path := strings.NewReplacer("{T}", token, "{X}", forged).Replace(v.Path)
			body := v.Body
			if len(v.BodyRepeat) == 2 {
				body = strings.Repeat(v.BodyRepeat[0].(string), int(v.BodyRepeat[1].(float64)))
			}
			broken.set(v.Fault != "")
			for range max(v.Repeat, 1) {
				r := httptest.NewRequestWithContext(t.Context(), v.Method, "https://shop.example/", strings.NewReader(body))
				r.URL.Path, r.URL.RawQuery, _ = strings.Cut(path, "?")
				for name, value := range v.Headers {
					r.Header.Set(name, value)
				}
				w := httptest.NewRecorder()
				s.pages.ServeHTTP(w, r)
				checkAnswer(t, &answer{StatusCode: w.Code, Header: w.Header()})
				require.Contains(t, v.Status, w.Code)
				for name, value := range v.HeadersOut {
					require.Equal(t, value, w.Header().Get(name))
				}
			}
			broken.set(false)
			events := len(s.kinds(id)) - 1
			switch mutates := v.Mutates.(type) {
			case bool:
				require.Equal(t, mutates, !s.mailable(id))
				require.Equal(t, mutates, events > 0)
			case string: // "policy": an empty body unsubscribes
				require.False(t, s.mailable(id))
			case nil: // a doubled slash, which the pages do not have
				require.Zero(t, events)
			}
			if v.Events > 0 {
				require.Equal(t, v.Events, events)
			}
		})
	}
}

// breaking is a store whose transactions can be made to fail.
type breaking struct {
	store.Adapter
	mu     sync.Mutex
	broken bool
}

func (b *breaking) set(broken bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken = broken
}

func (b *breaking) fails() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken
}

func (b *breaking) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := b.Adapter.Partition(ctx, name)
	return &breakingPartition{p, b}, err
}

type breakingPartition struct {
	store.Partition
	owner *breaking
}

var errDisk = errors.New("disk failure of ann@example.com")

func (p *breakingPartition) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	if p.owner.fails() {
		return store.Position{}, errDisk
	}
	return p.Partition.Update(ctx, fn)
}

func (p *breakingPartition) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	if p.owner.fails() {
		return errDisk
	}
	return p.Partition.View(ctx, fn)
}

func TestUnsubscribeBodies(t *testing.T) {
	const boundary = "multipart/form-data; boundary=B"
	part := func(name, value string) string {
		return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	for name, tt := range map[string]struct {
		kind, body string
		status     int
		leaves     bool
	}{
		"multipart":                        {boundary, part("List-Unsubscribe", "One-Click") + "--B--\r\n", 200, true},
		"multipart with another type case": {"Multipart/Form-Data; boundary=\"B\"", part("List-Unsubscribe", "One-Click") + "--B--\r\n", 200, true},
		"multipart without boundary":       {"multipart/form-data", part("List-Unsubscribe", "One-Click") + "--B--\r\n", 400, false},
		"multipart that breaks off":        {boundary, part("List-Unsubscribe", "One-Click"), 400, false},
		"multipart with a file":            {boundary, "--B\r\nContent-Disposition: form-data; name=\"do\"; filename=\"x\"\r\n\r\nsubscribe\r\n--B--\r\n", 200, true}, // as if it were empty
		"multipart with many parts":        {boundary, strings.Repeat(part("x", "y"), 300) + "--B--\r\n", 400, false},
		"multipart too long":               {boundary, part("x", strings.Repeat("y", 100_000)) + "--B--\r\n", 413, false},
		"no type":                          {"", oneClick, 200, true},
		"wrong type":                       {"text/plain", oneClick, 200, true},
		"broken type":                      {";;;", oneClick, 200, true},
		"broken escape":                    {urlencoded, "List-Unsubscribe=%zz", 400, false},
		"another key":                      {urlencoded, "Unsubscribe=One-Click", 400, false},
		"button":                           {urlencoded, "do=unsubscribe", 200, true},
		"button for everything":            {urlencoded, "do=all", 200, true},
		"subscribe":                        {urlencoded, "do=subscribe", 400, false},
		"too long":                         {urlencoded, oneClick + "&x=" + strings.Repeat("y", 100_000), 413, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			id := s.subscribe("ann@example.com")
			res := s.send(http.MethodPost, s.unsubscribeURL(id, audience.MarketingScope()), tt.kind, tt.body)
			require.Equal(t, tt.status, res.StatusCode)
			require.Equal(t, tt.leaves, !s.mailable(id))
		})
	}
	t.Run("other methods", func(t *testing.T) {
		s := newSite(t)
		id := s.subscribe("ann@example.com")
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodTrace} {
			require.Equal(t, http.StatusMethodNotAllowed, s.send(method, s.unsubscribeURL(id, audience.Scope{}), urlencoded, oneClick).StatusCode)
		}
		require.True(t, s.mailable(id))
	})
}

func TestUnsubscribeAtOnce(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com")
	link := s.unsubscribeURL(id, audience.MarketingScope())
	var wait sync.WaitGroup
	codes := make([]int, 100)
	for i := range codes {
		wait.Go(func() {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, link, strings.NewReader(oneClick))
			r.Header.Set("Content-Type", urlencoded)
			w := httptest.NewRecorder()
			s.pages.ServeHTTP(w, r)
			codes[i] = w.Code
		})
	}
	wait.Wait()
	s.pass(24 * time.Hour)
	codes = append(codes, s.post(link, "List-Unsubscribe", "One-Click").StatusCode)
	t.Run("O03 exactly one withdrawal", func(t *testing.T) {
		for _, code := range codes {
			require.Equal(t, http.StatusOK, code)
		}
		require.Equal(t, []string{"granted email/marketing/* double-opt-in", "withdrawn email/marketing/* rfc8058"}, s.kinds(id))
	})
}

func TestUnsubscribeAgainAfterComingBack(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com")
	link := s.unsubscribeURL(id, audience.Scope{Channel: "email"})
	for range 3 {
		s.post(link)
		s.post(link)
		require.False(t, s.mailable(id))
		s.pass(48 * time.Hour)
		require.Equal(t, id, s.subscribe("ann@example.com"))
		require.True(t, s.mailable(id))
	}
	require.Len(t, s.kinds(id), 7)
}

func TestUnsubscribeAfterBounceAndComplaint(t *testing.T) {
	for kind, want := range map[audience.ConsentKind]audience.Status{
		audience.ConsentBounced:    audience.StatusUnsubscribed, // consent would lift the bounce alone
		audience.ConsentComplained: audience.StatusComplained,
	} {
		s := newSite(t)
		id := s.subscribe("ann@example.com")
		_, err := s.ledger.Record(t.Context(), compliance.Declaration{Contact: audience.ID(id), Kind: kind, Scope: audience.MarketingScope()})
		require.NoError(t, err)
		s.pass(time.Hour)
		for range 3 {
			require.Equal(t, 200, s.post(s.unsubscribeURL(id, audience.MarketingScope())).StatusCode)
		}
		require.Equal(t, want, s.status(id))
		require.LessOrEqual(t, len(s.kinds(id)), 3)
	}
}

func TestBadTokens(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com")
	gone := s.subscribe("gone@example.com")
	erased := s.subscribe("erased@example.com")
	links := map[string]string{"erased": s.unsubscribeURL(erased, audience.Scope{}), "deleted": s.unsubscribeURL(gone, audience.Scope{})}
	_, err := s.aud.Update(t.Context(), func(tx *store.Tx) error {
		if err := tx.Erase(t.Context(), audience.Source{}, audience.ID(erased)); err != nil {
			return err
		}
		return tx.Delete(t.Context(), audience.Source{}, audience.ID(gone))
	})
	require.NoError(t, err)
	links["nobody"] = s.unsubscribeURL(4_000_000, audience.Scope{})
	good := s.unsubscribeURL(id, audience.Scope{})
	links["cut"] = good[:len(good)-1]
	links["longer"] = good + "A"
	links["padded"] = good + "="
	links["short"] = "https://shop.example/mail/u/x"
	links["preferences"] = strings.Replace(s.preferencesURL(id), "/p/", "/u/", 1)
	links["mailto of nobody"] = "https://shop.example/mail/u/" + strings.Repeat("a", 55)
	first := ""
	for name, link := range links {
		for _, at := range []string{"u", "c", "p", "z"} {
			if name == "preferences" && at == "p" {
				continue // where it belongs
			}
			t.Run("O04 "+name+" at "+at, func(t *testing.T) {
				link := strings.Replace(link, "/u/", "/"+at+"/", 1)
				for _, method := range []string{http.MethodGet, http.MethodPost} {
					res := s.send(method, link, urlencoded, oneClick)
					answer := fmt.Sprint(res.StatusCode, res.Header, text(res))
					if first == "" {
						first = answer
					}
					require.Equal(t, first, answer)
					require.Contains(t, answer, "This link does not work")
					require.Contains(t, answer, `action="/mail/u"`)
				}
			})
		}
	}
	for _, at := range []string{"c", "p", "z"} {
		require.Equal(t, 404, s.post(strings.Replace(good, "/u/", "/"+at+"/", 1), "do", "confirm").StatusCode, "one use is not another")
	}
	require.True(t, s.mailable(id))
}

func TestUnsubscribeKeysRotate(t *testing.T) {
	adapter := memstore.New()
	first := newSiteOn(t, adapter, siteOptions(), "k1", "k1")
	id := first.subscribe("ann@example.com")
	link := first.unsubscribeURL(id, audience.MarketingScope())
	t.Run("O05 destroyed: the page offers the address form", func(t *testing.T) {
		// Nothing is held under k1, so that the audience opens without it.
		s := newSiteOn(t, adapter, siteOptions(), "k2", "k2")
		s.pass(time.Hour)
		require.Contains(t, s.get(link), `name="email"`)
		require.Equal(t, 404, s.post(link).StatusCode)
		require.True(t, s.mailable(id))
	})
	t.Run("O05 after rotation and retirement it works", func(t *testing.T) {
		s := newSiteOn(t, adapter, siteOptions(), "k2", "k1", "k2")
		s.pass(time.Hour)
		require.Equal(t, 200, s.post(link).StatusCode)
		require.False(t, s.mailable(id))
	})
}

func TestUnsubscribeLinkNeverEnds(t *testing.T) {
	for _, days := range []int{31, 61, 800} {
		t.Run(fmt.Sprintf("O06 after %d days", days), func(t *testing.T) {
			s := newSite(t)
			id := s.subscribe("ann@example.com")
			link := s.unsubscribeURL(id, audience.MarketingScope())
			s.pass(time.Duration(days) * 24 * time.Hour)
			require.Equal(t, 200, s.post(link).StatusCode)
			require.False(t, s.mailable(id))
		})
	}
}

func TestUnsubscribeScopes(t *testing.T) {
	t.Run("O07 one list", func(t *testing.T) {
		s := newSite(t)
		id := s.subscribe("ann@example.com", "t.news", "on", "t.promotions", "on")
		page := s.get(s.unsubscribeURL(id, audience.Scope{List: "news"}))
		require.Contains(t, page, "Weekly news")
		require.Contains(t, page, "Unsubscribe from everything")
		s.post(s.unsubscribeURL(id, audience.Scope{List: "news"}))
		require.False(t, s.onList(id, "news"))
		require.True(t, s.onList(id, "promotions"))
		require.True(t, s.mailable(id))
	})
	t.Run("O07 everything", func(t *testing.T) {
		s := newSite(t)
		id := s.subscribe("ann@example.com", "t.news", "on", "t.promotions", "on")
		s.post(s.unsubscribeURL(id, audience.Scope{}))
		require.False(t, s.onList(id, "news"))
		require.False(t, s.onList(id, "promotions"))
		require.False(t, s.mailable(id))
		p, err := s.aud.Profile(t.Context(), audience.ID(id), audience.ProfileParts{Suppressed: true})
		require.NoError(t, err)
		require.True(t, p.IsSuppressed(s.clock()))
	})
	t.Run("everything, by the second button", func(t *testing.T) {
		s := newSite(t)
		id := s.subscribe("ann@example.com", "t.news", "on")
		s.post(s.unsubscribeURL(id, audience.Scope{List: "news"}), "do", "all")
		require.False(t, s.mailable(id))
		require.Equal(t, "withdrawn email/*/* unsubscribe-page", s.kinds(id)[2])
	})
	t.Run("the second button never does less than the token", func(t *testing.T) {
		s := newSite(t)
		id := s.subscribe("ann@example.com")
		s.post(s.unsubscribeURL(id, audience.Scope{}), "do", "all")
		require.Equal(t, "withdrawn */*/* unsubscribe-page", s.kinds(id)[1])
	})
	t.Run("who was merged", func(t *testing.T) {
		s := newSite(t)
		loser := s.subscribe("ann@example.com")
		winner := s.subscribe("ann@work.example")
		link := s.unsubscribeURL(loser, audience.MarketingScope())
		_, err := s.aud.Update(t.Context(), func(tx *store.Tx) error {
			return tx.Merge(t.Context(), audience.ID(winner), audience.ID(loser), audience.Source{})
		})
		require.NoError(t, err)
		require.True(t, s.mailable(winner))
		require.Equal(t, 200, s.post(link).StatusCode)
		require.False(t, s.mailable(winner))
	})
}

func TestLinkByAddress(t *testing.T) {
	s := newSite(t)
	id := s.subscribe("ann@example.com")
	require.Contains(t, s.get("/mail/u"), "Send me a link")
	answer := ""
	for _, address := range []string{"ann@example.com", "nobody@example.com"} {
		res := s.post("/mail/u", "email", address)
		page := fmt.Sprint(res.StatusCode, res.Header, text(res))
		require.Contains(t, page, "If we know your address")
		if answer == "" {
			answer = page
		}
		require.Equal(t, answer, page)
	}
	mails := s.deliver()
	require.Len(t, mails, 1)
	require.Equal(t, compliance.OutgoingUnsubscribe, mails[0].Kind)
	require.Contains(t, s.get(mails[0].Data["preferences"]), "Your preferences")
	require.Equal(t, 200, s.post(mails[0].Data["url"]).StatusCode)
	require.False(t, s.mailable(id))
	for range 5 {
		require.Equal(t, 200, s.post("/mail/u", "email", "ann@example.com").StatusCode)
	}
	require.Len(t, s.deliver(), 2, "three links a day, whatever signups there were")
	require.Equal(t, 422, s.post("/mail/u", "email", "ann").StatusCode)
}
