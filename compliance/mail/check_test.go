package mail_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/compliance/mail"
)

const postal = "Example Shop Inc., 123 Market St, Springfield, IL 62701, USA"

func shopProfile() mail.Profile {
	return mail.Profile{
		Sender:  compliance.Party{Name: "Example Shop", PostalAddress: postal, Email: "help@shop.example.com", Phone: "+1 555 0100"},
		Domains: []string{"shop.example.com"},
		Brands:  []string{"PayPal"},
		Bulk:    true,
	}
}

// codes gives what is found as the samples' answers write it.
func codes(findings []mail.Finding) []string {
	out := []string{}
	for _, f := range findings {
		switch f.Severity {
		case mail.SeverityBlock:
			out = append(out, f.Code)
		default:
			out = append(out, string(f.Severity)+":"+f.Code)
		}
	}
	return out
}

func TestCheckMessageCorpus(t *testing.T) {
	root := filepath.Join(corpus(t), "canspam")
	b, err := os.ReadFile(filepath.Join(root, "expected.json"))
	require.NoError(t, err)
	var expected struct {
		Cases []struct {
			File     string   `json:"file"`
			Findings []string `json:"findings"`
		} `json:"cases"`
	}
	require.NoError(t, json.Unmarshal(b, &expected))
	require.NotEmpty(t, expected.Cases)
	for _, tt := range expected.Cases {
		t.Run("O39 findings of "+tt.File, func(t *testing.T) {
			f, err := os.Open(filepath.Join(root, tt.File))
			require.NoError(t, err)
			defer func() { require.NoError(t, f.Close()) }()
			p := shopProfile()
			switch tt.File {
			case "08-po-box.eml":
				p.Sender.PostalAddress = "Example Shop Inc., P.O. Box 1234, Springfield, IL 62705, USA"
			case "18-transactional.eml":
				p.Class = compliance.ClassTransactional
			}
			got, err := mail.CheckMessage(f, p)
			require.NoError(t, err)
			require.ElementsMatch(t, tt.Findings, codes(got))
			for _, finding := range got {
				require.NotEmpty(t, finding.Where)
				require.NotEmpty(t, finding.Why)
				require.NotEmpty(t, finding.Basis)
			}
		})
	}
}

// draft is a message in order; tests change one thing of it.
type draft struct {
	drop  []string // names of header fields
	add   []string // header lines, put in place of fields of their name
	extra []string // header lines beside those there are
	html  bool
	body  string
}

func (d draft) String() string {
	lines := []string{
		"From: Example Shop <news@shop.example.com>",
		"Reply-To: help@shop.example.com",
		"Subject: Winter coats are here",
		"To: ann@example.net",
		"Date: Mon, 23 Nov 2026 10:00:00 +0000",
		"Message-ID: <1@shop.example.com>",
		"MIME-Version: 1.0",
		"Content-Type: text/plain; charset=utf-8",
		"List-Unsubscribe: <https://u.shop.example.com/u/TOKEN>, <mailto:u+token@u.shop.example.com?subject=unsubscribe>",
		"List-Unsubscribe-Post: List-Unsubscribe=One-Click",
		"DKIM-Signature: v=1; a=rsa-sha256; d=shop.example.com; s=s1; h=from:to:subject:list-unsubscribe:\r\n list-unsubscribe-post; bh=x; b=y",
	}
	if d.html {
		d.add = append(d.add, "Content-Type: text/html; charset=utf-8")
	}
	replaced := map[string]bool{}
	for _, name := range d.drop {
		replaced[name] = true
	}
	for _, line := range d.add {
		name, _, _ := strings.Cut(line, ":")
		replaced[name] = true
	}
	var out []string
	for _, line := range lines {
		if name, _, _ := strings.Cut(line, ":"); !replaced[name] {
			out = append(out, line)
		}
	}
	out = append(append(out, d.add...), d.extra...)
	if d.body == "" {
		d.body = "Coats.\r\nUnsubscribe: https://u.shop.example.com/u/TOKEN\r\n" + postal
	}
	return strings.Join(out, "\r\n") + "\r\n\r\n" + d.body + "\r\n"
}

const footer = `<p>Unsubscribe: <a href="https://u.shop.example.com/u/TOKEN">here</a></p><p>` + postal + `</p>`

