package browsertest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
)

// TestScanner does what the scanners of mail providers do: it opens every link of a mail in a real browser, runs what
// scripts there are, waits, and follows every link and every address that it finds. Nothing may change.
func TestScanner(t *testing.T) {
	ctx := newBrowser(t)
	s := newSite(t)
	id := s.subscribed("ann@example.com")
	unsubscribe, err := s.pages.UnsubscribeURL(id, audience.MarketingScope())
	require.NoError(t, err)
	preferences, err := s.pages.PreferencesURL(t.Context(), id)
	require.NoError(t, err)
	run(ctx, t, chromedp.Navigate(s.url("/s/footer")), chromedp.SendKeys("#ak-email", "new@example.com", chromedp.ByQuery))
	press(ctx, t, "button")
	mails := s.delivered()
	require.Len(t, mails, 1)
	require.Equal(t, compliance.OutgoingConfirm, mails[0].Kind)

	queue, seen := []string{unsubscribe, preferences, mails[0].Data["url"], s.url("/u"), unsubscribe + "?List-Unsubscribe=One-Click", mails[0].Data["url"] + "?do=confirm"}, map[string]bool{}
	before, err := s.aud.Head(t.Context())
	require.NoError(t, err)
	for len(queue) > 0 {
		link := queue[0]
		queue = queue[1:]
		if seen[link] || !strings.HasPrefix(link, s.server.URL) {
			continue
		}
		seen[link] = true
		var links []string
		run(ctx, t, chromedp.Navigate(link), chromedp.Sleep(300*time.Millisecond),
			chromedp.Evaluate(`[...document.querySelectorAll("a[href], form[action], link[href], [src]")].map(e => e.href || e.action || e.src)`, &links))
		queue = append(queue, links...)
	}
	require.Greater(t, len(seen), 5)
	after, err := s.aud.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.True(t, s.mailable("ann@example.com"))
	_, err = s.aud.Contact(t.Context(), audience.Email("new@example.com"))
	require.ErrorIs(t, err, audience.ErrNotFound)
	require.Empty(t, s.delivered())
}
