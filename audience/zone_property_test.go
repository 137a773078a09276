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

// wideEnv asks for the wide runs: every change of every zone below over three
// centuries, a quarter of an hour of work (-timeout 30m). Without it seeded
// samples of the same checks run.
const wideEnv = "AUDIENCEKIT_WIDE"

// oddZones are zones whose clocks did everything that clocks have done.
func oddZones() []string {
	return []string{
		"UTC", "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/Sao_Paulo", "America/St_Johns",
		"America/Havana", "America/Juneau", "America/Ciudad_Juarez", "America/Indiana/Winamac", "America/Metlakatla",
		"Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kwajalein", "Pacific/Kiritimati", "Pacific/Norfolk",
		"Asia/Manila", "Asia/Kathmandu", "Asia/Beirut", "Asia/Gaza", "Asia/Pyongyang", "Africa/Casablanca", "Africa/Cairo",
		"Africa/Monrovia", "Antarctica/Troll", "Antarctica/Casey", "America/Caracas", "Europe/Amsterdam",
	}
}

func oddPeriods(t testing.TB) []audience.Period {
	var out []audience.Period
	for _, s := range []string{
		"1mo", "2mo", "3mo", "5mo", "6mo", "11mo", "1y", "13mo", "2y", "119mo", "33y", "1mo1s", "1mo1d", "1y6mo10d", "1d",
	} {
		out = append(out, mustPeriod(t, s))
	}
	return out
}

// Time never runs backwards: t <= u implies Ago(t) <= Ago(u), and the same of
// every other answer that depends on now.
func TestCalendarIsMonotone(t *testing.T) {
	wide := os.Getenv(wideEnv) != ""
	steps := 0
	periods := oddPeriods(t)
	for _, name := range oddZones() {
		loc := mustZone(t, name)
		changes := offsetChanges(loc, 1800, 2100, wide)
		if !wide {
			changes = sample(changes, 2)
			periods = sample(oddPeriods(t), 3)
		}
		for _, nows := range nearChanges(changes, periods, wide) {
			steps += checkMonotone(t, loc, nows, periods)
		}
		steps += checkMonotone(t, loc, monthEnds(wide), periods)
	}
	require.Greater(t, steps, 100_000)
	t.Logf("%d comparisons", steps)
}

// checkMonotone compares the answers at neighbouring instants.
func checkMonotone(t *testing.T, loc *time.Location, nows []int64, periods []audience.Period) (steps int) {
	t.Helper()
	c := audience.NewCalendar(loc)
	check := func(what string, answer func(now time.Time) (time.Time, bool)) {
		before, beforeNow := time.Time{}, time.Time{}
		for _, us := range nows {
			now := audience.FromMicros(us)
			got, ok := answer(now)
			if !ok || got.Before(before) {
				t.Fatalf("%s %s: at %s it is %s, later at %s it is %s (%t)", loc, what, beforeNow, before, now, got, ok)
			}
			before, beforeNow = got, now
			steps++
		}
	}
	for _, p := range periods {
		check("ago "+p.String(), func(now time.Time) (time.Time, bool) { return c.Ago(now, p) })
		check("ahead "+p.String(), func(now time.Time) (time.Time, bool) { return c.Ahead(now, p) })
	}
	for _, u := range []audience.CalendarUnit{audience.UnitDay, audience.UnitWeek, audience.UnitMonth, audience.UnitYear} {
		check("start of "+u.String(), func(now time.Time) (time.Time, bool) {
			got, ok := c.StartOf(now, u)
			return got, ok && !got.After(now)
		})
	}
	for _, s := range []string{"1992-02-29", "1990-12-30", "2010-11-06"} {
		d := mustDate(t, s)
		check("anniversary "+s, func(now time.Time) (time.Time, bool) { return c.Anniversary(d, now) })
	}
	return steps
}

// nearChanges gives instants in ascending order for each offset change: dense
// around it, and around the instants from which a period leads to it.
func nearChanges(changes []time.Time, periods []audience.Period, wide bool) [][]int64 {
	out := make([][]int64, 0, len(changes))
	step := 30 * time.Minute
	if wide {
		step = time.Minute
	}
	for _, change := range changes {
		nows := around(nil, change, 3*time.Hour, step)
		nows = around(nows, change, 27*time.Hour, 45*time.Minute)
		for _, p := range periods {
			nows = around(nows, change.AddDate(0, p.Months(), 0).Add(p.Exact()), 2*time.Hour, 30*time.Minute)
			nows = around(nows, change.AddDate(0, -p.Months(), 0).Add(-p.Exact()), 2*time.Hour, 30*time.Minute)
		}
		slices.Sort(nows)
		out = append(out, slices.Compact(nows))
	}
	return out
}

// around adds the instants at equal steps within a radius, each with the
// microseconds before and after it.
func around(nows []int64, centre time.Time, radius, step time.Duration) []int64 {
	for d := -radius; d <= radius; d += step {
		us := audience.Micros(centre.Add(d))
		nows = append(nows, us-1, us, us+1)
	}
	return nows
}

