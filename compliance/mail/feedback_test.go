package mail_test

import (
	"bytes"
	"context"
	"errors"
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
	for _, scope := range []audience.Scope{audience.MarketingScope(), {Channel: audience.ChannelEmail, List: "news"}} {
		_, err := s.ledger.Record(s.t.Context(), compliance.Declaration{
			Contact: audience.Key(key), Kind: audience.ConsentGranted, Scope: scope,
			Mechanism: audience.MechanismDoubleOptIn, Evidence: compliance.Evidence{Form: "footer"},
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

func (s *shop) status(key string) audience.Status {
	p := s.profile(key)
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

func TestFeedbackRefusals(t *testing.T) {
	const plain = "From: news@shop.example"
	tests := []struct {
		name    string
		message string
		status  audience.Status
		want    mail.Applied
		records int
	}{
		{name: "a hard bounce", message: bounce("1", plain, hard(annAddress)), status: audience.StatusBounced, records: 1},
		{name: "a hard bounce of another spelling", message: bounce("1", plain, hard("<ANN@Example.NET>")), status: audience.StatusBounced, records: 1},
		{name: "a hard bounce behind a forward", message: bounce("1", plain, line{final: "x@fwd.example", original: annAddress, status: "5.1.1"}), status: audience.StatusBounced, records: 1},
		{name: "a hard bounce behind a forward, by the message", message: bounce("1", plain+"\nTo: Ann <"+annAddress+">", hard("x@fwd.example")), status: audience.StatusBounced, records: 1},
		{name: "a hard bounce by token", message: bounce("1", withToken, hard("x@fwd.example")), status: audience.StatusBounced, records: 1},
		{name: "one of several", message: bounce("1", withToken, hard("x@fwd.example"), soft("y@fwd.example"), hard(annAddress)), status: audience.StatusBounced, records: 1, want: mail.Applied{Unknown: 2}},
		{name: "several, none hers", message: bounce("1", withToken, hard("x@fwd.example"), hard("y@fwd.example")), status: audience.StatusSubscribed, want: mail.Applied{Unknown: 2}},
		{name: "a complaint", message: complaint("1", "abuse", plain, annAddress), status: audience.StatusComplained, records: 1},
		{name: "a complaint of fraud", message: complaint("1", "Fraud", plain, annAddress), status: audience.StatusComplained, records: 1},
		{name: "a complaint by token", message: complaint("1", "abuse", withToken, "cb4a01a48251d4765f489076aa81e2a4@comcast.example"), status: audience.StatusComplained, records: 1},
		{name: "a complaint by the message", message: complaint("1", "abuse", plain+"\nTo: "+annAddress, "redacted@example.net"), status: audience.StatusComplained, records: 1},
		{name: "a complaint of several", message: complaint("1", "abuse", plain, "x@example.net", annAddress, "hashed@example.net"), status: audience.StatusComplained, records: 1, want: mail.Applied{Suppressed: 1, Unknown: 1}},
		{name: "a pseudonym", message: complaint("1", "abuse", plain, "cb4a01a48251d4765f489076aa81e2a4@comcast.example"), status: audience.StatusSubscribed, want: mail.Applied{Unknown: 1}},
		{name: "an opt-out", message: complaint("1", "opt-out", plain, annAddress), status: audience.StatusUnsubscribed, records: 1},
		{name: "failed authentication", message: complaint("1", "auth-failure", plain, annAddress), status: audience.StatusSubscribed},
		{name: "no spam", message: complaint("1", "not-spam", plain, annAddress), status: audience.StatusSubscribed},
		{name: "a virus", message: complaint("1", "virus", plain, annAddress), status: audience.StatusSubscribed},

		{name: "a block", message: bounce("1", withToken, line{final: annAddress, status: "5.7.1"}), status: audience.StatusSubscribed},
		{name: "a block by its words", message: bounce("1", withToken, line{final: annAddress, status: "5.0.0", diagnostic: "554 rejected as spam, user unknown"}), status: audience.StatusSubscribed},
		{name: "about the sender", message: bounce("1", withToken, line{final: annAddress, status: "5.1.8"}), status: audience.StatusSubscribed},
		{name: "about the message", message: bounce("1", withToken, line{final: annAddress, status: "5.3.4"}), status: audience.StatusSubscribed},
		{name: "still tried", message: bounce("1", withToken, line{final: annAddress, action: "delayed", status: "5.1.1"}), status: audience.StatusSubscribed},
		{name: "relayed", message: bounce("1", withToken, line{final: annAddress, action: "relayed", status: "2.0.0"}), status: audience.StatusSubscribed},
		{name: "a full mailbox", message: bounce("1", withToken, line{final: annAddress, status: "5.2.2"}), status: audience.StatusSubscribed, want: mail.Applied{Counted: 1}},
		{name: "a full mailbox by its words", message: bounce("1", withToken, line{final: annAddress, status: "5.0.0", diagnostic: "552 over quota"}), status: audience.StatusSubscribed, want: mail.Applied{Counted: 1}},
		{name: "guessed", message: "From: mailer-daemon@example.com\nX-Failed-Recipients: " + annAddress + "\n\nUser unknown", status: audience.StatusSubscribed, want: mail.Applied{Counted: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			s.tokens["TOKEN1"] = mail.Owner{Contact: s.ann}
			f := s.feedback(mail.FeedbackOptions{})
			got := s.apply(f, tt.message)
			require.Len(t, got.Records, tt.records)
			got.Records = nil
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.status, s.status("ann"))
			require.Equal(t, tt.status == audience.StatusSubscribed, s.mailable("ann"))

			again := s.apply(f, tt.message)
			if got.Counted+got.Suppressed+got.Unknown+tt.records > 0 {
				require.Equal(t, mail.Applied{Repeated: true}, again)
			}
		})
	}
}

// TestFeedbackActsAtOnce: refusals count from the commit, not from the date
// that the report bears, which lies long before the consent.
func TestFeedbackActsAtOnce(t *testing.T) {
	s := newShop(t)
	got := s.apply(s.feedback(mail.FeedbackOptions{}), complaint("1", "abuse", "From: a@b.example", annAddress))
	require.Equal(t, s.clock(), got.Records[0].Acted)
	require.True(t, got.Records[0].HasEvidence())
	var evidence []byte
	require.NoError(t, s.aud.View(t.Context(), func(r *store.Reader) (err error) {
		evidence, err = r.Evidence(t.Context(), got.Records[0])
		return err
	}))
	require.Contains(t, string(evidence), "abuse")
}

const appleMail = "Date: Thu, 2 May 2024 17:48:55 +0000 (UTC)\nFrom: somebody@icloud.example\nTo: %s\nMessage-ID: <1@icloud.example>\nSubject: unsubscribe\n" +
	"Auto-Submitted: auto-replied\nX-Apple-Unsubscribe: true\n\nApple Mail sent this email to unsubscribe.\n"

func TestO08MailtoUnsubscribe(t *testing.T) {
	const token = "qeaqaejcgncfkztxrcm2vo6m3xxp6vxokgocon6iq3lwvg7dryaooyy"
	news := audience.Scope{Channel: audience.ChannelEmail, Purpose: audience.PurposeMarketing, List: "news"}
	tests := []struct {
		name   string
		to     string
		scope  audience.Scope
		status audience.Status
		onList bool
	}{
		{name: "O08 Apple's mail unsubscribes although it is auto-replied", to: "u+" + token + "@u.shop.example", status: audience.StatusUnsubscribed},
		{name: "O08 token alone in the local part", to: token + "@u.shop.example", status: audience.StatusUnsubscribed},
		{name: "O08 case was folded", to: "U+" + strings.ToUpper(token) + "@U.SHOP.EXAMPLE", status: audience.StatusUnsubscribed},
		{name: "O08 of one list", to: "<u+" + token + "@u.shop.example>", scope: news, status: audience.StatusSubscribed},
		{name: "O08 token of nobody", to: "u+x" + token + "@u.shop.example", status: audience.StatusSubscribed, onList: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			s.tokens[token] = mail.Owner{Contact: s.ann, Scope: tt.scope}
			f := s.feedback(mail.FeedbackOptions{})
			for range 2 {
				r, err := mail.ParseUnsubscribe(strings.NewReader(fmt.Sprintf(appleMail, tt.to)))
				require.NoError(t, err)
				_, err = f.Apply(t.Context(), r)
				require.NoError(t, err)
			}
			p := s.profile("ann")
			require.Equal(t, tt.status, p.Status(s.clock()).Status)
			require.Equal(t, tt.onList, p.OnList(audience.List{Name: "news", Kind: audience.ListTopic}, s.clock()))

			// Another mail with the same wish adds nothing to the ledger.
			n := len(p.History.Records)
			other := strings.Replace(fmt.Sprintf(appleMail, tt.to), "<1@", "<2@", 1)
			s.apply(f, other)
			require.Len(t, s.profile("ann").History.Records, n)
		})
	}
	t.Run("O08 a delivery report to the same address does nothing", func(t *testing.T) {
		s := newShop(t)
		s.tokens[token] = mail.Owner{Contact: s.ann}
		message := "To: u+" + token + "@u.shop.example\n" + bounce("1", "From: a@b.example", hard("x@example.net"))
		_, err := mail.ParseUnsubscribe(strings.NewReader(message))
		require.ErrorIs(t, err, mail.ErrNotReport)
		s.apply(s.feedback(mail.FeedbackOptions{}), message)
		require.True(t, s.mailable("ann"))
	})
	t.Run("O08 a null return path does nothing", func(t *testing.T) {
		message := "Return-Path: <>\n" + fmt.Sprintf(appleMail, "u+"+token+"@u.shop.example")
		_, err := mail.ParseUnsubscribe(strings.NewReader(message))
		require.ErrorIs(t, err, mail.ErrNotReport)
		_, err = mail.ParseReport(strings.NewReader(message))
		require.ErrorIs(t, err, mail.ErrNotReport)
	})
}

func TestFeedbackSoft(t *testing.T) {
	const days = 24 * time.Hour
	message := func(i int) string { return bounce(fmt.Sprint(i), "From: a@b.example", soft(annAddress)) }
	delivered := func(s *shop, eventType string) {
		_, err := s.aud.Append(s.t.Context(), audience.EventWrite{Contact: audience.Key("ann"), Type: eventType, Time: s.clock()})
		require.NoError(s.t, err)
	}
	tests := []struct {
		name    string
		between func(s *shop, f *mail.Feedback, i int) // before the i-th, from 1
		bounced int                                    // with which it is one too many; 0: never
	}{
		{name: "five", bounced: 5, between: func(s *shop, _ *mail.Feedback, _ int) { s.wait(7 * days) }},
		{name: "too slow", between: func(s *shop, _ *mail.Feedback, _ int) { s.wait(8 * days) }},
		{name: "delivered between, by event", bounced: 7, between: func(s *shop, _ *mail.Feedback, i int) {
			s.wait(time.Hour)
			if i == 3 {
				delivered(s, "email.delivered")
				s.wait(time.Hour)
			}
		}},
		{name: "clicked between", bounced: 7, between: func(s *shop, _ *mail.Feedback, i int) {
			s.wait(time.Hour)
			if i == 3 {
				delivered(s, "email.clicked")
				s.wait(time.Hour)
			}
		}},
		{name: "sent is not delivered", bounced: 5, between: func(s *shop, _ *mail.Feedback, _ int) { s.wait(time.Hour); delivered(s, "email.sent") }},
		{name: "delivered between, by the host", bounced: 7, between: func(s *shop, f *mail.Feedback, i int) {
			if i == 3 {
				require.NoError(s.t, f.Delivered(s.t.Context(), audience.Key("ann"), audience.Key("nobody"), audience.ID(s.ann)))
			}
		}},
		{name: "delivered between, by a report", bounced: 7, between: func(s *shop, f *mail.Feedback, i int) {
			if i == 3 {
				s.apply(f, bounce("delivered", "From: a@b.example", line{final: annAddress, action: "delivered", status: "2.1.5"}))
			}
		}},
		{name: "delayed and guessed do not count", bounced: 5, between: func(s *shop, f *mail.Feedback, i int) {
			s.apply(f, bounce(fmt.Sprintf("d%d", i), "From: a@b.example", line{final: annAddress, action: "delayed", status: "4.4.1"}))
			s.apply(f, fmt.Sprintf("Message-ID: <g%d>\nX-Failed-Recipients: %s\n\nUser unknown", i, annAddress))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			f := s.feedback(mail.FeedbackOptions{})
			for i := 1; i <= 9; i++ {
				tt.between(s, f, i)
				got := s.apply(f, message(i))
				if i == tt.bounced {
					require.Len(t, got.Records, 1)
					require.Equal(t, audience.StatusBounced, s.status("ann"))
					require.Equal(t, audience.Mechanism("soft-bounces"), got.Records[0].Mechanism)
					return
				}
				require.Equal(t, mail.Applied{Counted: 1}, got)
				require.True(t, s.mailable("ann"))
			}
			require.Zero(t, tt.bounced)
		})
	}
}

func TestFeedbackFailures(t *testing.T) {
	s := newShop(t)
	f := s.feedback(mail.FeedbackOptions{})
	s.apply(f, bounce("1", "From: a@b.example", soft(annAddress)))
	s.apply(f, "Message-ID: <g>\nX-Failed-Recipients: "+annAddress+"\n\nUser unknown")
	got, err := f.Failures(t.Context(), audience.Key("ann"))
	require.NoError(t, err)
	require.Equal(t, mail.Failures{Soft: 1, Guessed: 1, Last: s.clock()}, got)
	_, err = f.Failures(t.Context(), audience.Key("nobody"))
	require.ErrorIs(t, err, audience.ErrNotFound)

	_, err = s.aud.Update(t.Context(), func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, audience.Key("ann")) })
	require.NoError(t, err)
	require.NoError(t, s.aud.View(t.Context(), func(r *store.Reader) error {
		records, err := r.Records(t.Context(), "compliance/mail", "soft/", "", 10)
		require.Empty(t, records, "counters go with her")
		return err
	}))
}

// TestFeedbackFormerAddress: a bounce of the address that she had before says
// nothing about the one she has now.
func TestFeedbackFormerAddress(t *testing.T) {
	s := newShop(t)
	s.tokens["TOKEN1"] = mail.Owner{Contact: s.ann}
	f := s.feedback(mail.FeedbackOptions{})
	s.put("ann", "ann@new.example")
	got := s.apply(f, bounce("1", withToken, line{final: annAddress, original: annAddress, status: "5.1.1"}))
	require.Equal(t, mail.Applied{Counted: 1}, got, "it is still a further address of hers")
	require.True(t, s.mailable("ann"))

	_, err := s.aud.Put(t.Context(), audience.ContactWrite{
		Match: audience.Key("ann"), Detach: []audience.Identity{audience.AddressIdentity(audience.MustAddress(annAddress))},
	})
	require.NoError(t, err)
	got = s.apply(f, bounce("2", withToken, line{final: annAddress, original: annAddress, status: "5.1.1"}))
	require.Equal(t, mail.Applied{Suppressed: 1}, got)
	require.True(t, s.mailable("ann"))
	require.True(t, s.suppressed(annAddress))
}

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

// TestFeedbackStranger: a complaint of somebody who was deleted outlives that
// she is imported again.
func TestFeedbackStranger(t *testing.T) {
	s := newShop(t)
	_, err := s.aud.Update(t.Context(), func(tx *store.Tx) error { return tx.Delete(t.Context(), audience.Source{}, audience.Key("ann")) })
	require.NoError(t, err)
	f := s.feedback(mail.FeedbackOptions{})
	require.Equal(t, mail.Applied{Unknown: 1}, s.apply(f, bounce("1", "From: a@b.example", hard(annAddress))))
	require.False(t, s.suppressed(annAddress))
	require.Equal(t, mail.Applied{Suppressed: 1}, s.apply(f, complaint("2", "abuse", "From: a@b.example", annAddress)))
	s.put("ann2", annAddress)
	require.False(t, s.mailable("ann2"))
	_, err = s.ledger.Record(t.Context(), compliance.Declaration{
		Contact: audience.Key("ann2"), Kind: audience.ConsentGranted, Scope: audience.MarketingScope(),
		Mechanism: audience.MechanismAttested, Evidence: compliance.Evidence{Form: "import"},
	})
	require.ErrorIs(t, err, audience.ErrDenied)
}

func TestFeedbackMerged(t *testing.T) {
	s := newShop(t)
	bob := s.put("bob", "bob@example.net")
	s.tokens["TOKEN1"] = mail.Owner{Contact: bob}
	_, err := s.aud.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Merge(t.Context(), audience.Key("ann"), audience.Key("bob"), audience.Source{})
	})
	require.NoError(t, err)
	s.apply(s.feedback(mail.FeedbackOptions{}), complaint("1", "abuse", withToken))
	require.Equal(t, audience.StatusComplained, s.status("ann"))
}

