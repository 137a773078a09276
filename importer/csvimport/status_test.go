package csvimport_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

func attested() importer.Plan {
	return importer.Plan{Attestation: importer.Attestation{Text: "The shop attests the consent it collected at checkout."}}
}

// TestStatusFromNothing: what a status cell makes of somebody of whom nothing
// is known (G4).
func TestStatusFromNothing(t *testing.T) {
	tests := []struct {
		cell, attested, plain string
		records               int
	}{
		{"subscribed", "subscribed", "pending", 1},
		{"pending", "pending", "pending", 1},
		{"unsubscribed", "unsubscribed", "unsubscribed", 1},
		{"bounced", "bounced", "bounced", 1},
		{"complained", "complained", "complained", 1},
		{"none", "none", "none", 0},
		{"", "none", "none", 0},
	}
	for _, tt := range tests {
		t.Run(tt.cell, func(t *testing.T) {
			for want, opts := range map[string]importer.Plan{"attested " + tt.attested: attested(), "plain " + tt.plain: {}} {
				aud := open(t, audience.Schema{})
				report := importContacts(t, aud, opts, "email,status", "a@example.com,"+tt.cell)
				require.Equal(t, tt.records, report.Recorded)
				kind := "plain "
				if !opts.Attestation.IsZero() {
					kind = "attested "
				}
				require.Equal(t, want, kind+status(t, aud, audience.Email("a@example.com")))
				require.Equal(t, tt.cell == "subscribed" && opts.Attestation.IsZero(), report.Pending == 1)
				require.Zero(t, report.Kept)
			}
		})
	}
}

func TestStatusEvidence(t *testing.T) {
	aud := open(t, audience.Schema{})
	opts := attested()
	opts.Job = "spring"
	importContacts(t, aud, opts, "email,status", "a@example.com,subscribed")
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		h, err := r.History(t.Context(), audience.Email("a@example.com"))
		require.NoError(t, err)
		require.Len(t, h.Records, 1)
		record := h.Records[0]
		require.Equal(t, audience.ConsentGranted, record.Kind)
		require.Equal(t, audience.MechanismAttested, record.Mechanism)
		require.Equal(t, audience.MarketingScope(), record.Scope)
		require.Equal(t, now, record.Acted)
		require.Equal(t, audience.Source{Kind: audience.SourceImport, Name: "spring"}, record.Source)
		evidence, err := r.Evidence(t.Context(), record)
		require.NoError(t, err)
		require.Contains(t, string(evidence), opts.Attestation.Text)
		return nil
	}))
}

// TestStatusScope: a bounce and a complaint are about the channel, the others
// about marketing.
func TestStatusScope(t *testing.T) {
	for cell, want := range map[string]audience.Scope{
		"subscribed":   audience.MarketingScope(),
		"pending":      audience.MarketingScope(),
		"unsubscribed": audience.MarketingScope(),
		"bounced":      {Channel: audience.ChannelEmail},
		"complained":   {Channel: audience.ChannelEmail},
	} {
		aud := open(t, audience.Schema{})
		importContacts(t, aud, attested(), "email,status", "a@example.com,"+cell)
		require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
			h, err := r.History(t.Context(), audience.Email("a@example.com"))
			require.NoError(t, err)
			require.Len(t, h.Records, 1)
			require.Equal(t, want, h.Records[0].Scope, cell)
			return nil
		}))
	}
}

