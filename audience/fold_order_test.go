package audience_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// TestFoldLateRecords: what is written after a merge may have happened before
// it. Whatever the order of writing, no refusal is forgotten.
func TestFoldLateRecords(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	record := func(kind audience.ConsentKind, acted int) audience.ConsentRecord {
		return audience.ConsentRecord{
			Kind: kind, Scope: audience.MarketingScope(), Acted: day(acted), Recorded: day(20),
			Mechanism: audience.MechanismDoubleOptIn, Evidence: [32]byte{1},
		}
	}
	const (
		requested  = audience.ConsentRequested
		granted    = audience.ConsentGranted
		withdrawn  = audience.ConsentWithdrawn
		bounced    = audience.ConsentBounced
		complained = audience.ConsentComplained
	)
	type act struct {
		kind audience.ConsentKind
		day  int
	}
	tests := []struct {
		name               string
		before, of, merged []act // of the winner before, of the winner after, of the loser
		want               audience.Status
	}{
		{
			name:   "a late complaint and opt-in do not lift a refusal after both",
			merged: []act{{withdrawn, 10}}, of: []act{{complained, 3}, {granted, 5}},
			want: audience.StatusUnsubscribed,
		},
		{
			name:   "an opt-in after both lifts both",
			merged: []act{{withdrawn, 10}}, of: []act{{complained, 3}, {granted, 11}},
			want: audience.StatusSubscribed,
		},
		{
			name:   "a refusal before a request of the other",
			merged: []act{{requested, 10}}, of: []act{{bounced, 3}},
			want: audience.StatusBounced,
		},
		{
			name:   "a refusal behind a complaint stands when the complaint is lifted",
			before: []act{{requested, 1}}, merged: []act{{complained, 3}, {withdrawn, 10}}, of: []act{{granted, 5}},
			want: audience.StatusUnsubscribed,
		},
		{
			name:   "of two refusals the later must be lifted, and the worse is shown",
			before: []act{{withdrawn, 3}}, merged: []act{{bounced, 10}}, of: []act{{granted, 5}},
			want: audience.StatusUnsubscribed,
		},
		{
			name:   "a grant after both refusals lifts both",
			before: []act{{withdrawn, 3}}, merged: []act{{bounced, 10}}, of: []act{{granted, 11}},
			want: audience.StatusSubscribed,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			chain := func(acts ...act) []audience.ConsentRecord {
				var out []audience.ConsentRecord
				for i, a := range acts {
					r := record(a.kind, a.day)
					r.Seq = uint64(i + 1)
					out = append(out, r)
				}
				return out
			}
			h := audience.History{
				Records: chain(append(append([]act(nil), tt.before...), tt.of...)...),
				Merged: []audience.MergedHistory{{
					At: day(15), Seq: uint64(len(tt.before)), History: audience.History{Records: chain(tt.merged...)},
				}},
			}
			require.Equal(t, tt.want.String(), h.Fold(audience.MarketingScope(), day(28)).Status.String())
		})
	}
}
