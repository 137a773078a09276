package web_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/compliance"
)

// TestLimitsOfMailsAreApart floods an address by one form and asks for a mail of each other kind.
func TestLimitsOfMailsAreApart(t *testing.T) {
	link := func(s *site, _ string) { s.post("/mail/u", "email", "ann@example.com") }
	signup := func(s *site, _ string) { s.signup("ann@example.com", "t.promotions", "on") }
	raise := func(s *site, preferences string) { s.save(preferences, "t.news", "on") }
	for name, tt := range map[string]struct {
		flood func(s *site, preferences string)
		other map[compliance.OutgoingKind]func(s *site, preferences string)
	}{
		"signups": {signup, map[compliance.OutgoingKind]func(*site, string){
			compliance.OutgoingUnsubscribe: link, compliance.OutgoingConfirm: raise,
		}},
		"links":       {link, map[compliance.OutgoingKind]func(*site, string){compliance.OutgoingConfirm: signup}},
		"preferences": {raise, map[compliance.OutgoingKind]func(*site, string){compliance.OutgoingUnsubscribe: link}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			preferences := s.preferencesURL(s.subscribe("ann@example.com"))
			for range 5 {
				tt.flood(s, preferences)
			}
			require.LessOrEqual(t, len(s.deliver()), 3)
			for kind, ask := range tt.other {
				ask(s, preferences)
				mails := s.deliver()
				require.Len(t, mails, 1)
				require.Equal(t, kind, mails[0].Kind)
			}
		})
	}
}
