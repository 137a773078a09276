package web_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance/web"
	"github.com/audiencekit/audiencekit/store"
)

const clients = 64

// contacts makes subscribers, so many at a time.
func (s *site) contacts(n int) []audience.ContactID {
	ids := make([]audience.ContactID, 0, n)
	ctx := s.t.Context()
	for len(ids) < n {
		_, err := s.aud.Update(ctx, func(tx *store.Tx) error {
			puts := make([]audience.ContactWrite, min(5000, n-len(ids)))
			for i := range puts {
				puts[i].Email = audience.MustAddress(fmt.Sprintf("c%d@example.com", len(ids)+i))
			}
			out, err := tx.Put(ctx, puts...)
			if err != nil {
				return err
			}
			records := make([]audience.ConsentWrite, len(out))
			for i := range out {
				records[i] = audience.ConsentWrite{
					Contact: audience.ID(out[i].ID), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(),
					Mechanism: audience.MechanismDoubleOptIn, Evidence: []byte("test"),
				}
				ids = append(ids, out[i].ID)
			}
			_, err = tx.Record(ctx, records...)
			return err
		})
		require.NoError(s.t, err)
	}
	return ids
}

// serve sends a request to the handler and wants 200.
func (s *site) serve(method, target, body string) {
	r := httptest.NewRequestWithContext(s.t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", urlencoded)
	w := httptest.NewRecorder()
	s.pages.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		panic(fmt.Sprint("answer ", w.Code))
	}
}

// parallel is 64 clients whatever the machine has.
func parallel(b *testing.B, fn func(i int)) {
	b.SetParallelism(max(1, clients/runtime.GOMAXPROCS(0)))
	b.ReportAllocs()
	var next atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			fn(int(next.Add(1)) - 1)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// BenchmarkUnsubscribe has 64 clients post once for each contact; none may get lost.
func BenchmarkUnsubscribe(b *testing.B) {
	s := newSite(b)
	ids := s.contacts(b.N)
	links := make([]string, len(ids))
	for i, id := range ids {
		links[i] = s.unsubscribeURL(id, audience.MarketingScope())
	}
	parallel(b, func(i int) { s.serve(http.MethodPost, links[i], oneClick) })
	b.StopTimer()
	lost := 0
	for _, id := range ids {
		if s.mailable(id) {
			lost++
		}
	}
	require.Zero(b, lost)
}

func BenchmarkUnsubscribePage(b *testing.B) {
	s := newSite(b)
	link := s.unsubscribeURL(s.contacts(1)[0], audience.MarketingScope())
	parallel(b, func(int) { s.serve(http.MethodGet, link, "") })
}

func BenchmarkPreferencesPage(b *testing.B) {
	s := newSite(b)
	link := s.preferencesURL(s.contacts(1)[0])
	parallel(b, func(int) { s.serve(http.MethodGet, link, "") })
}

func unlimited(o *web.Options) {
	o.Limits = web.Limits{PerAddress: math.MaxInt32, PerPrefix: math.MaxInt32, PerDomain: math.MaxInt32, PerForm: math.MaxInt32, Global: math.MaxInt32, MinAge: time.Nanosecond}
}

func BenchmarkSignup(b *testing.B) {
	s := newSite(b, unlimited)
	stamp := hidden(b, s.get("/mail/s/footer"), "at")
	s.pass(time.Minute)
	parallel(b, func(i int) {
		s.serve(http.MethodPost, "/mail/s/footer", fmt.Sprintf("email=p%d%%40example.com&t.news=on&at=%s", i, stamp))
	})
}

// TestKnownAndUnknownTakeTheSameTime compares the time of 10,000 signups of known addresses with that of as many unknown
// ones, one of each in turn and in random order, by Welch's t-test on all and on the faster half of each. It is about
// this machine as much as about the code, so it runs on demand alone.
func TestKnownAndUnknownTakeTheSameTime(t *testing.T) {
	if os.Getenv("AUDIENCEKIT_TIMING") == "" {
		t.Skip("AUDIENCEKIT_TIMING is not set: timing is not measured")
	}
	const pairs, warmup = 10_000, 500
	s := newSite(t, unlimited)
	s.contacts(pairs + warmup)
	stamp := hidden(t, s.get("/mail/s/footer"), "at")
	s.pass(time.Minute)
	measure := func(address string) float64 {
		body := "email=" + strings.Replace(address, "@", "%40", 1) + "&t.news=on&at=" + stamp
		start := time.Now()
		s.serve(http.MethodPost, "/mail/s/footer", body)
		return float64(time.Since(start).Nanoseconds())
	}
	var known, unknown []float64
	for i := range pairs + warmup {
		a, b := fmt.Sprintf("c%d@example.com", i), fmt.Sprintf("u%d@example.com", i)
		var x, y float64
		if i*2654435761>>7&1 == 0 {
			x, y = measure(a), measure(b)
		} else {
			y, x = measure(b), measure(a)
		}
		if i >= warmup {
			known, unknown = append(known, x), append(unknown, y)
		}
	}
	for name, half := range map[string]bool{"all": false, "faster half": true} {
		mx, my, tt := welch(cut(known, half), cut(unknown, half))
		t.Logf("%s: known %.0f ns, unknown %.0f ns, difference %.2f %%, Welch t = %.2f", name, mx, my, 100*(mx-my)/my, tt)
		require.Less(t, math.Abs(tt), 4.5, "what leakage tests call a leak")
		require.True(t, !half || math.Abs(mx-my)/my < 0.05)
	}
}
