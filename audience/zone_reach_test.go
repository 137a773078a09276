package audience_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestAgoReaches(t *testing.T) {
	tests := []struct {
		name, zone, period string
		ahead              bool
		at, want           string
	}{
		{"fixed", "UTC", "30d", false, "2026-03-01T00:00:00Z", "2026-03-31T00:00:00Z"},
		{"ahead", "UTC", "30d", true, "2026-03-31T00:00:00Z", "2026-03-01T00:00:00Z"},
		{"the days that February lacks", "UTC", "1mo", false, "2026-03-01T00:00:00Z", "2026-03-29T00:00:00Z"},
		{"a microsecond before them", "UTC", "1mo", false, "2026-02-28T23:59:59.999999Z", "2026-03-28T23:59:59.999999Z"},
		{"a microsecond after them", "UTC", "1mo", false, "2026-03-01T00:00:00.000001Z", "2026-04-01T00:00:00.000001Z"},
		{"a day that no now leads to", "UTC", "1mo", true, "2026-03-31T12:00:00Z", "2026-03-01T00:00:00Z"},
		{"a leap day", "UTC", "1y", false, "2028-02-29T12:00:00Z", "2029-03-01T00:00:00Z"},
		{"now in the gap", "Europe/Berlin", "1mo", false, "2026-02-28T01:30:00Z", "2026-03-28T01:30:00Z"},
		{"the answer after the gap", "Europe/Berlin", "1mo", false, "2026-03-29T01:00:00Z", "2026-04-29T00:00:00Z"},
		{"just after the gap", "Europe/Berlin", "1mo", false, "2026-03-29T01:00:00.000001Z", "2026-04-29T01:00:00.000001Z"},
		{"now while an hour repeats", "Europe/Berlin", "1mo", false, "2026-09-25T01:00:00Z", "2026-10-25T02:00:00Z"},
		{"the answer while an hour repeats", "Europe/Berlin", "1mo", false, "2026-10-25T00:30:00Z", "2026-11-25T01:30:00Z"},
		{"its second time", "Europe/Berlin", "1mo", false, "2026-10-25T01:30:00Z", "2026-11-25T02:00:00Z"},
		{"calendar part and exact part", "UTC", "1mo1d", false, "2026-02-28T00:00:00Z", "2026-03-29T00:00:00Z"},
		{"a day that was skipped", "Pacific/Apia", "1mo", false, "2011-12-30T10:00:00Z", "2012-01-29T10:00:00Z"},
		{"before all time", "UTC", "1mo", true, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"after the years", "UTC", "1mo", true, "10000-01-01T00:00:00Z", "9999-12-01T00:00:00Z"},
		{"never", "UTC", "1s", false, "9999-12-31T23:59:59Z", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := audience.NewCalendar(mustZone(t, tt.zone))
			reaches := c.AgoReaches
			if tt.ahead {
				reaches = c.AheadReaches
			}
			at, err := time.Parse(time.RFC3339Nano, tt.at)
			if err != nil { // the year 10000
				at = audience.MaxInstant().Add(time.Microsecond)
			}
			got, ok := reaches(at, mustPeriod(t, tt.period))
			require.Equal(t, tt.want != "", ok)
			if ok {
				require.Equal(t, tt.want, got.Format(time.RFC3339Nano))
			}
		})
	}
}

func TestNextStart(t *testing.T) {
	tests := []struct {
		name, zone, now string
		unit            audience.CalendarUnit
		want            string
	}{
		{"day", "UTC", "2026-03-31T12:00:00Z", audience.UnitDay, "2026-04-01T00:00:00Z"},
		{"week", "Europe/Berlin", "2026-11-26T12:00:00Z", audience.UnitWeek, "2026-11-29T23:00:00Z"},
		{"month", "UTC", "2026-12-31T12:00:00Z", audience.UnitMonth, "2027-01-01T00:00:00Z"},
		{"year", "UTC", "2026-01-01T00:00:00Z", audience.UnitYear, "2027-01-01T00:00:00Z"},
		{"a midnight that repeats", "America/St_Johns", "2010-11-07T02:45:00Z", audience.UnitDay, "2010-11-08T03:30:00Z"},
		{"a day that was skipped", "Pacific/Apia", "2011-12-30T09:00:00Z", audience.UnitDay, "2011-12-30T10:00:00Z"},
		{"the last day", "UTC", "9999-12-31T12:00:00Z", audience.UnitDay, ""},
		{"no unit", "UTC", "2026-12-31T12:00:00Z", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339Nano, tt.now)
			require.NoError(t, err)
			got, ok := audience.NewCalendar(mustZone(t, tt.zone)).NextStart(now, tt.unit)
			require.Equal(t, tt.want != "", ok)
			if ok {
				require.Equal(t, tt.want, got.Format(time.RFC3339Nano))
			}
		})
	}
}

func TestAnniversaryOver(t *testing.T) {
	tests := []struct{ name, zone, day, now, want string }{
		{"before", "UTC", "1990-05-01", "2026-03-31T12:00:00Z", "2026-05-02T00:00:00Z"},
		{"on the day", "UTC", "1990-05-01", "2026-05-01T12:00:00Z", "2026-05-02T00:00:00Z"},
		{"over", "UTC", "1990-05-01", "2026-05-02T00:00:00Z", "2027-05-02T00:00:00Z"},
		{"a leap day", "UTC", "1992-02-29", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"},
		{"a leap day in a leap year", "UTC", "1992-02-29", "2028-02-28T12:00:00Z", "2028-03-01T00:00:00Z"},
		{"a day that was skipped", "Pacific/Apia", "1990-12-30", "2011-12-30T09:00:00Z", "2011-12-30T10:00:00Z"},
		{"no more", "UTC", "1990-12-31", "9999-12-31T12:00:00Z", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339Nano, tt.now)
			require.NoError(t, err)
			got, ok := audience.NewCalendar(mustZone(t, tt.zone)).AnniversaryOver(mustDate(t, tt.day), now)
			require.Equal(t, tt.want != "", ok)
			if ok {
				require.Equal(t, tt.want, got.Format(time.RFC3339Nano))
			}
		})
	}
}

