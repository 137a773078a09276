package mail_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/compliance/mail"
)

func parse(t *testing.T, message string) *mail.Report {
	r, err := mail.ParseReport(strings.NewReader(message))
	require.NoError(t, err)
	return r
}

// TestClassify is the table of classes: action, status and diagnostic to code
// and class.
func TestClassify(t *testing.T) {
	tests := []struct {
		action, status, diagnostic string
		code                       string
		class                      mail.BounceClass
	}{
		{"failed", "5.1.1", "", "5.1.1", mail.BounceHard},
		{"failed", "5.1.2", "", "5.1.2", mail.BounceHard},
		{"failed", "5.1.3", "", "5.1.3", mail.BounceHard},
		{"failed", "5.1.6", "", "5.1.6", mail.BounceHard},
		{"failed", "5.1.10", "", "5.1.10", mail.BounceHard},
		{"failed", "5.2.1", "550 mailbox disabled", "5.2.1", mail.BounceHard},
		{"failed", "5.2.1", "550 receiving mail at a rate that prevents", "5.2.1", mail.BounceSoft},
		{"failed", "5.4.4", "", "5.4.4", mail.BounceHard},
		{"failed", "5.4.1", "550 5.4.1 Recipient address rejected: Access denied", "5.4.1", mail.BounceHard},
		{"failed", "5.4.1", "no answer from host", "5.4.1", mail.BounceSoft},
		{"failed", "5.4.6", "routing loop", "5.4.6", mail.BounceSoft},
		{"failed", "5.2.2", "", "5.2.2", mail.BounceFull},
		{"failed", "4.2.2", "", "4.2.2", mail.BounceFull},
		{"failed", "5.0.0", "552 over quota", "5.0.0", mail.BounceFull},
		{"failed", "5.0.0", "552 rejected", "5.0.0", mail.BounceFull},
		{"failed", "5.1.7", "", "5.1.7", mail.BounceConfig},
		{"failed", "5.1.8", "Sender address rejected", "5.1.8", mail.BounceConfig},
		{"failed", "5.0.0", "550 Sender address rejected", "5.0.0", mail.BounceConfig},
		{"failed", "5.5.0", "503 bad sequence", "5.5.0", mail.BounceProtocol},
		{"failed", "", "503 bad sequence", "", mail.BounceProtocol},
		{"failed", "5.2.3", "", "5.2.3", mail.BounceContent},
		{"failed", "5.3.4", "", "5.3.4", mail.BounceContent},
		{"failed", "5.6.1", "", "5.6.1", mail.BounceContent},
		{"failed", "5.0.0", "552 message size exceeds", "5.0.0", mail.BounceContent},
		{"failed", "5.7.1", "", "5.7.1", mail.BounceBlock},
		{"failed", "4.7.0", "try again", "4.7.0", mail.BounceBlock},
		{"failed", "5.0.0", "550 5.7.26 unauthenticated", "5.7.26", mail.BounceBlock},
		{"failed", "5.0.0", "554 user unknown, or blocked by our policy", "5.0.0", mail.BounceBlock},
		{"failed", "4.4.2", "451 your address is on a blacklist", "4.4.2", mail.BounceBlock},
		{"failed", "4.4.1", "", "4.4.1", mail.BounceSoft},
		{"failed", "4.0.0", "550 user unknown", "4.0.0", mail.BounceSoft},
		{"failed", "5.0.0", "550 #5.1.0 Address rejected.", "5.1.0", mail.BounceHard},
		{"failed", "5.0.0", "550-5.1.1 does not exist", "5.1.1", mail.BounceHard},
		{"failed", "5.0.0", "550 user unknown", "5.0.0", mail.BounceHard},
		{"failed", "5.0.0", "550 <no.spam@policy.example>: User unknown", "5.0.0", mail.BounceHard},
		{"failed", "5.0.0", "550 user unknown [5.1.8.7] 15.1.1", "5.0.0", mail.BounceHard},
		{"failed", "5.0.0", "550 see https://a.example/5.1.1", "5.0.0", mail.BounceUnknown},
		{"failed", "5.0.0", "", "5.0.0", mail.BounceUnknown},
		{"failed", "garbage", "", "", mail.BounceSoft},
		{"failed", "5.1.1 (bad mailbox)", "", "5.1.1", mail.BounceHard},
		{"FAILED", "5.1.1", "", "5.1.1", mail.BounceHard},
		{"failed", "2.0.0", "", "2.0.0", mail.BounceUnknown},
		{"failed", "9.1.1", "", "", mail.BounceSoft},
		{"failed", "5.1.1111", "", "", mail.BounceSoft},
		{"delayed", "5.1.1", "", "5.1.1", mail.BounceDelayed},
		{"delivered", "2.0.0", "", "2.0.0", mail.BounceNone},
		{"expanded", "5.1.1", "", "5.1.1", mail.BounceNone},
		{"something", "5.1.1", "", "5.1.1", mail.BounceNone},
	}
	for _, tt := range tests {
		t.Run(tt.action+" "+tt.status+" "+tt.diagnostic, func(t *testing.T) {
			r := parse(t, bounce("1", "", line{final: "a@example.net", action: tt.action, status: tt.status, diagnostic: tt.diagnostic}))
			require.Equal(t, tt.class, r.Recipients[0].Class)
			require.Equal(t, tt.code, r.Recipients[0].Code)
		})
	}
	t.Run("no action", func(t *testing.T) {
		r := parse(t, strings.Replace(bounce("1", "", hard("a@example.net")), "Action: failed\n", "", 1))
		require.Equal(t, mail.BounceUnknown, r.Recipients[0].Class)
	})
}