// TestStatusNeverRaised: an import lowers a standing or leaves it, whatever it
// attests (G4).
func TestStatusNeverRaised(t *testing.T) {
	words := []string{"none", "subscribed", "pending", "bounced", "unsubscribed", "complained"}
	want := map[string]string{ // by what stands: what each of words leads to, attested
		"none":         "none subscribed pending bounced unsubscribed complained",
		"pending":      "pending subscribed pending bounced unsubscribed complained",
		"subscribed":   "subscribed subscribed subscribed bounced unsubscribed complained",
		"bounced":      "bounced bounced bounced bounced unsubscribed complained",
		"unsubscribed": "unsubscribed unsubscribed unsubscribed unsubscribed unsubscribed complained",
		"complained":   "complained complained complained complained complained complained",
	}
	for _, before := range words {
		t.Run(before, func(t *testing.T) {
			var got []string
			for _, cell := range words {
				one, two := open(t, audience.Schema{}), open(t, audience.Schema{})
				report := importContacts(t, one, attested(), "email,status", "a@example.com,"+before, "a@example.com,"+cell)
				importContacts(t, two, attested(), "email,status", "a@example.com,"+before)
				importContacts(t, two, attested(), "email,status", "a@example.com,"+cell)
				after := status(t, one, audience.Email("a@example.com"))
				require.Equal(t, after, status(t, two, audience.Email("a@example.com")), "in one file or in two")
				if before == "unsubscribed" && (cell == "subscribed" || cell == "bounced") {
					require.Equal(t, 1, report.Kept)
				}
				got = append(got, after)
			}
			require.Equal(t, want[before], strings.Join(got, " "))
		})
	}
}

// TestStatusTwiceRecordsOnce: importing a file again does not grow the ledger.
func TestStatusTwiceRecordsOnce(t *testing.T) {
	aud := open(t, audience.Schema{})
	rows := []string{"email,status", "a@example.com,subscribed", "b@example.com,unsubscribed"}
	require.Equal(t, 2, importContacts(t, aud, attested(), rows...).Recorded)
	plan := attested()
	plan.Job = "again"
	again := importContacts(t, aud, plan, rows...)
	require.Zero(t, again.Recorded)
	require.Equal(t, 2, again.Skips.Unchanged)
}

// TestStatusSuppressedAddress: a refusal that outlived its contact is not
// lifted by importing her again (G4).
func TestStatusSuppressedAddress(t *testing.T) {
	for _, reason := range []audience.SuppressionReason{audience.SuppressedWithdrawn, audience.SuppressedBounced, audience.SuppressedComplained, audience.SuppressedManually} {
		t.Run(reason.String(), func(t *testing.T) {
			aud := open(t, audience.Schema{})
			_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
				return tx.Suppress(t.Context(), store.SuppressionWrite{
					Address: audience.MustAddress("a@example.com"), Reason: reason, At: now.Add(-time.Hour),
				})
			})
			require.NoError(t, err)
			report := importContacts(t, aud, attested(), "email,first_name,status", "a@example.com,Ann,subscribed", "b@example.com,Bob,subscribed")
			require.Equal(t, []int{2, 1, 1}, []int{report.Created, report.Recorded, report.Kept})
			require.Equal(t, "none", status(t, aud, audience.Email("a@example.com")))
			require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
				p, err := r.Profile(t.Context(), audience.Email("a@example.com"), audience.ProfileParts{Suppressed: true})
				require.False(t, p.SuppressedFrom.IsZero())
				return err
			}))
		})
	}
}

func TestStatusErased(t *testing.T) {
	aud := open(t, audience.Schema{})
	importContacts(t, aud, attested(), "email", "a@example.com")
	_, err := aud.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Erase(t.Context(), audience.Source{}, audience.Email("a@example.com"))
	})
	require.NoError(t, err)
	report := importContacts(t, aud, attested(), "email,status", "b@example.com,subscribed", "a@example.com,subscribed", "c@example.com,")
	require.Equal(t, []int{2, 1}, []int{report.Created, report.Suppressed})
}

func TestAttestationNeedsKeys(t *testing.T) {
	aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{Clock: func() time.Time { return now }})
	require.NoError(t, err)
	_, err = runContacts(t.Context(), aud, lines("email,status", "a@example.com,subscribed"), attested())
	require.ErrorIs(t, err, audience.ErrDenied)
	report := importContacts(t, aud, importer.Options{}, "email,status", "a@example.com,subscribed", "b@example.com,complained")
	require.Equal(t, 2, report.Recorded)
	require.Equal(t, "complained", status(t, aud, audience.Email("b@example.com")))
}
