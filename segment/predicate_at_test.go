package segment_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

func predicateAtSchema() audience.Schema {
	return audience.Schema{
		Fields: []audience.Field{
			{Name: "age", Type: audience.TypeInt, ID: 1},
			{Name: "seen", Type: audience.TypeTimestamp, ID: 2},
			{Name: "born", Type: audience.TypeDate, ID: 3},
			{Name: "city", Type: audience.TypeString, ID: 4},
		},
		Events: []audience.EventType{
			{Name: "buy", Props: []audience.Prop{{Name: "value", Type: audience.TypeDouble, ID: 1}, {Name: "items", Type: audience.TypeInt, ID: 2}}},
			{Name: "ask", Props: []audience.Prop{{Name: "text", Type: audience.TypeString, ID: 4}, {Name: "value", Type: audience.TypeDouble, ID: 3}}},
			{Name: "visit"},
		},
	}
}

func TestPredicateAt(t *testing.T) {
	berlin := mustZone(t, "Europe/Berlin")
	language, err := segment.NewLanguage(predicateAtSchema(), segment.Options{Zone: berlin})
	require.NoError(t, err)
	now := setNow() // 2026-03-01 12:00 UTC, 13:00 in Berlin
	const us = time.Microsecond
	seen := store.Feature{Kind: store.FeatureField, Field: 2}
	created := store.Feature{Kind: store.FeatureCreatedAt}
	events := func(from, until time.Time, types ...string) store.EventFilter {
		return store.EventFilter{Types: types, From: from, Until: until}
	}
	all := func(types ...string) store.EventFilter { return events(time.Time{}, now.Add(us), types...) }
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	const (
		day     = 24 * time.Hour
		longest = (1<<63 - 1) / us * us
	)
	compare := func(f store.Feature, op store.CompareOp, at time.Time) store.Predicate {
		return store.Compare{Feature: f, Op: op, Value: audience.TimestampValue(at)}
	}
	count := func(f store.EventFilter, op store.CompareOp, n int64) store.Predicate {
		return store.CompareCount{Events: f, Op: op, N: n}
	}
	midnight := time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		source string
		want   store.Predicate
	}{
		"any":              {`events("buy").any()`, count(all("buy"), store.Greater, 0)},
		"none":             {`events("visit", "buy").none()`, store.Not{Part: count(all("buy", "visit"), store.Greater, 0)}},
		"count":            {`events("buy").count() >= 3`, count(all("buy"), store.GreaterOrEqual, 3)},
		"sides changed":    {`3 < events("buy").count()`, count(all("buy"), store.Greater, 3)},
		"within":           {`events("buy").within("30d").any()`, count(events(ago(30*day).Add(us), now.Add(us), "buy"), store.Greater, 0)},
		"not within":       {`events("buy").within("30d").none()`, store.Not{Part: count(events(ago(30*day).Add(us), now.Add(us), "buy"), store.Greater, 0)}},
		"within months":    {`events("buy").within("1mo").count() == 1`, count(events(time.Date(2026, 2, 1, 12, 0, 0, 1_000, time.UTC), now.Add(us), "buy"), store.Equal, 1)},
		"since":            {`events("buy").since(ago("1d")).any()`, count(events(ago(day), now.Add(us), "buy"), store.Greater, 0)},
		"since a day":      {`events("buy").since(date("2026-02-01")).any()`, count(events(time.Date(2026, 1, 31, 23, 0, 0, 0, time.UTC), now.Add(us), "buy"), store.Greater, 0)},
		"since midnight":   {`events("buy").since(startOf("d")).any()`, count(events(midnight, now.Add(us), "buy"), store.Greater, 0)},
		"before":           {`events("buy").before(ago("1d")).any()`, count(events(time.Time{}, ago(day), "buy"), store.Greater, 0)},
		"before the end":   {`events("buy").before(ahead("1d")).any()`, count(all("buy"), store.Greater, 0)},
		"between":          {`events("buy").between(ago("2d"), ago("1d")).any()`, count(events(ago(2*day), ago(day), "buy"), store.Greater, 0)},
		"chained":          {`events("buy").within("2d").before(ago("1h")).since(ago("3d")).any()`, count(events(ago(2*day).Add(us), ago(time.Hour), "buy"), store.Greater, 0)},
		"an empty window":  {`events("buy").since(ahead("1d")).none()`, store.Not{Part: count(store.EventFilter{}, store.Greater, 0)}},
		"an edge moved on": {`contact.seen == startOf("d") + duration("1h")`, compare(seen, store.Equal, midnight.Add(time.Hour))},
		"sum": {`events("buy", "ask").within("1d").sum("value") > 100`, store.CompareSum{
			Events: events(ago(day).Add(us), now.Add(us), "ask", "buy"), Props: []audience.PropID{3, 1}, Op: store.Greater, Value: 100,
		}},
		"sum of ints":   {`events("buy").sum("items") == 2`, store.CompareSum{Events: all("buy"), Props: []audience.PropID{2}, Op: store.Equal, Value: 2}},
		"sum, one type": {`events("visit", "buy").sum("value") < 1`, store.CompareSum{Events: all("buy", "visit"), Props: []audience.PropID{1, 0}, Op: store.Less, Value: 1}},
		"avg":           {`events("buy").avg("value") <= 1.5`, store.CompareAvg{Events: all("buy"), Props: []audience.PropID{1}, Op: store.LessOrEqual, Value: 1.5}},
		"rate":          {`rate(events("buy").within("1d"), events("visit")) > 0.5`, store.CompareRate{Of: events(ago(day).Add(us), now.Add(us), "buy"), Over: all("visit"), Op: store.Greater, Value: 0.5}},
		"first":         {`events("buy").first() > ago("1d")`, store.CompareEdge{Events: all("buy"), Op: store.Greater, At: ago(day)}},
		"last":          {`startOf("d") <= events("buy").since(ago("9d")).last()`, store.CompareEdge{Events: events(ago(9*day), now.Add(us), "buy"), Last: true, Op: store.GreaterOrEqual, At: midnight}},
		"in":            {`events("buy").count() in [1, 3]`, store.Or{count(all("buy"), store.Equal, 1), count(all("buy"), store.Equal, 3)}},
		"not in": {`!(events("buy").count() in [1, 3])`, store.And{
			store.Not{Part: count(all("buy"), store.Equal, 1)}, store.Not{Part: count(all("buy"), store.Equal, 3)},
		}},
		"ago":            {`contact.created_at < ago("1d")`, compare(created, store.Less, ago(day))},
		"not ago":        {`!(contact.created_at < ago("1d"))`, store.Not{Part: compare(created, store.Less, ago(day))}},
		"now":            {`contact.seen >= now - duration("36h")`, compare(seen, store.GreaterOrEqual, ago(36*time.Hour))},
		"start":          {`contact.seen >= startOf("d")`, compare(seen, store.GreaterOrEqual, midnight)},
		"a difference":   {`now - contact.seen > duration("48h")`, store.And{compare(seen, store.Less, ago(2*day)), compare(seen, store.GreaterOrEqual, ago(longest)), compare(seen, store.LessOrEqual, ago(-longest))}},
		"an anniversary": {`contact.seen < anniversary(date("2000-03-01"))`, compare(seen, store.Less, midnight)},
		"texts":          {`contact.city < "b"`, store.Compare{Feature: store.Feature{Kind: store.FeatureField, Field: 4}, Op: store.Less, Value: audience.StringValue("b")}},
		"never":          {`contact.created_at > now + duration("1h") - duration("2000000h") && false`, store.Or{}},
		"known now":      {`now.getHours() == 13`, nil},
		"known not now":  {`now.getHours() == 12`, store.Or{}},
		"out of range":   {`events("buy").within("3000y").any()`, store.Or{}},
		"not in range":   {`!events("buy").within("3000y").any()`, store.Or{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := language.Compile(tt.source)
			require.NoError(t, err)
			got, rest := e.PredicateAt(now.Add(999)) // is cut to the microsecond
			require.Empty(t, rest)
			require.Equal(t, tt.want, got)
		})
	}
}

