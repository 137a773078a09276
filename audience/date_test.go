package audience_test

import (
	"math"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func mustZone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

func mustDate(t testing.TB, s string) audience.Date {
	t.Helper()
	d, err := audience.ParseDate(s)
	require.NoError(t, err)
	return d
}

func TestParseDate(t *testing.T) {
	for s, day := range map[string]audience.Date{
		"0001-01-01": -719162,
		"1900-02-28": -25509,
		"1969-12-31": -1,
		"1970-01-01": 0,
		"2000-02-29": 11016,
		"2026-01-31": 20484,
		"9999-12-31": 2932896,
	} {
		got, err := audience.ParseDate(s)
		require.NoError(t, err, s)
		require.Equal(t, day, got, s)
		require.Equal(t, s, got.String())
	}
}

func TestParseDateRefuses(t *testing.T) {
	for _, tc := range []struct{ name, in, rule, hint string }{
		{"empty", "", "syntax", "YYYY-MM-DD"},
		{"short year", "999-01-01", "syntax", "YYYY-MM-DD"},
		{"one digit", "2026-1-01", "syntax", "YYYY-MM-DD"},
		{"space", " 2026-01-1", "syntax", "YYYY-MM-DD"},
		{"trailing", "2026-01-01 ", "syntax", "YYYY-MM-DD"},
		{"sign", "+026-01-01", "syntax", "YYYY-MM-DD"},
		{"negative month", "2026--1-01", "syntax", "YYYY-MM-DD"},
		{"slashes", "2026/01/01", "syntax", "YYYY-MM-DD"},
		{"other digits of ten bytes", "٢٠26-01-1", "syntax", "YYYY-MM-DD"},
		{"timestamp", "2026-01-01T00:00:00Z", "syntax", "YYYY-MM-DD"},
		{"year 0", "0000-12-31", "range", "a year from 1 to 9999"},
		{"month 0", "2026-00-10", "range", "a month from 1 to 12"},
		{"month 13", "2026-13-10", "range", "a month from 1 to 12"},
		{"day 0", "2026-01-00", "range", "1 to 31"},
		{"day 31 of 30", "2026-04-31", "range", "1 to 30"},
		{"29 February", "2026-02-29", "range", "1 to 28"},
		{"29 February of a century", "1900-02-29", "range", "1 to 28"},
		{"30 February", "2000-02-30", "range", "1 to 29"},
		{"32 December", "9999-12-32", "range", "1 to 31"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := audience.ParseDate(tc.in)
			var field *audience.FieldError
			require.ErrorAs(t, err, &field)
			require.ErrorIs(t, err, audience.ErrInvalid)
			require.Equal(t, "date", field.Path)
			require.Equal(t, tc.rule, field.Rule)
			require.Contains(t, field.Hint, tc.hint)
		})
	}
}

// Days all over the range against the standard library. The stride shares no
// factor with 400 years, so that every day of the year comes up.
func TestDateCivil(t *testing.T) {
	day := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	const stride = 11
	for d := mustDate(t, "0001-01-01"); d <= 2932896; d += stride {
		y, m, dd := d.Civil()
		wantY, wantM, wantD := day.Date()
		back, err := audience.NewDate(y, m, dd)
		if y != wantY || m != wantM || dd != wantD || err != nil || back != d {
			t.Fatalf("day %d is %d-%d-%d and back %d (%v), want %s", int(d), y, m, dd, int(back), err, day)
		}
		day = day.AddDate(0, 0, stride)
	}
	require.Equal(t, 10000, day.Year())
}

func TestDateOutOfRange(t *testing.T) {
	for _, d := range []audience.Date{math.MinInt32, -719163, 2932897, math.MaxInt32} {
		_, err := audience.ParseDate(d.String())
		require.Error(t, err, d.String())
		require.True(t, d.In(time.UTC).IsZero())
		_, ok := audience.NewCalendar(mustZone(t, "Europe/Berlin")).StartOfDate(d)
		require.False(t, ok)
	}
	require.Equal(t, "Date(2932897)", audience.Date(2932897).String())
	for _, y := range []int{math.MinInt, 0, 10000, math.MaxInt} {
		_, err := audience.NewDate(y, time.January, 1)
		require.Error(t, err)
	}
	_, err := audience.NewDate(2026, time.Month(math.MaxInt), math.MaxInt)
	require.Error(t, err)
	_, err = audience.NewDate(2026, time.January, math.MinInt)
	require.Error(t, err)
}

