package store

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// A cursor of one query must not work on another, so that descriptions have
// to tell any two predicates apart, and must not differ for the same.
func TestDescribeTellsPredicatesApart(t *testing.T) {
	tag := func(name string) Predicate { return HasTag{Tag: name} }
	field := func(id audience.FieldID) Feature { return Feature{Kind: FeatureField, Field: id} }
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	oneOf := func(values ...audience.Value) Predicate { return OneOf{Feature: field(1), Values: values} }
	equal := func(v audience.Value) Predicate { return Compare{Feature: field(1), Op: Equal, Value: v} }
	a, b := audience.StringValue("a"), audience.StringValue("b")
	filter := func(types ...string) EventFilter { return EventFilter{Types: types} }
	all := []Predicate{
		nil,
		Not{},
		And{},
		Or{},
		And{nil},
		Or{nil},
		And{nil, nil},
		Not{Part: And{}},
		tag(""), tag("a"), tag("b"), tag(`a"`), tag(`a\`), tag("all"), tag("\xff"), tag(`\xff`), tag("\ufffd"),
		And{tag("a")},
		Or{tag("a")},
		Not{Part: tag("a")},
		And{tag("a"), tag("b")},
		And{tag("b"), tag("a")},
		Or{tag("a"), tag("b")},
		And{And{tag("a")}, tag("b")},
		And{And{tag("a"), tag("b")}},
		And{tag(`a"),tag("b`)},
		equal(audience.Value{}), equal(a), equal(b), equal(audience.StringValue("1")), equal(audience.IntValue(1)), equal(audience.DoubleValue(1)),
		equal(audience.BoolValue(true)), equal(audience.StringValue("true")), equal(audience.StringValue("")),
		equal(audience.TimestampValue(at)), equal(audience.TimestampValue(at.Add(time.Microsecond))),
		equal(audience.DateValue(20454)), equal(audience.StringValue("2026-01-01")),
		equal(audience.StringListValue()), equal(audience.StringListValue("")), equal(audience.StringListValue("a", "b")),
		equal(audience.StringListValue("a,b")), equal(audience.StringListValue(`a" "b`)), equal(audience.StringValue(`["a" "b"]`)),
		oneOf(), oneOf(a), oneOf(b), oneOf(a, b), oneOf(b, a), oneOf(audience.StringValue(`a",string"b`)), oneOf(audience.Value{}),
		Compare{Feature: field(2), Op: Equal, Value: a},
		Compare{Feature: field(1), Op: Less, Value: a},
		Compare{Feature: Feature{Kind: FeatureID}, Op: Equal, Value: a},
		Compare{Feature: Feature{Kind: FeatureEmail}, Op: Equal, Value: a},
		Present{Feature: field(1)},
		Present{Feature: field(2)},
		Present{Feature: Feature{Kind: FeatureEmail}},
		ListContains{Field: 1, Item: "a"},
		ListContains{Field: 1, Item: "b"},
		ListContains{Field: 2, Item: "a"},
		OnList{List: audience.List{Name: "a", Kind: audience.ListTopic}},
		OnList{List: audience.List{Name: "a", Kind: audience.ListStatic}},
		OnList{List: audience.List{Name: "b", Kind: audience.ListTopic}},
		OnList{List: audience.List{Name: "a", Kind: audience.ListTopic, Purpose: "research"}},
		Consents{Purpose: "a"},
		Consents{Purpose: "b"},
		IsSuppressed{},
		IsTrue{},
		IsTrue{Part: tag("a")},
		CompareCount{},
		CompareCount{Events: filter("a")},
		CompareCount{Events: filter("b")},
		CompareCount{Events: filter("a", "b")},
		CompareCount{Events: filter("a b")},
		CompareCount{Events: filter(`a" "b`)},
		CompareCount{Events: filter("a"), Op: Less},
		CompareCount{Events: filter("a"), N: 1},
		CompareCount{Events: EventFilter{Types: []string{"a"}, From: at}},
		CompareCount{Events: EventFilter{Types: []string{"a"}, Until: at}},
		CompareCount{Events: EventFilter{Types: []string{"a"}, From: at.Add(time.Microsecond)}},
		CompareCount{Events: EventFilter{Types: []string{"a"}, From: at, Until: at}},
		CompareSum{},
		CompareSum{Events: filter("a")},
		CompareSum{Props: []audience.PropID{1}},
		CompareSum{Props: []audience.PropID{1, 0}},
		CompareSum{Op: Less},
		CompareSum{Value: 1},
		CompareSum{Value: math.Nextafter(1, 2)},
		CompareSum{Events: filter("a"), Props: []audience.PropID{1}},
		CompareAvg{},
		CompareAvg{Events: filter("a")},
		CompareAvg{Props: []audience.PropID{1}},
		CompareAvg{Op: Less},
		CompareAvg{Value: 1},
		CompareRate{},
		CompareRate{Of: filter("a")},
		CompareRate{Over: filter("a")},
		CompareRate{Op: Less},
		CompareRate{Value: 1},
		CompareRate{Of: filter("a/")},
		CompareEdge{},
		CompareEdge{Events: filter("a")},
		CompareEdge{Last: true},
		CompareEdge{Op: Less},
		CompareEdge{At: at},
		CompareEdge{At: at.Add(time.Microsecond)},
	}
	seen := map[string]int{}
	for i, p := range all {
		text := describePredicate(p)
		other, known := seen[text]
		require.False(t, known, "%d and %d are described alike: %s", i, other, text)
		seen[text] = i
		require.Equal(t, text, describePredicate(p))
	}
	same := OnList{List: audience.List{Name: "a", Kind: audience.ListTopic, Purpose: audience.PurposeMarketing, Title: "A"}}
	require.Contains(t, seen, describePredicate(same), "its title and a purpose named make no difference")
}
