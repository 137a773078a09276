package compliance_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/compliance/mail"
)

// TestRightsCoverCounters: failures that are counted before they make a bounce
// are told to whoever asks, as many as the counter has, and go with her.
func TestRightsCoverCounters(t *testing.T) {
	d := newDesk(t)
	jane, twin := d.jane(), d.put("twin", "twin@example.com")
	f, err := mail.NewFeedback(d.Ledger, mail.FeedbackOptions{})
	require.NoError(t, err)
	count := func(id, address string, guessed bool) {
		got, err := f.Apply(t.Context(), &mail.Report{
			Kind: mail.ReportDelivery, ID: audience.NewPrivate(id), Guessed: guessed,
			Recipients: []mail.Recipient{{Address: audience.MustAddress(address), Action: "failed", Status: "4.4.1", Code: "4.4.1", Class: mail.BounceSoft}},
		})
		require.NoError(t, err)
		require.Equal(t, 1, got.Counted)
	}
	for i := range 2 {
		count(strconv.Itoa(i), "jane@example.com", false)
	}
	count("words", "jane@example.com", true)
	count("twin", "twin@example.com", false)
	d.merge(jane, twin)
	r := d.rights()
	failures := func() (out []string) {
		a, _ := d.access(r, audience.ID(jane))
		for _, it := range a.Items {
			if it.Category == "deliveries" {
				out = append(out, it.Field)
			}
		}
		return out
	}
	require.Equal(t, []string{"failed", "failed", "failed on suspicion", "failed"}, failures(), "her own, and those of whom was merged into her")

	before := func() (n int) {
		q := d.open(r, compliance.RequestErasure, audience.ID(jane))
		done, err := r.Erase(t.Context(), q.ID)
		require.NoError(t, err)
		return done.Holders[0].Removed
	}
	require.GreaterOrEqual(t, before(), 4)
	for _, id := range []audience.ContactID{jane, twin} {
		_, err := d.record("compliance/mail", "soft/"+id.String())
		require.ErrorIs(t, err, audience.ErrNotFound)
	}
}

// TestAccessHasAttempts: grants that were no consent are hers too.
func TestAccessHasAttempts(t *testing.T) {
	d := newDesk(t)
	jane := d.jane()
	_, err := d.Record(t.Context(), compliance.Declaration{
		Contact: audience.ID(jane), Kind: audience.ConsentGranted, Scope: emailScope("offers"), Mechanism: "prechecked", Evidence: compliance.Evidence{Form: "checkout"},
	})
	require.ErrorIs(t, err, compliance.ErrNotAffirmed)
	got, _ := d.access(d.rights(), audience.ID(jane))
	require.Contains(t, got.fields(), "consent/attempt")
}
