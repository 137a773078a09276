package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/compliance/web"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// printer is an outbox that says what it was given, where a host would queue it for its mailer.
type printer struct{ last compliance.Outgoing }

func (p *printer) Enqueue(_ context.Context, m compliance.Outgoing) error {
	p.last = m
	fmt.Println("mail:", m.Kind, "to", m.To)
	return nil
}

// exampleAudience is a host's audience, with a clock that stands a while after the forms were made.
func exampleAudience(ctx context.Context) (*compliance.Ledger, *compliance.Tokens) {
	keys, _ := audience.NewKeys("2026", map[string][]byte{"2026": []byte("thirty-two random bytes or more!")})
	now := time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)
	aud, _ := store.Open(ctx, memstore.New(), "main", store.Options{
		Keys:   keys,
		Clock:  func() time.Time { now = now.Add(3 * time.Second); return now },
		Schema: audience.Schema{Purposes: []audience.Purpose{{Name: "sharing"}}},
	})
	ledger, _ := compliance.NewLedger(aud, compliance.LedgerOptions{
		Controller: compliance.Party{Name: "The Shop"},
		Purposes: []compliance.Purpose{
			{ID: "marketing", Public: true, Title: map[string]string{"en": "News and offers"}},
			{ID: "sharing", Class: compliance.ClassSaleShare},
		},
	})
	tokens, _ := compliance.NewTokens(aud)
	return ledger, tokens
}

func post(h http.Handler, link string, form url.Values) int {
	u, _ := url.Parse(link)
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, u.Path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func Example() {
	ctx := context.Background()
	ledger, tokens := exampleAudience(ctx)
	outbox := &printer{}
	pages, err := web.NewPages(ctx, ledger, tokens, outbox, web.Options{
		BaseURL: "https://shop.example/mail",
		Forms:   []web.Form{{ID: "footer", Purposes: []string{"marketing"}, Version: "3"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/mail/", pages)
	mux.Handle("/.well-known/gpc.json", web.GPCHandler(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))

	// A person fills in the form on the host's page. A host runs pages.Run instead of calling Deliver.
	snippet, _ := pages.Snippet("footer", "en", url.Values{"utm_campaign": {"spring"}})
	_, rest, _ := strings.Cut(string(snippet), `name="at" value="`)
	stamp, _, _ := strings.Cut(rest, `"`)
	fmt.Println("signup:", post(mux, "/mail/s/footer", url.Values{"email": {"ann@example.com"}, "at": {stamp}}))
	_, _ = pages.Deliver(ctx)

	// She presses the button behind the link.
	fmt.Println("confirm:", post(mux, outbox.last.Data["url"], url.Values{"do": {"confirm"}}))
	ann, _ := ledger.Audience().Profile(ctx, audience.Email("ann@example.com"), audience.ProfileParts{Ledger: true, Suppressed: true})
	fmt.Println("mailable:", ann.Mailable(ledger.Audience().Now()))

	// Her mail client unsubscribes her by the List-Unsubscribe header.
	link, _ := pages.UnsubscribeURL(ann.Contact.ID, audience.MarketingScope())
	fmt.Println("one click:", post(mux, link, url.Values{"List-Unsubscribe": {"One-Click"}}))
	ann, _ = ledger.Audience().Profile(ctx, audience.Email("ann@example.com"), audience.ProfileParts{Ledger: true, Suppressed: true})
	fmt.Println("mailable:", ann.Mailable(ledger.Audience().Now()))
	// Output:
	// signup: 200
	// mail: confirm to a***@***.com
	// confirm: 200
	// mailable: true
	// one click: 200
	// mailable: false
}

// A host's page passes the headers of somebody whom it knows.
func ExampleHonourGPC() {
	ctx := context.Background()
	ledger, _ := exampleAudience(ctx)
	_, _ = ledger.Audience().Put(ctx, audience.ContactWrite{Match: audience.Key("u42"), Email: audience.MustAddress("ann@example.com")})

	honoured, err := web.HonourGPC(ctx, ledger, audience.Key("u42"), http.Header{"Sec-Gpc": {"1"}})
	if honoured {
		fmt.Println("Opt-Out Request Honored", err)
	}
	// Output: Opt-Out Request Honored <nil>
}

// An access log behind MaskTokens gets no token to see.
func ExamplePages_MaskTokens() {
	ctx := context.Background()
	ledger, tokens := exampleAudience(ctx)
	pages, _ := web.NewPages(ctx, ledger, tokens, &printer{}, web.Options{BaseURL: "https://shop.example/mail"})
	accessLog := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			fmt.Println(r.Method, r.URL.Path)
		})
	}
	mux := http.NewServeMux()
	mux.Handle("/mail/", pages.MaskTokens(accessLog))
	post(mux, "/mail/u/AQAAAAFrA4IAAAAAAAAAABEiM0RVZneImaq7zN3u", nil)
	// Output: POST /mail/u/masked
}

// What waits for an address goes in the transaction that erases the person.
func ExamplePages_Forget() {
	ctx := context.Background()
	ledger, tokens := exampleAudience(ctx)
	pages, _ := web.NewPages(ctx, ledger, tokens, &printer{}, web.Options{BaseURL: "https://shop.example/mail"})
	aud, ann := ledger.Audience(), audience.MustAddress("ann@example.com")
	_, _ = aud.Put(ctx, audience.ContactWrite{Email: ann})

	_, err := aud.Update(ctx, func(tx *store.Tx) error {
		if err := pages.Forget(ctx, tx, ann); err != nil {
			return err
		}
		return tx.Erase(ctx, audience.Source{}, audience.AddressRef(ann))
	})
	fmt.Println(err)
	// Output: <nil>
}