// What looks forward agrees with the answers themselves: at the instant that
// is given they have changed, a microsecond before they have not, and between
// they run as they are said to.
func TestCalendarLooksForward(t *testing.T) {
	perZone := 150
	if os.Getenv(wideEnv) != "" {
		perZone = 100_000
	}
	rng := rand.New(rand.NewPCG(3, 9))
	periods := oddPeriods(t)
	days := []audience.Date{mustDate(t, "1992-02-29"), mustDate(t, "1990-12-30"), mustDate(t, "2010-11-06"), mustDate(t, "2000-03-31")}
	longest := time.Duration(0)
	for _, name := range oddZones() {
		loc := mustZone(t, name)
		c := audience.NewCalendar(loc)
		changes := offsetChanges(loc, 1880, 2090, false)
		for range perZone {
			p := periods[rng.IntN(len(periods))]
			now := oddInstant(rng, changes, p)
			look := calendarLook{t: t, what: name + " " + p.String(), rng: rng, now: now}
			longest = max(longest, look.step(c, p))
			unit := audience.CalendarUnit(1 + rng.IntN(4))
			look.what = name + " start of " + unit.String()
			next, ok := c.NextStart(now, unit)
			look.changes(next, ok, func(now time.Time) time.Time { at, _ := c.StartOf(now, unit); return at }, true)
			d := days[rng.IntN(len(days))]
			look.what = name + " anniversary " + d.String()
			next, ok = c.AnniversaryOver(d, now)
			look.changes(next, ok, func(now time.Time) time.Time { at, _ := c.Anniversary(d, now); return at }, false)
		}
	}
	require.Greater(t, longest, 27*24*time.Hour, "stretches are as long as they can be")
}

// oddInstant gives an instant at, near or a period away from what makes
// calendars hard.
func oddInstant(rng *rand.Rand, changes []time.Time, p audience.Period) time.Time {
	now := time.Date(1890+rng.IntN(200), time.Month(1+rng.IntN(12)), 1, 0, 0, 0, 0, time.UTC)
	switch rng.IntN(4) {
	case 0:
		now = now.Add(time.Duration(rng.Int64N(int64(31 * 24 * time.Hour))))
	case 1:
		now = now.AddDate(0, 0, -rng.IntN(4))
	default:
		if len(changes) > 0 {
			now = changes[rng.IntN(len(changes))]
		}
		if sign := rng.IntN(3) - 1; sign != 0 {
			now = now.AddDate(0, sign*p.Months(), 0).Add(time.Duration(sign) * p.Exact())
		}
	}
	if rng.IntN(2) == 0 {
		now = now.Add(time.Duration(rng.Int64N(int64(8*time.Hour))) - 4*time.Hour)
	}
	return now.Add(time.Duration(rng.IntN(3)-1) * time.Microsecond).Truncate(time.Microsecond)
}

type calendarLook struct {
	t    *testing.T
	what string
	rng  *rand.Rand
	now  time.Time
}

// step checks what is said of Ago or Ahead, and gives how long the stretch is.
func (l calendarLook) step(c audience.Calendar, p audience.Period) time.Duration {
	l.t.Helper()
	answer, reaches, runs := c.Ago, c.AgoReaches, c.AgoRuns
	if l.rng.IntN(2) == 0 {
		answer, reaches, runs = c.Ahead, c.AheadReaches, c.AheadRuns
	}
	at := func(now time.Time) time.Time {
		got, ok := answer(now, p)
		require.True(l.t, ok)
		return got
	}
	first, ok := reaches(l.now, p) // any instant will do
	require.True(l.t, ok)
	require.False(l.t, at(first).Before(l.now), "%s: %s is not reached at %s", l.what, l.now, first)
	require.True(l.t, at(first.Add(-time.Microsecond)).Before(l.now), "%s: %s is reached before %s", l.what, l.now, first)

	stands, end := runs(l.now, p)
	if end.IsZero() {
		require.Zero(l.t, p.Months())
		return 0
	}
	require.True(l.t, end.After(l.now), l.what)
	for _, then := range l.between(end) {
		want := at(l.now)
		if !stands {
			want = want.Add(then.Sub(l.now))
		}
		require.Equal(l.t, want, at(then), "%s: from %s to %s, stands %t, at %s", l.what, l.now, end, stands, then)
	}
	return end.Sub(l.now)
}

// changes checks that an answer is the same up to next and no longer.
func (l calendarLook) changes(next time.Time, ok bool, answer func(time.Time) time.Time, mayEqual bool) {
	l.t.Helper()
	require.True(l.t, ok)
	require.True(l.t, next.After(l.now), l.what)
	for _, then := range l.between(next) {
		require.Equal(l.t, answer(l.now), answer(then), "%s: from %s to %s, at %s", l.what, l.now, next, then)
	}
	if !mayEqual { // of a day that was skipped the start is that of the next
		require.NotEqual(l.t, answer(l.now), answer(next), "%s: from %s to %s", l.what, l.now, next)
	}
}

// between gives instants from now on and before end.
func (l calendarLook) between(end time.Time) []time.Time {
	out := []time.Time{l.now, end.Add(-time.Microsecond)}
	for range 8 {
		out = append(out, l.now.Add(time.Duration(l.rng.Int64N(int64(end.Sub(l.now)))).Truncate(time.Microsecond)))
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}
