package celenv

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// untilCase asks up to when an outcome stays. It is checked against the
// outcome itself, just before and then.
type untilCase struct {
	name, source string
	want         string // "never", or an instant
	early        bool   // nothing changes then
	truth        Truth  // of the condition; True when zero
	unknown      bool   // it is
	now          string // testNow when empty
	change       func(*Env, *audience.Profile)
}

func checkUntil(t *testing.T, e *Env, tests []untilCase) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := testProfile(e)
			if tt.change != nil {
				tt.change(e, p)
			}
			now := testNow()
			if tt.now != "" {
				now = instant0(t, tt.now)
			}
			program, errs := e.Compile(tt.source, nil)
			require.Empty(t, shown(errs))
			truth, until, err := program.At(now).TruthUntil(testRow{p}, nil)
			require.NoError(t, err)
			if !tt.unknown {
				require.Equal(t, cmp.Or(tt.truth, True), truth)
			} else {
				require.Equal(t, Unknown, truth)
			}
			if tt.want == "never" {
				require.Equal(t, int64(math.MaxInt64), until, "until %s", audience.FromMicros(until))
				return
			}
			require.Equal(t, tt.want, audience.FromMicros(until).Format(time.RFC3339Nano))
			require.True(t, program.Timed())
			at := func(us int64) Truth {
				truth, err := program.At(audience.FromMicros(us)).Truth(testRow{p}, nil)
				require.NoError(t, err)
				return truth
			}
			require.Equal(t, truth, at(until-1), "it stays until then")
			require.Equal(t, tt.early, truth == at(until), "it changes then")
		})
	}
}

func instant0(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	require.NoError(t, err)
	return at.UTC()
}

// eventsAt adds events of a type to a profile.
func eventsAt(t testing.TB, p *audience.Profile, name string, times ...string) {
	t.Helper()
	s := audience.EventStream{Type: name}
	for i, text := range times {
		s.Events = append(s.Events, audience.Event{Contact: 7, Origin: 7, ID: name + strconv.Itoa(i), Type: name, Time: instant0(t, text)})
	}
	slices.SortFunc(s.Events, audience.CompareEvents)
	p.Streams = append(p.Streams, s)
	slices.SortFunc(p.Streams, func(a, b audience.EventStream) int { return cmp.Compare(a.Type, b.Type) })
}

// In the following seen is 1 March 2026 12:00, and now 31 March 12:00.