func TestCheckMessage(t *testing.T) {
	oblige := func(ids ...string) func(*mail.Profile) {
		return func(p *mail.Profile) {
			for _, id := range ids {
				p.Obligations = append(p.Obligations, compliance.Obligation{ID: id, Basis: "a rule"})
			}
		}
	}
	class := func(c compliance.Class) func(*mail.Profile) { return func(p *mail.Profile) { p.Class = c } }
	hidden := func(style string) draft {
		return draft{html: true, body: "<p>Coats</p><div " + style + ">" + `<p>Unsubscribe: <a href="https://u.shop.example.com/u/TOKEN">here</a></p></div><p>` + postal + "</p>"}
	}
	tests := []struct {
		name    string
		draft   draft
		profile func(*mail.Profile)
		want    []string
	}{
		{name: "O39 in order", want: []string{}},
		{name: "in order as HTML", draft: draft{html: true, body: "<p>Coats</p>" + footer}, want: []string{}},
		{name: "no From", draft: draft{drop: []string{"From"}}, want: []string{"missing-from"}},
		{name: "From of two fields", draft: draft{extra: []string{"From: b@shop.example.com"}}, want: []string{"multiple-from"}},
		{name: "From unreadable", draft: draft{add: []string{"From: <<"}}, want: []string{"missing-from"}},
		{name: "From of a subdomain", draft: draft{add: []string{"From: a@eu.shop.example.com"}}, want: []string{}},
		{name: "From of a longer domain", draft: draft{add: []string{"From: a@evilshop.example.com"}}, want: []string{"dkim-not-aligned", "from-domain-not-sender"}},
		{name: "two subjects", draft: draft{extra: []string{"Subject: Free"}}, want: []string{"duplicate-header:subject"}},
		{name: "O39 fake answer", draft: draft{add: []string{"Subject: RE[2]: coats"}}, want: []string{"deceptive-subject:fake-reply"}},
		{name: "O39 fake answer, encoded", draft: draft{add: []string{"Subject: =?utf-8?q?Re=3A_coats?="}}, want: []string{"deceptive-subject:fake-reply"}},
		{name: "a real answer", draft: draft{add: []string{"Subject: Re: coats"}, extra: []string{"In-Reply-To: <a@b>"}}, want: []string{}},
		{name: "a word before a colon", draft: draft{add: []string{"Subject: Reminder: coats"}}, want: []string{}},
		{name: "no List-Unsubscribe", draft: draft{drop: []string{"List-Unsubscribe", "List-Unsubscribe-Post"}}, want: []string{"missing-list-unsubscribe"}},
		{name: "no one click, few messages", draft: draft{drop: []string{"List-Unsubscribe-Post"}}, profile: func(p *mail.Profile) { p.Bulk = false }, want: []string{"warn:no-one-click"}},
		{name: "no one click, many messages", draft: draft{drop: []string{"List-Unsubscribe-Post"}}, want: []string{"no-one-click"}},
		{name: "nothing in angle brackets", draft: draft{add: []string{"List-Unsubscribe: https://u.shop.example.com/u/TOKEN"}}, want: []string{"bad-list-unsubscribe"}},
		{name: "signed by another", draft: draft{add: []string{"DKIM-Signature: v=1; d=esp.example; h=list-unsubscribe:list-unsubscribe-post"}}, want: []string{"dkim-not-aligned"}},
		{name: "unsigned", draft: draft{drop: []string{"DKIM-Signature"}}, want: []string{"no-dkim"}},
		{name: "brand of another, encoded", draft: draft{add: []string{"From: =?utf-8?q?Pay=50al_Help?= <news@shop.example.com>"}}, want: []string{"warn:display-name-brand-mismatch"}},
		{name: "name shows another address", draft: draft{add: []string{`From: "help@bank.example" <news@shop.example.com>`}}, want: []string{"warn:display-name-brand-mismatch"}},

		{name: "O39 a field let in by a lone CR", draft: draft{add: []string{"Subject: Coats\rBcc: b@shop.example.com"}}, want: []string{"control-in-header"}},
		{name: "NUL in a field", draft: draft{add: []string{"Subject: Coats\x00"}}, want: []string{"control-in-header"}},
		{name: "longest line", draft: draft{extra: []string{"X-A: " + strings.Repeat("a", 993)}}, want: []string{}},
		{name: "line too long", draft: draft{extra: []string{"X-A: " + strings.Repeat("a", 994)}}, want: []string{"line-too-long"}},

		{name: "no postal address", draft: draft{body: "Unsubscribe: https://u.shop.example.com/"}, want: []string{"missing-postal-address"}},
		{name: "postal address over two lines", draft: draft{body: "Unsubscribe: https://a.example\r\nExample Shop Inc.\r\n123 Market St\r\nSpringfield, IL 62701, USA"}, want: []string{}},
		{name: "profile without postal address", profile: func(p *mail.Profile) { p.Sender.PostalAddress = "" }, want: []string{"missing-postal-address"}},
		{name: "a word and nowhere to go", draft: draft{body: "You may unsubscribe. " + postal}, want: []string{"missing-unsubscribe-body"}},
		{name: "by answer", draft: draft{body: "To opt out, reply to this message. " + postal}, want: []string{}},
		{name: "in German", draft: draft{body: "Vom Newsletter abmelden: https://u.shop.example.com/ " + postal}, want: []string{}},
		{name: "a fee", draft: draft{body: "Unsubscribe for a small fee of 1 EUR: https://a.example/ " + postal}, want: []string{"unsubscribe-requires-login-or-fee"}},
		{name: "no need to log in", draft: draft{body: "Unsubscribe without login: https://a.example/ " + postal}, want: []string{}},
		{name: "a menu", draft: draft{body: "Log in https://a.example/ | Unsubscribe https://a.example/u " + postal}, want: []string{}},
		{name: "images only", draft: draft{html: true, body: `<img src="https://a.example/a.png">`}, want: []string{"missing-postal-address", "missing-unsubscribe-body", "warn:image-only"}},

		{name: "hidden by display", draft: hidden(`style="display : none"`), want: []string{"unsubscribe-not-conspicuous"}},
		{name: "hidden by visibility", draft: hidden(`style="VISIBILITY:HIDDEN !important"`), want: []string{"unsubscribe-not-conspicuous"}},
		{name: "hidden by opacity", draft: hidden(`style="opacity:.01"`), want: []string{"unsubscribe-not-conspicuous"}},
		{name: "hidden by size", draft: hidden(`style="font-size:1px"`), want: []string{"unsubscribe-not-conspicuous"}},
		{name: "hidden by colour", draft: hidden(`style="color:#fefefe"`), want: []string{"unsubscribe-not-conspicuous"}},
		{name: "hidden on a dark ground", draft: hidden(`bgcolor="#000000" style="color:rgb(5, 5, 5)"`), want: []string{"unsubscribe-not-conspicuous"}},
		{name: "hidden by place", draft: hidden(`style="position:absolute;left:-9999px"`), want: []string{"unsubscribe-not-conspicuous"}},
		{name: "hidden by box", draft: hidden(`style="max-height:0;overflow:hidden"`), want: []string{"unsubscribe-not-conspicuous"}},
		{name: "hidden by attribute", draft: hidden(`hidden`), want: []string{"unsubscribe-not-conspicuous"}},
		{name: "hidden by a comment", draft: draft{html: true, body: "<!-- " + footer + " --><p>" + postal + "</p>"}, want: []string{"missing-unsubscribe-body"}},
		{name: "hidden by a class", draft: draft{html: true, body: "<style>@media screen{.a{color:red}} .b, .x { display:none }</style><p class='a x'>Unsubscribe: https://a.example/</p><p>" + postal + "</p>"}, want: []string{"unsubscribe-not-conspicuous"}},
		{name: "class hidden on some screens", draft: draft{html: true, body: "<style>@media screen{.a{color:red}.x{display:none}}</style><div class=x>" + footer + "</div>"}, want: []string{}},
		{name: "white on dark", draft: hidden(`style="color:#fff;background:#222"`), want: []string{}},
		{name: "white on an image", draft: hidden(`style="color:#fff;background:url(a.png)"`), want: []string{}},
		{name: "small print", draft: hidden(`style="font-size:9px;color:#777"`), want: []string{}},
		{name: "HTML counts where there is both", draft: draft{
			add:  []string{"Content-Type: multipart/alternative; boundary=b"},
			body: "--b\r\n\r\nUnsubscribe: https://a.example/ " + postal + "\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Coats " + postal + "</p>\r\n--b--",
		}, want: []string{"missing-unsubscribe-body"}},
		{name: "text in base64", draft: draft{
			extra: []string{"Content-Transfer-Encoding: base64"},
			body:  "Q29hdHMuIFVuc3Vic2NyaWJlOiBodHRwczovL2EuZXhhbXBsZS8gRXhhbXBsZSBTaG9wIEluYy4sIDEyMyBNYXJr\r\nZXQgU3QsIFNwcmluZ2ZpZWxkLCBJTCA2MjcwMSwgVVNB",
		}, want: []string{}},
		{name: "an attachment is not seen", draft: draft{
			add:  []string{"Content-Type: multipart/mixed; boundary=b"},
			body: "--b\r\n\r\nCoats " + postal + "\r\n--b\r\nContent-Disposition: attachment\r\n\r\nUnsubscribe: https://a.example/\r\n--b--",
		}, want: []string{"missing-unsubscribe-body"}},

		{name: "an attached message is not seen", draft: draft{
			add:  []string{"Content-Type: multipart/mixed; boundary=b"},
			body: "--b\r\n\r\nCoats " + postal + "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: a\r\n\r\nUnsubscribe: https://a.example/\r\n--b--",
		}, want: []string{"missing-unsubscribe-body"}},

		{name: "a receipt", draft: draft{drop: []string{"List-Unsubscribe", "List-Unsubscribe-Post"}, body: "Your receipt: 20 EUR. Get 20% off!"}, profile: class(compliance.ClassTransactional), want: []string{}},
		{name: "a receipt that sells first", draft: draft{body: "Get 20% off! Your receipt: 20 EUR."}, profile: class(compliance.ClassTransactional), want: []string{"primary-purpose-commercial"}},
		{name: "service that sells", draft: draft{body: "Shop now!"}, profile: class(compliance.ClassService), want: []string{"primary-purpose-commercial"}},
		{name: "confirmation that sells", draft: draft{body: "Please confirm. Get 20% off!"}, profile: class(compliance.ClassPermission), want: []string{"marketing-in-permission-request"}},
		{name: "confirmation", draft: draft{drop: []string{"List-Unsubscribe", "List-Unsubscribe-Post"}, body: "Please confirm."}, profile: class(compliance.ClassPermission), want: []string{}},
		{name: "an unknown class is a commercial one", draft: draft{body: "Hello"}, profile: class("greeting"), want: []string{"missing-postal-address", "missing-unsubscribe-body"}},

		{name: "obligations met", draft: draft{body: "Coats. +1 (555) 0100. Unsubscribe: https://a.example/ " + postal}, profile: oblige("list-unsubscribe", "postal-address", "sender-identity", "contact-details", "no-open-tracking"), want: []string{}},
		{name: "obligations of a receipt", draft: draft{drop: []string{"List-Unsubscribe", "List-Unsubscribe-Post"}, body: "Your receipt"}, profile: func(p *mail.Profile) {
			p.Class = compliance.ClassTransactional
			oblige("list-unsubscribe", "postal-address")(p)
		}, want: []string{"missing-list-unsubscribe", "missing-postal-address", "missing-unsubscribe-body"}},
		{name: "tracked against her will", draft: draft{html: true, body: "<p>Coats</p>" + footer + `<img src="https://t.example/o.gif" width="1" height="1">`}, profile: oblige("no-open-tracking"), want: []string{"unmet-obligation:no-open-tracking"}},
		{name: "tracked unseen", draft: draft{html: true, body: "<p>Coats</p>" + footer + `<img src="https://t.example/o.gif" style="display:none">`}, profile: oblige("no-open-tracking"), want: []string{"unmet-obligation:no-open-tracking"}},
		{name: "notice missing", profile: func(p *mail.Profile) {
			oblige("objection-notice")(p)
			p.Texts = map[string]string{"objection-notice": "You may object at any time."}
		}, want: []string{"unmet-obligation:objection-notice"}},
		{name: "notice that cannot be told", profile: oblige("objection-notice"), want: []string{"warn:unverified-obligation:objection-notice"}},
		{name: "referrer named", draft: draft{body: "Ann Lee told us. Unsubscribe: https://a.example/ " + postal}, profile: func(p *mail.Profile) {
			oblige("referrer-name")(p)
			p.Texts = map[string]string{"referrer-name": "Ann Lee"}
		}, want: []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := shopProfile()
			if tt.profile != nil {
				tt.profile(&p)
			}
			got, err := mail.CheckMessage(strings.NewReader(tt.draft.String()), p)
			require.NoError(t, err)
			require.Equal(t, tt.want, codes(got))
		})
	}
}

