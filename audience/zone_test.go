package audience_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestAgo(t *testing.T) {
	for _, tc := range []struct{ name, zone, now, period, want string }{
		{"exact days", "Europe/Berlin", "2026-03-29T12:00:00Z", "1d", "2026-03-28T12:00:00Z"},
		{"no length", "Europe/Berlin", "2026-03-29T12:00:00.123456789Z", "0s", "2026-03-29T12:00:00.123456Z"},
		{"a month", "UTC", "2026-03-15T12:34:56.789Z", "1mo", "2026-02-15T12:34:56.789Z"},
		{"28 March", "UTC", "2026-03-28T12:00:00Z", "1mo", "2026-02-28T12:00:00Z"},
		{"29 March, no leap year", "UTC", "2026-03-29T12:00:00Z", "1mo", "2026-03-01T00:00:00Z"},
		{"30 March, no leap year", "UTC", "2026-03-30T00:00:00Z", "1mo", "2026-03-01T00:00:00Z"},
		{"31 March, no leap year", "UTC", "2026-03-31T23:59:59.999999Z", "1mo", "2026-03-01T00:00:00Z"},
		{"1 April", "UTC", "2026-04-01T00:00:00Z", "1mo", "2026-03-01T00:00:00Z"},
		{"29 March, leap year", "UTC", "2024-03-29T12:00:00Z", "1mo", "2024-02-29T12:00:00Z"},
		{"31 March, leap year", "UTC", "2024-03-31T12:00:00Z", "1mo", "2024-03-01T00:00:00Z"},
		{"29 February minus a year", "UTC", "2024-02-29T12:00:00Z", "1y", "2023-03-01T00:00:00Z"},
		{"29 February minus four years", "UTC", "2024-02-29T12:00:00Z", "4y", "2020-02-29T12:00:00Z"},
		{"29 February minus a century", "UTC", "2000-02-29T12:00:00Z", "100y", "1900-03-01T00:00:00Z"},
		{"over the year", "UTC", "2026-01-31T00:00:00Z", "2mo", "2025-12-01T00:00:00Z"},
		{"before the epoch", "UTC", "1970-01-01T00:00:00Z", "1mo", "1969-12-01T00:00:00Z"},
		{"calendar part first", "UTC", "2026-03-31T12:00:00Z", "1mo1d", "2026-02-28T00:00:00Z"},
		{"all parts", "UTC", "2026-07-11T12:00:00Z", "1y6mo10d", "2025-01-01T12:00:00Z"},
		{"keeps the local hour", "Europe/Berlin", "2026-04-15T10:00:00Z", "1mo", "2026-03-15T11:00:00Z"},
		{"into the spring gap", "Europe/Berlin", "2026-04-29T00:30:00Z", "1mo", "2026-03-29T01:00:00Z"},
		{"after the spring gap", "Europe/Berlin", "2026-04-29T01:00:00Z", "1mo", "2026-03-29T01:00:00Z"},
		{"into the fold: its first pass", "Europe/Berlin", "2026-11-25T01:30:00Z", "1mo", "2026-10-25T00:30:00Z"},
		{"before the fold", "Europe/Berlin", "2026-10-25T00:59:59.999999Z", "1mo", "2026-09-25T00:59:59.999999Z"},
		{"in the fold the clock stands still", "Europe/Berlin", "2026-10-25T01:00:00Z", "1mo", "2026-09-25T00:59:59.999999Z"},
		{"in the fold to its end", "Europe/Berlin", "2026-10-25T01:59:59.999999Z", "1mo", "2026-09-25T00:59:59.999999Z"},
		{"after the fold", "Europe/Berlin", "2026-10-25T02:00:00Z", "1mo", "2026-09-25T01:00:00Z"},
		{"half an hour back", "Australia/Lord_Howe", "2026-04-04T15:10:00Z", "1mo", "2026-03-04T14:59:59.999999Z"},
		{"into the day left out", "Pacific/Apia", "2012-01-29T22:00:00Z", "1mo", "2011-12-30T10:00:00Z"},
		{"over the day left out", "Pacific/Apia", "2012-01-28T22:00:00Z", "1mo", "2011-12-29T22:00:00Z"},
		{"local date decides", "Asia/Kathmandu", "2026-03-30T18:15:00Z", "1mo", "2026-02-28T18:15:00Z"},
		{"by rule far ahead", "Europe/Berlin", "9999-07-15T10:00:00Z", "6mo", "9999-01-15T11:00:00Z"},
		{"last day of a leap year by rule", "Europe/Berlin", "2048-12-31T12:00:00Z", "6mo", "2048-06-30T22:00:00Z"},
		{"to the first instant", "UTC", "0002-01-01T00:00:00Z", "1y", "0001-01-01T00:00:00Z"},
		{"before the first", "UTC", "0001-12-31T23:59:59Z", "1y", ""},
		{"before the first by microseconds", "UTC", "0001-01-01T00:00:00.999999Z", "1s", ""},
		{"local year 0 is not out of range", "America/New_York", "0001-02-01T01:00:00Z", "1mo", "0001-01-01T01:00:00Z"},
		{"local year 1 in year 0 is", "Asia/Tokyo", "0002-01-01T00:00:00Z", "1y1h", ""},
		{"the longest", "UTC", "9999-12-31T23:59:59Z", "9998y", "0001-12-31T23:59:59Z"},
		{"longer than all", "Europe/Berlin", "9999-12-31T22:59:59Z", "9999y106751d", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := audience.NewCalendar(mustZone(t, tc.zone)).Ago(mustInstant(t, tc.now), mustPeriod(t, tc.period))
			requireInstant(t, tc.want, got, ok)
		})
	}
}