func TestUntilOfComparisons(t *testing.T) {
	checkUntil(t, testEnv(t), []untilCase{
		{name: "nothing moves", source: `contact.age == 35 && contact.seen < contact.created_at`, truth: False, want: "never"},
		{name: "less", source: `contact.seen < ago("31d")`, truth: False, want: "2026-04-01T12:00:00.000001Z"},
		{name: "less, equal now", source: `contact.seen < ago("30d")`, truth: False, want: "2026-03-31T12:00:00.000001Z"},
		{name: "not less any more", source: `contact.seen <= ago("30d")`, want: "never"},
		{name: "less or equal", source: `contact.seen <= ago("31d")`, truth: False, want: "2026-04-01T12:00:00Z"},
		{name: "greater", source: `contact.seen > ago("31d")`, want: "2026-04-01T12:00:00Z"},
		{name: "greater or equal", source: `contact.seen >= ago("31d")`, want: "2026-04-01T12:00:00.000001Z"},
		{name: "the other way round", source: `ago("31d") < contact.seen`, want: "2026-04-01T12:00:00Z"},
		{name: "equal", source: `contact.seen == ago("31d")`, truth: False, want: "2026-04-01T12:00:00Z"},
		{name: "not equal", source: `contact.seen != ago("31d")`, want: "2026-04-01T12:00:00Z"},
		{name: "equal now", source: `contact.seen == ago("30d")`, want: "2026-03-31T12:00:00.000001Z"},
		{name: "equal once", source: `contact.seen == ago("29d")`, truth: False, want: "never"},
		{name: "now", source: `now < timestamp("2026-04-01T00:00:00.000001Z")`, want: "2026-04-01T00:00:00.000001Z"},
		{name: "ahead", source: `ahead("1d") >= date("2026-04-02")`, truth: False, want: "2026-04-01T00:00:00Z"},
		{name: "shifted", source: `now - duration("48h") > contact.seen + duration("1000h")`, truth: False, want: "2026-04-14T04:00:00.000001Z"},
		{name: "absent", source: `contact.?nickname.orValue("x") == "x" && contact.missing_int > 3 || now > contact.seen`, want: "never"},
		{name: "a default that moves", source: `contact.?seen.orValue(ago("2d")) > ago("31d")`, want: "2026-04-01T12:00:00Z"},
		{name: "a choice that moves", source: `(contact.vip ? ago("1d") : contact.seen) < date("2026-04-02")`, want: "2026-04-03T00:00:00Z"},
		{name: "the days that February lacks", source: `contact.seen > ago("1mo")`, want: "2026-04-01T12:00:00Z"},
		{
			name: "the start of March", source: `date("2026-03-01") > ago("1mo")`, now: "2026-03-28T12:00:00Z",
			want: "2026-03-29T00:00:00Z",
		},
		{name: "it stands for three days", source: `date("2026-03-01") >= ago("1mo")`, now: "2026-03-29T00:00:00Z", want: "2026-04-01T00:00:00.000001Z"},
		{name: "a leap day", source: `timestamp("2028-02-29T12:00:00Z") > ago("1y")`, want: "2029-03-01T00:00:00Z"},
		{name: "calendar part and exact part", source: `contact.seen > ago("1mo1d")`, want: "2026-04-02T12:00:00Z"},
		{name: "difference", source: `now - contact.seen > duration("744h")`, truth: False, want: "2026-04-01T12:00:00.000001Z"},
		{name: "difference, reversed", source: `duration("-744h") < contact.seen - now`, want: "2026-04-01T12:00:00Z"},
		{name: "difference, shifted", source: `duration("1h") - (now - contact.seen) + duration("1h") == duration("-742h")`, truth: False, want: "2026-04-01T12:00:00Z"},
		{name: "difference of two that move alike", source: `ahead("1d") - now == duration("24h")`, want: "9999-12-31T00:00:00Z"},
		{name: "difference by the calendar", source: `now - ago("1mo") > duration("720h")`, want: "2026-05-01T00:00:00Z"},
		{name: "two that move alike", source: `ago("1d") > ago("2d") && now - duration("1h") == ago("1h")`, want: "never"},
		{name: "two that move apart", source: `ago("1mo") < ago("30d")`, want: "2026-05-01T00:00:00Z"},
		{name: "as long as one stands", source: `ago("1mo") == timestamp("2026-03-01T00:00:00Z")`, want: "2026-04-01T00:00:00.000001Z"},
	})
}

func TestUntilOfLogic(t *testing.T) {
	const soon, late = `contact.seen < ago("31d")`, `contact.seen < ago("40d")` // both become true
	checkUntil(t, testEnv(t), []untilCase{
		{name: "and, the first decides", source: late + " && " + soon, truth: False, want: "2026-04-10T12:00:00.000001Z"},
		{name: "and, none decides", source: "!(" + late + ") && !(" + soon + ")", want: "2026-04-01T12:00:00.000001Z"},
		{name: "and, the second decides", source: "!(" + soon + ") && " + late, truth: False, want: "2026-04-10T12:00:00.000001Z", early: true},
		{name: "or, the first decides", source: "!(" + late + ") || !(" + soon + ")", want: "2026-04-10T12:00:00.000001Z"},
		{name: "or, none decides", source: late + " || " + soon, truth: False, want: "2026-04-01T12:00:00.000001Z"},
		{name: "unknown waits for all", source: "contact.missing_int > 1 || " + soon, unknown: true, want: "2026-04-01T12:00:00.000001Z"},
		{name: "unknown that decides nothing", source: "contact.missing_int > 1 && " + soon, truth: False, want: "2026-04-01T12:00:00.000001Z"},
		{name: "a condition", source: "(" + soon + ") ? false : true", want: "2026-04-01T12:00:00.000001Z"},
		{name: "within a macro", source: "contact.tags.all(t, t != \"x\" && !(" + soon + "))", want: "2026-04-01T12:00:00.000001Z"},
		{
			name: "a fact that is asked for where it does not matter first", truth: False,
			source: `(!consent("offers") && false) || consent("offers")`, want: "2026-04-05T00:00:00Z", change: consentOf("offers", "2026-04-05T00:00:00Z", ""),
		},
	})
}