func TestCheckRefusals(t *testing.T) {
	const injection = "a\r\nBcc: x@y.example"
	_, err := mail.CheckMessage(strings.NewReader(draft{}.String()), mail.Profile{})
	require.ErrorIs(t, err, audience.ErrInvalid)
	_, err = mail.CheckMessage(strings.NewReader(strings.Repeat("a", 16<<20+1)), shopProfile())
	require.ErrorIs(t, err, audience.ErrLimit)
	_, err = mail.CheckHeaders(nil, mail.Profile{})
	require.ErrorIs(t, err, audience.ErrInvalid)
	for name, h := range map[string]mail.Header{
		"O39 line break in a value": {Name: "Subject", Value: injection},
		"line break in a name":      {Name: "Subject\r\nBcc", Value: "a"},
		"colon in a name":           {Name: "Subject:", Value: "a"},
		"no name":                   {Value: "a"},
		"line separator":            {Name: "Subject", Value: "a\u2028b"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mail.CheckHeaders([]mail.Header{h}, shopProfile())
			require.ErrorIs(t, err, audience.ErrInvalid)
		})
	}
	for _, subject := range []string{injection, "a\rb", "a\nb", "a\x00b", "a\u0085b"} {
		t.Run("O39 a subject with CR or LF is an error", func(t *testing.T) {
			_, err := mail.CheckSubject(subject, false)
			require.ErrorIs(t, err, audience.ErrInvalid)
			require.NotContains(t, err.Error(), "example")
		})
	}
}