// TestParseReportForms: the same report in every form in which it may come.
func TestParseReportForms(t *testing.T) {
	message := bounce("1", withToken, hard("ann@example.net"))
	want := parse(t, message)
	forms := map[string]string{
		"CRLF":                     strings.ReplaceAll(message, "\n", "\r\n"),
		"CR":                       strings.ReplaceAll(message, "\n", "\r"),
		"mbox":                     "From MAILER-DAEMON Mon Sep 20 19:33:02 2021\n" + message,
		"empty lines in front":     "\n\n" + message,
		"no closing boundary":      strings.TrimSuffix(message, "--b--\n"),
		"damaged field in front":   "this is no field\n" + message,
		"boundary without end":     strings.Replace(message, "boundary=b", `boundary="b; x`, 1),
		"folded type":              strings.Replace(message, "; boundary", ";\n\tboundary", 1),
		"global status (RFC 6533)": strings.Replace(message, "message/delivery-status", "message/global-delivery-status", 1),
		"headers only (RFC 6522)":  strings.Replace(message, "message/rfc822", "text/rfc822-headers", 1),
		"global (RFC 6533)":        strings.Replace(message, "message/rfc822", "message/global-headers", 1),
		"report type left out":     strings.Replace(message, "report-type=delivery-status; ", "", 1),
		"mixed":                    strings.Replace(message, "multipart/report", "multipart/mixed", 1),
		"text after the end":       message + "\n-- \nscanned by a program\n",
		"within another multipart": "Message-ID: <1@mx.example.com>\nContent-Type: multipart/mixed; boundary=o\n\n--o\n" + message + "\n--o--\n",
		"quoted-printable":         strings.Replace(strings.Replace(message, "status\n\n", "status\nContent-Transfer-Encoding: quoted-printable\n\n", 1), "ann@", "=61nn@", 1),
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, want, parse(t, form))
		})
	}
}

func TestParseReportAddresses(t *testing.T) {
	tests := []struct{ name, field, want string }{
		{"plain", "rfc822; Ann@example.net", "Ann@example.net"},
		{"brackets", "rfc822;<ann@example.net>", "ann@example.net"},
		{"no type", "ann@example.net", "ann@example.net"},
		{"UTF-8 (RFC 6533)", "utf-8; grüße@example.net", "grüße@example.net"},
		{"UTF-8, escaped (RFC 6533)", `utf-8; gr\x{FC}\x{DF}e@example.net`, "grüße@example.net"},
		{"damaged escape", `utf-8; gr\x{FC@example.net`, ""},
		{"escape beyond Unicode", `utf-8; gr\x{110000}@example.net`, ""},
		{"other type", "unknown; ann@example.net", ""},
		{"X.400", "x400; /G=Ann/S=Lee/", ""},
		{"no address", "rfc822; nair_s", ""},
		{"two addresses", "rfc822; a@b.example, c@d.example", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := parse(t, "Content-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\nFinal-Recipient: "+tt.field+"\nAction: failed\nStatus: 5.1.1\n")
			require.Equal(t, tt.want, r.Recipients[0].Address.Reveal())
		})
	}
}

