package audience_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// TestRestricted is case O31 for the fold (GDPR Art. 18).
func TestRestricted(t *testing.T) {
	rec := func(seq uint64, kind audience.ConsentKind, day int) audience.ConsentRecord {
		return audience.ConsentRecord{Seq: seq, Kind: kind, Acted: at(day)}
	}
	records := func(r ...audience.ConsentRecord) audience.History { return audience.History{Records: r} }
	merged := func(own, other audience.History, day int, seq uint64) audience.History {
		own.Merged = []audience.MergedHistory{{At: at(day), Seq: seq, History: other}}
		return own
	}
	tests := []struct {
		name string
		h    audience.History
		want map[int]bool // by day
	}{
		{"nothing recorded", records(), map[int]bool{5: false}},
		{"from the instant of the act", records(rec(1, restricted, 3)), map[int]bool{2: false, 3: true, 9: true}},
		{"until it is released", records(rec(1, restricted, 3), rec(2, released, 5)), map[int]bool{4: true, 5: false}},
		{"on a tie it stands", records(rec(1, restricted, 3), rec(2, released, 3)), map[int]bool{3: true}},
		{"in whatever order of writing", records(rec(1, released, 5), rec(2, restricted, 3)), map[int]bool{4: true, 5: false}},
		{"and again", records(rec(1, restricted, 3), rec(2, released, 5), rec(3, restricted, 7)), map[int]bool{6: false, 7: true}},
		{"of a merged contact, from the merge on", merged(records(), records(rec(1, restricted, 3)), 6, 0), map[int]bool{5: false, 6: true}},
		{
			"a release of the winner before the merge says nothing",
			merged(records(rec(1, released, 4)), records(rec(1, restricted, 3)), 6, 1),
			map[int]bool{7: true},
		},
		{
			"one after the merge does",
			merged(records(rec(1, released, 8)), records(rec(1, restricted, 3)), 6, 0),
			map[int]bool{7: true, 8: false},
		},
		{
			"a release of the loser says nothing for the winner",
			merged(records(rec(1, restricted, 3)), records(rec(1, released, 5)), 6, 1),
			map[int]bool{7: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for day, want := range tt.want {
				require.Equal(t, want, tt.h.Restricted(at(day)), "day %d", day)
			}
		})
	}
}
