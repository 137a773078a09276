package store_test

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func TestPositionRoundTrip(t *testing.T) {
	one, other := store.Incarnation{1}, store.Incarnation{2}
	for _, numbers := range [][]uint64{{0}, {1}, {math.MaxUint64}, {1, 2, 3}, make([]uint64, 4096)} {
		p := store.NewPosition(one, numbers...)
		require.False(t, p.IsZero())
		require.Equal(t, one, p.Incarnation())
		back, err := store.ParsePosition(p.String())
		require.NoError(t, err)
		require.Equal(t, map[store.Position]bool{p: true}, map[store.Position]bool{back: true}, "comparable")
		got, err := back.Numbers(one)
		require.NoError(t, err)
		require.Equal(t, numbers, got)
		_, err = back.Numbers(other)
		require.ErrorIs(t, err, audience.ErrPositionGone)
	}
	require.NotEqual(t, store.NewPosition(one, 1), store.NewPosition(one, 2))
	require.NotEqual(t, store.NewPosition(one, 1), store.NewPosition(other, 1))
	require.NotEqual(t, store.NewPosition(one, 1), store.NewPosition(one, 1, 0))
}

func TestPositionZero(t *testing.T) {
	var zero store.Position
	require.True(t, zero.IsZero())
	require.Empty(t, zero.String())
	require.Zero(t, zero.Incarnation())
	numbers, err := zero.Numbers(store.Incarnation{9})
	require.NoError(t, err, "it is before the first commit of every store")
	require.Nil(t, numbers)
	back, err := store.ParsePosition("")
	require.NoError(t, err)
	require.Equal(t, zero, back)
}

func TestPositionInJSON(t *testing.T) {
	type place struct {
		At   store.Position
		Then map[string]store.Position
	}
	p := place{At: store.NewPosition(store.Incarnation{1}, 7), Then: map[string]store.Position{"zero": {}}}
	text, err := json.Marshal(p)
	require.NoError(t, err)
	var back place
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, p, back)
	require.ErrorIs(t, json.Unmarshal([]byte(`{"At":"damaged"}`), &back), audience.ErrPositionGone)
}

func TestPositionRefused(t *testing.T) {
	good := store.NewPosition(store.Incarnation{1}, 7).String()
	raw, err := base64.RawURLEncoding.DecodeString(good)
	require.NoError(t, err)
	encode := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	tests := map[string]string{
		"another version":     encode(append([]byte{2}, raw[1:]...)),
		"no number":           encode(raw[:17]),
		"half a number":       encode(raw[:21]),
		"not base64":          "a b",
		"padded":              good + "=",
		"a line break within": good[:5] + "\n" + good[5:],
		"a line break behind": good + "\n",
		"too many numbers":    store.NewPosition(store.Incarnation{1}, make([]uint64, 4097)...).String(),
		"much too long":       strings.Repeat("A", 1<<20),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := store.ParsePosition(text)
			require.ErrorIs(t, err, audience.ErrPositionGone)
			require.Zero(t, p)
			require.NotContains(t, err.Error(), text)
		})
	}
}

// FuzzParsePosition: a text that is a position is its only text.
func FuzzParsePosition(f *testing.F) {
	f.Add("")
	f.Add(store.NewPosition(store.Incarnation{1}, 7).String())
	f.Add(store.NewPosition(store.Incarnation{}, 1, 2, math.MaxUint64).String())
	f.Add("AQ")
	f.Add(strings.Repeat("A", 34))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := store.ParsePosition(text)
		if err != nil {
			require.ErrorIs(t, err, audience.ErrPositionGone)
			require.True(t, p.IsZero())
			return
		}
		require.Equal(t, text, p.String())
		require.Equal(t, text == "", p.IsZero())
		numbers, err := p.Numbers(p.Incarnation())
		require.NoError(t, err)
		if text != "" {
			require.Equal(t, p, store.NewPosition(p.Incarnation(), numbers...))
		}
	})
}
