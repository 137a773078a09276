package web_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/compliance/web"
)

// O26, O29: what waits for her is part of the answer to a request for access,
// and goes with an erasure; what waits for somebody else stays.
func TestHolder(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.KeepIP = web.IPFull })
	put, err := s.aud.Put(t.Context(), audience.ContactWrite{Match: audience.Email("ann@example.com")})
	require.NoError(t, err)
	id := put.ID
	s.signupOn("two", "ann@example.com", "c.marketing", "on", "c.offers", "on")
	s.signup("bob@example.com")
	s.post("/mail/u", "email", "ann@example.com")
	rights, err := compliance.NewRights(s.ledger, compliance.RightsOptions{Holders: []compliance.Holder{s.pages.Holder()}})
	require.NoError(t, err)
	open := func(kind compliance.RequestKind) string {
		q, err := rights.Open(t.Context(), kind, compliance.RegimeGDPR, audience.ID(id), time.Time{})
		require.NoError(t, err)
		_, err = rights.Attest(t.Context(), q.ID, audience.Source{Actor: "op7"})
		require.NoError(t, err)
		return q.ID
	}

	var text bytes.Buffer
	require.NoError(t, rights.Access(t.Context(), open(compliance.RequestAccess), &text))
	var answer struct {
		Items []struct{ Holder, Category, Field, Value string }
	}
	require.NoError(t, json.Unmarshal(text.Bytes(), &answer))
	kept := make(map[string]string)
	for _, it := range answer.Items {
		if it.Holder == "pages" {
			kept[it.Category+"/"+it.Field] = it.Value
		}
	}
	require.Equal(t, "ann@example.com", kept["signups/email"])
	require.Equal(t, "192.0.2.1", kept["signups/ip"])
	require.Equal(t, "two", kept["signups/form"])
	require.Equal(t, "ann@example.com", kept["messages/confirm"])
	require.Equal(t, "ann@example.com", kept["messages/unsubscribe-link"])
	require.NotContains(t, text.String(), "bob@")

	erasure := open(compliance.RequestErasure)
	report, err := rights.Erase(t.Context(), erasure)
	require.NoError(t, err)
	require.True(t, report.Complete)
	require.Equal(t, "pages", report.Holders[0].Holder)
	require.Equal(t, len(kept), report.Holders[0].Removed)
	mails := s.deliver()
	require.Len(t, mails, 1)
	require.Equal(t, "bob@example.com", mails[0].To.Reveal())
	require.Equal(t, 1, s.records("compliance/pending-address"))
	again, err := rights.Erase(t.Context(), erasure)
	require.NoError(t, err)
	require.True(t, again.Complete)
}
