package dbtest

import (
	"bytes"
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
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// apiProcess is a process of a host that takes contacts over HTTP, with a pool
// of its own.
func apiProcess(t *testing.T, s Source, e Engine, clock func() time.Time) (http.Handler, *store.Audience) {
	t.Helper()
	a, err := sqlstore.New(t.Context(), s.Open(t), e.Dialect(), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.Close() })
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": bytes.Repeat([]byte{7}, 32)})
	require.NoError(t, err)
	aud, err := store.Open(t.Context(), a, "shop", store.Options{Keys: keys, Clock: clock})
	require.NoError(t, err)
	h, err := importer.Handler(aud, importer.HandlerOptions{Plan: importer.Plan{Job: "api"}})
	require.NoError(t, err)
	return h, aud
}

func send(t *testing.T, h http.Handler, body, key string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/contacts", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func countContacts(t *testing.T, aud *store.Audience) (n int) {
	t.Helper()
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) (err error) {
		n, err = r.CountContacts(t.Context())
		return err
	}))
	return n
}

// TestHandlerOverSQL: a request that comes again is answered as it was, also by
// the next process, and of many at once one is done.
func TestHandlerOverSQL(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		clock := func() time.Time { return now }
		source := d.Fresh(t)
		require.NoError(t, sqlstore.Migrate(t.Context(), source.Open(t), d.Engine.Dialect(), sqlstore.Options{}))

		h, aud := apiProcess(t, source, d.Engine, clock)
		const body = `[{"email":"a@example.com","tags":["x"],"status":"unsubscribed"},{"email":"b@example.com"},{"email":"nobody"}]`
		first := send(t, h, body, "k1")
		require.Equal(t, http.StatusOK, first.Code, first.Body.String())
		require.Contains(t, first.Body.String(), `"created":2`)
		require.Equal(t, 2, countContacts(t, aud))

		next, aud := apiProcess(t, source, d.Engine, clock)
		again := send(t, next, body, "k1")
		require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
		require.Equal(t, first.Body.String(), again.Body.String())
		other := send(t, next, `[{"email":"c@example.com"}]`, "k1")
		require.Equal(t, http.StatusUnprocessableEntity, other.Code, "another body")
		require.Equal(t, 2, countContacts(t, aud))
		p, err := aud.Profile(t.Context(), audience.Email("a@example.com"), audience.ProfileParts{Ledger: true})
		require.NoError(t, err)
		require.Equal(t, audience.StatusUnsubscribed, p.Status(now).Status)
		require.Len(t, p.History.Records, 1, "recorded once")

		const atOnce = 8
		answers := make([]*httptest.ResponseRecorder, atOnce)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() {
				answers[i] = send(t, []http.Handler{h, next}[i%2], `[{"email":"d@example.com"},{"external_id":"u1"}]`, "k2")
			})
		}
		wg.Wait()
		fresh := 0
		for _, a := range answers {
			require.Equal(t, http.StatusOK, a.Code, a.Body.String())
			require.Equal(t, answers[0].Body.String(), a.Body.String())
			require.Contains(t, a.Body.String(), `"created":2`)
			if a.Header().Get("Idempotency-Replayed") == "" {
				fresh++
			}
		}
		require.Equal(t, 1, fresh, "one was done")
		require.Equal(t, 4, countContacts(t, aud))

		now = now.Add(24 * time.Hour)
		removed, err := importer.Sweep(t.Context(), aud)
		require.NoError(t, err)
		require.Equal(t, 2, removed, "answers are kept for a day")
		late := send(t, h, body, "k1")
		require.Empty(t, late.Header().Get("Idempotency-Replayed"))
		require.Contains(t, late.Body.String(), `"skipped":2`)
	})
}
