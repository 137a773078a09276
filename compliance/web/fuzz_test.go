package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// FuzzPages sends anything anywhere. Whatever it is, the answer is whole, moves nobody elsewhere and sets no cookie; a
// GET changes nothing; and nobody becomes mailable who did not confirm.
func FuzzPages(f *testing.F) {
	s := newSite(f, unlimited)
	id := s.subscribe("ann@example.com", "t.news", "on")
	s.signup("bob@example.com")
	links := []string{
		s.unsubscribeURL(id, audience.MarketingScope()), s.preferencesURL(id), s.deliver()[0].Data["url"],
		"https://shop.example/mail/s/footer", "https://shop.example/mail/u", "https://shop.example/mail/z/x", "https://shop.example/",
	}
	stamp := hidden(f, s.get("/mail/s/footer"), "at")
	s.pass(time.Minute)
	for i := range links {
		for _, body := range []string{"", oneClick, "do=confirm", "do=save&version=x&pause=7&frequency=weekly", "email=eve%40example.com&at=" + stamp + "&t.news=on", "email=eve&lang=de&f.first_name=" + strings.Repeat("x", 300) + "&at=" + stamp} {
			f.Add(uint8(i), true, urlencoded, "en", "1", "", body)
		}
		f.Add(uint8(i), true, "multipart/form-data; boundary=B", "de", "", "?do=confirm", "--B\r\nContent-Disposition: form-data; name=\"do\"\r\n\r\nreject\r\n--B--\r\n")
		f.Add(uint8(i), false, "", "", "", "/../x%00", "")
	}
	f.Fuzz(func(t *testing.T, which uint8, post bool, kind, languages, gpc, more, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", strings.NewReader(body))
		if post {
			r.Method = http.MethodPost
		}
		r.URL.Path = strings.TrimPrefix(links[int(which)%len(links)], "https://shop.example") + more
		r.URL.RawQuery = more
		r.Header = http.Header{"Content-Type": {kind}, "Accept-Language": {languages}, "Sec-Gpc": {gpc}, "User-Agent": {languages}}
		before, err := s.aud.Head(t.Context())
		require.NoError(t, err)
		w := httptest.NewRecorder()
		s.pages.ServeHTTP(w, r)
		checkAnswer(t, &answer{StatusCode: w.Code, Header: w.Header()})
		require.Contains(t, []int{200, 400, 404, 409, 413, 422, 429}, w.Code)
		require.True(t, strings.HasSuffix(w.Body.String(), "</html>\n"))
		require.NotContains(t, w.Body.String(), "<script")
		after, err := s.aud.Head(t.Context())
		require.NoError(t, err)
		if !post {
			require.Equal(t, before, after)
		}
		_, err = s.aud.Contact(t.Context(), audience.Email("eve@example.com"))
		require.ErrorIs(t, err, audience.ErrNotFound)
	})
}