func TestParseReportTokens(t *testing.T) {
	tests := []struct {
		name, embedded string
		want           []string
	}{
		{"all", withToken, []string{"TOKEN1", "token2", "u+token2", "a1"}},
		{"query", "List-Unsubscribe: <https://a.example/u?t=TOK%2BEN&x=1>", []string{"u", "TOK+EN", "1"}},
		{"trailing slash", "List-Unsubscribe: <https://a.example/u/TOKEN/>", []string{"TOKEN"}},
		{"mailto that was escaped", "List-Unsubscribe: <mailto:u%2BTOKEN@a.example?subject=x>", []string{"TOKEN", "u+TOKEN", "token", "u+token"}},
		{"feedback id (RFC 9477)", "CFBL-Feedback-ID: <abc:1>", []string{"abc:1"}},
		{"each once", "List-Unsubscribe: <https://a.example/T>\nCFBL-Feedback-ID: T\nMessage-ID: <T@a.example>", []string{"T"}},
		{"too long", "CFBL-Feedback-ID: " + strings.Repeat("a", 513), []string{strings.Repeat("a", 512)}},
		{"control", "CFBL-Feedback-ID: a\x00b", nil},
		{"none", "Subject: a", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, revealed(parse(t, complaint("1", "abuse", tt.embedded))))
		})
	}
	t.Run("not from a report in the report", func(t *testing.T) {
		r := parse(t, complaint("1", "abuse", bounce("2", withToken, hard("a@example.net"))))
		require.Equal(t, mail.ReportComplaint, r.Kind)
		require.Empty(t, r.Recipients)
		require.NotContains(t, revealed(r), "TOKEN1")
	})
}

func TestParseReportDates(t *testing.T) {
	utc := time.Date(2006, 1, 2, 15, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"Mon, 2 Jan 2006 10:00:00 -0500":       utc,
		"Mon, 2 Jan 2006 10:00:00 -0500 (EST)": utc,
		"Mon, 2 Jan 2006 10:00:00 EST":         utc,
		"Mon, 2 Jan 2006 11:00:00 EDT":         utc,
		"Mon, 2 Jan 2006 10:00:00 CDT":         utc,
		"Mon, 2 Jan 2006 09:00:00 CST":         utc,
		"Mon, 2 Jan 2006 09:00:00 mdt":         utc,
		"Mon, 2 Jan 2006 08:00:00 MST":         utc,
		"Mon, 2 Jan 2006 08:00:00 PDT":         utc,
		"Mon, 2 Jan 2006 07:00:00 PST":         utc,
		"Mon, 2 Jan 06 15:00:00 GMT":           utc,
		"29-04-2017 23:34":                     {},
		"":                                     {},
	} {
		t.Run(text, func(t *testing.T) {
			r := parse(t, "Date: "+text+"\n"+bounce("1", "", hard("a@example.net")))
			require.Equal(t, want, r.At)
		})
	}
}

