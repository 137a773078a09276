package importer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// shop is an audience with a clock that tests set.
func shop(t testing.TB, clock func() time.Time) *store.Audience {
	t.Helper()
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": bytes.Repeat([]byte{7}, 32)})
	require.NoError(t, err)
	aud, err := store.Open(context.Background(), memstore.New(), "shop", store.Options{
		Keys: keys, Clock: clock, Schema: audience.Schema{
			Fields: []audience.Field{
				{Name: "score", Type: audience.TypeDouble},
				{Name: "visits", Type: audience.TypeInt},
				{Name: "vip", Type: audience.TypeBool},
				{Name: "zip", Type: audience.TypeString},
				{Name: "likes", Type: audience.TypeStringList},
				{Name: "birthday", Type: audience.TypeDate},
			},
			Lists: []audience.List{{Name: "panel", Kind: audience.ListStatic}},
		},
	})
	require.NoError(t, err)
	return aud
}

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func handlerOf(t testing.TB, aud *store.Audience, opts importer.HandlerOptions) http.Handler {
	t.Helper()
	h, err := importer.Handler(aud, opts)
	require.NoError(t, err)
	return h
}

// post sends a body; header are names and values in turn.
func post(h http.Handler, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/contacts", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func profile(t testing.TB, aud *store.Audience, ref audience.Ref) audience.Profile {
	t.Helper()
	p, err := aud.Profile(context.Background(), ref, audience.ProfileParts{Ledger: true, Lists: true, Suppressed: true})
	require.NoError(t, err)
	return p
}

func TestHandlerContact(t *testing.T) {
	aud := shop(t, noon)
	h := handlerOf(t, aud, importer.HandlerOptions{Plan: importer.Plan{
		Job: "api", AddTags: []string{"api"}, Attestation: importer.Attestation{By: "shop", Text: "double opt-in at checkout", At: noon()},
	}})
	body := ` {"external_id":"u1","external":{"crm":"7"},"email":"Jane@Example.com","other_emails":["j@example.com"],"first_name":"Jane","last_name":"Dö\"e","phone":"+15005550006",
		"tags":["vip","a, b"],"lists":["panel"],"status":"subscribed","acted_at":"2026-02-28T10:00:00Z","evidence":{"form":"footer"},"created_at":"2025-01-02",
		"fields":{"score":2,"visits":7,"vip":true,"zip":"007","likes":["tea","a,b"],"birthday":"1980-04-15"}} `
	w := post(h, body)
	require.JSONEq(t, `{"outcome":"created","contact":1}`, w.Body.String())
	require.Equal(t, http.StatusCreated, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))

	p := profile(t, aud, audience.Key("u1"))
	c := p.Contact
	schema := aud.Schema()
	require.Equal(t, "Jane@Example.com", c.Addresses[0].Reveal())
	require.Equal(t, "j@example.com", c.Addresses[1].Reveal())
	require.Equal(t, "7", profile(t, aud, audience.ExternalRef(audience.External("crm", "7"))).Contact.External[0].ID.Reveal())
	require.Equal(t, `Jane|Dö"e|+15005550006`, c.FirstName.Reveal()+"|"+c.LastName.Reveal()+"|"+c.Phone.Reveal())
	require.Equal(t, []string{"a, b", "api", "vip"}, c.TagNames())
	require.Equal(t, []string{"panel"}, p.Lists)
	require.Equal(t, audience.StatusSubscribed, p.Status(noon()).Status)
	require.Equal(t, time.Date(2025, 1, 2, 0, 0, 0, 0, time.UTC), c.CreatedAt)
	for name, want := range map[string]audience.Value{
		"score": audience.DoubleValue(2), "visits": audience.IntValue(7), "vip": audience.BoolValue(true), "zip": audience.StringValue("007"),
		"likes": audience.StringListValue("tea", "a,b"),
	} {
		require.True(t, want.Equal(c.Field(&schema, name)), name)
	}

	w = post(h, body)
	require.JSONEq(t, `{"outcome":"skipped","reason":"unchanged","contact":1}`, w.Body.String())
	require.Equal(t, http.StatusOK, w.Code)
	w = post(h, `{"external_id":"u1","first_name":"Janet"}`)
	require.JSONEq(t, `{"outcome":"updated","contact":1}`, w.Body.String())
}

