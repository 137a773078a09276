package segment_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

func visit(t testing.TB, aud *store.Audience, who string, ago time.Duration) {
	t.Helper()
	_, err := aud.Append(t.Context(), audience.EventWrite{Contact: audience.Key(who), Type: "visit", Time: aud.Now().Add(-ago)})
	require.NoError(t, err)
}

func TestExplainLive(t *testing.T) {
	const day = 24 * time.Hour
	aud := setAudience(t)
	ids := putAges(t, aud, 20, 30)
	visit(t, aud, "u0", 10*day)
	visit(t, aud, "u0", 20*day)
	e := openEngine(t, aud,
		"recent", `events("visit").within("15d").any()`,
		"young", `contact.age < 25 && inSegment("recent") && (contact.city == "Rome" || !onList("never") || has(contact.seen))`)
	x, err := e.Explain(t.Context(), "young", audience.Key("u0"))
	require.NoError(t, err)
	require.True(t, x.Member)
	require.Equal(t, ids[0], x.Contact)
	require.Equal(t, segment.Until{Exact: true, At: setNow().Add(5 * day)}, x.Until, "by way of the other segment")
	var sources []string
	for _, c := range x.Conditions {
		sources = append(sources, fmt.Sprint(c.Source, " ", c.Truth, " ", c.Decides, " ", c.Flip, " ", c.Segments))
	}
	require.Equal(t, []string{
		`contact.age < 25 true true false []`, `inSegment("recent") true true false [recent]`,
		`contact.city == "Rome" unknown false unknown []`, `onList("never") false true true []`, `has(contact.seen) false false unknown []`,
	}, sources)
	require.Equal(t, setNow().Add(5*day), x.Conditions[1].Until.At)

	nested, err := e.Explain(t.Context(), "recent", audience.Key("u0"))
	require.NoError(t, err)
	require.Equal(t, []segment.Counted{{
		Source: `events("visit").within("15d")`, Known: true, Events: 1, First: setNow().Add(-10 * day), Last: setNow().Add(-10 * day),
	}}, nested.Conditions[0].Counted)

	other, err := e.Explain(t.Context(), "young", audience.ID(ids[1]))
	require.NoError(t, err)
	require.False(t, other.Member)
	require.Equal(t, segment.Until{Exact: true}, other.Until)
	text := other.Reveal("")
	require.Contains(t, text, "contact 2 is NOT in young, as of 2026-03-01 12:00:00 UTC.")
	require.Contains(t, text, "No single condition would change that.")
	require.Contains(t, text, "Time alone does not change that.")
	require.NotContains(t, fmt.Sprintf("%+v", other.Conditions), "30", "values do not print themselves")

	for _, c := range []struct {
		name string
		ref  audience.Ref
	}{{"nothing", audience.Key("u0")}, {"young", audience.Key("nobody")}, {"young", audience.ID(77)}} {
		_, err := e.Explain(t.Context(), c.name, c.ref)
		require.ErrorIs(t, err, audience.ErrNotFound)
	}
}

// TestExplainByAddress: a Ref of a kind that the engine does not index is looked up.
func TestExplainByAddress(t *testing.T) {
	aud := setAudience(t)
	_, err := aud.Put(t.Context(), audience.ContactWrite{Match: audience.Email("ann@example.com")})
	require.NoError(t, err)
	e := openEngine(t, aud, "all", `true`)
	x, err := e.Explain(t.Context(), "all", audience.Email("Ann@Example.com"))
	require.NoError(t, err)
	require.True(t, x.Member)
}

// TestPreviewKeepsLive: a preview that reads another property of events that live segments read, too.
func TestPreviewKeepsLive(t *testing.T) {
	aud := setAudience(t)
	ids := putAges(t, aud, 20, 30)
	put := func(who, page, utm string) {
		_, err := aud.Append(t.Context(), audience.EventWrite{Contact: audience.Key(who), Type: "visit", Time: aud.Now(), Props: map[string]audience.Value{
			"page": audience.StringValue(page), "utm": audience.StringValue(utm),
		}})
		require.NoError(t, err)
	}
	put("u0", "home", "a")
	e := openEngine(t, aud, "pages", `events("visit").distinct("page") == 2`)
	p, err := e.Preview(t.Context(), `events("visit").where(e, e.utm == "a").any() && !inSegment("pages")`, segment.PreviewOptions{Sample: 9})
	require.NoError(t, err)
	require.Equal(t, ids[:1], slices.Collect(p.Members.All()))
	require.Equal(t, ids[:1], p.Sample)
	require.Equal(t, 2, p.Of)
	require.Equal(t, []string{"events visit"}, slices.DeleteFunc(p.Loaded, func(name string) bool { return !strings.HasPrefix(name, "events") }))
	_, err = e.Diff(t.Context(), define("other", `events("visit").where(e, e.utm == "b").any()`)...)
	require.NoError(t, err)
	put("u0", "shop", "b")
	require.NoError(t, e.Sync(t.Context(), store.Position{}))
	pages, err := e.Segment("pages")
	require.NoError(t, err)
	require.True(t, pages.Contains(ids[0]))
	_, err = e.Preview(t.Context(), `inSegment("nothing")`, segment.PreviewOptions{})
	var bad *segment.CompileError
	require.ErrorAs(t, err, &bad)
}

