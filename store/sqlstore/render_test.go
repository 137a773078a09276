package sqlstore

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func rendering(t *testing.T, kind Dialect, p store.Predicate) (rendered, error) {
	t.Helper()
	d, ok := dialectOf(kind)
	require.True(t, ok)
	r := &reader{session: &session{p: &partition{store: &Store{dialect: d, prefix: "ak_"}, id: 7}}}
	return r.render(p, time.Unix(0, 0), 0, 10, nil)
}

func tagNamed(i int) store.Predicate { return store.HasTag{Tag: fmt.Sprintf("secret%d", i)} }

func equals(v audience.Value) store.Predicate {
	return store.Compare{Feature: store.Feature{Kind: store.FeatureField, Field: 1}, Op: store.Equal, Value: v}
}

// TestRenderShowsNoConstant: what is not in the text can neither break it nor
// be read in a log.
func TestRenderShowsNoConstant(t *testing.T) {
	secret := audience.StringValue("secret' OR 1=1 -- ? {contacts}")
	events := store.EventFilter{Types: []string{"secret", "secret2"}}
	all := store.Or{
		tagNamed(1), equals(secret), equals(audience.IntValue(987654321)),
		store.OneOf{Feature: store.Feature{Kind: store.FeatureEmail}, Values: []audience.Value{secret, secret}},
		store.ListContains{Field: 2, Item: "secret"},
		store.Consents{Purpose: "secret"},
		store.OnList{List: audience.List{Name: "secret", Kind: audience.ListTopic}},
		store.OnList{List: audience.List{Name: "secret"}},
		store.CompareCount{Events: events, Op: store.Greater, N: 987654321},
		store.CompareSum{Events: events, Props: []audience.PropID{987654321}, Op: store.Greater, Value: 987654321},
		store.CompareAvg{Events: events, Props: []audience.PropID{987654321}, Op: store.Greater, Value: 987654321},
		store.CompareRate{Of: events, Over: events, Op: store.Greater, Value: 987654321},
		store.CompareEdge{Events: events, Op: store.Greater, At: time.UnixMicro(987654321)},
	}
	for kind := Postgres; kind <= SQLite; kind++ {
		q, err := rendering(t, kind, all)
		require.NoError(t, err)
		for _, f := range []*fragment{q.regular, q.irregular} {
			if f == nil {
				continue
			}
			require.NotContains(t, f.text, "secret", kind)
			require.NotContains(t, f.text, "98765", kind)
			require.Len(t, f.args, strings.Count(f.text, "?"), kind)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	deep := tagNamed(1)
	for i := range 2_000 {
		deep = store.And{tagNamed(i % 9), store.Or{tagNamed(i % 7), deep}}
	}
	var many store.Or
	for i := range 40_000 {
		many = append(many, tagNamed(i))
	}
	unknown := store.IsSuppressed{}
	tests := map[string]struct {
		p           store.Predicate
		unsupported bool
	}{
		"everybody":                {nil, true},
		"what SQL cannot say":      {unknown, true},
		"its negation":             {store.Not{Part: unknown}, true},
		"or something that it can": {store.Or{unknown, tagNamed(1)}, true},
		"and something":            {store.And{unknown, tagNamed(1)}, false},
		"neither":                  {store.Not{Part: store.Or{unknown, tagNamed(1)}}, false},
		"not a member of it":       {store.And{store.Not{Part: store.IsTrue{Part: unknown}}, tagNamed(1)}, false},
		"too deep, beside a tag":   {store.And{tagNamed(1), store.Or{tagNamed(2), deep}}, false},
		"more than parameters":     {many, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			q, err := rendering(t, MySQL, tt.p)
			if tt.unsupported {
				require.ErrorIs(t, err, audience.ErrUnsupported)
				return
			}
			require.NoError(t, err)
			require.Less(t, nesting(q.regular.text), 300)
		})
	}
}

func nesting(text string) int {
	depth, most := 0, 0
	for _, c := range text {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		}
		most = max(most, depth)
	}
	return most
}

// TestRenderLongDisjunction: databases take a chain for as deep as it is long.
func TestRenderLongDisjunction(t *testing.T) {
	var many store.Or
	for i := range 5_000 {
		many = append(many, equals(audience.IntValue(int64(i))))
	}
	q, err := rendering(t, SQLite, many)
	require.NoError(t, err)
	require.Less(t, nesting(q.regular.text), 30)
	require.Len(t, q.regular.args, 5_000+3)
}

// TestRenderNobody: what nobody is needs no query.
func TestRenderNobody(t *testing.T) {
	for name, p := range map[string]store.Predicate{
		"nobody":              store.Or{},
		"not everybody":       store.Not{},
		"another type":        store.Compare{Feature: store.Feature{Kind: store.FeatureID}, Op: store.Equal, Value: audience.StringValue("1")},
		"fewer than none":     store.CompareCount{Events: store.EventFilter{Types: []string{"a"}}, Op: store.Less, N: 0},
		"some of no types":    store.CompareCount{Op: store.Greater, N: 0},
		"what no text can be": equals(audience.StringValue("\xff")),
	} {
		t.Run(name, func(t *testing.T) {
			q, err := rendering(t, Postgres, p)
			require.NoError(t, err)
			require.Nil(t, q.regular)
		})
	}
}
