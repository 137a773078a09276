package mail_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/compliance/mail"
)

func BenchmarkParseReport(b *testing.B) {
	for name, message := range map[string]string{
		"delivery":  bounce("1", withToken, hard("a@example.net")),
		"complaint": complaint("1", "abuse", withToken, "a@example.net"),
		"big":       bounce("1", withToken+"\n\n"+strings.Repeat("Coats are here.\n", 40_000), hard("a@example.net")),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			for b.Loop() {
				_, err := mail.ParseReport(strings.NewReader(message))
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkCheckMessage(b *testing.B) {
	for name, message := range map[string]string{
		"text": draft{}.String(),
		"html": draft{html: true, body: strings.Repeat(`<table><tr><td style="color:#333;padding:4px"><a href="https://a.example/p">A coat</a></td></tr></table>`, 300) + footer}.String(),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			p := shopProfile()
			for b.Loop() {
				findings, err := mail.CheckMessage(strings.NewReader(message), p)
				require.NoError(b, err)
				require.Empty(b, findings)
			}
		})
	}
}

func BenchmarkListHeaders(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, err := mail.ListHeaders(mail.List{URL: "https://u.example.com/u/T", Mailto: "u+t@u.example.com", ID: "news.example.com", Name: "News"})
		require.NoError(b, err)
	}
}

// BenchmarkApply is of complaints that stand already, each with an id of its
// own: parsed before, on the memory store.
func BenchmarkApply(b *testing.B) {
	s := newShop(b)
	f := s.feedback(mail.FeedbackOptions{})
	r, err := mail.ParseReport(strings.NewReader(complaint("1", "abuse", withToken, annAddress)))
	require.NoError(b, err)
	b.ReportAllocs()
	i := int64(0)
	for b.Loop() {
		i++
		next := *r
		next.At = r.At.AddDate(0, 0, int(i))
		_, err := f.Apply(context.Background(), &next)
		require.NoError(b, err)
	}
}
