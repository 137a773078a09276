package celenv

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// answer evaluates a condition for a profile at testNow.
func answer(t *testing.T, e *Env, source string, p *audience.Profile) Truth {
	t.Helper()
	return answerAt(t, e, source, p, testNow())
}

func answerAt(t *testing.T, e *Env, source string, p *audience.Profile, now time.Time) Truth {
	t.Helper()
	program, errs := e.Compile(source, nil)
	require.Empty(t, shown(errs), source)
	truth, err := program.At(now).Truth(testRow{p}, nil)
	require.NoError(t, err, source)
	return truth
}

// visits gives a profile with five visits, one an hour up to testNow, of
// 0, 10, 20, 30 and (absent) seconds on pages a, b, a, b, a.
func visits(e *Env) *audience.Profile {
	p := withEvents(e, testProfile(e), "visit", 5, func(i int) map[string]audience.Value {
		props := map[string]audience.Value{"page": audience.StringValue(string("ab"[i%2]))}
		if i < 4 {
			props["secs"] = audience.IntValue(int64(10 * i))
		} else {
			props["labels"] = audience.StringListValue("x", "y")
			props["utm-source"] = audience.StringValue("mail")
		}
		return props
	})
	p = withEvents(e, p, "kinds", 3, func(i int) map[string]audience.Value {
		return map[string]audience.Value{
			"flag": audience.BoolValue(i%2 == 0), "at": audience.TimestampValue(testNow().Add(time.Duration(i-2) * time.Hour)),
			"day": audience.DateValue(audience.Date(20454 + i%2)),
		}
	})
	return withEvents(e, p, "purchase", 3, func(i int) map[string]audience.Value {
		return map[string]audience.Value{"value": audience.DoubleValue([]float64{33.30, 33.30, 33.40}[i]), "currency": audience.StringValue("EUR")}
	})
}