// consentOf adds consent to a purpose, from and up to an instant.
func consentOf(purpose, acted, expires string) func(*Env, *audience.Profile) {
	return func(_ *Env, p *audience.Profile) {
		at, _ := time.Parse(time.RFC3339Nano, acted)
		end, _ := time.Parse(time.RFC3339Nano, expires)
		p.History.Records = append(p.History.Records, audience.ConsentRecord{
			Seq: 2, Kind: audience.ConsentGranted, Scope: audience.Scope{Channel: audience.ChannelEmail, Purpose: purpose},
			Mechanism: audience.MechanismSingleOptIn, Acted: at, Recorded: at, Expires: end, Evidence: [32]byte{1},
		})
	}
}

func TestUntilOfStandings(t *testing.T) {
	suppressed := func(from string) func(*Env, *audience.Profile) {
		return func(_ *Env, p *audience.Profile) { p.SuppressedFrom = instant0(t, from) }
	}
	topic := func(_ *Env, p *audience.Profile) {
		consentOf("marketing", "2026-03-01T00:00:00Z", "2026-04-07T00:00:00.000001Z")(nil, p)
		p.History.Records[1].Scope.List = "news"
	}
	checkUntil(t, testEnv(t), []untilCase{
		{name: "status", source: `contact.status == "subscribed"`, want: "never"},
		{name: "consent that ends", source: `consent("offers")`, want: "2026-04-03T00:00:00Z", change: consentOf("offers", "2026-03-01T00:00:00Z", "2026-04-03T00:00:00Z")},
		{name: "consent ahead", source: `consent("offers")`, truth: False, want: "2026-04-03T00:00:00Z", change: consentOf("offers", "2026-04-03T00:00:00Z", "")},
		{name: "topic", source: `onList("news")`, want: "2026-04-07T00:00:00.000001Z", change: topic},
		{name: "list", source: `onList("never")`, want: "never"},
		{name: "suppression", source: `suppressed()`, want: "never", change: suppressed("2026-03-31T12:00:00Z")},
		{name: "suppression ahead", source: `suppressed()`, truth: False, want: "2026-03-31T12:00:00.000001Z", change: suppressed("2026-03-31T12:00:00.000001Z")},
		{name: "suppression finer than a microsecond", source: `suppressed()`, truth: False, want: "2026-03-31T12:00:00.000001Z", change: suppressed("2026-03-31T12:00:00.0000001Z")},
		{name: "none", source: `suppressed()`, truth: False, want: "never"},
	})
}

