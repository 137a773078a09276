package mail_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance/mail"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// complain puts a contact of a domain and has her complain.
func (s *shop) complain(f *mail.Feedback, domain string, i int) {
	address := fmt.Sprintf("c%d@%s", i, domain)
	s.put(fmt.Sprintf("c%d-%s", i, domain), address)
	require.Len(s.t, s.apply(f, complaint(address, "abuse", "From: a@b.example", address)).Records, 1)
}

func TestRate(t *testing.T) {
	s := newShop(t)
	var alarms []mail.Rate
	f := s.feedback(mail.FeedbackOptions{Alarm: func(r mail.Rate) { alarms = append(alarms, r) }})
	rate := func(domain string) mail.Rate {
		r, err := f.Rate(t.Context(), domain)
		require.NoError(t, err)
		return r
	}
	require.NoError(t, f.CountSent(t.Context(), map[string]int{"mail.example": 1500, "Other.example": 10}))
	require.NoError(t, f.CountSent(t.Context(), map[string]int{"mail.example": 500}))
	require.ErrorIs(t, f.CountSent(t.Context(), map[string]int{"mail.example": -1}), audience.ErrInvalid)

	// 2 of 2,000 are 0.1 %, 6 are 0.3 %.
	want := []mail.Severity{"", mail.SeverityWarn, mail.SeverityWarn, mail.SeverityWarn, mail.SeverityWarn, mail.SeverityBlock, mail.SeverityBlock}
	for i, severity := range want {
		s.complain(f, "mail.example", i)
		r := rate("MAIL.example")
		require.Equal(t, severity, r.Severity())
		require.Equal(t, []int{2000, i + 1, 7}, []int{r.Sent, r.Complaints, r.Days})
		require.InDelta(t, float64(i+1)/2000, r.Share(), 1e-12)
	}
	require.Len(t, alarms, 2, "when it rises, not at each complaint")
	require.Equal(t, []mail.Severity{mail.SeverityWarn, mail.SeverityBlock}, []mail.Severity{alarms[0].Severity(), alarms[1].Severity()})
	require.Equal(t, "mail.example", alarms[0].Domain)
	require.Zero(t, rate("other.example").Complaints, "each domain by itself")
	require.Equal(t, 10, rate("other.example").Sent)

	// One complaint about ten messages is none too many, three are.
	s.complain(f, "other.example", 1)
	require.Equal(t, mail.SeverityWarn, rate("other.example").Severity())
	s.complain(f, "other.example", 2)
	s.complain(f, "other.example", 3)
	require.Equal(t, mail.SeverityBlock, rate("other.example").Severity())

	// The window is today and the six days before.
	s.wait(6 * 24 * time.Hour)
	require.Equal(t, 7, rate("mail.example").Complaints)
	s.wait(24 * time.Hour)
	require.Zero(t, rate("mail.example").Complaints)
	require.Zero(t, rate("mail.example").Sent)
}

func TestRateShare(t *testing.T) {
	require.Zero(t, mail.Rate{}.Share())
	require.Zero(t, mail.Rate{Sent: 10}.Severity())
	require.InDelta(t, 1, mail.Rate{Complaints: 5}.Share(), 0, "more complaints than messages")
	for _, tt := range []struct {
		complaints int
		want       mail.Severity
	}{{99, ""}, {100, mail.SeverityWarn}, {299, mail.SeverityWarn}, {300, mail.SeverityBlock}} {
		require.Equal(t, tt.want, mail.Rate{Sent: 100_000, Complaints: tt.complaints}.Severity(), tt.complaints)
	}
}

// TestFeedbackKeyRotation: what was counted and seen under the old key still
// counts, and no record tells a domain or an address.
func TestFeedbackKeyRotation(t *testing.T) {
	adapter := memstore.New()
	s := &shop{t: t, now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), tokens: map[string]mail.Owner{}}
	s.open(adapter, testKeys(t, "1"))
	s.put("ann", annAddress)
	f := s.feedback(mail.FeedbackOptions{})
	message := complaint("1", "abuse", withToken, annAddress)
	require.NoError(t, f.CountSent(t.Context(), map[string]int{"example.net": 5}))
	s.apply(f, message)

	s.open(adapter, testKeys(t, "2"))
	f = s.feedback(mail.FeedbackOptions{})
	require.True(t, s.apply(f, message).Repeated)
	require.NoError(t, f.CountSent(t.Context(), map[string]int{"example.net": 6}))
	r, err := f.Rate(t.Context(), "example.net")
	require.NoError(t, err)
	require.Equal(t, []int{11, 1}, []int{r.Sent, r.Complaints})

	require.NoError(t, s.aud.View(t.Context(), func(r *store.Reader) error {
		records, err := r.Records(t.Context(), "compliance/mail", "", "", 100)
		require.Len(t, records, 3)
		for _, rec := range records {
			for _, text := range []string{"example.net", "ann", "TOKEN1", "fbl"} {
				require.NotContains(t, rec.Key, text)
				require.False(t, bytes.Contains(rec.Value, []byte(text)))
			}
		}
		return err
	}))
}
