package audience_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

const exactDay = 24 * time.Hour

func mustPeriod(t testing.TB, s string) audience.Period {
	t.Helper()
	p, err := audience.ParsePeriod(s)
	require.NoError(t, err)
	return p
}

func TestParsePeriod(t *testing.T) {
	for _, tc := range []struct {
		in     string
		months int
		exact  time.Duration
		text   string
	}{
		{"30d", 0, 30 * exactDay, "30d"},
		{"1s", 0, time.Second, "1s"},
		{"90s", 0, 90 * time.Second, "1m30s"},
		{"1m", 0, time.Minute, "1m"},
		{"1mo", 1, 0, "1mo"},
		{"1mo1m", 1, time.Minute, "1mo1m"},
		{"48h", 0, 2 * exactDay, "2d"},
		{"2w", 0, 14 * exactDay, "14d"},
		{"12mo", 12, 0, "1y"},
		{"6mo", 6, 0, "6mo"},
		{"1y6mo10d", 18, 10 * exactDay, "1y6mo10d"},
		{"1y2mo3w4d5h6m7s", 14, 25*exactDay + 5*time.Hour + 6*time.Minute + 7*time.Second, "1y2mo25d5h6m7s"},
		{"0s", 0, 0, "0s"},
		{"0y0d", 0, 0, "0s"},
		{"007d", 0, 7 * exactDay, "7d"},
		{"9999y", 119988, 0, "9999y"},
		{"106751d", 0, 106751 * exactDay, "106751d"},
		{"9223372036s", 0, 9223372036 * time.Second, "106751d23h47m16s"},
	} {
		t.Run(tc.in, func(t *testing.T) {
			p := mustPeriod(t, tc.in)
			require.Equal(t, tc.months, p.Months())
			require.Equal(t, tc.exact, p.Exact())
			require.Equal(t, tc.text, p.String())
			require.Equal(t, p, mustPeriod(t, p.String()))
			exact, fixed := p.Fixed()
			require.Equal(t, tc.months == 0, fixed)
			if fixed {
				require.Equal(t, tc.exact, exact)
			} else {
				require.Zero(t, exact)
			}
		})
	}
	require.Equal(t, audience.Period{}, mustPeriod(t, "0d"))
}

func TestParsePeriodRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, in, rule, hint string
		limit                bool
	}{
		{"empty", "", "syntax", "offset 0: a number with a unit", false},
		{"no number", "d", "syntax", "offset 0: a whole number", false},
		{"no unit", "30", "unit", "offset 2: one of y mo w d h m s", false},
		{"unknown unit", "6x", "unit", "offset 1: one of y mo w d h m s", false},
		{"unit runs on", "6months", "unit", "offset 1: one of y mo", false},
		{"upper case", "30D", "unit", "offset 2", false},
		{"minus", "-30d", "syntax", "offset 0: a whole number without a sign", false},
		{"plus", "1y+1d", "syntax", "offset 2", false},
		{"fraction", "1.5d", "unit", "offset 1", false},
		{"space", "1y 6mo", "syntax", "offset 2", false},
		{"newline", "1y\n", "syntax", "offset 2", false},
		{"other digits", "３d", "syntax", "offset 0", false},
		{"milliseconds", "5ms", "unit", "offset 1: one of", false},
		{"twice", "1d1d", "order", "offset 3: each of y mo w d h m s at most once, in this order", false},
		{"smaller first", "10d6mo", "order", "offset 4", false},
		{"minutes before months", "1m1mo", "order", "offset 3", false},
		{"what may follow", "1d5x", "unit", "offset 3: one of h m s", false},
		{"after seconds", "1s5", "syntax", "offset 3: nothing after the seconds", false},
		{"years", "10000y", "max-period", "offset 0: at most 9999 years", true},
		{"years and months", "9999y1mo", "max-period", "offset 5: at most 9999 years", true},
		{"days", "106752d", "max-period", "offset 0: at most 106751 days", true},
		{"exact parts together", "106751d24h", "max-period", "offset 7", true},
		{"seconds", "9223372037s", "max-period", "offset 0", true},
		{"digits", "00000000001d", "max-period", "at most 10 digits", true},
		{"very many digits", strings.Repeat("9", 1<<20) + "d", "max-period", "at most 10 digits", true},
		{"weeks of ten digits", "9999999999w", "max-period", "at most 106751 days", true},
		{"years of ten digits", "9999999999y", "max-period", "at most 9999 years", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := audience.ParsePeriod(tc.in)
			require.Zero(t, p)
			var field *audience.FieldError
			require.ErrorAs(t, err, &field)
			require.Equal(t, "period", field.Path)
			require.Equal(t, tc.rule, field.Rule)
			require.Contains(t, field.Hint, tc.hint)
			require.ErrorIs(t, err, audience.ErrInvalid)
			require.Equal(t, tc.limit, field.Limit)
		})
	}
}

func FuzzParsePeriod(f *testing.F) {
	for _, s := range []string{
		"30d", "1y6mo10d", "1y2mo3w4d5h6m7s", "0s", "9999y11mo", "106751d23h47m16s", "1m1mo", "5ms", "6", "-1d", "1d1d", "９d", "0000000001y",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := audience.ParsePeriod(s)
		if err != nil {
			require.ErrorIs(t, err, audience.ErrInvalid)
			require.Zero(t, p)
			return
		}
		require.LessOrEqual(t, len(s), 7*12)
		require.GreaterOrEqual(t, p.Months(), 0)
		require.LessOrEqual(t, p.Months(), 9999*12)
		require.GreaterOrEqual(t, p.Exact(), time.Duration(0))
		require.Zero(t, p.Exact()%time.Second)
		again, err := audience.ParsePeriod(p.String())
		require.NoError(t, err)
		require.Equal(t, p, again)
		require.Equal(t, p.String(), again.String())
		// The standard library reads the parts it knows: h, m and s.
		if d, err := time.ParseDuration(s); err == nil {
			require.Equal(t, d, p.Exact())
			require.Zero(t, p.Months())
		}
	})
}
