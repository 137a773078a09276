package sqlstore

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// TestPlanOrder holds with what a query begins, and what is worked out for
// those who are left.
func TestPlanOrder(t *testing.T) {
	of := func(types ...string) store.EventFilter { return store.EventFilter{Types: types} }
	window := store.EventFilter{Types: []string{"open"}, From: time.Unix(1, 0)}
	often := store.CompareCount{Events: of("buy"), Op: store.Greater, N: 3}
	much := store.CompareSum{Events: of("buy"), Props: []audience.PropID{1}, Op: store.Greater, Value: 100}
	rate := store.CompareRate{Of: of("open"), Over: of("sent"), Op: store.Greater, Value: 0.5}
	recently := store.CompareCount{Events: window, Op: store.Greater, N: 0}
	country := equals(audience.StringValue("DE"))
	her := store.Compare{Feature: store.Feature{Kind: store.FeatureID}, Op: store.Equal, Value: audience.IntValue(7)}
	const (
		begins = "(SELECT j0.* FROM (SELECT contact"
		each   = "EXISTS (SELECT 1 FROM {events} e{force} WHERE e.contact = c.id AND "
		member = "c.id IN (SELECT e.contact FROM {events} e WHERE "
		inner  = " JOIN (SELECT j"
	)
	tests := map[string]struct {
		p             store.Predicate
		first         bool
		has, hasNever []string
	}{
		"few and many":              {store.And{rate, often, much}, true, []string{each}, []string{inner, member}},
		"two of few":                {store.And{often, store.CompareCount{Events: of("sent"), Op: store.Equal, N: 2}}, true, []string{each}, []string{inner}},
		"many alone":                {rate, true, nil, []string{each, inner, member}},
		"few and a window":          {store.And{often, recently}, true, nil, []string{inner}},
		"a window":                  {store.And{recently, country}, false, []string{member}, []string{each, "GROUP BY"}},
		"a field has a value":       {store.And{rate, country}, false, []string{inner}, []string{each}},
		"of one by her id":          {store.And{rate, her, recently}, false, []string{each}, []string{inner}},
		"within IsTrue":             {store.IsTrue{Part: store.And{rate, store.IsTrue{Part: often}}}, true, []string{each}, nil},
		"not all of it has to hold": {store.Or{often, store.HasTag{Tag: "a"}}, false, []string{" LEFT JOIN (SELECT contact"}, []string{each, inner, member}},
		"one of two of a source":    {store.Or{often, rate}, true, nil, []string{each, inner, member}},
		"of those without, too":     {store.CompareCount{Events: of("buy"), Op: store.Less, N: 3}, false, []string{" LEFT JOIN (SELECT contact"}, []string{each, inner, member}},
	}
	for name, tt := range tests {
		for _, kind := range []Dialect{Postgres, MySQL, SQLite} {
			q, err := rendering(t, kind, tt.p)
			require.NoError(t, err, name)
			text := q.regular.text
			d, _ := dialectOf(kind)
			require.Len(t, q.regular.args, strings.Count(text, "?"), "%s: %s", name, text)
			require.Equal(t, tt.first, strings.Contains(text, d.then()+" {contacts} c ON c.id = j"), "%s: %s", name, text)
			if tt.first {
				require.Regexp(t, `FROM \(SELECT j\d+\.\* FROM \(SELECT contact`, text, name)
			}
			for _, part := range tt.has {
				require.Contains(t, text, strings.ReplaceAll(part, "{force}", d.force("PRIMARY")), name)
			}
			for _, part := range tt.hasNever {
				part = strings.ReplaceAll(part, "{force}", d.force("PRIMARY"))
				require.NotContains(t, strings.Replace(text, begins, "", 1), part, name)
			}
		}
	}
}