// TestHandlerConsent: a request raises nobody without what the host attests,
// and lifts no refusal with it.
func TestHandlerConsent(t *testing.T) {
	aud := shop(t, noon)
	plain := handlerOf(t, aud, importer.HandlerOptions{})
	require.Equal(t, http.StatusCreated, post(plain, `{"email":"a@example.com","status":"subscribed"}`).Code)
	require.Equal(t, audience.StatusPending, status(t, aud, "a@example.com"))
	attested := handlerOf(t, aud, importer.HandlerOptions{Plan: importer.Plan{Attestation: importer.Attestation{Text: "opt-in"}}})
	post(attested, `{"email":"a@example.com","status":"subscribed"}`)
	require.Equal(t, audience.StatusSubscribed, status(t, aud, "a@example.com"))
	post(plain, `{"email":"a@example.com","status":"unsubscribed"}`)
	post(attested, `{"email":"a@example.com","status":"subscribed","acted_at":"2026-03-01T12:00:00Z"}`)
	require.Equal(t, audience.StatusUnsubscribed, status(t, aud, "a@example.com"))

	_, err := importer.Handler(aud, importer.HandlerOptions{Plan: importer.Plan{AddLists: []string{"unknown"}}})
	require.Error(t, err)
}

func status(t testing.TB, aud *store.Audience, email string) audience.Status {
	p := profile(t, aud, audience.Email(email))
	return p.Status(noon()).Status
}

func TestHandlerBatch(t *testing.T) {
	items := []string{
		`{"email":"a@example.com"}`, `{"email":"secret"}`, `{"email":"b@example.com","fields":{"visits":"secret"}}`, `{"email":secret}`,
		`{"email":"c@example.com","nick":"secret"}`, `{"email":"a@example.com","first_name":"A"}`, `{"first_name":"secret"}`, `{"email":"c@example.com","Secret@example.com":1}`,
	}
	want := `{"created":1,"updated":1,"skipped":0,"suppressed":0,"rejected":6,"items":[
		{"index":0,"outcome":"created","contact":1},
		{"index":1,"outcome":"rejected","error":{"code":"%s","path":"email","hint":"%s"}},
		{"index":2,"outcome":"rejected","error":{"code":"type","path":"fields.visits","hint":"a value of the type int"}},
		{"index":3,"outcome":"rejected","error":{"code":"json","path":"row","hint":"a value, at byte 10 of the record"}},
		{"index":4,"outcome":"rejected","error":{"code":"unknown","path":"nick","hint":"only members that contacts have; custom ones are within fields"}},
		{"index":5,"outcome":"updated","contact":1},
		{"index":6,"outcome":"rejected","error":{"code":"empty","path":"email","hint":"an email or an external_id"}},
		{"index":7,"outcome":"rejected","error":{"code":"unknown","path":"contact","hint":"only members that contacts have; custom ones are within fields"}}]}`
	_, err := audience.ParseAddress("secret")
	var bad *audience.FieldError
	require.ErrorAs(t, err, &bad)
	hint, err := json.Marshal(bad.Hint)
	require.NoError(t, err)
	want = fmt.Sprintf(want, bad.Rule, strings.Trim(string(hint), `"`))
	for kind, body := range map[string]string{"application/json": "[" + strings.Join(items, ",") + "]", "application/x-ndjson; charset=UTF-8": strings.Join(items, "\n")} {
		aud := shop(t, noon)
		w := post(handlerOf(t, aud, importer.HandlerOptions{}), body, "Content-Type", kind)
		require.Equal(t, http.StatusOK, w.Code)
		require.JSONEq(t, want, w.Body.String())
		require.NotContains(t, strings.ToLower(w.Body.String()), "secret")
	}
}