func TestUntilOfWindows(t *testing.T) {
	visits := func(times ...string) func(*Env, *audience.Profile) {
		return func(_ *Env, p *audience.Profile) { eventsAt(t, p, "visit", times...) }
	}
	two := visits("2026-03-10T00:00:00Z", "2026-03-20T00:00:00Z")
	future := visits("2026-03-10T00:00:00Z", "2026-04-02T00:00:00Z", "2026-04-03T00:00:00Z")
	checkUntil(t, testEnv(t), []untilCase{
		{name: "any, as long as the last is there", source: `events("visit").within("30d").any()`, want: "2026-04-19T00:00:00Z", change: two},
		{name: "none", source: `events("visit").within("30d").none()`, truth: False, want: "2026-04-19T00:00:00Z", change: two},
		{name: "count, when the first leaves", source: `events("visit").within("30d").count() == 2`, want: "2026-04-09T00:00:00Z", change: two},
		{name: "first", source: `events("visit").within("30d").first() == date("2026-03-10")`, want: "2026-04-09T00:00:00Z", change: two},
		{name: "last", source: `events("visit").within("30d").last() == date("2026-03-20")`, want: "2026-04-19T00:00:00Z", change: two},
		{name: "no events", source: `events("visit").within("30d").any()`, truth: False, want: "never"},
		{name: "all that ever were", source: `events("visit").count() == 2`, want: "never", change: two},
		{name: "events ahead", source: `events("visit").count() == 1`, want: "2026-04-02T00:00:00Z", change: future},
		{name: "events ahead do not matter", source: `events("visit").any()`, want: "never", change: future},
		{name: "the last of events ahead", source: `events("visit").last() < date("2026-04-01")`, want: "2026-04-02T00:00:00Z", change: future},
		{name: "the first of events ahead", source: `events("visit").first() < date("2026-04-01")`, want: "never", change: future},
		{name: "since a moving instant", source: `events("visit").since(ago("30d")).any()`, want: "2026-04-19T00:00:00.000001Z", change: two},
		{name: "since a field", source: `events("visit").since(contact.seen).count() == 2`, want: "never", change: two},
		{name: "since a field ahead", source: `events("visit").since(date("2026-04-03")).any()`, truth: False, want: "2026-04-03T00:00:00Z", change: future},
		{name: "before a moving instant", source: `events("visit").before(ago("7d")).count() == 2`, want: "never", change: two},
		{name: "it enters", source: `events("visit").before(ago("15d")).count() == 1`, want: "2026-04-04T00:00:00.000001Z", change: two},
		{name: "before a field", source: `events("visit").before(date("2026-03-15")).count() == 1`, want: "never", change: future},
		{name: "between, entering", source: `events("visit").between(ago("60d"), ago("25d")).any()`, truth: False, want: "2026-04-04T00:00:00.000001Z", change: two},
		{name: "between, leaving", source: `events("visit").between(ago("30d"), ago("5d")).count() == 2`, want: "2026-04-09T00:00:00.000001Z", change: two},
		{name: "between, the wrong way round", source: `events("visit").between(ago("5d"), ago("30d")).any()`, truth: False, want: "never", change: two},
		{name: "windows intersect", source: `events("visit").within("30d").within("15d").count() == 1`, want: "2026-04-04T00:00:00Z", change: two},
		{name: "by the calendar", source: `events("visit").within("1mo").any()`, want: "2026-04-20T00:00:00Z", change: two},
		{name: "the days that February lacks", source: `events("visit").within("1mo").any()`, want: "2026-04-01T00:00:00.000001Z", change: visits("2026-03-01T00:00:00.000001Z")},
		{name: "this month", source: `events("visit").since(startOf("mo")).any()`, want: "2026-04-01T00:00:00Z", change: two},
		{name: "not this month", source: `events("visit").since(startOf("mo")).any()`, truth: False, want: "never", change: visits("2026-02-28T23:59:59.999999Z")},
		{name: "before this month", source: `events("visit").before(startOf("mo")).any()`, truth: False, want: "2026-04-01T00:00:00Z", change: two},
		{name: "two types", source: `events("visit", "purchase").within("30d").any()`, want: "2026-04-20T00:00:00Z", change: func(e *Env, p *audience.Profile) {
			two(e, p)
			eventsAt(t, p, "purchase", "2026-03-21T00:00:00Z")
		}},
		{name: "since the first of others", source: `events("visit").since(events("purchase").first()).any()`, unknown: true, want: "2026-04-01T00:00:00Z", change: func(_ *Env, p *audience.Profile) {
			eventsAt(t, p, "purchase", "2026-04-01T00:00:00Z")
		}},
		{name: "sum", source: `events("visit").within("30d").sum("secs") == 0`, want: "2026-04-09T00:00:00Z", early: true, change: two},
		{name: "rate", source: `rate(events("visit").within("30d"), events("visit")) == 1`, want: "2026-04-09T00:00:00Z", change: two},
		{name: "ahead", source: `events("visit").before(ahead("1d")).any()`, want: "9999-12-31T00:00:00Z", change: two},
	})
}

