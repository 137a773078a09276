package audiencetest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
)

func TestWrites(t *testing.T) {
	at := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	contact := audiencetest.Contact("u1", "age", 30, "country", "DE")
	require.NoError(t, contact.Check(audience.Limits{}))
	require.True(t, contact.Set["age"].Equal(audience.IntValue(30)))
	event := audiencetest.Event("u1", "purchase", at, "value", 9.5)
	require.NoError(t, event.Check(audience.Limits{}))
	require.True(t, event.Props["value"].Equal(audience.DoubleValue(9.5)))
	grant, withdrawal := audiencetest.Grant("u1", at), audiencetest.Withdrawal("u1", at)
	require.NoError(t, grant.Check(audience.Limits{}))
	require.NoError(t, withdrawal.Check(audience.Limits{}))
	require.Nil(t, audiencetest.Values())
}

func TestValue(t *testing.T) {
	at := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name string
		from any
		want audience.Value
	}{
		{"string", "x", audience.StringValue("x")},
		{"int", 1, audience.IntValue(1)},
		{"int64", int64(1), audience.IntValue(1)},
		{"double", 1.5, audience.DoubleValue(1.5)},
		{"bool", true, audience.BoolValue(true)},
		{"instant", at, audience.TimestampValue(at)},
		{"date", audience.Date(7), audience.DateValue(7)},
		{"list", []string{"b", "a"}, audience.StringListValue("a", "b")},
		{"value", audience.IntValue(2), audience.IntValue(2)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.True(t, tt.want.Equal(audiencetest.Value(tt.from)))
		})
	}
}

func TestValuePanics(t *testing.T) {
	tests := []struct {
		name string
		from []any
	}{
		{"no type of ours", []any{"a", uint8(1)}},
		{"name without value", []any{"a"}},
		{"name that is no string", []any{1, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Panics(t, func() { audiencetest.Values(tt.from...) })
		})
	}
}

// TestHostileTexts holds what Hostile and Refused promise.
func TestHostileTexts(t *testing.T) {
	names := make(map[string]bool)
	for _, text := range audiencetest.Hostile() {
		require.NoError(t, audience.StringValue(text.Text).Check("x", audience.Limits{}), text.Name)
		require.False(t, names[text.Name], text.Name)
		names[text.Name] = true
	}
	for _, text := range audiencetest.Refused() {
		require.ErrorIs(t, audience.StringValue(text.Text).Check("x", audience.Limits{}), audience.ErrInvalid, text.Name)
		require.False(t, names[text.Name], text.Name)
		names[text.Name] = true
	}
}
