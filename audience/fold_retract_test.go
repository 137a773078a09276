package audience_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestFoldOfRetractions(t *testing.T) {
	tests := []struct {
		name         string
		acts         []act
		want         audience.Status // on day 20
		since, until int
	}{
		{"a grant", []act{{kind: granted, day: 1}, {kind: retracted, day: 5, seq: 1}}, audience.StatusNone, 0, 0},
		{"a request", []act{{kind: requested, day: 1}, {kind: retracted, day: 5, seq: 1}}, audience.StatusNone, 0, 0},
		{"not yet", []act{{kind: granted, day: 1}, {kind: retracted, day: 22, seq: 1}}, audience.StatusSubscribed, 1, 22},
		{"at that very instant", []act{{kind: granted, day: 1}, {kind: retracted, day: 20, seq: 1}}, audience.StatusNone, 0, 0},
		{"as of before it was made", []act{{kind: granted, day: 6}, {kind: retracted, day: 5, seq: 1}}, audience.StatusNone, 0, 0},
		{"the earlier grant is still good", []act{{kind: granted, day: 1}, {kind: granted, day: 2}, {kind: retracted, day: 5, seq: 2}}, audience.StatusSubscribed, 1, 0},
		{"the later one too", []act{{kind: granted, day: 1}, {kind: granted, day: 2}, {kind: retracted, day: 5, seq: 1}}, audience.StatusSubscribed, 2, 0},
		{"consent given anew", []act{{kind: granted, day: 1}, {kind: retracted, day: 5, seq: 1}, {kind: granted, day: 6}}, audience.StatusSubscribed, 6, 0},
		{
			"the refusal that it had lifted stands again",
			[]act{{kind: withdrawn, day: 1}, {kind: granted, day: 2}, {kind: retracted, day: 5, seq: 2}},
			audience.StatusUnsubscribed, 1, 0,
		},
		{
			"a complaint too",
			[]act{{kind: complained, day: 1}, {kind: granted, day: 2, by: doi}, {kind: granted, day: 3}, {kind: retracted, day: 5, seq: 2}},
			audience.StatusComplained, 1, 0,
		},
		{
			"of two grants the shorter one is left",
			[]act{{kind: granted, day: 1, until: 25}, {kind: granted, day: 2}, {kind: retracted, day: 22, seq: 2}},
			audience.StatusSubscribed, 2, 25,
		},
		{"it had ended anyway", []act{{kind: granted, day: 1, until: 22}, {kind: retracted, day: 25, seq: 1}}, audience.StatusSubscribed, 1, 22},
		{"of two the earlier counts", []act{{kind: granted, day: 1}, {kind: retracted, day: 25, seq: 1}, {kind: retracted, day: 22, seq: 1}}, audience.StatusSubscribed, 1, 22},

		{"a refusal is not taken back", []act{{kind: granted, day: 1}, {kind: withdrawn, day: 2}, {kind: retracted, day: 5, seq: 2}}, audience.StatusUnsubscribed, 2, 0},
		{"nor a bounce", []act{{kind: granted, day: 1}, {kind: bounced, day: 2}, {kind: retracted, day: 5, seq: 2}}, audience.StatusBounced, 2, 0},
		{"nor a complaint", []act{{kind: granted, day: 1}, {kind: complained, day: 2}, {kind: retracted, day: 5, seq: 2}}, audience.StatusComplained, 2, 0},
		{"nor a retraction", []act{{kind: granted, day: 1}, {kind: retracted, day: 5, seq: 1}, {kind: retracted, day: 6, seq: 2}}, audience.StatusNone, 0, 0},
		{"nor what is not there", []act{{kind: granted, day: 1}, {kind: retracted, day: 5, seq: 7}}, audience.StatusSubscribed, 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := audience.History{Records: records(tt.acts...)}
			requireStanding(t, h.Fold(audience.MarketingScope(), at(20)), tt.want, tt.since, tt.until)
		})
	}
	h := history(act{kind: granted, day: 1, scope: topic()}, act{kind: retracted, day: 22, seq: 1})
	requireStanding(t, h.OnList(audience.List{Name: "news"}, at(20)), audience.StatusSubscribed, 1, 22)
	h = history(act{kind: granted, day: 1, until: 25}, act{kind: retracted, day: 5, seq: 1})
	h.Records[1].Acted = time.Time{}
	requireStanding(t, h.Fold(audience.MarketingScope(), at(26)), audience.StatusNone, 0, 0)
}