// What stores do not know stays, as it was written.
func TestPredicateAtRest(t *testing.T) {
	language, err := segment.NewLanguage(predicateAtSchema(), segment.Options{})
	require.NoError(t, err)
	for _, source := range []string{
		`events("buy").min("value") > 1.0`, `events("ask").latest("text") == "a"`, `events("ask").distinct("text") > 1`, `events("buy").where(e, e.value > 1.0).any()`,
		`events("buy").then(events("ask"), "1d").any()`, `events("buy").without(events("ask"), "1d").any()`, `events("buy").since(contact.seen).any()`,
		`events("buy").before(events("ask").first()).any()`, `contact.city.startsWith("a")`, `contact.age + 1 > 2`, `anniversary(contact.born) <= ahead("7d")`,
		`bucket("a", 2) == 1`, `contact.id % 2 == 0`,
	} {
		e, err := language.Compile(source)
		require.NoError(t, err, source)
		p, rest := e.PredicateAt(setNow())
		require.Nil(t, p, source)
		require.Equal(t, []string{source}, rest)
		e, err = language.Compile(source + ` && contact.age > 3`)
		require.NoError(t, err, source)
		p, rest = e.PredicateAt(setNow())
		require.NotNil(t, p, source)
		require.Equal(t, []string{source}, rest)
	}
	e, err := language.Compile(`contact.age > 3`)
	require.NoError(t, err)
	p, rest := e.PredicateAt(audience.MaxInstant().Add(time.Microsecond))
	require.Nil(t, p)
	require.Equal(t, []string{`contact.age > 3`}, rest)
}

