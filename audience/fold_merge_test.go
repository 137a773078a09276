package audience_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// merge adds a history to another on a day; what the winner had then stays in
// front of it.
func merge(winner audience.History, day int, loser audience.History) audience.History {
	n := uint64(len(winner.Records))
	winner.Merged = append(winner.Merged, audience.MergedHistory{At: at(day), Seq: n, History: loser})
	return winner
}

// later appends records to the winner's chain, behind the merges.
func later(h audience.History, acts ...act) audience.History {
	for _, a := range acts {
		h.Records = append(h.Records, a.record(len(h.Records)+1))
	}
	return h
}

func history(acts ...act) audience.History { return audience.History{Records: records(acts...)} }

// sides are histories with a standing on day 15, from the best to the worst.
func sides() []struct {
	status audience.Status
	acts   []act
} {
	return []struct {
		status audience.Status
		acts   []act
	}{
		{audience.StatusNone, nil},
		{audience.StatusSubscribed, []act{{kind: granted, day: 5, by: doi}}},
		{audience.StatusPending, []act{{kind: requested, day: 5}}},
		{audience.StatusBounced, []act{{kind: bounced, day: 5}}},
		{audience.StatusUnsubscribed, []act{{kind: withdrawn, day: 5}}},
		{audience.StatusComplained, []act{{kind: complained, day: 5}}},
	}
}

// TestMergeTakesTheWorst, in both directions and through any number of
// merges; none is neutral.
func TestMergeTakesTheWorst(t *testing.T) {
	for i, a := range sides() {
		for k, b := range sides() {
			want := sides()[max(i, k)].status
			name := a.status.String() + " and " + b.status.String()
			h := merge(history(a.acts...), 15, history(b.acts...))
			require.Equal(t, want, h.Fold(audience.MarketingScope(), at(15)).Status, name)
			require.Equal(t, a.status, h.Fold(audience.MarketingScope(), at(15).Add(-microsecond)).Status, "%s: not before the merge", name)

			through := merge(history(), 14, history(b.acts...))
			h = merge(history(a.acts...), 15, through)
			require.Equal(t, want, h.Fold(audience.MarketingScope(), at(15)).Status, "%s, merged before", name)

			for _, c := range sides() {
				h := merge(merge(history(a.acts...), 14, history(b.acts...)), 15, history(c.acts...))
				other := merge(merge(history(c.acts...), 14, history(a.acts...)), 15, history(b.acts...))
				require.Equal(t, h.Fold(audience.MarketingScope(), at(15)).Status, other.Fold(audience.MarketingScope(), at(15)).Status)
			}
		}
	}
}

