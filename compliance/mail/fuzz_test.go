package mail_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/compliance/mail"
)

// seeds adds own messages, and the samples where they are.
func seeds(f *testing.F, folders ...string) {
	f.Add(bounce("1", withToken, hard("a@example.net"), soft("b@example.net")))
	f.Add(complaint("1", "abuse", withToken, "redacted@example.net"))
	f.Add(fmt.Sprintf(appleMail, "u+abc@example.net"))
	f.Add(draft{}.String())
	f.Add(draft{html: true, body: "<style>.a{color:#fff}</style><div class=a style='font-size:1px;background:rgb(1,2,3)'>Unsubscribe <img src=http://a width=1></div>" + footer}.String())
	root := os.Getenv("AUDIENCEKIT_CORPORA")
	if root == "" {
		return
	}
	for _, folder := range folders {
		names, err := filepath.Glob(filepath.Join(root, "compliance", folder, "*.eml"))
		require.NoError(f, err)
		for _, name := range names {
			b, err := os.ReadFile(name)
			require.NoError(f, err)
			f.Add(string(b))
		}
	}
}

// FuzzParseReport: no message panics; what is given is within bounds, and
// nothing that only words say is anything but guessed.
func FuzzParseReport(f *testing.F) {
	seeds(f, "dsn", "arf", "not-a-report")
	f.Fuzz(func(t *testing.T, message string) {
		for _, parse := range []func(string) (*mail.Report, error){
			func(s string) (*mail.Report, error) { return mail.ParseReport(strings.NewReader(s)) },
			func(s string) (*mail.Report, error) { return mail.ParseUnsubscribe(strings.NewReader(s)) },
		} {
			r, err := parse(message)
			if err != nil {
				require.ErrorIs(t, err, mail.ErrNotReport)
				require.Nil(t, r)
				continue
			}
			checkSilent(t, r)
			require.LessOrEqual(t, len(r.Recipients), 200)
			require.LessOrEqual(t, len(r.Tokens), 16)
			require.NotEmpty(t, r.Kind)
			for i := range r.Recipients {
				if r.Kind != mail.ReportDelivery {
					continue
				}
				require.NotEmpty(t, r.Recipients[i].Class)
				if r.Recipients[i].Class == mail.BounceHard {
					require.Equal(t, "failed", r.Recipients[i].Action)
				}
			}
			again, err := parse(strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(message, "\r\n", "\n"), "\r", "\n"), "\n", "\r\n"))
			if len(message) < 1<<18 { // not cut elsewhere
				require.NoError(t, err)
				require.Equal(t, r, again, "line ends make no difference")
			}
		}
	})
}

// FuzzCheckMessage: no message panics, and a message without a way out is
// never found to be in order.
func FuzzCheckMessage(f *testing.F) {
	seeds(f, "canspam")
	f.Fuzz(func(t *testing.T, message string) {
		p := shopProfile()
		p.Obligations = []compliance.Obligation{{ID: "no-open-tracking"}, {ID: "sender-identity"}}
		got, err := mail.CheckMessage(strings.NewReader(message), p)
		require.NoError(t, err)
		blocked := false
		for i, finding := range got {
			require.NotEmpty(t, finding.Code)
			blocked = blocked || finding.Severity == mail.SeverityBlock
			if i > 0 {
				require.NotEqual(t, got[i-1].Code, finding.Code)
			}
		}
		if !strings.Contains(strings.ToLower(message), "list-unsubscribe") {
			require.True(t, blocked)
		}
	})
}

// FuzzParseListUnsubscribe: what is read is written back and read again the
// same, and can never break a field.
func FuzzParseListUnsubscribe(f *testing.F) {
	f.Add("<https://a.example/u>, <mailto:x@a.example?subject=u>")
	f.Add("(use (this)) <mailto:x@a.example>,\r\n <http://a.example/u>")
	f.Fuzz(func(t *testing.T, value string) {
		uris := mail.ParseListUnsubscribe(value)
		for _, u := range uris {
			require.NotEmpty(t, u)
			require.False(t, strings.ContainsAny(u, "<> \t\r\n"))
		}
		if len(uris) > 0 {
			require.Equal(t, uris, mail.ParseListUnsubscribe("<"+strings.Join(uris, ">, <")+">"))
		}
		for _, l := range []mail.List{{URL: value}, {Mailto: value}, {URL: "https://a.example/", ID: "a.example", Name: value}, {URL: "https://a.example/", FeedbackTo: "a@b.example", FeedbackID: value}} {
			headers, err := mail.ListHeaders(l)
			if err != nil {
				continue
			}
			for _, h := range headers {
				require.False(t, strings.ContainsAny(h.Value, "\r\n\x00"))
				require.LessOrEqual(t, len(h.Name)+2+len(h.Value), 998)
			}
			if l.URL == value {
				require.Equal(t, []string{value}, mail.ParseListUnsubscribe(headers[0].Value))
			}
		}
	})
}
