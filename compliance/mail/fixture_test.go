package mail_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/compliance/mail"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// shop is an audience with a clock that tests set, and one subscriber.
type shop struct {
	t      testing.TB
	aud    *store.Audience
	ledger *compliance.Ledger
	ann    audience.ContactID
	tokens map[string]mail.Owner

	mu  sync.Mutex
	now time.Time
}

const annAddress = "ann@example.net"

func testKeys(t testing.TB, primary string) audience.Keys {
	keys, err := audience.NewKeys(primary, map[string][]byte{"1": bytes.Repeat([]byte("k"), 32), "2": bytes.Repeat([]byte("l"), 32)})
	require.NoError(t, err)
	return keys
}

func newShop(t testing.TB) *shop {
	s := &shop{t: t, now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), tokens: map[string]mail.Owner{}}
	s.open(memstore.New(), testKeys(t, "1"))
	s.ann = s.put("ann", annAddress)
	s.subscribe("ann")
	require.True(t, s.mailable("ann"))
	return s
}

func (s *shop) open(adapter store.Adapter, keys audience.Keys) {
	aud, err := store.Open(s.t.Context(), adapter, "shop", store.Options{
		Keys: keys, Clock: s.clock, Schema: audience.Schema{Lists: []audience.List{{Name: "news", Kind: audience.ListTopic}}},
	})
	require.NoError(s.t, err)
	s.aud = aud
	s.ledger, err = compliance.NewLedger(aud, compliance.LedgerOptions{})
	require.NoError(s.t, err)
}

func (s *shop) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *shop) wait(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *shop) put(key, address string) audience.ContactID {
	res, err := s.aud.Put(s.t.Context(), audience.ContactWrite{Match: audience.Key(key), Email: audience.MustAddress(address)})
	require.NoError(s.t, err)
	return res.ID
}

func (s *shop) subscribe(key string) {
	s.wait(time.Second)
	notice, err := s.ledger.PutNotice(s.t.Context(), compliance.Notice{Text: "Yes, send me news.", Language: "en", Purposes: []string{audience.PurposeMarketing}})
	require.NoError(s.t, err)
	for _, scope := range []audience.Scope{audience.MarketingScope(), {Channel: audience.ChannelEmail, List: "news"}} {
		_, err := s.ledger.Record(s.t.Context(), compliance.Declaration{
			Contact: audience.Key(key), Kind: audience.ConsentGranted, Scope: scope,
			Mechanism: audience.MechanismDoubleOptIn, Notice: notice.ID, Evidence: compliance.Evidence{Form: "footer"},
		})
		require.NoError(s.t, err)
	}
	s.wait(time.Second)
}

func (s *shop) profile(key string) audience.Profile {
	p, err := s.aud.Profile(s.t.Context(), audience.Key(key), audience.ProfileParts{Ledger: true, Suppressed: true})
	require.NoError(s.t, err)
	return p
}

func (s *shop) status() audience.Status {
	p := s.profile("ann")
	return p.Status(s.clock()).Status
}

func (s *shop) mailable(key string) bool {
	p := s.profile(key)
	return p.Mailable(s.clock())
}

func (s *shop) feedback(opts mail.FeedbackOptions) *mail.Feedback {
	if opts.Resolve == nil {
		opts.Resolve = func(_ context.Context, token string) (mail.Owner, error) { return s.tokens[token], nil }
	}
	f, err := mail.NewFeedback(s.ledger, opts)
	require.NoError(s.t, err)
	return f
}

func (s *shop) apply(f *mail.Feedback, message string) mail.Applied {
	r, err := mail.ParseReport(strings.NewReader(message))
	require.NoError(s.t, err)
	out, err := f.Apply(s.t.Context(), r)
	require.NoError(s.t, err)
	return out
}

// line is one recipient of a delivery report.
type line struct{ final, original, action, status, diagnostic string }

func hard(address string) line { return line{final: address, status: "5.1.1"} }
func soft(address string) line { return line{final: address, status: "4.4.1"} }

// bounce writes a delivery report. Reports with different ids are different.
func bounce(id, embedded string, recipients ...line) string {
	var b strings.Builder
	fmt.Fprintf(&b, "From: MAILER-DAEMON@mx.example.com\nMessage-ID: <%s@mx.example.com>\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nFailed.\n"+
		"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n", id)
	for _, r := range recipients {
		action := r.action
		if action == "" {
			action = "failed"
		}
		fmt.Fprintf(&b, "\nFinal-Recipient: rfc822; %s\nAction: %s\nStatus: %s\n", r.final, action, r.status)
		if r.original != "" {
			fmt.Fprintf(&b, "Original-Recipient: rfc822; %s\n", r.original)
		}
		if r.diagnostic != "" {
			fmt.Fprintf(&b, "Diagnostic-Code: smtp; %s\n", r.diagnostic)
		}
	}
	fmt.Fprintf(&b, "\n--b\nContent-Type: message/rfc822\n\n%s\n\nCoats.\n--b--\n", embedded)
	return b.String()
}

// complaint writes a feedback report.
func complaint(id, feedbackType, embedded string, recipients ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "From: fbl@example.com\nMessage-ID: <%s@fbl.example.com>\nDate: Mon, 2 Jan 2006 10:00:00 EDT\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"+
		"--b\nContent-Type: message/feedback-report\n\nFeedback-Type: %s\nUser-Agent: Test/1\nVersion: 1\n", id, feedbackType)
	for _, r := range recipients {
		fmt.Fprintf(&b, "Original-Rcpt-To: <%s>\n", r)
	}
	fmt.Fprintf(&b, "\n--b\nContent-Type: message/rfc822\n\n%s\n\nCoats.\n--b--\n", embedded)
	return b.String()
}

const withToken = "From: news@shop.example\nList-Unsubscribe: <https://u.shop.example/u/TOKEN1>, <mailto:u+token2@shop.example>\nMessage-ID: <a1@shop.example>"

func (s *shop) suppressed(address string) bool {
	var held []audience.Suppression
	require.NoError(s.t, s.aud.View(s.t.Context(), func(r *store.Reader) (err error) {
		held, err = r.Suppressions(s.t.Context(), audience.MustAddress(address))
		return err
	}))
	for i := range held {
		if held[i].Stands(s.clock()) {
			return true
		}
	}
	return false
}