func TestForecastLimit(t *testing.T) {
	const day = 24 * time.Hour
	aud := setAudience(t)
	ids := putAges(t, aud, 20, 30, 40)
	for i, who := range []string{"u0", "u1", "u2"} {
		visit(t, aud, who, time.Duration(i)*day)
	}
	e, err := segment.OpenEngine(t.Context(), aud, segment.EngineOptions{ForecastLimit: 2})
	require.NoError(t, err)
	_, err = e.Apply(t.Context(), define("recent", `events("visit").within("7d").any()`, "gone", `!inSegment("recent")`)...)
	require.NoError(t, err)
	f, err := e.Forecast(t.Context(), setNow().Add(6*day))
	require.NoError(t, err)
	require.True(t, f.Cut)
	require.Equal(t, []segment.Forecasted{
		{Segment: "gone", Contact: ids[2], Entered: true, At: setNow().Add(5 * day)}, {Segment: "recent", Contact: ids[2], At: setNow().Add(5 * day)},
	}, f.Moves)
	require.Equal(t, 2, f.Segments[0].Entering)
	require.Equal(t, 1, f.Segments[1].After)
	next, ok := f.Next("recent")
	require.True(t, ok)
	require.Equal(t, f.Moves[1], next)
	require.Equal(t, `By time alone, from 2026-03-01 12:00:00 UTC to 2026-03-07 12:00:00 UTC:
  gone: 2 enter, 0 leave, from 0 to 2 members, first on 2026-03-06 12:00:00 UTC
  recent: 0 enter, 2 leave, from 3 to 1 members, first on 2026-03-06 12:00:00 UTC
`, f.String())

	one, err := e.Forecast(t.Context(), setNow().Add(6*day), "gone")
	require.NoError(t, err)
	require.False(t, one.Cut, "of one segment there are few enough")
	require.Len(t, one.Moves, 2)
	live, err := e.Segment("recent")
	require.NoError(t, err)
	require.Equal(t, 3, live.Len(), "nothing has happened")

	_, err = e.Forecast(t.Context(), setNow().Add(-time.Microsecond))
	require.ErrorIs(t, err, audience.ErrInvalid)
	_, err = e.Forecast(t.Context(), setNow().AddDate(8000, 0, 0))
	require.ErrorIs(t, err, audience.ErrInvalid)
	_, err = e.Forecast(t.Context(), setNow(), "nothing")
	require.ErrorIs(t, err, audience.ErrNotFound)
}

func TestPlanLive(t *testing.T) {
	aud := setAudience(t)
	putAges(t, aud, 20)
	sources := []string{
		"plan", `contact.age >= 18 && (contact.city == "Rome" ? "vip" in contact.tags : consent("offers")) &&
			events("visit").within("30d").count() > 3 && !inSegment("other") && contact.city.startsWith("R") &&
			events("visit").where(e, e.page == "home").within("1d").any() && suppressed() && true`,
		"other", `contact.created_at < ago("1mo") || events("visit").count() > 1`,
	}
	for i := range 100 {
		sources = append(sources, fmt.Sprintf("s%d", i), fmt.Sprintf(`events("visit").any() && contact.age > %d`, i))
	}
	e := openEngine(t, aud, sources...)
	p, err := e.Plan("plan")
	require.NoError(t, err)
	var got []string
	for _, c := range p.Conditions {
		got = append(got, fmt.Sprintf("%s|%d|%d|%s|%v", c.Source, c.How, c.Time, strings.Join(c.Reads, "; "), c.Access))
	}
	require.Equal(t, []string{
		`contact.age >= 18|3|1|field age|false`,
		`contact.city == "Rome"|3|1|field city|true`,
		`"vip" in contact.tags|2|1|tag vip|true`,
		`consent("offers")|4|4|ledger|true`,
		`events("visit").within("30d").count() > 3|5|3|events visit|false`,
		`inSegment("other")|6|5||false`,
		`contact.city.startsWith("R")|7|1|field city|false`,
		`events("visit").where(e, e.page == "home").within("1d").any()|7|4|events visit with page|false`,
		`suppressed()|3|4|suppressed|true`,
		`true|1|1||false`,
	}, got)
	require.Len(t, p.Warnings, 2)
	require.Contains(t, p.String(), `is evaluated contact by contact: it looks into a text; reads field city; time does not change it`)
	require.NotContains(t, p.String(), "To be loaded")

	shared, err := e.Plan("s7")
	require.NoError(t, err)
	require.Equal(t, []string{`each change of events("visit").any() looks at 100 segments, which have no other condition that tells them apart`}, shared.Warnings)
	again, err := e.Plan("s7")
	require.NoError(t, err)
	require.Equal(t, shared, again)
	_, err = e.Plan("nothing")
	require.ErrorIs(t, err, audience.ErrNotFound)

	alone, err := setLanguage(t, aud).Plan(`contact.age > 3`)
	require.NoError(t, err)
	require.Equal(t, "contact.age > 3\n  is found by the value; reads field age; time does not change it\nTo be loaded: field age\n", alone.String())
}