func TestUntilOfChosenEvents(t *testing.T) {
	e := testEnv(t)
	secs := func(_ *Env, p *audience.Profile) {
		eventsAt(t, p, "visit", "2026-03-10T00:00:00Z", "2026-03-20T00:00:00Z", "2026-03-25T00:00:00Z")
		visit, _ := e.schema.EventNamed("visit")
		prop, _ := visit.PropNamed("secs")
		for i := range p.Streams[0].Events {
			p.Streams[0].Events[i].Props = []audience.EventProp{{ID: prop.ID, Value: audience.IntValue(int64(i))}}
		}
	}
	pairs := func(_ *Env, p *audience.Profile) {
		eventsAt(t, p, "visit", "2026-03-30T00:00:00Z", "2026-03-31T10:00:00Z", "2026-03-31T11:00:00Z")
		eventsAt(t, p, "purchase", "2026-03-30T01:00:00Z", "2026-03-31T10:30:00Z")
	}
	checkUntil(t, e, []untilCase{
		{name: "only what is kept leaves", source: `events("visit").within("30d").where(e, e.secs == 1).count() == 1`, want: "2026-04-19T00:00:00Z", change: secs},
		{name: "as long as one is kept", source: `events("visit").within("30d").where(e, e.secs < 2).any()`, want: "2026-04-19T00:00:00Z", change: secs},
		{name: "a condition on time", source: `events("visit").where(e, e.time < ago("20d")).count() == 1`, want: "2026-04-09T00:00:00.000001Z", change: secs},
		{name: "a condition that nobody gets to", source: `events("visit").where(e, e.secs == 7 && e.time < ago("20d")).any()`, truth: False, want: "never", change: secs},
		{name: "then", source: `events("visit").then(events("purchase"), "2h").count() == 2`, want: "never", change: pairs},
		{name: "then, of a window", source: `events("visit").within("2d").then(events("purchase"), "2h").count() == 2`, want: "2026-04-01T00:00:00Z", change: pairs},
		{name: "a window of then", source: `events("visit").then(events("purchase"), "2h").within("2d").count() == 2`, want: "2026-04-01T01:00:00Z", change: pairs},
		{name: "then, ahead", source: `events("purchase").then(events("visit"), "2h").any()`, truth: False, want: "2026-03-31T12:30:00Z", change: func(_ *Env, p *audience.Profile) {
			eventsAt(t, p, "visit", "2026-03-31T12:30:00Z")
			eventsAt(t, p, "purchase", "2026-03-31T11:00:00Z")
		}},
		{name: "without", source: `events("visit").without(events("purchase"), "4h").any()`, truth: False, want: "2026-03-31T15:00:00Z", change: pairs},
		{name: "without, over", source: `events("visit").without(events("purchase"), "4h").any()`, now: "2026-03-31T15:00:00Z", want: "never", change: pairs},
		{name: "without, all answered", source: `events("visit").without(events("purchase"), "4h").none()`, want: "2026-03-31T15:00:00Z", change: pairs},
		{name: "without, of a window", source: `events("visit").without(events("purchase").within("1d"), "4h").any()`, want: "2026-03-31T15:00:00Z", early: true, change: pairs},
		{name: "a window of without", source: `events("visit").without(events("purchase"), "1h").within("2h").any()`, want: "2026-03-31T13:00:00Z", change: pairs},
	})
}

