package dbtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// TestPagesAndReports goes through signup, confirmation, preferences, one-click
// unsubscription, bounce and complaint on each database, with what each asks of
// the store at once, and holds all that comes of it against the same over the
// store in memory.
func TestPagesAndReports(t *testing.T) {
	want := (&course{host: newHost(t, memstore.New())}).run()
	require.Len(t, want, 17)
	Run(t, func(t *testing.T, d Database) {
		require.Equal(t, want, (&course{host: newHost(t, d.Fresh(t).Store(t, d.Engine))}).run())
	})
}

// course is what several people do, and what became of it.
type course struct {
	*host
	notes []string
}

func (c *course) run() []string {
	c.signsUpAndLeaves("ann@example.com")
	c.complains("bob@example.com")
	c.bounces("cleo@example.com")
	c.objects("dora@example.com")
	c.wasNotMe("eve@example.com")
	report, err := c.ledger.Verify(c.t.Context(), compliance.VerifyOptions{})
	require.NoError(c.t, err)
	require.True(c.t, report.OK(), report.Findings)
	return append(c.notes, fmt.Sprint(report.Records, " records"))
}

// note writes down how somebody stands: her chain, what is sent to her, and
// what the gate says.
func (c *course) note(what, address string) (mailable bool) {
	c.t.Helper()
	ctx, now := c.t.Context(), c.clock()
	p, err := c.aud.Profile(ctx, audience.Email(address), audience.ProfileParts{Ledger: true, Suppressed: true})
	require.NoError(c.t, err)
	d, err := c.gate.Check(ctx, compliance.Intent{Contact: audience.Email(address), Product: "books"})
	require.NoError(c.t, err)
	var chain []string
	for i := range p.History.Records {
		r := &p.History.Records[i]
		chain = append(chain, fmt.Sprint(r.Kind, " ", r.Scope, " ", r.Mechanism, " ", r.Acted.Unix()))
	}
	schema := c.aud.Schema()
	news, _ := schema.ListNamed("news")
	c.notes = append(c.notes, fmt.Sprintf("%s: %s, mailable %t, news %t, suppressed %t, denied by %v, frequency %q, %d mails: %q",
		what, p.Status(now).Status, p.Mailable(now), p.OnList(news, now), p.IsSuppressed(now), d.Denied, p.Contact.Frequency, len(c.sent), chain))
	return d.Allow
}

// mailed gives the link of the one mail of a kind that waits.
func (c *course) mailed(kind compliance.OutgoingKind) string {
	c.t.Helper()
	mails := c.deliver()
	require.Len(c.t, mails, 1)
	require.Equal(c.t, kind, mails[0].Kind)
	return mails[0].Data["url"]
}

// press posts a form and gives the page that follows.
func (c *course) press(link string, want int, pairs ...string) (page string) {
	c.t.Helper()
	form := make(url.Values)
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	status, page := c.visit(http.MethodPost, link, form)
	require.Equal(c.t, want, status)
	c.pass(time.Second)
	return page
}

// subscribe signs somebody up for marketing and news.
func (c *course) subscribe(address string) audience.ContactID {
	c.t.Helper()
	c.signup(address, url.Values{"t.news": {"on"}, "f.first_name": {"Ann"}})
	link := c.mailed(compliance.OutgoingConfirm)
	status, page := c.visit(http.MethodGet, link, nil)
	require.Equal(c.t, http.StatusOK, status)
	require.Contains(c.t, page, "Ticked: news")
	require.Contains(c.t, c.press(link, http.StatusOK, "do", "confirm"), "You are subscribed")
	require.True(c.t, c.note("subscribed", address))
	p, err := c.aud.Contact(c.t.Context(), audience.Email(address))
	require.NoError(c.t, err)
	return p.ID
}

func (c *course) preferences(id audience.ContactID) (link, version, page string) {
	c.t.Helper()
	link, err := c.pages.PreferencesURL(c.t.Context(), id)
	require.NoError(c.t, err)
	_, page = c.visit(http.MethodGet, link, nil)
	return link, c.hidden(page, "version"), page
}