// Another segment is put in the place of its name: as it is where membership is wanted, and where it is not, only when
// it is known exactly.
func TestSetPredicateAt(t *testing.T) {
	language, err := segment.NewLanguage(predicateAtSchema(), segment.Options{})
	require.NoError(t, err)
	set := compileSet(
		t, language,
		"adult", `contact.age >= 18`,
		"all", `true`,
		"nobody", `false`,
		"vague", `contact.age >= 18 && contact.city.startsWith("B")`,
		"in", `inSegment("adult") && inSegment("all")`,
		"out", `!inSegment("adult")`,
		"out-of-all", `!inSegment("all")`,
		"out-of-none", `!inSegment("nobody")`,
		"vaguely-in", `inSegment("vague") && contact.age < 90`,
		"vaguely-out", `!inSegment("vague") && contact.age < 90`,
		"out-of-out", `!inSegment("out") || contact.age < 3`,
		"out-of-vaguely-out", `!inSegment("vaguely-out")`,
		"either", `contact.age < 3 ? inSegment("vague") : !inSegment("vague")`,
	)
	age := func(op store.CompareOp, n int64) store.Predicate {
		return store.Compare{Feature: store.Feature{Kind: store.FeatureField, Field: 1}, Op: op, Value: audience.IntValue(n)}
	}
	adult := age(store.GreaterOrEqual, 18)
	out := store.Not{Part: store.IsTrue{Part: adult}}
	tests := map[string]struct {
		want store.Predicate
		rest []string
	}{
		"in":                 {adult, nil},
		"out":                {out, nil},
		"out-of-all":         {store.Or{}, nil},
		"out-of-none":        {nil, nil},
		"vaguely-in":         {store.And{adult, age(store.Less, 90)}, []string{`inSegment("vague")`}},
		"vaguely-out":        {age(store.Less, 90), []string{`inSegment("vague")`}},
		"out-of-out":         {store.Or{store.Not{Part: store.IsTrue{Part: out}}, age(store.Less, 3)}, nil},
		"out-of-vaguely-out": {nil, []string{`inSegment("vaguely-out")`}},
		"either":             {store.Or{store.And{age(store.Less, 3), adult}, store.Not{Part: age(store.Less, 3)}}, []string{`inSegment("vague")`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, rest, err := set.PredicateAt(name, setNow())
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.rest, rest)
		})
	}
	_, _, err = set.PredicateAt("nothing", setNow())
	require.ErrorIs(t, err, audience.ErrNotFound)
	_, _, err = set.PredicateAt("in", time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC))
	require.ErrorIs(t, err, audience.ErrInvalid)
}