func TestAhead(t *testing.T) {
	for _, tc := range []struct{ name, zone, now, period, want string }{
		{"exact days", "Europe/Berlin", "2026-03-28T12:00:00Z", "1d", "2026-03-29T12:00:00Z"},
		{"31 January", "UTC", "2026-01-31T12:00:00Z", "1mo", "2026-03-01T00:00:00Z"},
		{"29 January", "UTC", "2026-01-29T12:00:00Z", "1mo", "2026-03-01T00:00:00Z"},
		{"28 January", "UTC", "2026-01-28T12:00:00Z", "1mo", "2026-02-28T12:00:00Z"},
		{"31 March", "UTC", "2026-03-31T12:00:00Z", "1mo", "2026-05-01T00:00:00Z"},
		{"29 February plus a year", "UTC", "2024-02-29T12:00:00Z", "1y", "2025-03-01T00:00:00Z"},
		{"over the year", "UTC", "2026-12-31T12:00:00Z", "2mo", "2027-03-01T00:00:00Z"},
		{"calendar part first", "UTC", "2026-01-31T12:00:00Z", "1mo1d", "2026-03-02T00:00:00Z"},
		{"keeps the local hour", "Europe/Berlin", "2026-03-15T11:00:00Z", "1mo", "2026-04-15T10:00:00Z"},
		{"into the spring gap", "Europe/Berlin", "2026-02-28T01:30:00Z", "1mo", "2026-03-28T01:30:00Z"},
		{"into the gap by months", "Europe/Berlin", "2025-12-29T01:30:00Z", "3mo", "2026-03-29T01:00:00Z"},
		{"into the fold: its first pass", "Europe/Berlin", "2026-09-25T00:30:00Z", "1mo", "2026-10-25T00:30:00Z"},
		{"in the fold the clock stands still", "Europe/Berlin", "2026-10-25T01:30:00Z", "1mo", "2026-11-25T01:59:59.999999Z"},
		{"the last instant", "UTC", "9998-12-31T23:59:59.999999Z", "1y", "9999-12-31T23:59:59.999999Z"},
		{"after the last", "UTC", "9999-12-31T23:59:59.999999Z", "1s", ""},
		{"after the last by months", "Europe/Berlin", "9999-12-01T00:00:00Z", "1mo", ""},
		{"longer than all", "Europe/Berlin", "9999-12-31T23:59:59Z", "9999y106751d", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := audience.NewCalendar(mustZone(t, tc.zone)).Ahead(mustInstant(t, tc.now), mustPeriod(t, tc.period))
			requireInstant(t, tc.want, got, ok)
		})
	}
}