// TestFeedbackFlood: reports without end add a bounded number of records; a
// grant in between makes the next one count again.
func TestFeedbackFlood(t *testing.T) {
	s := newShop(t)
	f := s.feedback(mail.FeedbackOptions{})
	before := len(s.profile("ann").History.Records)
	for i := range 20 {
		s.apply(f, complaint(fmt.Sprint("c", i), "abuse", "From: a@b.example", annAddress))
		s.apply(f, bounce(fmt.Sprint("b", i), "From: a@b.example", hard(annAddress)))
	}
	require.Len(t, s.profile("ann").History.Records, before+2)
	s.subscribe("ann")
	require.True(t, s.mailable("ann"))
	require.Len(t, s.apply(f, bounce("later", "From: a@b.example", hard(annAddress))).Records, 1)
	require.False(t, s.mailable("ann"))
}

// TestFeedbackForgedID: a report with the id of another one does not keep that
// one out.
func TestFeedbackForgedID(t *testing.T) {
	s := newShop(t)
	f := s.feedback(mail.FeedbackOptions{})
	s.apply(f, complaint("1", "abuse", "From: a@b.example", "x@example.net"))
	require.Len(t, s.apply(f, complaint("1", "abuse", "From: a@b.example", annAddress)).Records, 1)
}