func TestUntilOfTheCalendar(t *testing.T) {
	checkUntil(t, testEnv(t), []untilCase{
		{name: "start of the day", source: `contact.seen < startOf("d")`, want: "never"},
		{name: "start of the month", source: `contact.seen > startOf("mo")`, want: "2026-04-01T00:00:00Z"},
		{name: "start of the week, shifted", source: `date("2026-04-20") > startOf("w") - duration("336h")`, want: "2026-05-04T00:00:00Z"},
		{name: "start of the year", source: `startOf("y") == date("2027-01-01")`, truth: False, want: "2027-01-01T00:00:00Z"},
		{name: "its year is gone", source: `startOf("y") == date("2025-01-01")`, truth: False, want: "never"},
		{name: "read as it is", source: `string(startOf("mo")) == "2026-03-01T00:00:00Z"`, want: "2026-04-01T00:00:00Z"},
		{name: "among others", source: `startOf("w") in [date("2026-04-06"), date("2026-04-13")]`, truth: False, want: "2026-04-06T00:00:00Z"},
		{name: "difference", source: `startOf("d") - contact.seen > duration("720h")`, truth: False, want: "2026-04-01T00:00:00Z"},
		{name: "difference, shifted", source: `startOf("d") - contact.seen - duration("48h") > duration("720h")`, truth: False, want: "2026-04-03T00:00:00Z"},
		{name: "difference of starts", source: `startOf("d") - startOf("mo") == duration("720h")`, want: "2026-04-01T00:00:00Z"},
		{name: "difference with now", source: `now - startOf("w") > duration("100h")`, truth: False, want: "2026-04-03T04:00:00.000001Z"},
		{
			name: "differences of starts", source: `startOf("d") - contact.seen > startOf("mo") - contact.created_at`, truth: False,
			want: "2026-04-01T00:00:00Z", early: true,
		},
		{
			name: "shifted by a difference", source: `contact.seen + (startOf("d") - contact.created_at) < startOf("w")`, truth: False,
			want: "2026-04-01T00:00:00Z", early: true,
		},
		{
			name: "sum of differences", source: `(startOf("d") - contact.seen) + (startOf("d") - contact.created_at) > duration("0s")`,
			want: "2026-04-01T00:00:00Z", early: true,
		},
		{name: "anniversary ahead", source: `anniversary(contact.birthday) <= ahead("7d")`, truth: False, want: "2026-04-24T00:00:00Z"},
		{name: "anniversary near", source: `anniversary(contact.birthday) <= ahead("7d")`, now: "2026-04-24T00:00:00Z", want: "2026-05-02T00:00:00Z"},
		{name: "today", source: `anniversary(contact.birthday) == startOf("d")`, now: "2026-05-01T12:00:00Z", want: "2026-05-02T00:00:00Z"},
		{name: "29 February", source: `anniversary(date("1992-02-29")) <= now`, truth: False, want: "2027-02-28T00:00:00Z"},
		{name: "29 February is over", source: `anniversary(date("1992-02-29")) == date("2027-02-28")`, want: "2027-03-01T00:00:00Z"},
		{name: "29 February of a leap year", source: `anniversary(date("1992-02-29")) == date("2028-02-29")`, now: "2028-02-28T12:00:00Z", want: "2028-03-01T00:00:00Z"},
		{name: "hours", source: `now.getHours() >= 9 && now.getHours() < 17`, want: "2026-03-31T17:00:00Z"},
		{name: "hours, not yet", source: `now.getHours() >= 15`, truth: False, want: "2026-03-31T15:00:00Z"},
		{name: "a constant first", source: `15 <= now.getHours()`, truth: False, want: "2026-03-31T15:00:00Z"},
		{name: "hours of a place", source: `now.getHours("Asia/Kathmandu") == 17`, want: "2026-03-31T12:15:00Z"},
		{name: "beside another", source: `now.getHours() == contact.age`, truth: False, want: "2026-03-31T13:00:00Z", early: true},
		{name: "day of the week", source: `now.getDayOfWeek() == 0`, truth: False, want: "2026-04-05T00:00:00Z"},
		{name: "date", source: `ago("1mo").getDate() == 1`, want: "2026-04-02T00:00:00Z"},
		{name: "month", source: `(now + duration("1h")).getMonth() == 2`, want: "2026-03-31T23:00:00Z"},
		{name: "year", source: `now.getFullYear() == 2026`, want: "2027-01-01T00:00:00Z"},
		{name: "of what stays", source: `contact.seen.getMinutes() == 0`, want: "never"},
		{name: "date of a start", source: `startOf("w").getDate() == 6`, truth: False, want: "2026-04-06T00:00:00Z"},
		{name: "minutes of a start", source: `startOf("d").getMinutes() == 0`, want: "2026-04-01T00:00:00Z", early: true},
	})
}