// TestPlanWithoutContacts holds when another table stands in the place of the
// contacts: nothing of these is read, and somebody has events.
func TestPlanWithoutContacts(t *testing.T) {
	of := func(types ...string) store.EventFilter {
		return store.EventFilter{Types: types, From: time.Unix(1, 0)}
	}
	some := func(types ...string) store.Predicate {
		return store.CompareCount{Events: of(types...), Op: store.Greater, N: 0}
	}
	status := func(s audience.Status) store.Predicate {
		return store.Compare{Feature: store.Feature{Kind: store.FeatureStatus}, Op: store.Equal, Value: audience.StringValue(s.String())}
	}
	subscribed, gold := status(audience.StatusSubscribed), store.OnList{List: audience.List{Name: "gold", Kind: audience.ListStatic}}
	her := store.Compare{Feature: store.Feature{Kind: store.FeatureID}, Op: store.Equal, Value: audience.IntValue(7)}
	beyond := store.Compare{Feature: store.Feature{Kind: store.FeatureID}, Op: store.Greater, Value: audience.IntValue(7)}
	tests := map[string]struct {
		p    store.Predicate
		base string // in the place of the contacts, empty: none
	}{
		"a standing and a window":             {store.And{subscribed, some("open"), some("click")}, "{standings} j0"},
		"the other way round":                 {store.And{some("open"), subscribed}, "{standings} j1"},
		"an id is not read of her":            {store.And{subscribed, some("open"), beyond}, "{standings} j0"},
		"a standing of those without one":     {store.And{status(audience.StatusNone), some("open")}, ""},
		"a standing alone":                    {subscribed, ""},
		"a standing or a window":              {store.Or{subscribed, some("open")}, ""},
		"without a window":                    {store.And{subscribed, store.Not{Part: some("open")}}, ""},
		"windows alone":                       {store.And{some("open"), some("click")}, ""},
		"a field besides":                     {store.And{subscribed, some("open"), equals(audience.IntValue(1))}, ""},
		"a tag of some besides":               {store.And{subscribed, some("open"), store.Not{Part: store.HasTag{Tag: "a"}}}, "{standings} j0"},
		"an aggregate of few":                 {store.And{subscribed, store.CompareCount{Events: of("buy"), Op: store.Greater, N: 3}}, ""},
		"of one by her id":                    {store.And{subscribed, some("open"), her}, ""},
		"a list of her own, where it is read": {store.And{subscribed, some("open"), gold}, "{standings} j0"},
	}
	for name, tt := range tests {
		for _, kind := range []Dialect{Postgres, MySQL, SQLite} {
			q, err := rendering(t, kind, tt.p)
			require.NoError(t, err, name)
			text := q.regular.text
			require.Len(t, q.regular.args, strings.Count(text, "?"), "%s: %s", name, text)
			require.Equal(t, tt.base == "", strings.Contains(text, contactsTable), "%s: %s", name, text)
			if tt.base == "" {
				require.NotContains(t, text, "{merges}", name)
				continue
			}
			alias := strings.Fields(tt.base)[1]
			require.Contains(t, text, " FROM "+tt.base+" ", name)
			require.Contains(t, text, "NOT EXISTS (SELECT 1 FROM {merges} m WHERE m.audience = ? AND m.loser = "+alias+".contact)", name)
			require.NotContains(t, text, "c.id", name)
			require.NotContains(t, text, "JOIN {standings}", name)
		}
	}
}

// TestPlanAsksInTurn: SQLite asks one window before it looks anybody up whom
// another one gave, while the others choose.
func TestPlanAsksInTurn(t *testing.T) {
	var p store.And
	for _, eventType := range []string{"a", "b", "c"} {
		p = append(p, store.CompareCount{Events: store.EventFilter{Types: []string{eventType}, From: time.Unix(1, 0)}, Op: store.Greater, N: 0})
	}
	for kind, want := range map[Dialect][2]int{Postgres: {3, 0}, MySQL: {3, 0}, SQLite: {1, 2}} {
		q, err := rendering(t, kind, p)
		require.NoError(t, err)
		text := q.regular.text
		require.Equal(t, want, [2]int{strings.Count(text, "c.id IN (SELECT e.contact"), strings.Count(text, "AND e.contact IN (SELECT e.contact")}, text)
		var types []any
		for _, arg := range q.regular.args {
			if s, ok := arg.(string); ok {
				types = append(types, s)
			}
		}
		require.Equal(t, []any{"a", "b", "c"}, types)
		require.Len(t, q.regular.args, strings.Count(text, "?"))
	}
}

// TestPlanReadsTypesApart: types that conditions share are read once, others
// apart.
func TestPlanReadsTypesApart(t *testing.T) {
	count := func(n int64, types ...string) store.Predicate {
		return store.CompareCount{Events: store.EventFilter{Types: types}, Op: store.Greater, N: n}
	}
	var r renderer
	r.collect([]store.Predicate{count(2, "a", "b"), count(2, "c"), count(2, "d", "e"), store.Or{count(2, "b"), count(3, "c")}})
	require.Len(t, r.wide, 2)
	require.Equal(t, textList{"d", "e"}, r.wide[0].types)
	require.Equal(t, textList{"a", "b", "c"}, r.wide[1].types)
}

func TestExpand(t *testing.T) {
	marks := []fragment{condition("m?", 1), condition("x")}
	q := eventQuery{values: []string{"COUNT(m1)", "SUM(m0) + COUNT(m0)"}, marks: marks}
	got := q.inline("j1", condition("j1.v1 > ? AND j11.v0 AND j1.contact AND ? < j1.v0 OR j1.v1", "a", "b"))
	require.Equal(t, "(SUM((m?)) + COUNT((m?))) > ? AND j11.v0 AND e.contact AND ? < (COUNT((x))) OR (SUM((m?)) + COUNT((m?)))", got.text)
	require.Equal(t, []any{1, 1, "a", "b", 1, 1}, got.args)
	require.Empty(t, expand(condition(""), "v", nil).text)
}
