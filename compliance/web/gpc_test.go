package web_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// TestSignupByGPC asks each page to say no more than what is in the ledger.
func TestSignupByGPC(t *testing.T) {
	signal := http.Header{"Sec-Gpc": {"1"}}
	const promise, done = "When you confirm your subscription, we record", "Opt-out request honored"
	for name, tt := range map[string]struct{ form, mailbox http.Header }{
		"signing up":                             {signal, nil},
		"confirming, which is when she is known": {nil, signal},
		"both":                                   {signal, signal},
		"neither":                                {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.header = tt.form
			page := s.get("/mail/s/footer")
			require.NotContains(t, page, done, "nothing was recorded")
			require.Equal(t, tt.form != nil, contains(page, promise))
			require.NotContains(t, text(s.signup("ann@example.com")), done)
			link := s.deliver()[0].Data["url"]
			s.header = tt.mailbox
			require.NotContains(t, s.get(link), done)
			sent := tt.form != nil || tt.mailbox != nil
			require.Equal(t, sent, contains(text(s.post(link, "do", "confirm")), done))
			c, err := s.aud.Contact(t.Context(), audience.Email("ann@example.com"))
			require.NoError(t, err)
			want := []string{"granted email/marketing/* double-opt-in"}
			if sent {
				want = append(want, "withdrawn */sharing/* gpc")
			}
			require.Equal(t, want, s.kinds(c.ID))
			require.True(t, s.mailable(c.ID), "newsletters are unaffected")
			require.NotContains(t, text(s.post(link, "do", "confirm")), done, "the second press records nothing")
		})
	}
}

// TestGPCWhereNothingIsSold has nothing to opt out of, and says nothing of it.
func TestGPCWhereNothingIsSold(t *testing.T) {
	s := newSiteOf(t, memstore.New(), siteOptions(), []compliance.Purpose{{ID: "marketing"}, {ID: "offers"}}, "k1", "k1")
	s.header = http.Header{"Sec-Gpc": {"1"}}
	require.NotContains(t, s.get("/mail/s/footer"), "Global Privacy Control")
	id := s.subscribe("ann@example.com")
	require.Len(t, s.kinds(id), 1)
	require.NotContains(t, s.get(s.preferencesURL(id)), "Global Privacy Control")
}