// TestLanguage asks every row of the table of the language something.
func TestLanguage(t *testing.T) {
	e := testEnv(t)
	p := visits(e)
	tests := map[string][]string{
		"contact": {
			`contact.id == 7`, `contact.?email.orValue("") != "x@example.com" && contact.status < "z" && contact.email > "A"`, `contact.email == "jane@example.com"`, `contact.first_name == "Jane"`, `contact.status == "subscribed"`,
			`contact.tags.size() == 2`, `"vip" in contact.tags`, `contact.created_at == timestamp("2025-01-01T00:00:00Z")`,
			`contact.updated_at > contact.created_at`, `contact.city == "Berlin"`, `contact.age == 35`, `contact.score == 7.5`, `contact.vip`,
			`contact.birthday == date("1990-05-01")`, `"chess" in contact.interests`, `contact.interests.size() == 2`,
			`!has(contact.last_name) && !has(contact.phone) && !has(contact.frequency) && has(contact.tags) && has(contact.interests)`,
		},
		"now": {
			`now == timestamp("2026-03-31T12:00:00Z")`, `now.getFullYear() == 2026 && now.getMonth() == 2 && now.getDate() == 31 && now.getDayOfMonth() == 30`,
			`now.getDayOfWeek() == 2 && now.getDayOfYear() == 89 && now.getHours() == 12`, `now.getHours("Europe/Berlin") == 14`,
			`now - contact.created_at > duration("24h")`, `now - duration("1h") < now`, `contact.seen - now < duration("0s")`,
			`now - contact.created_at + duration("1h") > duration("24h")`, `duration("1h") + (now - contact.seen) > duration("2h")`,
		},
		"ago, ahead": {
			`ago("1mo") == timestamp("2026-03-01T00:00:00Z")`, `ago("1d") == timestamp("2026-03-30T12:00:00Z")`,
			`ago("1y6mo10d") == timestamp("2024-09-21T00:00:00Z")`, `ahead("1w") == timestamp("2026-04-07T12:00:00Z")`,
			`ago("1d").getDate() == 30`, `(contact.vip ? ago("1d") : ago("2d")) < now`, `contact.?seen.orValue(ago("1d")) < now`,
		},
		"startOf, date": {
			`startOf("d") == timestamp("2026-03-31T00:00:00Z")`, `startOf("w") == date("2026-03-30")`, `startOf("mo") == date("2026-03-01")`,
			`startOf("y") == date("2026-01-01")`, `startOf("d").getMinutes() == 0`,
		},
		"events": {
			`events("visit").any()`, `events("visit").count() == 5`, `events("visit", "purchase", "visit").count() == 8`, `events("refund").none()`,
			`events("refund").count() == 0 && events("refund").sum("value") == 0`, `!events("refund").any()`,
		},
		"windows": {
			`events("visit").within("3h").count() == 2`, `events("visit").since(ago("3h")).count() == 3`, `events("visit").before(ago("3h")).count() == 2`,
			`events("visit").between(ago("3h"), ago("1h")).count() == 2`, `events("visit").within("3h").before(ago("1h")).count() == 1`,
			`events("visit").between(ago("1h"), ago("3h")).none()`, `events("visit").since(contact.seen).count() == 5`,
			`events("visit").since(events("purchase").last()).count() == 1`, `events("visit").since(events("purchase").first()).count() == 3`,
			`events("visit").before(date("2026-03-31")).none()`, `events("visit").since(contact.?seen.orValue(ago("1d"))).any()`,
			`events("visit").since(startOf("d")).count() == 5`, `events("visit").within("1mo").within("1h").none()`,
		},
		"where": {
			`events("visit").where(e, e.page == "a").count() == 3`, `events("visit").where(e, e["page"] == "a").count() == 3`,
			`events("visit").where(e, e["utm-source"] == "mail").count() == 1`, `events("visit").where(e, e[?"utm-source"].orValue("none") == "none").count() == 4`,
			`events("visit").where(e, e.secs > 5).count() == 3`, `events("visit").where(e, !(e.secs > 5)).count() == 1`,
			`events("visit").where(e, has(e.secs)).count() == 4`, `events("visit").where(e, has(e["utm-source"])).count() == 1`,
			`events("visit").where(e, e.?secs.orValue(99) > 5).count() == 4`, `events("visit").where(e, e.time >= ago("2h")).count() == 2`,
			`events("visit", "purchase").where(e, e.type == "visit").count() == 5`, `events("visit").where(e, e.labels.exists(l, l == "x")).count() == 1`,
			`events("visit").where(e, contact.age > 30 && now > e.time).where(v, v.page == "b").count() == 2`,
			`events("visit", "purchase").where(e, e.value > 33.35 || e.page == "b").count() == 3`,
		},
		"aggregates": {
			`events("purchase").sum("value") == 100`, `events("visit").sum("secs") == 60`, `events("visit").avg("secs") == 15`,
			`events("purchase").avg("value") == 100.0 / 3.0`, `events("visit").min("secs") == 0 && events("visit").max("secs") == 30`,
			`events("purchase").min("value") == 33.3`, `events("visit").distinct("page") == 2`, `events("visit").distinct("secs") == 4`,
			`events("visit").first() == ago("5h")`, `events("visit").last() == ago("1h")`, `events("visit").latest("page") == "a"`,
			`events("visit").latest("secs") == 30`, `events("visit").latest("labels").size() == 2`, `events("visit", "purchase").distinct("page") == 2`,
			`events("purchase").distinct("value") == 2`, `events("visit").where(e, e.page == "b").first() == ago("4h")`,
			`events("visit").where(e, e.page == "b").last() == ago("2h")`, `events("visit", "purchase").first() == ago("5h")`,
			`events("kinds").distinct("flag") == 2 && events("kinds").distinct("at") == 3 && events("kinds").distinct("day") == 2`,
			`events("kinds").min("at") == ago("2h") && events("kinds").max("day") == date("2026-01-02") && events("kinds").latest("flag")`,
		},
		"then, without": {
			`events("visit").then(events("purchase"), "1h").count() == 3`, `events("purchase").then(events("visit"), "1h").count() == 2`,
			`events("visit").then(events("visit"), "1h").count() == 4`, `events("visit").then(events("visit"), "59m").none()`,
			`events("visit").then(events("purchase"), "1d").where(e, e.value > 33.35).count() == 1`,
			`events("visit").then(events("purchase"), "1d").within("1h").none()`, `events("visit").without(events("purchase"), "1h").count() == 2`,
			`events("visit").without(events("purchase"), "2h").none()`, `events("visit").without(events("refund"), "2h").count() == 4`,
			`events("visit").without(events("refund"), "1h").where(e, e.page == "b").count() == 2`,
		},
		"rate, ratio": {
			`rate(events("purchase"), events("visit")) == 0.6`, `ratio(3, 4) == 0.75`, `ratio(contact.score, 2) == 3.75`, `ratio(contact.age, 70) == 0.5`,
		},
		"standing": {
			`consent("marketing")`, `!consent("offers")`, `onList("never")`, `onList("news") == false`, `!suppressed()`,
		},
		"anniversary": {
			`anniversary(contact.birthday) == date("2026-05-01")`, `anniversary(date("1990-03-31")) == startOf("d")`,
			`anniversary(date("1990-03-30")) == date("2027-03-30")`, `anniversary(date("2000-02-29")) == date("2027-02-28")`,
			`anniversary(contact.birthday) < ahead("2mo")`,
		},
		"bucket": {`bucket("holdout", 100) == 27`, `bucket("holdout", 1) == 0`, `bucket("x", 1000000) < 1000000`},
		"CEL": {
			`has(contact.city)`, `contact.?nickname.orValue("none") == "none"`, `contact.?city.orValue("none") == "Berlin"`, `contact.city in ["Paris", "Berlin"]`,
			`contact.city.matches("^Ber.*n$")`, `contact.city.startsWith("Ber") && contact.city.endsWith("lin") && contact.city.contains("erl")`,
			`size(contact.city) == 6 && "äöü".size() == 3`, `"ÄbC".lowerAscii() == "Äbc" && "äbC".upperAscii() == "äBC" && " a b ".trim() == "a b"`,
			`(contact.vip ? "yes" : "no") == "yes"`, `contact.tags.exists(t, t == "vip") && contact.tags.all(t, t != "x") && contact.tags.exists_one(t, t == "vip")`,
			`contact.tags.filter(t, t.startsWith("v")).size() == 1`, `contact.tags.map(t, t + "!").exists(t, t == "vip!")`,
			`contact.tags.map(t, t != "vip", t.size()).exists(n, n == 4)`, `"a" < "b" && "B" < "a" && "\uffff" < "\U0001F600"`,
			`[contact.seen, contact.created_at].exists(t, now - t > duration("8760h")) && [contact.seen].all(t, t + duration("1h") > t)`,
			`[1.5, 2].map(x, x * 2).exists(y, y == 3) && [true].all(b, b) && [duration("1h")].exists(d, d + d == duration("2h"))`,
			`contact.tags.all(t, contact.interests.exists(i, i.size() > t.size()) && contact.tags.exists(u, u == t))`,
			`contact.seen in [date("2026-01-01"), timestamp("2026-03-01T12:00:00Z")] && duration("60m") in [duration("1h")] && contact.vip in [true]`,
			`contact.tags.map(t, t.size()).filter(n, n in [4, contact.age]).size() == 1 && "vip" in contact.tags.filter(t, t != "beta")`,
			`[1, 2].exists(n, n == 2) && !(3 in [1, 2]) && [].size() == 0 && !("x" in [])`,
		},
		"numbers": {
			`contact.score > 7 && 7 < contact.score && contact.score == 7.5 && contact.score != 7 && contact.score in [7, 7.5]`,
			`8 in [contact.score + 0.5] && contact.score + 0.5 in [8, 9] && !(contact.score in [7, 8])`, `contact.score + 1 == 8.5 && 1 - contact.score == -6.5 && contact.score * 2 == 15 && contact.score / 2 == 3.75`,
			`contact.?score.orValue(1) == 7.5`, `(contact.vip ? contact.score : 1) == 7.5`, `double(contact.age) / 2.0 == 17.5`, `contact.age / 2 == 17 && contact.age % 2 == 1`,
			`int(7.9) == 7 && int(-7.9) == -7 && int("-12") == -12 && double("1.5") == 1.5 && string(1.5) == "1.5" && string(true) == "true"`,
			`string(contact.created_at) == "2025-01-01T00:00:00Z"`, `-contact.age == -35 && -contact.score == -7.5`,
			`duration("1h30m") == duration("90m") && duration("1h") + duration("1h") == duration("2h") && duration("1h") - duration("2h") < duration("0s")`,
			`contact.seen - contact.created_at == duration("10188h") && contact.seen + duration("1h") > contact.seen && duration("1h") + contact.seen > contact.seen`,
		},
	}
	for name, sources := range tests {
		for _, source := range sources {
			t.Run(name+" "+source, func(t *testing.T) {
				require.Equal(t, True, answer(t, e, source, p))
			})
		}
	}
}

