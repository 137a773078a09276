package segment_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// tens evaluates segments over contacts of the ages 0 to 9.
func tens(t *testing.T, aud *store.Audience) (ids []audience.ContactID, low, even segment.Members) {
	t.Helper()
	ids = putAges(t, aud, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	r := evaluate(t, aud, compileSet(t, setLanguage(t, aud), "low", `contact.age < 5`, "even", `contact.age % 2 == 0`), setNow())
	return ids, members(t, r, "low"), members(t, r, "even")
}

func TestMembers(t *testing.T) {
	ids, low, even := tens(t, setAudience(t))
	pick := func(ages ...int) []audience.ContactID {
		var out []audience.ContactID
		for _, age := range ages {
			out = append(out, ids[age])
		}
		return out
	}
	require.Equal(t, 5, low.Len())
	require.True(t, low.Contains(ids[4]))
	require.False(t, low.Contains(ids[5]))
	require.False(t, low.Contains(0))
	require.Equal(t, pick(0, 1, 2, 3, 4), slices.Collect(low.All()))

	both, err := low.And(even)
	require.NoError(t, err)
	require.Equal(t, pick(0, 2, 4), slices.Collect(both.All()))
	either, err := low.Or(even)
	require.NoError(t, err)
	require.Equal(t, pick(0, 1, 2, 3, 4, 6, 8), slices.Collect(either.All()))
	odd, err := low.AndNot(even)
	require.NoError(t, err)
	require.Equal(t, pick(1, 3), slices.Collect(odd.All()))
	n, err := low.Overlap(even)
	require.NoError(t, err)
	require.Equal(t, 3, n)

	again, err := both.Or(odd)
	require.NoError(t, err)
	require.True(t, again.Equal(low))
	require.False(t, even.Equal(low))
	for id := range low.All() {
		require.Equal(t, ids[0], id)
		break
	}
}

// TestMembersZero: the zero Members is an empty set that goes with any.
func TestMembersZero(t *testing.T) {
	_, low, _ := tens(t, setAudience(t))
	var zero segment.Members
	require.Zero(t, zero.Len())
	require.False(t, zero.Contains(1))
	require.Empty(t, slices.Collect(zero.All()))
	got, err := zero.Or(low)
	require.NoError(t, err)
	require.True(t, got.Equal(low))
	got, err = low.AndNot(zero)
	require.NoError(t, err)
	require.True(t, got.Equal(low))
	got, err = low.And(zero)
	require.NoError(t, err)
	require.True(t, got.Equal(zero))
	got, err = zero.Or(zero)
	require.NoError(t, err)
	require.Zero(t, got.Len())
}

// TestMembersOfAnotherAudience (G5): no set of one audience works on
// another, be it another name in the store or the same name in another store.
func TestMembersOfAnotherAudience(t *testing.T) {
	aud := setAudience(t)
	_, low, _ := tens(t, aud)
	shared := memstore.New()
	open := func(name string) *store.Audience {
		aud, err := store.Open(t.Context(), shared, name, store.Options{Schema: setSchema(), Clock: setNow})
		require.NoError(t, err)
		return aud
	}
	for name, other := range map[string]*store.Audience{"store": setAudience(t), "name": open("main"), "second": open("other")} {
		t.Run(name, func(t *testing.T) {
			_, foreign, _ := tens(t, other)
			for _, op := range []func(segment.Members) (segment.Members, error){low.And, low.Or, low.AndNot} {
				got, err := op(foreign)
				require.ErrorIs(t, err, audience.ErrInvalid)
				require.Zero(t, got.Len())
			}
			_, err := low.Overlap(foreign)
			require.ErrorIs(t, err, audience.ErrInvalid)
			require.False(t, low.Equal(foreign))
		})
	}

	// A second handle of the same audience is no other audience.
	first, second := open("third"), open("third")
	_, a, _ := tens(t, first)
	b := members(t, evaluate(t, second, compileSet(t, setLanguage(t, second), "low", `contact.age < 5`), setNow()), "low")
	require.True(t, a.Equal(b))
	_, err := a.And(b)
	require.NoError(t, err)
}
