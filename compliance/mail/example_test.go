package mail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/compliance/mail"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// Fields that let one click unsubscribe. A host puts them into the message
// before it is signed.
func ExampleListHeaders() {
	headers, err := mail.ListHeaders(mail.List{
		URL:        "https://u.shop.example/u/AQAAAAFr", // with the token of package compliance/web
		Mailto:     "u+qeaqaej@u.shop.example",
		ID:         "news.shop.example",
		Name:       "Shop news",
		FeedbackTo: "fbl@shop.example",
		FeedbackID: "AQAAAAFr",
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, h := range headers {
		fmt.Printf("%s: %s\n", h.Name, h.Value)
	}

	_, err = mail.ListHeaders(mail.List{URL: "http://u.shop.example/u/AQAAAAFr"})
	fmt.Println(err, errors.Is(err, audience.ErrInvalid))
	// Output:
	// List-Unsubscribe: <https://u.shop.example/u/AQAAAAFr>, <mailto:u+qeaqaej@u.shop.example?subject=unsubscribe>
	// List-Unsubscribe-Post: List-Unsubscribe=One-Click
	// List-Id: Shop news <news.shop.example>
	// CFBL-Address: fbl@shop.example; report=arf
	// CFBL-Feedback-ID: AQAAAAFr
	// url: https: an absolute https URL without user and password true
}

func ExampleParseListUnsubscribe() {
	fmt.Println(mail.ParseListUnsubscribe("(one click) <https://u.shop.example/u/T>,\r\n <mailto:u+t@shop.example>"))
	// Output: [https://u.shop.example/u/T mailto:u+t@shop.example]
}

// A message that hides its way out and lacks the sender's address.
func ExampleCheckMessage() {
	message := "From: Shop <news@shop.example>\r\nSubject: Re: your order\r\nContent-Type: text/html\r\n\r\n" +
		`<p>Coats are 20% off.</p><p style="display:none">Unsubscribe: <a href="https://shop.example/u/T">here</a></p>`
	findings, err := mail.CheckMessage(strings.NewReader(message), mail.Profile{
		Class:       compliance.ClassMarketing,
		Sender:      compliance.Party{Name: "Shop Inc.", PostalAddress: "1 Market St, Springfield, IL 62701"},
		Domains:     []string{"shop.example"},
		Obligations: []compliance.Obligation{{ID: "objection-notice", Basis: "GDPR Art. 21(4)"}},
		Texts:       map[string]string{"objection-notice": "You may object to this at any time."},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range findings {
		fmt.Println(f.Severity, f.Code, "|", f.Where, "|", f.Basis)
	}
	// Output:
	// block deceptive-subject:fake-reply | Subject | 15 USC 7704(a)(2)
	// block missing-list-unsubscribe | List-Unsubscribe | RFC 2369; 15 USC 7704(a)(3); CASL s. 6(2)(c)
	// block missing-postal-address | body | 15 USC 7704(a)(5)(A)(iii); 16 CFR 316.2(p); CASL s. 6(2)
	// block unmet-obligation:objection-notice | body | GDPR Art. 21(4)
	// block unsubscribe-not-conspicuous | body | 15 USC 7704(a)(5)(A)(ii): clear and conspicuous
}

func ExampleCheckHeaders() {
	findings, err := mail.CheckHeaders([]mail.Header{
		{Name: "From", Value: "Shop <shop@freemail.example>"},
		{Name: "Subject", Value: "New coats"},
		{Name: "List-Unsubscribe", Value: "<mailto:u+t@shop.example>"},
	}, mail.Profile{Domains: []string{"shop.example"}, Bulk: true})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range findings {
		fmt.Println(f.Code)
	}
	// Output:
	// from-domain-not-sender
	// no-one-click
}

func ExampleCheckSubject() {
	findings, err := mail.CheckSubject("YOU WON!!!", false)
	fmt.Println(findings[0].Severity, findings[0].Code, err)

	_, err = mail.CheckSubject("Coats\r\nBcc: everybody@shop.example", false)
	fmt.Println(err)
	// Output:
	// warn subject-heuristic <nil>
	// subject: control: no line breaks and control characters
}

const bounced = `From: MAILER-DAEMON@mx.example
Message-ID: <1@mx.example>
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; ann@example.com
Action: failed
Status: 5.0.0
Diagnostic-Code: smtp; 552 over quota

--b
Content-Type: text/rfc822-headers

List-Unsubscribe: <https://u.shop.example/u/T1>
--b--
`

// The status is that of a permanent failure; the words say that it may pass.
func ExampleParseReport() {
	r, err := mail.ParseReport(strings.NewReader(bounced))
	if err != nil {
		log.Fatal(err)
	}
	to := r.Recipients[0]
	fmt.Println(r.Kind, to.Class, to.Address, to.Status, to.SMTP, r.Tokens[0].Reveal())
	fmt.Println(r)

	_, err = mail.ParseReport(strings.NewReader("Subject: Hello\n\nHow are you?\n"))
	fmt.Println(errors.Is(err, mail.ErrNotReport))
	// Output:
	// delivery mailbox-full a***@***.com 5.0.0 552 T1
	// delivery report on 1 recipients
	// true
}

// Mail at the address of the mailto form: whatever it says, it unsubscribes.
func ExampleParseUnsubscribe() {
	r, err := mail.ParseUnsubscribe(strings.NewReader("From: ann@example.com\nTo: u+t1@u.shop.example\nSubject: stop it\n\n"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Kind, r.Tokens[0].Reveal())
	// Output: opt-out t1
}

// Reports find their contact by the token that the message carried.
func ExampleFeedback() {
	ctx := context.Background()
	keys, err := audience.NewKeys("2026", map[string][]byte{"2026": bytes.Repeat([]byte("k"), 32)})
	if err != nil {
		log.Fatal(err)
	}
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{Keys: keys})
	if err != nil {
		log.Fatal(err)
	}
	ledger, err := compliance.NewLedger(aud, compliance.LedgerOptions{})
	if err != nil {
		log.Fatal(err)
	}
	ann, err := aud.Put(ctx, audience.ContactWrite{Match: audience.Key("u42"), Email: audience.MustAddress("ann@example.com")})
	if err != nil {
		log.Fatal(err)
	}

	tokens, err := compliance.NewTokens(aud)
	if err != nil {
		log.Fatal(err)
	}
	token, err := tokens.Mint(compliance.Claims{Use: compliance.TokenUnsubscribe, Contact: ann.ID}) // it goes into List.URL
	if err != nil {
		log.Fatal(err)
	}

	feedback, err := mail.NewFeedback(ledger, mail.FeedbackOptions{
		Resolve: mail.ResolveTokens(tokens),
		Alarm:   func(r mail.Rate) { fmt.Printf("%s: %.2f %%\n", r.Severity(), 100*r.Share()) },
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := feedback.CountSent(ctx, map[string]int{"example.com": 800}); err != nil {
		log.Fatal(err)
	}

	r, err := mail.ParseReport(strings.NewReader(strings.Replace(bounced, "T1", token, 1)))
	if err != nil {
		log.Fatal(err)
	}
	applied, err := feedback.Apply(ctx, r)
	if err != nil {
		log.Fatal(err)
	}
	failures, err := feedback.Failures(ctx, audience.Key("u42"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(applied.Counted, len(applied.Records), failures.Soft)

	if err := feedback.Delivered(ctx, audience.Key("u42")); err != nil { // the next message arrived
		log.Fatal(err)
	}

	applied, err = feedback.Apply(ctx, &mail.Report{
		Kind:       mail.ReportComplaint, // from the provider's own interface
		Recipients: []mail.Recipient{{Address: audience.MustAddress("ann@example.com")}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(applied.Records[0].Kind)
	rate, err := feedback.Rate(ctx, "example.com")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rate.Complaints, "of", rate.Sent)
	// Output:
	// 1 0 1
	// warn: 0.10 %
	// complained
	// 1 of 800
}