func TestDateIn(t *testing.T) {
	for _, tc := range []struct{ name, date, zone, want string }{
		{"UTC", "2026-01-31", "UTC", "2026-01-31T00:00:00Z"},
		{"east", "2026-07-01", "Europe/Berlin", "2026-06-30T22:00:00Z"},
		{"west", "2026-07-01", "America/New_York", "2026-07-01T04:00:00Z"},
		{"day of the spring gap", "2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00Z"},
		{"midnight skipped", "2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00Z"},
		{"midnight skipped in the east", "2022-03-27", "Asia/Beirut", "2022-03-26T22:00:00Z"},
		{"clock goes back at midnight", "2022-10-30", "Asia/Beirut", "2022-10-29T22:00:00Z"},
		{"midnight shown twice begins at its first", "2022-11-06", "America/Havana", "2022-11-06T04:00:00Z"},
		{"first minute repeated begins at its first", "2010-11-07", "America/St_Johns", "2010-11-07T02:30:00Z"},
		{"before the day left out", "2011-12-29", "Pacific/Apia", "2011-12-29T10:00:00Z"},
		{"day left out", "2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00Z"},
		{"after the day left out", "2011-12-31", "Pacific/Apia", "2011-12-30T10:00:00Z"},
		{"day left out in 1993", "1993-08-21", "Pacific/Kwajalein", "1993-08-21T12:00:00Z"},
		{"local mean time", "1800-01-01", "Europe/Berlin", "1799-12-31T23:06:32Z"},
		{"by rule far ahead", "9999-12-31", "Europe/Berlin", "9999-12-30T23:00:00Z"},
		{"the first day begins in year 0", "0001-01-01", "Asia/Tokyo", "0000-12-31T14:41:01Z"},
		{"last day of a leap year by rule", "2048-12-31", "America/New_York", "2048-12-31T05:00:00Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			loc := mustZone(t, tc.zone)
			require.Equal(t, tc.want, mustDate(t, tc.date).In(loc).Format(time.RFC3339Nano))
		})
	}
	require.Equal(t, mustInstant(t, "2026-01-31T00:00:00Z"), mustDate(t, "2026-01-31").In(nil))
}

// The zone in which DateOf reads a timestamp decides: midnight UTC of 1 May is
// still 30 April in New York.
func TestDateOf(t *testing.T) {
	for _, tc := range []struct{ in, zone, want string }{
		{"1990-05-01T00:00:00Z", "UTC", "1990-05-01"},
		{"1990-05-01T00:00:00Z", "America/New_York", "1990-04-30"},
		{"1990-04-30T22:00:00Z", "Europe/Berlin", "1990-05-01"},
		{"1990-04-30T21:59:59.999999Z", "Europe/Berlin", "1990-04-30"},
		{"1969-12-31T23:59:59.999999Z", "UTC", "1969-12-31"},
		{"2011-12-30T09:59:59.999999Z", "Pacific/Apia", "2011-12-29"},
		{"2011-12-30T10:00:00Z", "Pacific/Apia", "2011-12-31"},
		{"0001-01-01T00:00:00Z", "UTC", "0001-01-01"},
	} {
		loc := mustZone(t, tc.zone)
		require.Equal(t, tc.want, audience.DateOf(mustInstant(t, tc.in), loc).String(), tc.in)
		require.Equal(t, tc.want, audience.NewCalendar(loc).DateOf(mustInstant(t, tc.in).In(time.FixedZone("", 3600))).String(), tc.in)
	}
	require.Equal(t, audience.Date(0), audience.DateOf(time.Unix(0, 0), nil))
	require.Equal(t, audience.Date(-1), audience.DateOf(time.Unix(0, 0), time.FixedZone("", -1)))
	require.Equal(t, "Date(106751991)", audience.DateOf(time.Unix(1<<62, 0), nil).String())
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"2026-01-31", "2000-02-29", "0001-01-01", "9999-12-31", "2026-02-30", "", "2026-1-1", "Date(3)", "２026-1-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := audience.ParseDate(s)
		std, stdErr := time.Parse(time.DateOnly, s)
		if stdErr != nil || std.Year() == 0 {
			require.ErrorIs(t, err, audience.ErrInvalid)
			return
		}
		require.NoError(t, err)
		require.Equal(t, s, d.String())
		require.Equal(t, std, d.In(time.UTC))
		require.Equal(t, d, audience.DateOf(std, time.UTC))
	})
}