func TestHandlerRefuses(t *testing.T) {
	aud := shop(t, noon)
	h := handlerOf(t, aud, importer.HandlerOptions{MaxBytes: 1000, MaxItems: 3})
	post(h, `[{"external_id":"u1","email":"a@example.com"},{"external_id":"u2","email":"b@example.com"}]`)
	tests := []struct {
		name, body string
		header     []string
		status     int
		code       string
	}{
		{"no JSON", "secret", nil, 400, "json"},
		{"half", `{"email":"secret@example.com"`, nil, 400, "json"},
		{"half an array", `[{"email":"secret@example.com"},`, nil, 400, "json"},
		{"two objects", `{"email":"secret1@example.com"},{"email":"secret2@example.com"}`, nil, 400, "json"},
		{"empty", "", nil, 400, "json"},
		{"nobody", "[]", nil, 422, "empty"},
		{"no line", "\n", []string{"Content-Type", "application/x-ndjson"}, 422, "empty"},
		{"UTF-16", "\xff\xfe[\x00", nil, 400, "encoding"},
		{"large", "[" + strings.Repeat(" ", 1000) + "]", nil, 413, "max-bytes"},
		{"many", `[{},{},{},{}]`, nil, 413, "max-rows"},
		{"form", "a=1", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "content-type"},
		{"no type", "{}", []string{"Content-Type", ""}, 415, "content-type"},
		{"charset", "{}", []string{"Content-Type", "application/json; charset=latin1"}, 415, "content-type"},
		{"compressed", "{}", []string{"Content-Encoding", "gzip"}, 415, "content-type"},
		{"key", "{}", []string{"Idempotency-Key", "a b"}, 400, "idempotency-key"},
		{"long key", "{}", []string{"Idempotency-Key", strings.Repeat("x", 256)}, 400, "idempotency-key"},
		{"bad contact", `{"email":"secret"}`, nil, 422, ""},
		{"unknown field", `{"email":"c@example.com","fields":{"nick":"secret"}}`, nil, 422, "unknown"},
		{"unknown list", `{"email":"c@example.com","lists":["secret"]}`, nil, 422, ""},
		{"status word", `{"email":"c@example.com","status":"secret"}`, nil, 422, "unknown"},
		{"number as text", `{"email":"c@example.com","first_name":7}`, nil, 422, "type"},
		{"text as list", `{"email":"c@example.com","tags":"secret"}`, nil, 422, "type"},
		{"twice", `{"email":"c@example.com","email":"d@example.com"}`, nil, 422, "duplicate"},
		{"of somebody else", `{"external_id":"u1","email":"b@example.com"}`, nil, 409, "ambiguous"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := post(h, tt.body, tt.header...)
			require.Equal(t, tt.status, w.Code, w.Body.String())
			require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
			var problem struct {
				Type, Title, Code, Detail string
				Status                    int
			}
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &problem))
			require.Equal(t, tt.status, problem.Status)
			require.Equal(t, "about:blank", problem.Type)
			require.NotEmpty(t, problem.Detail)
			if tt.code != "" {
				require.Equal(t, tt.code, problem.Code)
			}
			require.NotContains(t, w.Body.String(), "secret")
		})
	}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodDelete, http.MethodPatch} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/", nil))
		require.Equal(t, http.StatusMethodNotAllowed, w.Code)
		require.Equal(t, "POST, PUT", w.Header().Get("Allow"))
	}
	var n int
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) (err error) {
		n, err = r.CountContacts(t.Context())
		return err
	}))
	require.Equal(t, 2, n)
}

