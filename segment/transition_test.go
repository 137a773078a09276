package segment

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCausesAreNamedWithTimeLast(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		causes Causes
		want   string
	}{
		"none":           {0, "none"},
		"one":            {CauseLedger, "ledger"},
		"time last":      {CauseTime | CauseEvent, "event+time"},
		"all":            {causesAll, "event+field+list+ledger+definition+merge+erasure+rebuild+time"},
		"of a later log": {causesAll + 1, "unknown"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, c.causes.String())
		})
	}
}

func TestCausesHaveEveryOneAsked(t *testing.T) {
	t.Parallel()
	both := CauseEvent | CauseTime
	require.True(t, both.Has(CauseTime))
	require.True(t, both.Has(both))
	require.False(t, both.Has(CauseTime|CauseMerge))
	require.False(t, CauseEvent.Has(both))
}