func TestParseReportNot(t *testing.T) {
	for name, message := range map[string]string{
		"empty":                            "",
		"plain":                            "From: a@b.example\nSubject: Hello\n\nUnsubscribe me please.\n",
		"body only":                        "\n\nHello",
		"report without its part":          "Content-Type: multipart/report; boundary=b\n\n--b\n\nHello\n--b--\n",
		"unsubscribe within a report":      "Subject: unsubscribe\nContent-Type: multipart/report; boundary=b\n\n--b\n\nHello\n--b--\n",
		"a forwarded message is no report": "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n" + withToken + "\n\nHello\n--b--\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mail.ParseReport(strings.NewReader(message))
			require.ErrorIs(t, err, mail.ErrNotReport)
		})
	}
	forwarded := parse(t, "Content-Type: message/rfc822\n\n"+bounce("1", "", hard("a@example.net")))
	require.True(t, forwarded.Guessed, "a report that somebody passed on")
	broken := errors.New("broken")
	_, err := mail.ParseReport(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
	_, err = mail.ParseUnsubscribe(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
	_, err = mail.CheckMessage(iotest.ErrReader(broken), shopProfile())
	require.ErrorIs(t, err, broken)
}

func TestParseUnsubscribeAnySubject(t *testing.T) {
	r, err := mail.ParseUnsubscribe(strings.NewReader("To: Shop <u+abc@u.shop.example>, b@c.example\nSubject: bitte austragen\n\n"))
	require.NoError(t, err)
	require.Equal(t, mail.ReportOptOut, r.Kind)
	require.Contains(t, revealed(r), "abc")
	_, err = mail.ParseUnsubscribe(strings.NewReader("Subject: unsubscribe\n\n"))
	require.ErrorIs(t, err, mail.ErrNotReport, "nothing says whose")
}

// TestParseReportBounds: hostile messages are read within bounds; where one
// takes time that explodes the test never ends.
func TestParseReportBounds(t *testing.T) {
	many := make([]line, 500)
	for i := range many {
		many[i] = hard(fmt.Sprintf("a%d@example.net", i))
	}
	nested := "Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@example.net\nAction: failed\nStatus: 5.1.1\n"
	for i := range 50 {
		nested = fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n%s\n--b%d--\n", i, i, nested, i)
	}
	var uris strings.Builder
	for i := range 200 {
		fmt.Fprintf(&uris, "List-Unsubscribe: <https://a.example/t%d>\n", i)
	}
	for name, message := range map[string]string{
		"recipients":      bounce("1", "", many...),
		"depth":           nested,
		"parts":           "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\n", 200_000),
		"fields":          strings.Repeat("a:\n", 300_000),
		"one long field":  "Subject: " + strings.Repeat("a", 2<<20),
		"folds":           "Subject: a\n" + strings.Repeat(" a\n", 400_000),
		"blank folds":     "Subject: a\n" + strings.Repeat(" \n", 400_000),
		"long boundary":   "Content-Type: multipart/mixed; boundary=" + strings.Repeat("b", 60_000) + "\n\n" + strings.Repeat("--"+strings.Repeat("b", 50), 10_000),
		"groups":          "Content-Type: message/delivery-status\n\n" + strings.Repeat("a:b\n\n", 200_000),
		"lines":           strings.Repeat("\n", 1_000_000),
		"tokens":          complaint("1", "abuse", uris.String()),
		"comments":        complaint("1", "abuse", "List-Unsubscribe: "+strings.Repeat("(", 100_000)),
		"base64":          "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + strings.Repeat("A", 1_000_000),
		"messages within": strings.Repeat("Content-Type: message/rfc822\n\n", 30_000),
		"addresses":       "Subject: unsubscribe\nTo: " + strings.Repeat("a@b.example,", 50_000),
		"guess":           "a: b\n\n" + strings.Repeat("x\n", 400_000) + "Final-Recipient: a@example.net\n",
	} {
		t.Run(name, func(t *testing.T) {
			r, err := mail.ParseReport(strings.NewReader(message))
			if err != nil {
				require.ErrorIs(t, err, mail.ErrNotReport)
				return
			}
			require.LessOrEqual(t, len(r.Recipients), 200)
			require.LessOrEqual(t, len(r.Tokens), 16)
		})
	}
	t.Run("parts of all depths together", func(t *testing.T) {
		inner := func(name string, parts int) string {
			return "--o\nContent-Type: multipart/mixed; boundary=" + name + "\n\n" + strings.Repeat("--"+name+"\n\na\n", parts) + "--" + name + "--\n"
		}
		for parts, guessed := range map[int]bool{40: false, 60: true} {
			r := parse(t, "Content-Type: multipart/mixed; boundary=o\n\n"+inner("x", parts)+inner("y", parts)+
				"--o\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@example.net\nAction: failed\nStatus: 5.1.1\n--o--\n")
			require.Equal(t, guessed, r.Guessed)
		}
	})
	t.Run("what never ends", func(t *testing.T) {
		_, err := mail.ParseReport(endless{})
		require.ErrorIs(t, err, mail.ErrNotReport)
		_, err = mail.CheckMessage(endless{}, shopProfile())
		require.Error(t, err)
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

var _ io.Reader = endless{}
