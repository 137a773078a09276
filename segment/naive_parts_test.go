package segment_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// TestNaiveByHand holds the naive reading itself to answers found by hand.
func TestNaiveByHand(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	johns, err := time.LoadLocation("America/St_Johns")
	require.NoError(t, err)
	apia, err := time.LoadLocation("Pacific/Apia")
	require.NoError(t, err)
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		return parsed.UTC()
	}
	ago := func(period string) *naiveNode { return &naiveNode{op: "ago", kind: naiveTime, text: period} }
	ahead := func(period string) *naiveNode { return &naiveNode{op: "ahead", kind: naiveTime, text: period} }
	startOf := func(unit string) *naiveNode { return &naiveNode{op: "startOf", kind: naiveTime, text: unit} }
	anniversary := func(d string) *naiveNode {
		return naiveMake("anniversary", naiveTime, &naiveNode{op: "date", kind: naiveTime, text: d})
	}
	tests := []struct {
		name string
		zone *time.Location
		now  string
		tree *naiveNode
		want string
	}{
		{"a day the month lacks", time.UTC, "2026-03-31T12:00:00Z", ago("1mo"), "2026-03-01T00:00:00Z"},
		{"a leap day", time.UTC, "2028-02-29T12:00:00Z", ago("1y"), "2027-03-01T00:00:00Z"},
		{"calendar part first", time.UTC, "2026-03-31T12:00:00Z", ago("1mo1d"), "2026-02-28T00:00:00Z"},
		{"ahead over the end of a month", time.UTC, "2026-01-31T12:00:00Z", ahead("1mo"), "2026-03-01T00:00:00Z"},
		{"the same wall time", berlin, "2026-04-10T10:00:00Z", ago("1mo"), "2026-03-10T11:00:00Z"},
		{"into the gap", berlin, "2026-04-29T00:30:00Z", ago("1mo"), "2026-03-29T01:00:00Z"},
		{"while an hour repeats", berlin, "2026-10-25T01:10:00Z", ago("1mo"), "2026-09-25T00:59:59.999999Z"},
		{"a day is 24 hours", berlin, "2026-03-29T10:00:00Z", ago("1d"), "2026-03-28T10:00:00Z"},
		{"start of the week", berlin, "2026-11-24T10:00:00Z", startOf("w"), "2026-11-22T23:00:00Z"},
		{"a midnight that repeats", johns, "2010-11-07T02:45:00Z", startOf("d"), "2010-11-07T02:30:00Z"},
		{"a day that was skipped", apia, "2012-01-05T00:00:00Z", &naiveNode{op: "date", kind: naiveTime, text: "2011-12-30"}, "2011-12-30T10:00:00Z"},
		{"on the birthday", time.UTC, "2026-05-01T23:59:59.999999Z", anniversary("1990-05-01"), "2026-05-01T00:00:00Z"},
		{"after the birthday", time.UTC, "2026-05-02T00:00:00Z", anniversary("1990-05-01"), "2027-05-01T00:00:00Z"},
		{"born on a leap day", time.UTC, "2026-02-01T00:00:00Z", anniversary("1992-02-29"), "2026-02-28T00:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := &naiveEval{world: &naiveWorld{zone: tt.zone}, now: at(tt.now)}
			require.Equal(t, at(tt.want), v.eval(tt.tree))
		})
	}

	t.Run("sums", func(t *testing.T) {
		require.True(t, naiveEqual(100.0, naiveRound(naiveSum([]any{33.30, 33.30, 33.40}))))
		require.True(t, naiveEqual(0.9, naiveRound(naiveSum([]any{0.1, 0.7, 0.2, -0.1}))))
		require.Nil(t, naiveRound(naiveSum([]any{1.7e308, 1.7e308})))
	})
	t.Run("Kleene", func(t *testing.T) {
		require.Equal(t, true, naiveJunction(true, nil, true))
		require.Nil(t, naiveJunction(true, nil, false))
		require.Equal(t, false, naiveJunction(false, nil, false))
		require.Nil(t, naiveJunction(false, true, nil))
	})
}

// TestNaiveCalendarAndLedgerAgree compares the naive calendar and the naive
// fold with those of package audience, beneath the language.
func TestNaiveCalendarAndLedgerAgree(t *testing.T) {
	worlds := naiveEnv(t, "AUDIENCEKIT_ORACLE_WORLDS", 60)
	for seed := range uint64(worlds) {
		random := rand.New(rand.NewPCG(seed, 1))
		w := naiveNewWorld(random, 6)
		for _, p := range w.profiles {
			for range 8 {
				now := w.instant()
				if w.chance(0.5) {
					now = w.naiveEdge(&naiveNode{op: "startOf", kind: naiveTime, text: "d"}, p)
				}
				naiveCompareCalendar(t, w, now)
				naiveCompareLedger(t, w, p, now)
			}
		}
	}
}

func naiveCompareCalendar(t *testing.T, w *naiveWorld, now time.Time) {
	t.Helper()
	calendar := audience.NewCalendar(w.zone)
	same := func(what string, naive, got time.Time, ok bool) {
		t.Helper()
		require.True(t, ok, what)
		require.Equal(t, naive.UTC(), got, "%s at %s in %s", what, now.Format(time.RFC3339Nano), w.zone)
	}
	text := naivePick(w.random, naivePeriods(true))
	period, err := audience.ParsePeriod(text)
	require.NoError(t, err)
	got, ok := calendar.Ago(now, period)
	same("ago "+text, naiveShift(now, naiveParsePeriod(text), -1, w.zone), got, ok)
	got, ok = calendar.Ahead(now, period)
	same("ahead "+text, naiveShift(now, naiveParsePeriod(text), 1, w.zone), got, ok)
	for _, name := range []string{"d", "w", "mo", "y"} {
		unit, err := audience.ParseCalendarUnit(name)
		require.NoError(t, err)
		got, ok = calendar.StartOf(now, unit)
		same("startOf "+name, naiveStartOf(now, name, w.zone), got, ok)
	}
	day := w.day()
	got, ok = calendar.StartOfDate(audience.Date(day))
	same("date", naiveShowing(time.Date(1970, 1, 1+day, 0, 0, 0, 0, time.UTC), w.zone), got, ok)
	yearly, ok := calendar.Anniversary(calendar.DateOf(got), now)
	same("anniversary", naiveAnniversary(now, got, w.zone), yearly, ok)
}

func naiveCompareLedger(t *testing.T, w *naiveWorld, p *audience.Profile, now time.Time) {
	t.Helper()
	for _, purpose := range []string{"marketing", "offers"} {
		require.Equal(t, naiveStatus(p, purpose, now), p.Consent(purpose, now).Status.String(),
			"%s at %s: %s", purpose, now.Format(time.RFC3339Nano), naiveLedger(p.History))
	}
	for _, l := range w.schema.Lists {
		if l.Kind == audience.ListTopic {
			require.Equal(t, naiveOnTopic(p, l, now), p.OnList(l, now),
				"%s at %s: %s", l.Name, now.Format(time.RFC3339Nano), naiveLedger(p.History))
		}
	}
}