func TestFoldMerged(t *testing.T) {
	const (
		pending      = audience.StatusPending
		subscribed   = audience.StatusSubscribed
		unsubscribed = audience.StatusUnsubscribed
		isBounced    = audience.StatusBounced
		isComplained = audience.StatusComplained
	)
	tests := []struct {
		name         string
		h            audience.History
		want         audience.Status // on day 20
		since, until int
	}{
		{"not merged yet", merge(history(act{kind: granted, day: 1}), 25, history(act{kind: withdrawn, day: 2})), subscribed, 1, 25},
		{"a refusal of the loser before a grant of the winner", merge(history(act{kind: granted, day: 8}), 15, history(act{kind: withdrawn, day: 2})), unsubscribed, 2, 0},
		{"lifted after the merge", later(merge(history(act{kind: granted, day: 8}), 15, history(act{kind: withdrawn, day: 2})), act{kind: granted, day: 16}), subscribed, 16, 0},
		{
			"recorded after it, made before the refusal",
			later(merge(history(act{kind: granted, day: 8}), 15, history(act{kind: withdrawn, day: 5})), act{kind: granted, day: 3}), unsubscribed, 5, 0,
		},
		{"of two grants the later", merge(history(act{kind: granted, day: 3}), 15, history(act{kind: granted, day: 8})), subscribed, 8, 0},
		{"refused after the merge", later(merge(history(act{kind: granted, day: 3}), 15, history(act{kind: granted, day: 8})), act{kind: withdrawn, day: 16}), unsubscribed, 16, 0},
		{"the winner's refusal before the merge", merge(history(act{kind: bounced, day: 3}), 15, history(act{kind: granted, day: 8})), isBounced, 3, 0},
		{"the worse of two refusals, though the other was later", merge(history(act{kind: withdrawn, day: 3}), 15, history(act{kind: bounced, day: 8})), unsubscribed, 3, 0},
		{
			"which only a grant after both lifts",
			later(merge(history(act{kind: withdrawn, day: 3}), 15, history(act{kind: bounced, day: 8})), act{kind: granted, day: 5}), unsubscribed, 3, 0,
		},
		{
			"a refusal after both is shown",
			later(merge(history(act{kind: withdrawn, day: 3}), 15, history(act{kind: bounced, day: 8})), act{kind: bounced, day: 16}), isBounced, 16, 0,
		},
		{"of equal refusals the later", merge(history(act{kind: withdrawn, day: 3}), 15, history(act{kind: withdrawn, day: 8})), unsubscribed, 8, 0},
		{
			"an opt-in of one does not lift the complaint of the other",
			merge(history(act{kind: granted, day: 8, by: doi}), 15, history(act{kind: complained, day: 3})), isComplained, 3, 0,
		},
		{
			"an opt-in after the merge does",
			later(merge(history(act{kind: granted, day: 8}), 15, history(act{kind: complained, day: 3})), act{kind: granted, day: 16, by: doi}), subscribed, 16, 0,
		},
		{
			"a complaint behind the merge, of before both opt-ins",
			later(merge(history(act{kind: granted, day: 8, by: doi}), 15, history(act{kind: granted, day: 6, by: doi})), act{kind: complained, day: 5}), subscribed, 8, 0,
		},
		{
			"of between the opt-ins",
			later(merge(history(act{kind: granted, day: 8, by: doi}), 15, history(act{kind: granted, day: 6, by: doi})), act{kind: complained, day: 7}), isComplained, 7, 0,
		},
		{"a grant of the loser expires", merge(history(act{kind: granted, day: 3}), 15, history(act{kind: granted, day: 8, until: 25})), subscribed, 8, 0},
		{"pending is worse than subscribed", merge(history(act{kind: granted, day: 3}), 15, history(act{kind: requested, day: 8, until: 25})), pending, 8, 25},
		{"both expire", merge(history(act{kind: granted, day: 3, until: 25}), 15, history(act{kind: granted, day: 8, until: 22})), subscribed, 8, 25},
		{
			"a merge within a merge",
			merge(history(act{kind: granted, day: 3}), 15, merge(history(act{kind: granted, day: 8}), 10, history(act{kind: withdrawn, day: 9}))), unsubscribed, 9, 0,
		},
		{
			"lifted within it",
			merge(history(act{kind: granted, day: 3}), 15, later(merge(history(act{kind: granted, day: 8}), 10, history(act{kind: withdrawn, day: 9})), act{kind: granted, day: 11})),
			subscribed, 11, 0,
		},
		{
			"expiry within a merge within a merge",
			merge(history(), 15, merge(history(), 10, history(act{kind: granted, day: 3, until: 25}))), subscribed, 3, 25,
		},
		{"somebody without a ledger", merge(history(act{kind: granted, day: 3, by: doi}), 15, history()), subscribed, 3, 0},
		{
			"keeps what is known of the winner",
			later(merge(history(act{kind: complained, day: 2}, act{kind: granted, day: 8, by: doi}), 15, history()), act{kind: complained, day: 5}), subscribed, 8, 0,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			requireStanding(t, tt.h.Fold(audience.MarketingScope(), at(20)), tt.want, tt.since, tt.until)
		})
	}
}
