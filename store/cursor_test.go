package store_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func TestCursorRoundTrip(t *testing.T) {
	keys := map[string][]byte{
		"nothing": nil, "a zero": {0}, "a number": {0, 0, 1, 2}, "text": []byte("a key"),
		"the longest": make([]byte, 2048),
	}
	for name, key := range keys {
		t.Run(name, func(t *testing.T) {
			c := store.EncodeCursor("main", "contacts", key)
			require.Equal(t, c, store.EncodeCursor("main", "contacts", key), "it depends on nothing else")
			got, err := store.DecodeCursor("main", "contacts", c)
			require.NoError(t, err)
			require.Equal(t, string(key), string(got))
		})
	}
	got, err := store.DecodeCursor("main", "contacts", "")
	require.NoError(t, err)
	require.Nil(t, got, "the empty cursor is before the first item")
}

func TestCursorRefused(t *testing.T) {
	good := store.EncodeCursor("main", "contacts", []byte("key"))
	raw, err := base64.RawURLEncoding.DecodeString(string(good))
	require.NoError(t, err)
	changed := func(i int, by byte) store.Cursor {
		b := []byte(string(raw))
		b[i] ^= by
		return store.Cursor(base64.RawURLEncoding.EncodeToString(b))
	}
	tests := map[string]struct {
		audience, query string
		cursor          store.Cursor
	}{
		"another audience":           {"mail", "contacts", good},
		"another query":              {"main", "contact", good},
		"audience and query shifted": {"mainc", "ontacts", good},
		"another version":            {"main", "contacts", changed(0, 3)},
		"another tag":                {"main", "contacts", changed(4, 1)},
		"another key":                {"main", "contacts", changed(len(raw)-1, 1)},
		"too short":                  {"main", "contacts", store.Cursor(base64.RawURLEncoding.EncodeToString(raw[:8]))},
		"not base64":                 {"main", "contacts", "a b"},
		"padded":                     {"main", "contacts", good + "="},
		"a line break within":        {"main", "contacts", good[:5] + "\n" + good[5:]},
		"too long":                   {"main", "contacts", store.EncodeCursor("main", "contacts", make([]byte, 2049))},
		"much too long":              {"main", "contacts", store.Cursor(strings.Repeat("A", 1<<20))},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := store.DecodeCursor(tt.audience, tt.query, tt.cursor)
			require.ErrorIs(t, err, audience.ErrInvalidCursor)
			require.Nil(t, got)
			require.NotContains(t, err.Error(), string(tt.cursor), "errors do not repeat input")
		})
	}
}

// FuzzDecodeCursor: what is decoded encodes to the same text, and keys come
// back.
func FuzzDecodeCursor(f *testing.F) {
	f.Add("main", "contacts:all", string(store.EncodeCursor("main", "contacts:all", []byte{0, 0, 0, 1})))
	f.Add("main", "contacts:all", string(store.EncodeCursor("other", "contacts:all", []byte{0, 0, 0, 1})))
	f.Add("", "", string(store.EncodeCursor("", "", nil)))
	f.Add("a", "b", "")
	f.Add("a", "b", "AQ")
	f.Add("a", "b", "AQAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, name, query, text string) {
		key, err := store.DecodeCursor(name, query, store.Cursor(text))
		switch {
		case err != nil:
			require.ErrorIs(t, err, audience.ErrInvalidCursor)
		case text != "":
			require.Equal(t, text, string(store.EncodeCursor(name, query, key)))
		}
		if len(text) > 2048 {
			return
		}
		back, err := store.DecodeCursor(name, query, store.EncodeCursor(name, query, []byte(text)))
		require.NoError(t, err)
		require.Equal(t, text, string(back))
		_, err = store.DecodeCursor(name+"x", query, store.EncodeCursor(name, query, []byte(text)))
		require.ErrorIs(t, err, audience.ErrInvalidCursor)
	})
}
