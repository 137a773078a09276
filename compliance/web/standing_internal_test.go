package web

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// TestRestricted reads chains of the kinds that other features record.
func TestRestricted(t *testing.T) {
	chain := func(kinds ...audience.ConsentKind) (h audience.History) {
		for _, k := range kinds {
			h.Records = append(h.Records, audience.ConsentRecord{Kind: k})
		}
		return h
	}
	merged := func(own, other audience.History) *audience.History {
		own.Merged = append(own.Merged, audience.MergedHistory{History: other})
		return &own
	}
	r, g, o := consentRestricted, audience.ConsentGranted, consentReleased
	for name, tt := range map[string]struct {
		h    audience.History
		want bool
	}{
		"nothing":  {chain(g), false},
		"O31 on":   {chain(g, r, g), true},
		"released": {chain(r, o), false},
		"again":    {chain(r, o, r), true},
		"merged":   {*merged(chain(g), chain(r)), true},
		"both":     {*merged(chain(r, o), chain(r, o)), false},
	} {
		require.Equal(t, tt.want, restricted(&tt.h), name)
	}
}
