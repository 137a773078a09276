package audience_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestParseInstant(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"utc", "2026-01-31T09:30:00Z", "2026-01-31T09:30:00Z"},
		{"offset", "2026-01-31T09:30:00+05:45", "2026-01-31T03:45:00Z"},
		{"negative offset", "2026-01-31T09:30:00-00:30", "2026-01-31T10:00:00Z"},
		{"greatest offset", "2026-01-31T23:59:00+23:59", "2026-01-31T00:00:00Z"},
		{"unknown offset", "2026-01-31T09:30:00-00:00", "2026-01-31T09:30:00Z"},
		{"fraction", "2026-01-31T09:30:00.5Z", "2026-01-31T09:30:00.5Z"},
		{"microseconds", "2026-01-31T09:30:00.123456+00:00", "2026-01-31T09:30:00.123456Z"},
		{"more is cut off", "2026-01-31T09:30:00.1234569Z", "2026-01-31T09:30:00.123456Z"},
		{"much more", "2026-01-31T09:30:00." + strings.Repeat("9", 40) + "Z", "2026-01-31T09:30:00.999999Z"},
		{"before 1970 too", "1960-01-01T00:00:00.0000019Z", "1960-01-01T00:00:00.000001Z"},
		{"leap day", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
		{"first", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"last", "9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := audience.ParseInstant(tc.in)
			require.NoError(t, err)
			require.Equal(t, tc.want, got.Format(time.RFC3339Nano))
			require.Equal(t, time.UTC, got.Location())
		})
	}
}

func TestParseInstantRefuses(t *testing.T) {
	const format = "time: format: an instant as RFC 3339 (2026-01-31T09:30:00Z)"
	_, outOfRange := audience.Instant(time.Time{}.Add(-1))
	require.Error(t, outOfRange)
	for _, in := range []string{
		"", "Z", "2026-01-31", "2026-01-31T09:30:00", "2026-01-31T09:30Z", "2026-01-31 09:30:00Z", "2026-01-31t09:30:00Z", "2026-01-31T09:30:00z",
		"2026-01-31T9:30:00Z", "2026-1-31T09:30:00Z", "26-01-31T09:30:00Z", "12026-01-31T09:30:00Z", "-2026-01-31T09:30:00Z",
		"2026-01-31T09:30:00,5Z", "2026-01-31T09:30:00.Z", "2026-01-31T09:30:00.5.5Z", "2026-01-31T09:30:00.５Z",
		"2026-01-31T09:30:00+24:00", "2026-01-31T09:30:00-24:00", "2026-01-31T09:30:00+23:60", "2026-01-31T09:30:00+2:00", "2026-01-31T09:30:00+0200",
		"2026-01-31T09:30:00+02", "2026-01-31T09:30:00+02:00Z", "2026-01-31T09:30:00Z ", " 2026-01-31T09:30:00Z", "2026-01-31T09:30:00Z\n",
		"2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T09:60:00Z", "2026-06-30T23:59:60Z",
		"0000-12-31T23:59:59Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
	} {
		_, err := audience.ParseInstant(in)
		require.ErrorIs(t, err, audience.ErrInvalid, "%q", in)
		require.Contains(t, []string{format, outOfRange.Error()}, err.Error(), "%q: nothing of the text shows", in)
	}
}

// FuzzParseInstant: what is read is an instant whose own form is read as the
// same, and all that is read is what the standard library reads too.
func FuzzParseInstant(f *testing.F) {
	for _, s := range []string{"2026-01-31T09:30:00Z", "2026-01-31T09:30:00.1234567+23:59", "2026-01-31T0:00:00Z", "0001-01-01T00:00:00+00:01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := audience.ParseInstant(s)
		if err != nil {
			require.ErrorIs(t, err, audience.ErrInvalid)
			return
		}
		std, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		require.Equal(t, std.UnixMicro(), got.UnixMicro())
		again, err := audience.ParseInstant(got.Format(time.RFC3339Nano))
		require.NoError(t, err)
		require.True(t, again.Equal(got))
	})
}
