package browsertest_test

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
)

// TestWalk signs up, confirms, changes preferences and unsubscribes, as a person does, with scripts on and off.
func TestWalk(t *testing.T) {
	for _, off := range []bool{false, true} {
		name := map[bool]string{false: "scripts on", true: "scripts off"}[off]
		t.Run(name, func(t *testing.T) {
			ctx := newBrowser(t)
			s := newSite(t)
			run(ctx, t, emulation.SetScriptExecutionDisabled(off))
			walk(ctx, t, s)
		})
	}
}

// press presses a button and waits for the page that follows.
func press(ctx context.Context, t *testing.T, button string) {
	t.Helper()
	follow(ctx, t, chromedp.Click(button, chromedp.ByQuery))
}

// follow does what leads to another page, waits for it and wants it to be good.
func follow(ctx context.Context, t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	res, err := chromedp.RunResponse(ctx, actions...)
	require.NoError(t, err)
	require.EqualValues(t, 200, res.Status)
}

func walk(ctx context.Context, t *testing.T, s *site) {
	const address = "ann.lee@example.com"
	run(ctx, t, chromedp.Navigate(s.url("/s/footer?utm_campaign=spring")))
	require.Equal(t, "Subscribe", heading(ctx, t))
	run(ctx, t, chromedp.SendKeys("#ak-email", address, chromedp.ByQuery), chromedp.Click("label[for=ak-c0]", chromedp.ByQuery))
	press(ctx, t, "button")
	require.Equal(t, "Please look into your mailbox", heading(ctx, t))

	mails := s.delivered()
	require.Len(t, mails, 1)
	require.Equal(t, compliance.OutgoingConfirm, mails[0].Kind)
	run(ctx, t, chromedp.Navigate(mails[0].Data["url"]))
	require.Equal(t, "Confirm your subscription", heading(ctx, t))
	_, err := s.aud.Contact(t.Context(), audience.Email(address))
	require.ErrorIs(t, err, audience.ErrNotFound)
	press(ctx, t, "button[value=confirm]")
	require.Equal(t, "You are subscribed", heading(ctx, t))
	require.True(t, s.mailable(address))
	require.True(t, s.onList(address, "news"))
	require.False(t, s.onList(address, "promotions"))

	p := s.profile(address)
	link, err := s.pages.PreferencesURL(t.Context(), p.Contact.ID)
	require.NoError(t, err)
	run(ctx, t, chromedp.Navigate(link))
	require.Equal(t, "Your preferences", heading(ctx, t))
	run(ctx, t,
		chromedp.Click("input[name='t.news']", chromedp.ByQuery),
		chromedp.Click("input[name='t.promotions']", chromedp.ByQuery),
		chromedp.Click("input[name='sale_out']", chromedp.ByQuery),
		chromedp.SendKeys("#ak-frequency", "At most once a m", chromedp.ByQuery),
		chromedp.SendKeys("#ak-pause", "For a w", chromedp.ByQuery))
	press(ctx, t, "button[value=save]")
	var notice string
	run(ctx, t, chromedp.Text(".notice", &notice, chromedp.ByQuery))
	require.Contains(t, notice, "please confirm it there")
	require.False(t, s.onList(address, "news"), "less counts at once")
	require.False(t, s.onList(address, "promotions"), "more does not")
	c, schema := s.profile(address).Contact, s.aud.Schema()
	require.Equal(t, "monthly", c.Frequency)
	require.False(t, c.Field(&schema, "paused_until").IsZero())
	mails = s.delivered()
	require.Len(t, mails, 1)
	run(ctx, t, chromedp.Navigate(mails[0].Data["url"]))
	press(ctx, t, "button[value=confirm]")
	require.True(t, s.onList(address, "promotions"))

	link, err = s.pages.UnsubscribeURL(c.ID, audience.Scope{List: "promotions"})
	require.NoError(t, err)
	run(ctx, t, chromedp.Navigate(link))
	require.Equal(t, "Unsubscribe", heading(ctx, t))
	require.True(t, s.onList(address, "promotions"))
	press(ctx, t, "button[value=unsubscribe]")
	require.Equal(t, "You are unsubscribed", heading(ctx, t))
	require.False(t, s.onList(address, "promotions"))
	require.True(t, s.mailable(address))
	press(ctx, t, "button[value=undo]")
	require.Equal(t, "You are subscribed again", heading(ctx, t))
	require.True(t, s.onList(address, "promotions"))
	run(ctx, t, chromedp.Navigate(link))
	press(ctx, t, "button[value=all]")
	require.Equal(t, "You are unsubscribed", heading(ctx, t))
	require.False(t, s.mailable(address))
}

// TestKeyboard signs up and unsubscribes without a mouse.
func TestKeyboard(t *testing.T) {
	ctx := newBrowser(t)
	s := newSite(t)
	run(ctx, t, chromedp.Navigate(s.url("/s/footer")), chromedp.WaitReady("h1", chromedp.ByQuery))
	var focused []string
	for range 7 {
		var id string
		run(ctx, t, chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(`document.activeElement.id || document.activeElement.tagName`, &id))
		focused = append(focused, id)
		switch id {
		case "ak-email":
			run(ctx, t, chromedp.KeyEvent("key@example.com"))
		case "ak-c1":
			run(ctx, t, chromedp.KeyEvent(" "))
		}
	}
	require.Equal(t, []string{"ak-email", "ak-f0", "ak-c0", "ak-c1", "A", "BUTTON", "BODY"}, focused[:7], "in the order of reading, and the trap is not among them")
	follow(ctx, t, chromedp.Focus("button", chromedp.ByQuery), chromedp.KeyEvent(kb.Enter))
	require.Equal(t, "Please look into your mailbox", heading(ctx, t))
	mails := s.delivered()
	require.Len(t, mails, 1)
	run(ctx, t, chromedp.Navigate(mails[0].Data["url"]), chromedp.WaitReady("h1", chromedp.ByQuery))
	follow(ctx, t, chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	require.True(t, s.mailable("key@example.com"))
	require.True(t, s.onList("key@example.com", "promotions"))
	link, err := s.pages.UnsubscribeURL(s.profile("key@example.com").Contact.ID, audience.MarketingScope())
	require.NoError(t, err)
	run(ctx, t, chromedp.Navigate(link), chromedp.WaitReady("h1", chromedp.ByQuery))
	follow(ctx, t, chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	require.False(t, s.mailable("key@example.com"))
}
