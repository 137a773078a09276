package columns

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestNeeds(t *testing.T) {
	a := Needs{
		Email: true, Fields: []audience.FieldID{3, 1, 3}, Tags: []string{"b", "a"}, Lists: []string{"vip"},
		Items:  []ItemNeeds{{Field: 2, Items: []string{"y", "x"}}},
		Events: []EventNeeds{{Type: "visit", Props: []audience.PropID{2, 1}}, {Type: "purchase"}},
	}.Union(Needs{})
	require.Equal(t, []audience.FieldID{1, 3}, a.Fields)
	require.Equal(t, []string{"a", "b"}, a.Tags)
	require.Equal(t, []ItemNeeds{{Field: 2, Items: []string{"x", "y"}}}, a.Items)
	require.Equal(t, []EventNeeds{{Type: "purchase"}, {Type: "visit", Props: []audience.PropID{1, 2}}}, a.Events)

	b := Needs{
		Phone: true, Fields: []audience.FieldID{1, 2}, TagSets: true, Tags: []string{"a"},
		Items:  []ItemNeeds{{Field: 1, Items: []string{"x"}}, {Field: 2, Items: []string{"x", "z"}}},
		Events: []EventNeeds{{Type: "visit", Props: []audience.PropID{1}, Ordered: true}},
	}
	both := a.Union(b)
	require.True(t, both.Covers(a) && both.Covers(b))
	require.False(t, a.Covers(b) || b.Covers(a))
	require.Equal(t, []EventNeeds{{Type: "purchase"}, {Type: "visit", Props: []audience.PropID{1, 2}, Ordered: true}}, both.Events)

	missing := b.Minus(a)
	require.Equal(t, Needs{
		Phone: true, Fields: []audience.FieldID{2}, TagSets: true,
		Items:  []ItemNeeds{{Field: 1, Items: []string{"x"}}, {Field: 2, Items: []string{"z"}}},
		Events: b.Events,
	}, missing, "a type of which anything is missing stays whole")
	require.Equal(t, both, a.Union(missing))
	require.True(t, a.Minus(a).IsZero())
	require.False(t, missing.IsZero())

	require.Equal(t, Needs{
		Fields: []audience.FieldID{1}, Tags: []string{"a"}, Items: []ItemNeeds{{Field: 2, Items: []string{"x"}}},
		Events: []EventNeeds{{Type: "visit", Props: []audience.PropID{1}}},
	}, a.Intersect(b))
	require.Equal(t, audience.ProfileParts{Lists: true, Events: []string{"purchase", "visit"}}, a.Parts())
}
