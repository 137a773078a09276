package mail_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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
		{name: "both addresses of hers", message: complaint("1", "abuse", plain, annAddress, "ann.lee@example.net"), status: audience.StatusComplained, records: 1},
		{name: "guessed by fields in the text", message: "From: mailer-daemon@example.com\n\nReporting-MTA: dns; a\n\nFinal-Recipient: rfc822; " + annAddress + "\nAction: failed\nStatus: 5.1.1\n", status: audience.StatusSubscribed, want: mail.Applied{Counted: 1}},
		{name: "guessed", message: "From: mailer-daemon@example.com\nX-Failed-Recipients: " + annAddress + "\n\nUser unknown", status: audience.StatusSubscribed, want: mail.Applied{Counted: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			s.tokens["TOKEN1"] = mail.Owner{Contact: s.ann}
			_, err := s.aud.Put(t.Context(), audience.ContactWrite{Match: audience.Key("ann"), Addresses: []audience.Address{audience.MustAddress("ann.lee@example.net")}})
			require.NoError(t, err)
			f := s.feedback(mail.FeedbackOptions{})
			got := s.apply(f, tt.message)
			require.Len(t, got.Records, tt.records)
			got.Records = nil
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.status, s.status())
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
	evidence, err := s.ledger.Evidence(t.Context(), got.Records[0])
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"report": "complaint", "type": "abuse", "reporter": "Test/1", "report_id": "<1@fbl.example.com>",
	}, evidence.Fields)
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
	t.Run("O08 with a token as it is minted", func(t *testing.T) {
		s := newShop(t)
		tokens, err := compliance.NewTokens(s.aud)
		require.NoError(t, err)
		f := s.feedback(mail.FeedbackOptions{Resolve: mail.ResolveTokens(tokens)})
		other, err := tokens.Mint(compliance.Claims{Use: compliance.TokenPreferences, Contact: s.ann, Expires: s.clock().Add(time.Hour)})
		require.NoError(t, err)
		s.apply(f, complaint("1", "opt-out", "List-Unsubscribe: <https://u.shop.example/u/"+other+">"))
		require.True(t, s.mailable("ann"), "a token of another use is none")

		local, err := tokens.MintMailto(compliance.Claims{Use: compliance.TokenUnsubscribe, Contact: s.ann, Scope: news})
		require.NoError(t, err)
		got := s.apply(f, fmt.Sprintf(appleMail, "U+"+strings.ToUpper(local)+"@u.shop.example"))
		require.Len(t, got.Records, 1)
		require.Equal(t, news, got.Records[0].Scope)

		token, err := tokens.Mint(compliance.Claims{Use: compliance.TokenUnsubscribe, Contact: s.ann})
		require.NoError(t, err)
		s.apply(f, complaint("2", "abuse", "List-Unsubscribe: <https://u.shop.example/u/"+token+">", "redacted@example.net"))
		require.Equal(t, audience.StatusComplained, s.status())
	})
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
		Mechanism: audience.MechanismAttested, Evidence: compliance.Evidence{Form: "import", Text: "Yes, send me news."},
	})
	var denied *audience.DeniedError
	require.ErrorAs(t, err, &denied)
	require.Equal(t, "suppressed", denied.Rule)
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
	require.Equal(t, audience.StatusComplained, s.status())
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

// TestFeedbackAfterReturn: who left a list and came back can leave it again.
func TestFeedbackAfterReturn(t *testing.T) {
	s := newShop(t)
	s.tokens["abc"] = mail.Owner{Contact: s.ann, Scope: audience.Scope{Channel: audience.ChannelEmail, List: "news"}}
	f := s.feedback(mail.FeedbackOptions{})
	onList := func() bool {
		p := s.profile("ann")
		return p.OnList(audience.List{Name: "news", Kind: audience.ListTopic}, s.clock())
	}
	for i := range 3 {
		message := strings.Replace(fmt.Sprintf(appleMail, "u+abc@u.shop.example"), "<1@", fmt.Sprintf("<%d@", i), 1)
		require.True(t, onList())
		require.Len(t, s.apply(f, message).Records, 1)
		require.False(t, onList())
		require.True(t, s.mailable("ann"), "of the list alone")
		s.subscribe("ann")
	}
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
		wg.Go(func() { results[i] = s.apply(f, bounce(strconv.Itoa(i), "From: a@b.example", soft(annAddress))) })
	}
	wg.Wait()
	counted, records := 0, 0
	for _, r := range results {
		counted, records = counted+r.Counted, records+len(r.Records)
	}
	require.Equal(t, 4, counted)
	require.Equal(t, 1, records)
	require.Equal(t, audience.StatusBounced, s.status())
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