// TestUnknown holds what an absent value does in every operator.
func TestUnknown(t *testing.T) {
	e := testEnv(t, func(o *Options) {
		o.Functions = []Function{{
			Name: "twice", Args: []audience.Type{audience.TypeInt}, Result: audience.TypeInt,
			Call: func(args []audience.Value) (audience.Value, error) {
				n, _ := args[0].Int()
				return audience.IntValue(2 * n), nil
			},
		}}
	})
	p := visits(e)
	unknown := []string{
		`contact.nickname == "x"`, `contact.nickname != "x"`, `contact.missing_int < 3`, `!(contact.missing_int < 3)`, `contact.missing_int + 1 > 0`,
		`contact.nickname in ["x"]`, `contact.nickname in contact.tags`, `"x" in [contact.nickname]`, `"x" in ["x", contact.nickname]`,
		`contact.nickname.size() == 0`, `contact.nickname.startsWith("")`, `"x".contains(contact.nickname)`, `contact.nickname.matches("")`,
		`contact.nickname.lowerAscii() == ""`, `contact.nickname + "x" == "x"`, `string(contact.missing_int) == ""`, `-contact.missing_int > 0`,
		`contact.missing_int > 1 ? true : true`, `contact.vip ? contact.nickname == "x" : true`, `[contact.nickname].size() == 1`,
		`contact.tags.exists(t, t == contact.nickname)`, `contact.tags.all(t, t == contact.nickname)`, `contact.tags.exists_one(t, t == contact.nickname)`,
		`contact.tags.map(t, contact.nickname).size() == 0`, `contact.tags.filter(t, t == contact.nickname).size() == 0`,
		`contact.nickname == "x" && contact.vip`, `contact.nickname == "x" || !contact.vip`, `twice(contact.missing_int) == 0`,
		`1 / 0 == 1`, `1 % 0 == 1`, `1.0 / 0.0 > 1.0`, `0.0 / 0.0 > 1.0`, `9223372036854775807 + 1 > 0`, `-9223372036854775808 - 1 < 0`,
		`9223372036854775807 * 2 > 0`, `-9223372036854775808 / -1 > 0`, `1e308 * 10.0 > 1.0`, `int(1e19) > 0`, `int("x") == 0`, `int(" 1") == 1`,
		`double("x") == 0.0`, `double("NaN") == 0.0`, `double("Infinity") > 0.0`, `double("0x1p3") == 8.0`, `double("1_0") == 10.0`, `double("1e999") > 0.0`,
		`timestamp("9999-12-31T00:00:00Z") + duration("48h") > now`, `timestamp("0001-01-01T00:00:00Z") - duration("1h") < now`,
		`timestamp("9999-01-01T00:00:00Z") - timestamp("0001-01-01T00:00:00Z") > duration("1h")`, `ago("3000y") < now`, `ahead("9000y") > now`,
		`events("refund").avg("value") > 0`, `events("refund").min("value") > 0`, `events("refund").max("value") > 0`, `events("refund").first() < now`,
		`events("refund").last() < now`, `events("refund").latest("value") > 0`, `rate(events("visit"), events("refund")) > 0.0`, `ratio(1, 0) > 0.0`,
		`ratio(1, contact.missing_int) > 0.0`, `events("visit").since(events("refund").last()).any()`, `events("visit").since(events("refund").last()).none()`,
		`events("visit").before(events("refund").first()).count() == 0`, `events("visit").between(contact.seen, events("refund").first()).sum("secs") == 0`,
		`events("visit").within("3000y").any()`, `events("visit").then(events("purchase").since(events("refund").last()), "1h").any()`,
		`events("visit").without(events("purchase").since(events("refund").last()), "1h").any()`,
	}
	for _, source := range unknown {
		t.Run(source, func(t *testing.T) { require.Equal(t, Unknown, answer(t, e, source, p)) })
	}
	absorbed := map[string]Truth{
		`contact.nickname == "x" && false`:                                       False,
		`false && contact.nickname == "x"`:                                       False,
		`contact.nickname == "x" || true`:                                        True,
		`contact.vip || contact.nickname == "x"`:                                 True,
		`contact.tags.exists(t, t == "vip" || t == contact.nickname)`:            True,
		`contact.tags.all(t, t != "vip" && t == contact.nickname)`:               False,
		`has(contact.nickname)`:                                                  False,
		`!has(contact.nickname) || contact.nickname == "x"`:                      True,
		`contact.?nickname.orValue("x") == "x"`:                                  True,
		`contact.?city.orValue(contact.nickname) == "Berlin"`:                    True,
		`contact.vip ? true : contact.nickname == "x"`:                           True,
		`events("visit").where(e, e.secs > 1000 || e.page == "a").count() == 3`:  True,
		`events("visit").where(e, contact.nickname == "x").count() == 0`:         True,
		`(contact.nickname == "x" && !contact.vip) == false && contact.age > 30`: True,
	}
	for source, want := range absorbed {
		t.Run(source, func(t *testing.T) { require.Equal(t, want, answer(t, e, source, p)) })
	}
}