func TestStartOf(t *testing.T) {
	for _, tc := range []struct{ name, zone, now, unit, want string }{
		{"day", "UTC", "2026-01-31T23:59:59.999999Z", "d", "2026-01-31T00:00:00Z"},
		{"day on its first instant", "Europe/Berlin", "2026-01-30T23:00:00Z", "d", "2026-01-30T23:00:00Z"},
		{"day before its first instant", "Europe/Berlin", "2026-01-30T22:59:59.999999Z", "d", "2026-01-29T23:00:00Z"},
		{"week on a Saturday", "UTC", "2026-01-31T12:00:00Z", "w", "2026-01-26T00:00:00Z"},
		{"week on a Sunday", "UTC", "2026-02-01T12:00:00Z", "w", "2026-01-26T00:00:00Z"},
		{"week on a Monday", "UTC", "2026-02-02T00:00:00Z", "w", "2026-02-02T00:00:00Z"},
		{"week before the epoch", "UTC", "1970-01-01T00:00:00Z", "w", "1969-12-29T00:00:00Z"},
		{"week on a Sunday before the epoch", "UTC", "1969-12-28T00:00:00Z", "w", "1969-12-22T00:00:00Z"},
		{"month", "America/New_York", "2026-04-01T03:59:59Z", "mo", "2026-03-01T05:00:00Z"},
		{"year", "America/New_York", "2026-07-01T00:00:00Z", "y", "2026-01-01T05:00:00Z"},
		{"day without midnight", "America/Sao_Paulo", "2018-11-04T12:00:00Z", "d", "2018-11-04T03:00:00Z"},
		{"before the clock goes back over midnight", "America/St_Johns", "2010-11-07T02:30:30Z", "d", "2010-11-07T02:30:00Z"},
		{"a day that has begun does not end again", "America/St_Johns", "2010-11-07T02:31:00Z", "d", "2010-11-07T02:30:00Z"},
		{"the first day", "UTC", "0001-01-01T12:00:00Z", "w", "0001-01-01T00:00:00Z"},
		{"begins before the first instant", "Asia/Tokyo", "0001-01-01T12:00:00Z", "d", ""},
		{"the last day", "UTC", "9999-12-31T23:59:59.999999Z", "d", "9999-12-31T00:00:00Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			unit, err := audience.ParseCalendarUnit(tc.unit)
			require.NoError(t, err)
			require.Equal(t, tc.unit, unit.String())
			got, ok := audience.NewCalendar(mustZone(t, tc.zone)).StartOf(mustInstant(t, tc.now), unit)
			requireInstant(t, tc.want, got, ok)
		})
	}
	for _, u := range []audience.CalendarUnit{0, 5, 255} {
		_, ok := audience.Calendar{}.StartOf(time.Unix(0, 0), u)
		require.False(t, ok)
		require.Equal(t, "none", u.String())
	}
	for _, s := range []string{"", "m", "D", "day", "h", "none"} {
		_, err := audience.ParseCalendarUnit(s)
		require.ErrorIs(t, err, audience.ErrInvalid, s)
		require.ErrorContains(t, err, "d, w, mo, y")
	}
}

func TestAnniversary(t *testing.T) {
	for _, tc := range []struct{ name, zone, date, now, want string }{
		{"later this year", "UTC", "1990-05-01", "2026-01-31T12:00:00Z", "2026-05-01T00:00:00Z"},
		{"on the day", "UTC", "1990-05-01", "2026-05-01T12:00:00Z", "2026-05-01T00:00:00Z"},
		{"on the day's first instant", "Europe/Berlin", "1990-05-01", "2026-04-30T22:00:00Z", "2026-04-30T22:00:00Z"},
		{"on the day's last instant", "Europe/Berlin", "1990-05-01", "2026-05-01T21:59:59.999999Z", "2026-04-30T22:00:00Z"},
		{"the day after", "Europe/Berlin", "1990-05-01", "2026-05-01T22:00:00Z", "2027-04-30T22:00:00Z"},
		{"29 February in another year", "UTC", "1992-02-29", "2026-02-01T00:00:00Z", "2026-02-28T00:00:00Z"},
		{"29 February on the 28th", "UTC", "1992-02-29", "2026-02-28T23:00:00Z", "2026-02-28T00:00:00Z"},
		{"29 February on 1 March", "UTC", "1992-02-29", "2026-03-01T00:00:00Z", "2027-02-28T00:00:00Z"},
		{"29 February in a leap year", "UTC", "1992-02-29", "2028-02-28T12:00:00Z", "2028-02-29T00:00:00Z"},
		{"29 February next year", "UTC", "1992-02-29", "2027-03-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"new year", "UTC", "1990-01-01", "2026-01-02T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"new year's eve", "UTC", "1990-12-31", "2026-12-31T23:59:59Z", "2026-12-31T00:00:00Z"},
		{"a date to come counts without its year", "UTC", "2099-05-01", "2026-06-01T00:00:00Z", "2027-05-01T00:00:00Z"},
		{"before the day left out", "Pacific/Apia", "1990-12-30", "2011-12-29T12:00:00Z", "2011-12-30T10:00:00Z"},
		{"after the day left out", "Pacific/Apia", "1990-12-30", "2011-12-30T10:00:00Z", "2012-12-29T10:00:00Z"},
		{"a birthday that is over stays over", "America/St_Johns", "1990-11-06", "2010-11-07T02:31:00Z", "2011-11-06T02:30:00Z"},
		{"beyond the range", "UTC", "1990-05-01", "9999-05-02T00:00:00Z", ""},
		{"before the range", "Asia/Tokyo", "1990-01-01", "0001-01-01T00:00:00Z", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := audience.NewCalendar(mustZone(t, tc.zone)).Anniversary(mustDate(t, tc.date), mustInstant(t, tc.now))
			requireInstant(t, tc.want, got, ok)
		})
	}
	_, ok := audience.Calendar{}.Anniversary(audience.Date(1<<30), time.Unix(0, 0))
	require.False(t, ok)
}