// TestFeedbackRace: of bounces at the same moment exactly one is the one too
// many.
func TestFeedbackRace(t *testing.T) {
	s := newShop(t)
	f := s.feedback(mail.FeedbackOptions{})
	var wg sync.WaitGroup
	results := make([]mail.Applied, 5)
	for i := range results {
		wg.Go(func() { results[i] = s.apply(f, bounce(fmt.Sprint(i), "From: a@b.example", soft(annAddress))) })
	}
	wg.Wait()
	counted, records := 0, 0
	for _, r := range results {
		counted, records = counted+r.Counted, records+len(r.Records)
	}
	require.Equal(t, 4, counted)
	require.Equal(t, 1, records)
	require.Equal(t, audience.StatusBounced, s.status("ann"))
}

func TestFeedbackErrors(t *testing.T) {
	s := newShop(t)
	_, err := mail.NewFeedback(nil, mail.FeedbackOptions{})
	require.ErrorIs(t, err, audience.ErrInvalid)
	_, err = mail.NewFeedback(s.ledger, mail.FeedbackOptions{SoftLimit: -1})
	require.ErrorIs(t, err, audience.ErrInvalid)
	_, err = s.feedback(mail.FeedbackOptions{}).Apply(t.Context(), nil)
	require.ErrorIs(t, err, audience.ErrInvalid)

	outage := errors.New("outage")
	f := s.feedback(mail.FeedbackOptions{Resolve: func(context.Context, string) (mail.Owner, error) { return mail.Owner{}, outage }})
	r, err := mail.ParseReport(strings.NewReader(complaint("1", "abuse", withToken, annAddress)))
	require.NoError(t, err)
	_, err = f.Apply(t.Context(), r)
	require.ErrorIs(t, err, outage)
	require.True(t, s.mailable("ann"))
	got, err := s.feedback(mail.FeedbackOptions{}).Apply(t.Context(), r)
	require.NoError(t, err)
	require.Len(t, got.Records, 1, "the next try is not taken for a repetition")
}

// TestFeedbackWithoutKeys: nobody is mailable then, and refusals are recorded
// all the same.
func TestFeedbackWithoutKeys(t *testing.T) {
	s := &shop{t: t, now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}
	s.open(memstore.New(), audience.Keys{})
	s.put("ann", annAddress)
	f := s.feedback(mail.FeedbackOptions{})
	message := complaint("1", "abuse", "From: a@b.example", annAddress, "x@example.net")
	got := s.apply(f, message)
	require.Len(t, got.Records, 1)
	require.Equal(t, 1, got.Unknown)
	got = s.apply(f, message)
	require.Equal(t, mail.Applied{Standing: 1, Unknown: 1}, got)
	_, err := f.Rate(t.Context(), "example.net")
	require.ErrorIs(t, err, audience.ErrDenied)
	require.ErrorIs(t, f.CountSent(t.Context(), map[string]int{"example.net": 1}), audience.ErrDenied)
}