// TestZone holds that calendars are read in the audience's zone.
func TestZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	e := testEnv(t, func(o *Options) { o.Zone = berlin })
	p := testProfile(e)
	now := time.Date(2026, 3, 28, 23, 30, 0, 0, time.UTC) // 00:30 on the 29th in Berlin, when the clock is turned
	for _, source := range []string{
		`now.getDate() == 29 && now.getHours() == 0 && now.getHours("UTC") == 23`,
		`startOf("d") == timestamp("2026-03-28T23:00:00Z")`, `date("2026-03-29") == startOf("d")`,
		`contact.birthday == timestamp("1990-04-30T22:00:00Z") && contact.birthday.getDate() == 1`,
		`anniversary(contact.birthday) == timestamp("2026-04-30T22:00:00Z")`, `ahead("1d") == timestamp("2026-03-29T23:30:00Z")`,
		`ahead("1mo") == timestamp("2026-04-28T22:30:00Z")`,
	} {
		require.Equal(t, True, answerAt(t, e, source, p, now), source)
	}
}

// TestFutureEvents holds that what is later than now is not counted yet.
func TestFutureEvents(t *testing.T) {
	e := testEnv(t)
	p := visits(e)
	at := testNow().Add(-3 * time.Hour)
	for _, source := range []string{
		`events("visit").count() == 3`, `events("visit").last() == now`, `events("visit").latest("secs") == 20`,
		`events("visit").before(ahead("1d")).count() == 3`, `events("visit").then(events("purchase"), "1d").count() == 1`,
	} {
		require.Equal(t, True, answerAt(t, e, source, p, at), source)
	}
	require.Equal(t, True, answerAt(t, e, `events("visit").count() == 2`, p, at.Add(-time.Microsecond)))
}