// A clock once went back by a whole day: Alaska in 1867, from the Asian to the
// American side of the date line.
func TestDayRepeated(t *testing.T) {
	loc := mustZone(t, "America/Juneau")
	_, back := mustInstant(t, "1867-10-01T00:00:00Z").In(loc).ZoneBounds()
	_, before := back.Add(-time.Second).Zone()
	_, after := back.Zone()
	require.Greater(t, before-after, 23*3600)
	c := audience.NewCalendar(loc)
	still, ok := c.Ago(back.Add(-time.Microsecond), mustPeriod(t, "1mo"))
	require.True(t, ok)
	for _, d := range []time.Duration{0, time.Hour, 23*time.Hour + 59*time.Minute} {
		got, _ := c.Ago(back.Add(d), mustPeriod(t, "1mo"))
		require.Equal(t, still, got)
		begun, _ := c.StartOf(back.Add(d), audience.UnitDay)
		want, _ := c.StartOf(back.Add(-time.Microsecond), audience.UnitDay)
		require.Equal(t, want, begun)
	}
	got, _ := c.Ago(back.Add(time.Duration(before-after)*time.Second), mustPeriod(t, "1mo"))
	require.Equal(t, still.Add(time.Microsecond), got)
}

func TestCalendarOutOfRange(t *testing.T) {
	for _, loc := range []*time.Location{nil, time.UTC, mustZone(t, "Europe/Berlin"), time.FixedZone("", 1<<30)} {
		c := audience.NewCalendar(loc)
		for _, now := range []time.Time{
			time.Date(0, 12, 31, 23, 59, 59, 999999999, time.UTC),
			time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
			time.Unix(1<<62, 0), time.Unix(-1<<62, 0),
		} {
			for _, p := range []string{"0s", "1mo", "9999y", "106751d"} {
				_, ok := c.Ago(now, mustPeriod(t, p))
				require.False(t, ok)
				_, ok = c.Ahead(now, mustPeriod(t, p))
				require.False(t, ok)
			}
			_, ok := c.StartOf(now, audience.UnitDay)
			require.False(t, ok)
			_, ok = c.Anniversary(0, now)
			require.False(t, ok)
		}
	}
}

func TestCalendarWithoutZone(t *testing.T) {
	now := mustInstant(t, "2026-03-31T12:00:00Z")
	want := mustInstant(t, "2026-03-01T00:00:00Z")
	for name, c := range map[string]audience.Calendar{
		"zero": {}, "nil": audience.NewCalendar(nil), "UTC": audience.NewCalendar(time.UTC),
	} {
		got, ok := c.Ago(now, mustPeriod(t, "1mo"))
		require.True(t, ok, name)
		require.Equal(t, want, got, name)
	}
	fixed := audience.NewCalendar(time.FixedZone("", 2*3600))
	got, ok := fixed.StartOf(now, audience.UnitDay)
	requireInstant(t, "2026-03-30T22:00:00Z", got, ok)
	require.Equal(t, mustDate(t, "2026-04-01"), fixed.DateOf(mustInstant(t, "2026-03-31T22:00:00Z")))
}

// requireInstant compares with an instant, or with unknown when want is empty.
func requireInstant(t *testing.T, want string, got time.Time, ok bool) {
	t.Helper()
	if want == "" {
		require.False(t, ok, got)
		require.Zero(t, got)
		return
	}
	require.True(t, ok)
	require.Equal(t, want, got.Format(time.RFC3339Nano))
	require.Equal(t, time.UTC, got.Location())
}

func BenchmarkCalendar(b *testing.B) {
	now, soon := mustInstant(b, "2026-03-31T12:00:00Z"), mustInstant(b, "2076-03-31T12:00:00Z")
	p := mustPeriod(b, "1y6mo10d")
	for _, name := range []string{"UTC", "Europe/Berlin", "Africa/Casablanca"} {
		c := audience.NewCalendar(mustZone(b, name))
		b.Run("Ago/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Ago(now, p)
			}
		})
		b.Run("AgoByRule/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Ago(soon, p)
			}
		})
		b.Run("StartOf/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.StartOf(now, audience.UnitWeek)
			}
		})
		b.Run("Anniversary/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Anniversary(8000, now)
			}
		})
	}
}

func BenchmarkParsePeriod(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := audience.ParsePeriod("1y6mo10d"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseDate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := audience.ParseDate("2026-01-31"); err != nil {
			b.Fatal(err)
		}
	}
}