// TestRetractionsStayInTheirChain: what was merged has numbers of its own, and
// is reached through the merge.
func TestRetractionsStayInTheirChain(t *testing.T) {
	loser := history(act{kind: granted, day: 2})
	h := later(merge(history(act{kind: withdrawn, day: 1}), 3, loser), act{kind: granted, day: 4}, act{kind: retracted, day: 5, seq: 1})
	requireStanding(t, h.Fold(audience.MarketingScope(), at(20)), audience.StatusSubscribed, 4, 0)

	h = merge(history(act{kind: granted, day: 1}), 3, later(loser, act{kind: retracted, day: 5, seq: 1}))
	requireStanding(t, h.Fold(audience.MarketingScope(), at(4)), audience.StatusSubscribed, 2, 0)
	requireStanding(t, h.Fold(audience.MarketingScope(), at(5)), audience.StatusSubscribed, 1, 0)

	// A request of the other one hid that she consents; it is gone.
	h = merge(history(act{kind: granted, day: 1}), 3, history(act{kind: requested, day: 2}, act{kind: retracted, day: 5, seq: 1}))
	requireStanding(t, h.Fold(audience.MarketingScope(), at(4)), audience.StatusPending, 2, 5)
	requireStanding(t, h.Fold(audience.MarketingScope(), at(5)), audience.StatusSubscribed, 1, 0)
}

// chains gives all chains of a history.
func chains(h *audience.History) []*[]audience.ConsentRecord {
	out := []*[]audience.ConsentRecord{&h.Records}
	for i := range h.Merged {
		out = append(out, chains(&h.Merged[i].History)...)
	}
	return out
}

func cloneHistory(h audience.History) audience.History {
	out := audience.History{Records: slices.Clone(h.Records), Merged: slices.Clone(h.Merged)}
	for i := range out.Merged {
		out.Merged[i].History = cloneHistory(out.Merged[i].History)
	}
	return out
}

// TestARetractedRecordIsAsIfNeverMade from when the retraction acted on, and
// as it was before. Of a contact who was not merged it makes nobody mailable.
func TestARetractedRecordIsAsIfNeverMade(t *testing.T) {
	r := chronicler{rand.New(rand.NewPCG(6, 7))}
	differs := 0
	for range 400 {
		before := r.history(r.IntN(3))
		with, without := cloneHistory(before), cloneHistory(before)
		i := r.IntN(len(chains(&before)))
		chain := *chains(&before)[i]
		var targets []uint64
		for _, x := range chain {
			if x.Kind == requested || x.Kind == granted {
				targets = append(targets, x.Seq)
			}
		}
		if len(targets) == 0 {
			continue
		}
		acted := at(1 + r.IntN(24))
		target := pick(r, targets...)
		added := chains(&with)[i]
		*added = append(*added, audience.ConsentRecord{
			Kind: retracted, Seq: uint64(len(chain) + 1), Acted: acted, Retracts: target, Scope: pick(r, audience.Scope{}, topic()),
		})
		left := chains(&without)[i]
		*left = slices.DeleteFunc(*left, func(x audience.ConsentRecord) bool { return x.Seq == target })
		given := cloneHistory(with)
		for name, fold := range folds() {
			for _, now := range probes() {
				got := fold(&with, now)
				if now.Before(acted) {
					require.Equal(t, fold(&before, now).Status, got.Status, "%s at %s: %+v", name, now, with)
					continue
				}
				require.Equal(t, fold(&without, now), got, "%s at %s: %+v", name, now, with)
				was := fold(&before, now).Status
				if was != got.Status {
					differs++
				}
				if len(before.Merged) == 0 && got.Status == audience.StatusSubscribed {
					require.Equal(t, was, got.Status, "%s at %s: %+v", name, now, with)
				}
			}
		}
		require.Equal(t, given, with, "the history is not changed")
	}
	require.Greater(t, differs, 1_000)
}

func TestResolved(t *testing.T) {
	h := history(act{kind: granted, day: 1}, act{kind: withdrawn, day: 2})
	require.Same(t, &h, h.Resolved(), "without retractions it costs nothing")
	require.Zero(t, testing.AllocsPerRun(10, func() { h.Fold(audience.MarketingScope(), at(3)) }))

	h = merge(history(act{kind: granted, day: 1}, act{kind: granted, day: 2}), 3, history(act{kind: requested, day: 1}, act{kind: retracted, day: 4, seq: 1}))
	got := h.Resolved()
	require.Equal(t, h.Records, got.Records)
	require.Len(t, got.Merged[0].History.Records, 1)
	require.Equal(t, at(4), got.Merged[0].History.Records[0].Expires)
	require.Same(t, got, got.Resolved())
}