// TestHandlerOnce: a request that comes twice is done once.
func TestHandlerOnce(t *testing.T) {
	now := noon()
	aud := shop(t, func() time.Time { return now })
	caller := "a"
	h := handlerOf(t, aud, importer.HandlerOptions{Caller: func(*http.Request) string { return caller }})
	body := `{"email":"a@example.com","tags":["x"]}`
	first := post(h, body, "Idempotency-Key", `"k1"`)
	require.Equal(t, http.StatusCreated, first.Code)
	require.Empty(t, first.Header().Get("Idempotency-Replayed"))
	again := post(h, body, "Idempotency-Key", "k1")
	require.Equal(t, first.Code, again.Code)
	require.Equal(t, first.Body.String(), again.Body.String())
	require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))

	other := post(h, `{"email":"b@example.com"}`, "Idempotency-Key", "k1")
	require.Equal(t, http.StatusUnprocessableEntity, other.Code)
	require.Contains(t, other.Body.String(), "idempotency-key-reused")
	other = post(h, body, "Idempotency-Key", "k1", "Content-Type", "application/x-ndjson")
	require.Equal(t, http.StatusUnprocessableEntity, other.Code)

	caller = "b"
	require.Equal(t, http.StatusOK, post(h, body, "Idempotency-Key", "k1").Code)
	caller = "a"
	now = now.Add(24*time.Hour + time.Second)
	late := post(h, body, "Idempotency-Key", "k1")
	require.Equal(t, http.StatusOK, late.Code, "the answer is gone")
	require.Contains(t, late.Body.String(), "unchanged")

	bad := post(h, `{"email":"x"}`, "Idempotency-Key", "k2")
	require.Equal(t, http.StatusUnprocessableEntity, bad.Code)
	mended := post(h, `{"email":"x@example.com"}`, "Idempotency-Key", "k2")
	require.Equal(t, http.StatusCreated, mended.Code, "nothing was written, nothing was kept")
}

func TestHandlerOnceAtTheSameTime(t *testing.T) {
	aud := shop(t, noon)
	h := handlerOf(t, aud, importer.HandlerOptions{})
	var wg sync.WaitGroup
	answers := make([]string, 8)
	for i := range answers {
		wg.Go(func() { answers[i] = post(h, `[{"email":"a@example.com"}]`, "Idempotency-Key", "k").Body.String() })
	}
	wg.Wait()
	for _, a := range answers {
		require.Equal(t, answers[0], a)
		require.Contains(t, a, `"created":1`)
	}
}

func TestHandlerNewFieldsAndBlanks(t *testing.T) {
	aud := shop(t, noon)
	h := handlerOf(t, aud, importer.HandlerOptions{NewFields: true, Plan: importer.Plan{Blanks: importer.BlanksClear}})
	w := post(h, `{"email":"a@example.com","first_name":"A","fields":{"i":1,"d":1.5,"b":false,"s":"x","l":["a"],"none":null,"zip":"1"}}`)
	require.Equal(t, http.StatusCreated, w.Code, w.Body.String())
	schema := aud.Schema()
	for name, want := range map[string]audience.Type{"i": audience.TypeInt, "d": audience.TypeDouble, "b": audience.TypeBool, "s": audience.TypeString, "l": audience.TypeStringList} {
		f, ok := schema.FieldNamed(name)
		require.True(t, ok, name)
		require.Equal(t, want, f.Type)
	}
	_, ok := schema.FieldNamed("none")
	require.False(t, ok)
	require.Equal(t, http.StatusOK, post(h, `{"email":"a@example.com","first_name":null,"fields":{"zip":""}}`).Code)
	c := profile(t, aud, audience.Email("a@example.com")).Contact
	require.True(t, c.FirstName.IsZero())
	zip := c.Field(&schema, "zip")
	require.True(t, zip.IsZero())
}

func TestHandlerCancelled(t *testing.T) {
	aud := shop(t, noon)
	h := handlerOf(t, aud, importer.HandlerOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(`{"email":"a@example.com"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Empty(t, w.Body.String())
	ids, err := func() (ids []audience.ContactID, err error) {
		err = aud.View(t.Context(), func(r *store.Reader) error {
			ids, err = r.Resolve(t.Context(), audience.Email("a@example.com"))
			return err
		})
		return ids, err
	}()
	require.NoError(t, err)
	require.Zero(t, ids[0])
}

// TestHandlerOnceForAPlan: the answer of one plan is none of another.
func TestHandlerOnceForAPlan(t *testing.T) {
	aud := shop(t, noon)
	plain := handlerOf(t, aud, importer.HandlerOptions{})
	att := handlerOf(t, aud, importer.HandlerOptions{Plan: importer.Plan{Job: "att", Attestation: importer.Attestation{Text: "opt-in"}}})
	body := `{"email":"b@example.com","status":"subscribed"}`
	post(plain, body, "Idempotency-Key", "k")
	w := post(att, body, "Idempotency-Key", "k")
	require.Empty(t, w.Header().Get("Idempotency-Replayed"))
	require.Equal(t, audience.StatusSubscribed, status(t, aud, "b@example.com"))
}
