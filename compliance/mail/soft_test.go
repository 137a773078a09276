package mail_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance/mail"
	"github.com/audiencekit/audiencekit/store"
)

func TestFeedbackSoft(t *testing.T) {
	const days = 24 * time.Hour
	message := func(i int) string { return bounce(strconv.Itoa(i), "From: a@b.example", soft(annAddress)) }
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
					require.Equal(t, audience.StatusBounced, s.status())
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