// Segments that double what they name would grow without end: what would be too large is left out.
func TestSetPredicateAtSize(t *testing.T) {
	language, err := segment.NewLanguage(predicateAtSchema(), segment.Options{})
	require.NoError(t, err)
	sources := []string{"s00", `contact.age >= 18`}
	for i := range 40 {
		sources = append(sources, fmt.Sprintf("s%02d", i+1), fmt.Sprintf(`!inSegment("s%02d") && contact.age < 90 || inSegment("s%02d") && contact.age > 20`, i, i))
	}
	sources = append(sources, "long", strings.TrimSuffix(strings.Repeat(`inSegment("s05") || `, 40), " || "))
	set := compileSet(t, language, sources...)
	leaves, exact := 0, 0
	for _, name := range set.Names() {
		p, rest, err := set.PredicateAt(name, setNow())
		require.NoError(t, err)
		leaves = max(leaves, strings.Count(fmt.Sprintf("%#v", p), "store.Compare{"))
		if len(rest) == 0 {
			exact++
		}
		if name != "long" { // one of those beside || is too much
			require.NotNil(t, p, "what is left out leaves the ages")
		}
		for age := range int64(100) {
			profile := &audience.Profile{Contact: audience.Contact{ID: 1, Fields: []audience.FieldValue{{ID: 1, Value: audience.IntValue(age)}}}}
			truth, err := set.At(setNow()).Truth(name, profile)
			require.NoError(t, err)
			holds := store.Match(p, profile, setNow())
			require.True(t, holds || truth != segment.True)
			require.True(t, len(rest) > 0 || holds == (truth == segment.True))
		}
	}
	require.Greater(t, leaves, 1_000)
	require.LessOrEqual(t, leaves, 5_000)
	require.Greater(t, exact, 5)
	require.Less(t, exact, 20)
}

// TestPredicateAtExtremes: instants and differences at the ends of the years that there are, where what is beyond is
// unknown.
func TestPredicateAtExtremes(t *testing.T) {
	language, err := segment.NewLanguage(predicateAtSchema(), segment.Options{})
	require.NoError(t, err)
	first, last := audience.MinInstant(), audience.MaxInstant()
	const longest = (1<<63 - 1) / time.Microsecond * time.Microsecond
	profiles := []*audience.Profile{{Contact: audience.Contact{ID: 1}, Parts: audience.ProfileParts{Events: []string{"buy"}}}}
	for _, from := range []time.Time{first, first.AddDate(40, 0, 0), setNow(), last.AddDate(-40, 0, 0), last} {
		for _, d := range []time.Duration{0, longest, -longest, 876_000 * time.Hour, time.Hour} {
			for _, us := range []time.Duration{-time.Microsecond, 0, time.Microsecond} {
				at, err := audience.Instant(from.Add(d).Add(us))
				if err != nil {
					continue
				}
				p := &audience.Profile{Contact: audience.Contact{ID: 1, Fields: []audience.FieldValue{{ID: 2, Value: audience.TimestampValue(at)}}}, Parts: profiles[0].Parts}
				p.Streams = []audience.EventStream{{Type: "buy", Events: []audience.Event{{Type: "buy", ID: "a", Time: at}}}}
				profiles = append(profiles, p)
			}
		}
	}
	asked, in := 0, 0
	for _, what := range []string{"contact.seen", `events("buy").last()`, `events("buy").within("2y").first()`} {
		for _, form := range []string{
			`now - %s %s duration("876000h")`, `now - %s %s duration("-876000h")`, `%s - now %s duration("876000h")`, `%s - now %s duration("-876000h")`,
			`%s %s now - duration("876000h")`, `%s %s now + duration("876000h")`, `%s %s now - duration("876000h") + duration("876000h")`, `%s - ahead("10y") %s duration("1h")`,
			`%s %s ago("40y") + duration("876000h") + duration("876000h")`, `%s %s anniversary(date("2000-02-29"))`, `date("0020-01-01") - %s %s duration("876000h")`,
		} {
			for _, op := range []string{"<", "<=", ">", ">=", "==", "!="} {
				for _, not := range []string{"%s", "!(%s)"} {
					e, err := language.Compile(fmt.Sprintf(not, fmt.Sprintf(form, what, op)))
					require.NoError(t, err)
					for _, now := range []time.Time{first, first.AddDate(50, 0, 0), setNow(), last.AddDate(-50, 0, 0), last} {
						p, rest := e.PredicateAt(now)
						require.Empty(t, rest, e.Source())
						for _, profile := range profiles {
							want, err := e.At(now).Match(profile)
							require.NoError(t, err)
							require.Equal(t, want, store.Match(p, profile, now), "%s at %s: %#v", e.Source(), now, p)
							if asked++; want {
								in++
							}
						}
					}
				}
			}
		}
	}
	require.Greater(t, in, asked/20)
}