// TestUntilWhereClocksAreTurned is about zones: of every case the outcome
// itself is asked just before, and then.
func TestUntilWhereClocksAreTurned(t *testing.T) {
	seen := func(text string) func(*Env, *audience.Profile) {
		return func(e *Env, p *audience.Profile) {
			f, _ := e.schema.FieldNamed("seen")
			for i := range p.Contact.Fields {
				if p.Contact.Fields[i].ID == f.ID {
					p.Contact.Fields[i].Value = audience.TimestampValue(instant0(t, text))
				}
			}
		}
	}
	zones := map[string][]untilCase{
		"Europe/Berlin": {
			{name: "the gap", source: `contact.seen <= ago("1mo")`, truth: False, want: "2026-04-29T00:00:00Z", change: seen("2026-03-29T01:00:00Z")},
			{name: "after the gap", source: `contact.seen < ago("1mo")`, truth: False, want: "2026-04-29T01:00:00.000001Z", change: seen("2026-03-29T01:00:00Z")},
			{name: "the overlap", source: `contact.seen <= ago("1mo")`, truth: False, want: "2026-11-25T02:00:00Z", change: seen("2026-10-25T01:30:00Z")},
			{name: "now in the overlap", source: `contact.seen <= ago("1mo")`, truth: False, now: "2026-10-25T00:45:00Z", want: "2026-10-25T02:00:00Z", change: seen("2026-09-25T01:00:00Z")},
			{name: "an hour that repeats", source: `now.getHours() == 2`, now: "2026-10-25T00:30:00Z", want: "2026-10-25T02:00:00Z"},
			{name: "an hour that is left out", source: `now.getHours() == 1`, now: "2026-03-29T00:30:00Z", want: "2026-03-29T01:00:00Z"},
			{name: "a short day", source: `contact.seen < startOf("d")`, truth: False, now: "2026-03-28T23:00:00Z", want: "2026-03-29T22:00:00Z", change: seen("2026-03-29T12:00:00Z")},
			{name: "the last day of a leap year", source: `now.getHours() == 1`, truth: False, now: "2028-12-31T12:00:00Z", want: "2029-01-01T00:00:00Z"},
		},
		"Australia/Lord_Howe": {
			{name: "half an hour that repeats", source: `now.getHours() == 1`, now: "2026-04-04T14:30:00Z", want: "2026-04-04T15:30:00Z"},
			{name: "ago", source: `contact.seen <= ago("1mo")`, truth: False, want: "2026-05-04T15:30:00Z", change: seen("2026-04-04T15:15:00Z")},
		},
		"Pacific/Apia": {
			{name: "a day that is left out", source: `contact.seen >= startOf("d")`, now: "2011-12-29T12:00:00Z", want: "2011-12-30T10:00:00Z", change: seen("2011-12-29T11:00:00Z")},
			{name: "the birthday is left out", source: `anniversary(date("1990-12-30")) < date("2012-01-02")`, now: "2011-12-29T12:00:00Z", want: "2011-12-30T10:00:00Z"},
			{name: "ago", source: `contact.seen <= ago("1mo")`, truth: False, now: "2012-01-01T00:00:00Z", want: "2012-01-29T10:00:00Z", change: seen("2011-12-30T10:00:00Z")},
		},
		"Africa/Casablanca": {
			{name: "Ramadan begins", source: `now.getHours() == 2`, now: "2026-02-15T01:30:00Z", want: "2026-02-15T03:00:00Z"},
			{name: "Ramadan ends", source: `contact.seen <= ago("1mo")`, truth: False, want: "2026-04-22T01:00:00Z", change: seen("2026-03-22T02:00:00Z")},
		},
	}
	for zone, tests := range zones {
		loc, err := time.LoadLocation(zone)
		require.NoError(t, err)
		t.Run(zone, func(t *testing.T) {
			checkUntil(t, testEnv(t, func(o *Options) { o.Zone = loc }), tests)
		})
	}
}