// monthEnds gives instants around the ends of months.
func monthEnds(wide bool) []int64 {
	first, last, step := 2023, 2024, 16*time.Hour
	if wide {
		first, last, step = 1896, 2104, time.Hour
	}
	var nows []int64
	for year := first; year <= last; year++ {
		for month := range 12 {
			nows = around(nows, time.Date(year, time.Month(month+1), 1, 0, 0, 0, 0, time.UTC), 96*time.Hour, step)
		}
	}
	slices.Sort(nows)
	return slices.Compact(nows)
}

// offsetChanges finds the instants at which a zone's offset changes by
// looking at it every five days, or six hours for a wide run, without asking
// for the zone's bounds.
func offsetChanges(loc *time.Location, firstYear, lastYear int, wide bool) []time.Time {
	offset := func(second int64) int {
		_, o := time.Unix(second, 0).In(loc).Zone()
		return o
	}
	var out []time.Time
	step := int64(5 * 24 * 3600)
	if wide {
		step = 6 * 3600
	}
	end := time.Date(lastYear+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for s := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC).Unix(); s < end; s += step {
		lo, hi, before := s, s+step, offset(s)
		if offset(hi) == before {
			continue
		}
		for hi-lo > 1 {
			if mid := (lo + hi) / 2; offset(mid) == before {
				lo = mid
			} else {
				hi = mid
			}
		}
		out = append(out, time.Unix(hi, 0).UTC())
	}
	return out
}

// sample takes n items, always the same ones, in their order.
func sample[T any](items []T, n int) []T {
	rng := rand.New(rand.NewPCG(1, uint64(len(items))))
	picked := rng.Perm(len(items))[:min(n, len(items))]
	slices.Sort(picked)
	out := make([]T, len(picked))
	for i, j := range picked {
		out[i] = items[j]
	}
	return out
}

// The answers are those of a reading of the rule that knows nothing of bounds:
// it looks at the clock cell by cell.
func TestCalendarAgainstClock(t *testing.T) {
	perZone := 3
	wide := os.Getenv(wideEnv) != ""
	if wide {
		perZone = 400
	}
	rng := rand.New(rand.NewPCG(7, 7))
	periods := oddPeriods(t)
	checked := 0
	for _, name := range oddZones() {
		loc := mustZone(t, name)
		c := audience.NewCalendar(loc)
		// From 1973 on clocks change at whole minutes of UTC.
		changes := offsetChanges(loc, 1973, 2090, wide)
		for range perZone {
			p := periods[rng.IntN(len(periods))]
			sign := 1 - 2*rng.IntN(2)
			centre := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rng.IntN(40000))
			if len(changes) > 0 {
				centre = changes[rng.IntN(len(changes))]
			}
			if rng.IntN(2) == 0 { // so that the answer, and not now, is near the change
				centre = centre.AddDate(0, -sign*p.Months(), 0).Add(-time.Duration(sign) * p.Exact())
			}
			now := centre.Add(time.Duration(rng.Int64N(int64(4*time.Hour))) - 2*time.Hour).Truncate(time.Microsecond)
			if rng.IntN(3) == 0 {
				now = centre.Add(time.Duration(rng.IntN(3)-1) * time.Microsecond)
			}
			step := c.Ahead
			if sign < 0 {
				step = c.Ago
			}
			got, ok := step(now, p)
			require.True(t, ok)
			require.Equal(t, clockStep(loc, now, sign, p), got, "%s %s %d %s", name, now, sign, p)
			checked++
		}
	}
	t.Logf("%d answers", checked)
}

// shown is the local time on the zone's clock, as if it were UTC.
func shown(loc *time.Location, t time.Time) time.Time {
	l := t.In(loc)
	return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), time.UTC)
}

func clockStep(loc *time.Location, now time.Time, sign int, p audience.Period) time.Time {
	exact := time.Duration(sign) * p.Exact()
	if p.Months() == 0 {
		return now.Add(exact)
	}
	const radius, cell = 27 * time.Hour, time.Minute
	latest := shown(loc, now)
	for at := now.Truncate(cell); at.After(now.Add(-radius)); at = at.Add(-cell) {
		latest = slices.MaxFunc([]time.Time{latest, shown(loc, at), shown(loc, at.Add(-time.Microsecond))}, time.Time.Compare)
	}
	want := latest.AddDate(0, sign*p.Months(), 0)
	if want.Day() != latest.Day() {
		want = time.Date(want.Year(), want.Month(), 1, 0, 0, 0, 0, time.UTC)
	}
	for at := want.Add(-radius).Truncate(cell); ; at = at.Add(cell) {
		if !shown(loc, at).Before(want) {
			return at.Add(exact)
		}
		if shown(loc, at.Add(cell-time.Microsecond)).Before(want) {
			continue
		}
		return at.Add(want.Sub(shown(loc, at))).Add(exact)
	}
}
