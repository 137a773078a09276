package audience_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func reasons() []audience.SuppressionReason {
	return []audience.SuppressionReason{
		audience.SuppressedWithdrawn, audience.SuppressedBounced, audience.SuppressedComplained, audience.SuppressedManually, audience.SuppressedErased,
	}
}

func TestSuppressionReasons(t *testing.T) {
	for i, name := range []string{"withdrawn", "bounced", "complained", "manual", "erased"} {
		require.Equal(t, name, reasons()[i].String())
	}
	require.Equal(t, "none", audience.SuppressionReason(0).String())
	require.Equal(t, "none", audience.SuppressionReason(6).String())
}

func TestSuppressionStands(t *testing.T) {
	s := audience.Suppression{Reason: audience.SuppressedBounced, At: at(1)}
	require.True(t, s.Stands(at(9)))
	s.Lifted = at(2)
	require.False(t, s.Stands(at(9)))
}

func TestLiftedBy(t *testing.T) {
	type lifts struct{ withdrawn, bounced, complained bool } // nothing lifts manual ones and tombstones
	plain := lifts{withdrawn: true, bounced: true}
	tests := []struct {
		name   string
		change func(*audience.ConsentRecord)
		want   lifts
	}{
		{"single opt-in", func(*audience.ConsentRecord) {}, plain},
		{"double opt-in", func(r *audience.ConsentRecord) { r.Mechanism = audience.MechanismDoubleOptIn }, lifts{true, true, true}},
		{"attested", func(r *audience.ConsentRecord) { r.Mechanism = audience.MechanismAttested }, plain},
		{"paper", func(r *audience.ConsentRecord) { r.Mechanism = audience.MechanismPaper }, plain},
		{"verbal", func(r *audience.ConsentRecord) { r.Mechanism = audience.MechanismVerbal }, plain},
		{"pre-ticked", func(r *audience.ConsentRecord) { r.Mechanism = audience.MechanismPreTicked }, lifts{}},
		{"bundled", func(r *audience.ConsentRecord) { r.Mechanism = audience.MechanismBundled }, lifts{}},
		{"silence", func(r *audience.ConsentRecord) { r.Mechanism = audience.MechanismSilence }, lifts{}},
		{"no mechanism", func(r *audience.ConsentRecord) { r.Mechanism = "" }, lifts{}},
		{"no evidence", func(r *audience.ConsentRecord) { r.Evidence = [32]byte{} }, lifts{}},
		{"at the instant of the refusal", func(r *audience.ConsentRecord) { r.Acted = at(5) }, lifts{}},
		{"a microsecond later", func(r *audience.ConsentRecord) { r.Acted = at(5).Add(microsecond) }, plain},
		{"before it, recorded after it", func(r *audience.ConsentRecord) { r.Acted = at(4) }, lifts{}},
		{"over when it is recorded", func(r *audience.ConsentRecord) { r.Expires = r.Recorded }, lifts{}},
		{"over later", func(r *audience.ConsentRecord) { r.Expires = r.Recorded.Add(microsecond) }, plain},
		{"a request", func(r *audience.ConsentRecord) { r.Kind = audience.ConsentRequested }, lifts{}},
		{"a refusal", func(r *audience.ConsentRecord) { r.Kind = audience.ConsentWithdrawn }, lifts{}},
		{"an unknown kind", func(r *audience.ConsentRecord) { r.Kind = 99 }, lifts{}},
		{"for everything", func(r *audience.ConsentRecord) { r.Scope = audience.Scope{} }, plain},
		{"for another purpose", func(r *audience.ConsentRecord) { r.Scope.Purpose = "offers" }, lifts{}},
		{"for every purpose", func(r *audience.ConsentRecord) { r.Scope.Purpose = "" }, plain},
		{"for another channel", func(r *audience.ConsentRecord) { r.Scope.Channel = "sms" }, lifts{}},
		{"for one topic", func(r *audience.ConsentRecord) { r.Scope.List = "news" }, lifts{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := audience.ConsentRecord{
				Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Acted: at(6), Recorded: at(7),
				Mechanism: audience.MechanismSingleOptIn, Evidence: [32]byte{1},
			}
			tt.change(&r)
			for _, reason := range reasons() {
				want := map[audience.SuppressionReason]bool{
					audience.SuppressedWithdrawn: tt.want.withdrawn, audience.SuppressedBounced: tt.want.bounced,
					audience.SuppressedComplained: tt.want.complained,
				}[reason]
				s := audience.Suppression{Reason: reason, At: at(5)}
				require.Equal(t, want, s.LiftedBy(&r), reason.String())
			}
		})
	}
}

func TestSuppressionReasonOf(t *testing.T) {
	everything, email, marketing := audience.Scope{}, audience.Scope{Channel: "email"}, audience.MarketingScope()
	topic := audience.Scope{Channel: "email", Purpose: "marketing", List: "news"}
	list := audience.Scope{List: "news"}
	sms := audience.Scope{Channel: "sms"}
	want := map[audience.ConsentKind]map[audience.Scope]audience.SuppressionReason{
		audience.ConsentRequested: {},
		audience.ConsentGranted:   {},
		audience.ConsentWithdrawn: {everything: audience.SuppressedWithdrawn, email: audience.SuppressedWithdrawn},
		audience.ConsentBounced: {
			everything: audience.SuppressedBounced, email: audience.SuppressedBounced, marketing: audience.SuppressedBounced,
			topic: audience.SuppressedBounced, list: audience.SuppressedBounced,
		},
		audience.ConsentComplained: {
			everything: audience.SuppressedComplained, email: audience.SuppressedComplained, marketing: audience.SuppressedComplained,
			topic: audience.SuppressedComplained, list: audience.SuppressedComplained,
		},
		99: {},
	}
	for kind, scopes := range want {
		for _, scope := range []audience.Scope{everything, email, marketing, topic, list, sms} {
			reason, ok := audience.SuppressionReasonOf(&audience.ConsentRecord{Kind: kind, Scope: scope})
			require.Equal(t, scopes[scope], reason, "%s %s", kind, scope)
			require.Equal(t, scopes[scope] != 0, ok)
		}
	}
}