// TestUntilAtTheEndsOfTime is about what is unknown because it is out of the
// years 1 to 9999, or longer than a duration can be.
func TestUntilAtTheEndsOfTime(t *testing.T) {
	checkUntil(t, testEnv(t), []untilCase{
		{name: "before the years", source: `contact.seen > ago("2026y")`, unknown: true, want: "2027-01-01T00:00:00Z"},
		{name: "a window before the years", source: `events("visit").within("2026y").none()`, unknown: true, want: "2027-01-01T00:00:00Z"},
		{name: "after the years", source: `contact.seen < ahead("7974y")`, unknown: true, want: "never"},
		{name: "up to the end of the years", source: `contact.seen < ahead("7973y")`, want: "2027-01-01T00:00:00Z"},
		{name: "far from it", source: `contact.seen < ahead("1mo")`, want: "9999-11-29T00:00:00Z", early: true, now: "2026-03-31T12:00:00Z"},
		{name: "near it", source: `contact.seen < ahead("1mo")`, want: "9999-12-01T00:00:00Z", now: "9999-11-29T12:00:00Z"},
		{name: "shifted there", source: `contact.seen < now + duration("1h")`, want: "9999-12-31T23:00:00Z"},
		{name: "and back", source: `contact.seen < now + duration("1h") - duration("2h")`, want: "9999-12-31T23:00:00Z"},
		{name: "the last day", source: `contact.seen < startOf("d") && anniversary(contact.birthday) > now`, unknown: true, now: "9999-12-31T12:00:00Z", want: "never"},
		{name: "the first day", source: `startOf("y") == date("0001-01-01")`, now: "0001-01-01T00:00:00Z", want: "0002-01-01T00:00:00Z"},
		{name: "a difference that is too long", source: `now - timestamp("1734-01-01T00:00:00Z") > duration("1h")`, want: "2026-04-11T23:47:16.854776Z"},
		{name: "a difference that is too long still", source: `now - timestamp("2318-07-20T00:00:00Z") < duration("1h")`, unknown: true, want: "2026-04-09T00:12:43.145225Z"},
		{name: "a sum that is too long", source: `now - timestamp("1800-01-01T00:00:00Z") + duration("578544h") > duration("1h")`, want: "2026-04-11T23:47:16.854776Z"},
		{name: "a sum that was too long", source: `duration("1h") - (timestamp("2318-07-20T00:00:00Z") - now) < duration("1h")`, unknown: true, want: "2026-04-09T00:12:43.145225Z"},
	})
	moves := testEnv(t)
	program, errs := moves.Compile(`((((((now - duration("2540400h")) - duration("2540400h")) - duration("2540400h")) - duration("2540400h"))
		- duration("2540400h")) - duration("2540400h")) - duration("2540400h") < now`, nil)
	require.Empty(t, shown(errs))
	truth, until, err := program.At(testNow()).TruthUntil(testRow{testProfile(moves)}, nil)
	require.NoError(t, err)
	require.Equal(t, Unknown, truth)
	require.Equal(t, audience.Micros(audience.MinInstant())+7*2540400*3600*1_000_000, until)
}

// TestTimed holds which programs time can change.
func TestTimed(t *testing.T) {
	e := testEnv(t)
	tests := []struct {
		source string
		want   bool
	}{
		{`contact.age > 3`, false},
		{`contact.seen < date("2026-01-01") && bucket("x", 3) == 1 && onList("never")`, false},
		{`contact.seen < now`, true},
		{`contact.seen < startOf("d")`, true},
		{`anniversary(contact.birthday) == contact.seen`, true},
		{`events("visit").any()`, true},
		{`contact.status == "none"`, true},
		{`onList("news")`, true},
		{`consent("offers")`, true},
		{`suppressed()`, true},
	}
	for _, tt := range tests {
		program, errs := e.Compile(tt.source, nil)
		require.Empty(t, shown(errs))
		require.Equal(t, tt.want, program.Timed(), tt.source)
	}
}

// TestAtInto holds that a moment can be used again, by another program too.
func TestAtInto(t *testing.T) {
	e := testEnv(t)
	p := testProfile(e)
	var m Moment
	for _, source := range []string{
		`contact.seen < ago("30d") && startOf("d") > contact.seen && ahead("1mo") > now`,
		`startOf("d") > contact.seen && contact.seen < ago("30d")`,
		`contact.age == 35`,
		`contact.seen < ago("2026y") || contact.seen > ago("2mo")`,
	} {
		program, errs := e.Compile(source, nil)
		require.Empty(t, shown(errs))
		for _, days := range []int{0, 1, 1, 40, -100} {
			now := testNow().AddDate(0, 0, days)
			program.AtInto(&m, now)
			require.Equal(t, now, m.Now())
			got, until, err := m.TruthUntil(testRow{p}, nil)
			require.NoError(t, err)
			want, wantUntil, err := program.At(now).TruthUntil(testRow{p}, nil)
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Equal(t, wantUntil, until)
		}
		program.AtInto(&m, time.Time{}.AddDate(-1, 0, 0))
		_, _, err := m.TruthUntil(testRow{p}, nil)
		require.ErrorIs(t, err, audience.ErrInvalid)
	}
}

func TestAtIntoAllocatesNothing(t *testing.T) {
	e := testEnv(t)
	program, errs := e.Compile(`contact.seen < ago("30d") && startOf("mo") < now && ahead("1mo") > now && events("visit").within("1y").none()`, nil)
	require.Empty(t, shown(errs))
	row := testRow{testProfile(e)}
	var m Moment
	now := testNow()
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		now = now.Add(time.Second)
		program.AtInto(&m, now)
		if _, _, err := m.TruthUntil(row, nil); err != nil {
			t.Fatal(err)
		}
	}), 2.0) // the field that is read, twice
}
