package audience_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestEndedAt(t *testing.T) {
	grant := audience.ConsentRecord{Seq: 1, Kind: granted, Scope: audience.MarketingScope(), Acted: at(3), Mechanism: doi, Evidence: [32]byte{1}}
	refusal := func(kind audience.ConsentKind, scope audience.Scope, day int) audience.ConsentRecord {
		return audience.ConsentRecord{Seq: 2, Kind: kind, Scope: scope, Acted: at(day)}
	}
	short := grant
	short.Expires = at(9)
	for _, tt := range []struct {
		name  string
		chain []audience.ConsentRecord
		want  time.Time // zero: it stands
	}{
		{"it stands", []audience.ConsentRecord{grant}, time.Time{}},
		{"withdrawn", []audience.ConsentRecord{grant, refusal(withdrawn, audience.Scope{}, 5)}, at(5)},
		{"bounced at its instant", []audience.ConsentRecord{grant, refusal(bounced, audience.MarketingScope(), 3)}, at(3)},
		{"refused before", []audience.ConsentRecord{grant, refusal(withdrawn, audience.Scope{}, 2)}, time.Time{}},
		{"something narrower refused", []audience.ConsentRecord{grant, refusal(withdrawn, topic(), 5)}, time.Time{}},
		{"it expires", []audience.ConsentRecord{short}, at(9)},
		{"refused before it expires", []audience.ConsentRecord{short, refusal(complained, audience.Scope{}, 8)}, at(8)},
		{"taken back", []audience.ConsentRecord{grant, {Seq: 2, Kind: retracted, Retracts: 1, Acted: at(6)}}, at(6)},
		{"another is taken back", []audience.ConsentRecord{grant, {Seq: 2, Kind: retracted, Retracts: 7, Acted: at(6)}}, time.Time{}},
		{"no grant", []audience.ConsentRecord{refusal(withdrawn, audience.Scope{}, 2)}, time.Time{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ended := audience.EndedAt(tt.chain, tt.chain[0].Seq)
			require.Equal(t, tt.want, got)
			require.Equal(t, !tt.want.IsZero(), ended)
		})
	}
	_, ended := audience.EndedAt(nil, 1)
	require.False(t, ended)
}

// What has ended decides nothing from then on, whatever else is in the chain.
func TestEndedDecidesNothing(t *testing.T) {
	n := 0
	for seed := range uint64(4000) {
		r := chronicler{rand.New(rand.NewPCG(seed, 11))}
		h := r.history(0)
		for i := range h.Records {
			h.Records[i].Recorded = h.Records[i].Acted
			end, ended := audience.EndedAt(h.Records, h.Records[i].Seq)
			if !ended {
				continue
			}
			n++
			for day := range 30 {
				if at(day).Before(end) {
					continue
				}
				s := h.Fold(h.Records[i].Scope, at(day))
				deciding, _ := h.Deciding(h.Records[i].Scope, s, at(day))
				if s.Status == audience.StatusSubscribed || s.Status == audience.StatusPending {
					require.NotEqual(t, h.Records[i].Seq, deciding.Seq, "seed %d, day %d", seed, day)
				}
			}
		}
	}
	require.Greater(t, n, 1000)
}
