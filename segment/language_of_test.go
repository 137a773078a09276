package segment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

func TestLanguageOf(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{
		Zone:   berlin,
		Clock:  setNow,
		Schema: audience.Schema{Fields: []audience.Field{{Name: "plan", Type: audience.TypeString}, {Name: "age", Type: audience.TypeInt}}},
	})
	require.NoError(t, err)
	_, err = aud.Put(t.Context(), audience.ContactWrite{
		Match: audience.Key("u1"), CreatedAt: time.Date(2026, 1, 31, 23, 30, 0, 0, time.UTC), Set: map[string]audience.Value{"age": audience.IntValue(20)},
	})
	require.NoError(t, err)
	l, err := segment.LanguageOf(aud, segment.Options{})
	require.NoError(t, err)
	e, err := l.Compile(`contact.age == 20 && contact.created_at.getMonth() == 1`)
	require.NoError(t, err)
	p, err := aud.Profile(t.Context(), audience.Key("u1"), e.Parts())
	require.NoError(t, err)
	member, err := e.At(setNow()).Match(&p)
	require.NoError(t, err)
	require.True(t, member, "it is February in the audience's zone, and fields have the store's numbers")

	_, err = segment.LanguageOf(aud, segment.Options{Zone: berlin})
	require.NoError(t, err)
	_, err = segment.LanguageOf(aud, segment.Options{Zone: time.UTC})
	require.ErrorIs(t, err, audience.ErrInvalid)
}
