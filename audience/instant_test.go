package audience_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// mustInstant reads an instant of a test table.
func mustInstant(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339Nano, s)
	require.NoError(t, err)
	return v.UTC()
}

func TestInstant(t *testing.T) {
	tokyo := time.FixedZone("", 9*3600)
	for _, tc := range []struct {
		name string
		in   time.Time
		want string // empty: refused
	}{
		{"kept", time.Date(2026, 1, 31, 12, 0, 0, 123456000, time.UTC), "2026-01-31T12:00:00.123456Z"},
		{"cut, not rounded", time.Date(2026, 1, 31, 12, 0, 0, 999999999, time.UTC), "2026-01-31T12:00:00.999999Z"},
		{"cut towards the past before the epoch", time.Date(1969, 12, 31, 23, 59, 59, 999999001, time.UTC), "1969-12-31T23:59:59.999999Z"},
		{"to UTC", time.Date(2026, 1, 1, 3, 0, 0, 0, tokyo), "2025-12-31T18:00:00Z"},
		{"first", time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), "0001-01-01T00:00:00Z"},
		{"before the first", time.Date(1, 1, 1, 0, 0, 0, -1, time.UTC), ""},
		{"local year 1 is year 0 in UTC", time.Date(1, 1, 1, 8, 0, 0, 0, tokyo), ""},
		{"last, cut into range", time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), "9999-12-31T23:59:59.999999Z"},
		{"after the last", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), ""},
		{"local year 10000 is 9999 in UTC", time.Date(10000, 1, 1, 8, 0, 0, 0, tokyo), "9999-12-31T23:00:00Z"},
		{"so far that microseconds overflow", time.Unix(math.MaxInt64/1000, 0), ""},
		{"far back", time.Unix(math.MinInt64/1000, 0), ""},
		{"the end of time", time.Unix(math.MaxInt64, 0), ""},
		{"the beginning of time", time.Unix(math.MinInt64, 0), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := audience.Instant(tc.in)
			if tc.want == "" {
				require.ErrorIs(t, err, audience.ErrInvalid)
				require.ErrorContains(t, err, "years 1 to 9999")
				return
			}
			require.NoError(t, err)
			require.Equal(t, mustInstant(t, tc.want), got) // the location too
		})
	}
}

func TestMicros(t *testing.T) {
	require.Equal(t, mustInstant(t, "0001-01-01T00:00:00Z"), audience.MinInstant())
	require.Equal(t, mustInstant(t, "9999-12-31T23:59:59.999999Z"), audience.MaxInstant())
	require.True(t, audience.MinInstant().IsZero(), "the zero time.Time is the first instant")
	for _, tc := range []struct {
		in   string
		want int64
	}{
		{"0001-01-01T00:00:00Z", -62135596800000000},
		{"1969-12-31T23:59:59.999999Z", -1},
		{"1969-12-31T23:59:59.9999999Z", -1},
		{"1969-12-31T23:59:59.0000001Z", -1000000},
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01T00:00:00.0000009Z", 0},
		{"9999-12-31T23:59:59.999999Z", 253402300799999999},
	} {
		require.Equal(t, tc.want, audience.Micros(mustInstant(t, tc.in)), tc.in)
	}
	require.Equal(t, int64(math.MaxInt64), audience.Micros(time.Unix(1<<55, 0)))
	require.Equal(t, int64(math.MinInt64), audience.Micros(time.Unix(-1<<55, 0)))
	for _, us := range []int64{math.MinInt64, math.MaxInt64} {
		_, err := audience.Instant(audience.FromMicros(us))
		require.ErrorIs(t, err, audience.ErrInvalid)
	}
}

func FuzzMicros(f *testing.F) {
	first, last := audience.Micros(audience.MinInstant()), audience.Micros(audience.MaxInstant())
	for _, us := range []int64{first - 1, first, -1, 0, 1, last, last + 1, math.MinInt64, math.MaxInt64} {
		f.Add(us, int64(0))
		f.Add(us, int64(999))
	}
	f.Fuzz(func(t *testing.T, us, nanos int64) {
		exact := audience.FromMicros(us)
		got, err := audience.Instant(exact.Add(time.Duration(nanos & 511)))
		if us < first || us > last {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, exact, got)
		require.Equal(t, us, audience.Micros(got))
	})
}