// TestCheckMessageBounds: pages that are built to be slow are read; where one
// takes time that explodes the test never ends.
func TestCheckMessageBounds(t *testing.T) {
	var sheet strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&sheet, ".c%d,.x{color:#%06x;%s}", i, i, strings.Repeat("a:b;", 20))
	}
	for name, body := range map[string]string{
		"depth":      strings.Repeat("<div>", 100_000),
		"formatting": strings.Repeat("<b a=1><i>", 50_000),
		"formatting, own": func() string {
			var b strings.Builder
			for i := range 20_000 {
				fmt.Fprintf(&b, "<b a=%d><p>", i)
			}
			return b.String()
		}(),
		"tables":       strings.Repeat("<table><tr><td>", 50_000),
		"links":        strings.Repeat("<a href=https://a.example/>", 30_000),
		"rules":        "<style>" + sheet.String() + "</style>" + strings.Repeat("<p class='x c1'>a</p>", 20_000),
		"braces":       "<style>" + strings.Repeat("{", 500_000) + "</style>",
		"long style":   "<p style='" + strings.Repeat("color:#fff;", 90_000) + "'>a</p>",
		"long class":   "<style>.x{color:red}</style><p class='" + strings.Repeat("x ", 400_000) + "'>a</p>",
		"entities":     strings.Repeat("&lt;", 200_000),
		"big":          strings.Repeat("<p>a</p>", 1_000_000),
		"unsubscribes": strings.Repeat("unsubscribe. ", 70_000),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mail.CheckMessage(strings.NewReader(draft{html: true, body: body}.String()), shopProfile())
			require.NoError(t, err)
		})
	}
}

// TestCheckHeadersVectors takes the header fields of the vectors into a
// message of their domain that has all the others.
func TestCheckHeadersVectors(t *testing.T) {
	var vectors struct {
		MessageCheck []struct {
			Headers  []string `json:"headers"`
			Findings []string `json:"findings"`
		} `json:"message_check"`
	}
	readVectors(t, "list-headers.json", &vectors)
	require.NotEmpty(t, vectors.MessageCheck)
	for _, tt := range vectors.MessageCheck {
		t.Run(strings.Join(tt.Findings, ","), func(t *testing.T) {
			headers := []mail.Header{{Name: "From", Value: "news@a.example"}, {Name: "Subject", Value: "Coats"}}
			for _, line := range tt.Headers {
				name, value, _ := strings.Cut(line, ": ")
				headers = append(headers, mail.Header{Name: name, Value: value})
			}
			got, err := mail.CheckHeaders(headers, mail.Profile{Domains: []string{"a.example"}, Bulk: true})
			require.NoError(t, err)
			require.ElementsMatch(t, tt.Findings, codes(got))
		})
	}
}

func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(corpus(t), "vectors", name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, into))
}
