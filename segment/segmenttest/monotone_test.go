package segmenttest_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

// TestTimeNeverRunsBack: t <= u implies ago(p) at t <= ago(p) at u, and the same of everything that is made of now, in
// zones whose clocks do what clocks have done. What has left a window never comes back into it.
func TestTimeNeverRunsBack(t *testing.T) {
	zones := []string{
		"UTC", "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/Sao_Paulo", "America/Havana", "America/St_Johns",
		"Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Africa/Cairo", "Asia/Kathmandu", "Asia/Beirut", "Antarctica/Troll",
	}
	periods := []string{"1mo", "2mo", "6mo", "1y", "1y1mo10d", "1mo1h", "30d", "1w"}
	random := rand.New(rand.NewPCG(7, 7))
	compared, naive := 0, 0
	for _, name := range zones {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		c := newClockWorld(t, zone)
		period := periods[random.IntN(len(periods))]
		for _, turn := range turns(zone, random) {
			nows := nowsAround(turn, random)
			naive += stepsBack(nows, func(now time.Time) time.Time { return now.In(zone).AddDate(0, -1, 0) })
			sources := monotone(period)
			random.Shuffle(len(sources), func(i, j int) { sources[i], sources[j] = sources[j], sources[i] })
			for _, source := range sources[:3] {
				compared += c.check(t, source, nows)
			}
		}
	}
	require.Greater(t, compared, 100_000)
	require.Greater(t, naive, 50, "the instants must be those at which the calendar of package time runs back")
	t.Logf("%d comparisons; the calendar of package time runs back %d times", compared, naive)
}

// monotone gives expressions that stay true once they are.
func monotone(period string) []string {
	out := []string{`contact.seen <= anniversary(date("2000-02-29"))`}
	for _, unit := range []string{"d", "w", "mo", "y"} {
		out = append(out, `contact.seen <= startOf("`+unit+`")`)
	}
	for _, p := range []string{"1mo", period} {
		out = append(out,
			`contact.seen <= ago("`+p+`")`,
			`contact.seen <= ahead("`+p+`")`,
			`events("email.opened").within("`+p+`").none() && events("email.opened").any()`,
			`events("email.opened").before(ago("`+p+`")).any()`,
		)
	}
	return out
}

// stepsBack counts where a function of now goes back.
func stepsBack(nows []time.Time, f func(time.Time) time.Time) int {
	n := 0
	for i := 1; i < len(nows); i++ {
		if f(nows[i]).Before(f(nows[i-1])) {
			n++
		}
	}
	return n
}

// clockWorld is one zone and a contact with one timestamp and one event.
type clockWorld struct {
	zone     *time.Location
	language *segment.Language
	compiled map[string]*segment.Expression
}

func newClockWorld(t *testing.T, zone *time.Location) *clockWorld {
	t.Helper()
	schema := audience.Schema{Fields: []audience.Field{{ID: 1, Name: "seen", Type: audience.TypeTimestamp}}}
	language, err := segment.NewLanguage(schema, segment.Options{Zone: zone})
	require.NoError(t, err)
	return &clockWorld{zone: zone, language: language, compiled: make(map[string]*segment.Expression)}
}

// check wants an expression that is once true to stay true as now goes on, for timestamps near what a month before and
// after the nows is. It gives the number of comparisons.
func (c *clockWorld) check(t *testing.T, source string, nows []time.Time) int {
	t.Helper()
	e := c.compiled[source]
	if e == nil {
		var err error
		e, err = c.language.Compile(source)
		require.NoError(t, err)
		c.compiled[source] = e
	}
	moments := make([]*segment.Moment, len(nows))
	for i, now := range nows {
		moments[i] = e.At(now)
	}
	compared := 0
	for i := 0; i < len(nows); i += 13 {
		for _, months := range []int{0, -1, -6, -12, 1} {
			seen := nows[i].In(c.zone).AddDate(0, months, 0).UTC()
			p := profileSeen(seen)
			was := segment.Unknown
			for k, m := range moments {
				truth, err := m.Truth(p)
				require.NoError(t, err)
				require.NotEqual(t, segment.Unknown, truth)
				if was == segment.True && truth != segment.True {
					t.Fatalf("%s: %s for %s was true at %s and is not at %s", c.zone, source, seen, nows[k-1], nows[k])
				}
				was = truth
				compared++
			}
		}
	}
	return compared
}

func profileSeen(seen time.Time) *audience.Profile {
	return &audience.Profile{
		Parts:   audience.ProfileParts{Events: []string{"email.opened"}},
		Contact: audience.Contact{ID: 1, Fields: []audience.FieldValue{{ID: 1, Value: audience.TimestampValue(seen)}}},
		Streams: []audience.EventStream{{Type: "email.opened", Events: []audience.Event{{ID: "e", Type: "email.opened", Time: seen}}}},
	}
}

// turns gives some instants at which the zone's clock was turned, and the end of a month and of February.
func turns(zone *time.Location, random *rand.Rand) []time.Time {
	out := []time.Time{
		time.Date(2023, time.March, 1, 0, 0, 0, 0, zone), time.Date(2024, time.February, 29, 0, 0, 0, 0, zone),
		time.Date(2011, time.December, 31, 0, 0, 0, 0, zone),
	}
	var all []time.Time
	for t := time.Date(2009, time.January, 1, 0, 0, 0, 0, zone); ; {
		_, end := t.ZoneBounds()
		if end.IsZero() || end.Year() > 2027 {
			break
		}
		all = append(all, end)
		t = end.Add(time.Hour)
	}
	for range min(1, len(all)) {
		out = append(out, all[random.IntN(len(all))])
	}
	return out
}

// nowsAround gives instants, ascending, on and around an instant and what lies months away from it.
func nowsAround(turn time.Time, random *rand.Rand) []time.Time {
	var out []time.Time
	for _, months := range []int{0, 1, 6, 12} {
		at := turn.AddDate(0, months, 0)
		for _, nudge := range []time.Duration{-time.Hour, -30 * time.Minute, 0, 30 * time.Minute, time.Hour, 2 * time.Hour, 24 * time.Hour} {
			t := at.Add(nudge)
			out = append(out, t.Add(-time.Microsecond), t, t.Add(time.Duration(random.Int64N(3600e6))*time.Microsecond))
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}