func (c *course) signsUpAndLeaves(address string) {
	id := c.subscribe(address)
	link, version, _ := c.preferences(id)
	require.Contains(c.t, c.press(link, http.StatusOK, "do", "save", "version", version, "c.marketing", "on", "frequency", "monthly", "pause", "0"), "preferences are saved")
	require.True(c.t, c.note("without news", address))
	c.press(link, http.StatusConflict, "do", "save", "version", version, "frequency", "", "pause", "0")
	_, version, _ = c.preferences(id)
	c.press(link, http.StatusOK, "do", "save", "version", version, "c.marketing", "on", "t.news", "on", "frequency", "monthly", "pause", "0")
	c.press(c.mailed(compliance.OutgoingConfirm), http.StatusOK, "do", "confirm")
	require.True(c.t, c.note("news again", address))

	unsubscribe, err := c.pages.UnsubscribeURL(id, audience.MarketingScope())
	require.NoError(c.t, err)
	page := c.allAtOnce(unsubscribe)
	require.False(c.t, c.note("one click, by many at once", address))
	undo := regexp.MustCompile(`/mail/z/[^"]*`).FindString(page)
	require.NotEmpty(c.t, undo)
	c.press(undo, http.StatusOK)
	require.True(c.t, c.note("undone", address))
	c.signup(address, nil)
	c.mailed(compliance.OutgoingSubscribed)

	require.NoError(c.t, c.ledger.ChangeAddress(c.t.Context(), audience.ID(id), audience.MustAddress("new-"+address), audience.Source{}))
	c.pass(time.Second)
	c.press(link, http.StatusNotFound, "do", "all")
	require.False(c.t, c.note("moved", "new-"+address))
	c.press(unsubscribe, http.StatusOK, "List-Unsubscribe", "One-Click")
	c.note("left by an old link", "new-"+address)
}

// allAtOnce posts one click by eight clients at the same time, as mail programs
// do that try again, and gives what the last was answered.
func (c *course) allAtOnce(link string) (page string) {
	var all sync.WaitGroup
	pages, codes := make([]string, 8), make([]int, 8)
	for i := range pages {
		all.Go(func() {
			r := httptest.NewRequestWithContext(c.t.Context(), http.MethodPost, link, strings.NewReader("List-Unsubscribe=One-Click"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			c.site.ServeHTTP(w, r)
			codes[i], pages[i] = w.Code, w.Body.String()
		})
	}
	all.Wait()
	for _, code := range codes {
		require.Equal(c.t, http.StatusOK, code)
	}
	c.pass(time.Second)
	return pages[len(pages)-1]
}

func (c *course) complains(address string) {
	id := c.subscribe(address)
	unsubscribe, err := c.pages.UnsubscribeURL(id, audience.MarketingScope())
	require.NoError(c.t, err)
	complaint := func(n int) string {
		return fmt.Sprintf("From: fbl@example.com\nMessage-ID: <%d@fbl.example.com>\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"+
			"--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: Test/1\nVersion: 1\n\n--b\nContent-Type: message/rfc822\n\nFrom: news@shop.example\n"+
			"List-Unsubscribe: <%s>\n\nCoats.\n--b--\n", n, unsubscribe)
	}
	c.report(complaint(1))
	require.False(c.t, c.note("complained", address))
	c.report(complaint(1))
	c.report(complaint(2))
	c.put(audience.ContactWrite{Email: audience.MustAddress(address)})
	require.False(c.t, c.note("complained again, and imported", address))
	_, was, _ := strings.Cut(c.notes[len(c.notes)-2], ": ")
	_, is, _ := strings.Cut(c.notes[len(c.notes)-1], ": ")
	require.Equal(c.t, was, is, "a complaint that stands is not recorded again")
	c.signup(address, nil)
	c.press(c.mailed(compliance.OutgoingConfirm), http.StatusOK, "do", "confirm")
	require.True(c.t, c.note("confirmed after it", address))
}

func (c *course) bounces(address string) {
	c.subscribe(address)
	bounce := func(status string) {
		c.report("From: MAILER-DAEMON@mx.example.com\nMessage-ID: <" + status + "@mx.example.com>\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nFailed.\n" +
			"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; " + address + "\nAction: failed\nStatus: " + status + "\n\n--b--\n")
	}
	bounce("4.4.1")
	require.True(c.t, c.note("bounced softly", address))
	bounce("5.1.1")
	require.False(c.t, c.note("bounced", address))
}

// objects is a customer who never asked for anything.
func (c *course) objects(address string) {
	id := c.put(audience.ContactWrite{Email: audience.MustAddress(address)})
	require.NoError(c.t, c.ledger.Relate(c.t.Context(), audience.ID(id), compliance.Relation{
		Kind: audience.MechanismPurchase, Entity: "shop", Category: "books", ObtainedBySale: true, OptOutOffered: true,
	}))
	c.pass(time.Second)
	require.True(c.t, c.note("customer", address))
	link, version, page := c.preferences(id)
	require.Contains(c.t, page, "You did not ask for this")
	c.press(link, http.StatusOK, "do", "save", "version", version, "t.news", "on", "frequency", "", "pause", "0")
	require.False(c.t, c.note("objected", address))
}

func (c *course) wasNotMe(address string) {
	c.signup(address, nil)
	c.press(c.mailed(compliance.OutgoingConfirm), http.StatusOK, "do", "reject")
	c.signup(address, nil)
	require.Empty(c.t, c.deliver())
	_, err := c.aud.Contact(c.t.Context(), audience.Email(address))
	require.ErrorIs(c.t, err, audience.ErrNotFound)
}