// countingRow counts how often the ledger is asked.
type countingRow struct {
	testRow
	asked *int
}

func (r countingRow) Status(at time.Time) audience.Standing {
	*r.asked++
	return r.testRow.Status(at)
}

func (r countingRow) Consent(purpose string, at time.Time) audience.Standing {
	*r.asked++
	return r.testRow.Consent(purpose, at)
}

func (r countingRow) OnList(l audience.List, at time.Time) audience.Standing {
	*r.asked++
	return r.testRow.OnList(l, at)
}

// TestLedgerIsAskedOnce holds that an evaluation folds the ledger once for
// each thing it asks of it, and the next evaluation again.
func TestLedgerIsAskedOnce(t *testing.T) {
	e := testEnv(t)
	program, errs := e.Compile(`contact.tags.all(t, consent("marketing") && !consent("offers") && onList("never") && !onList("news")
		&& contact.status != "pending") && consent("marketing") && onList("never") && contact.status == "subscribed"`, nil)
	require.Empty(t, shown(errs))
	asked := 0
	for i := range 3 {
		truth, err := program.At(testNow()).Truth(countingRow{testRow{testProfile(e)}, &asked}, nil)
		require.NoError(t, err)
		require.Equal(t, True, truth)
		require.Equal(t, 5*(i+1), asked)
	}
}
