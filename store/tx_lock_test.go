package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func TestLock(t *testing.T) {
	f := newFixture(t)
	f.update(func(tx *store.Tx) error {
		_, err := tx.Put(t.Context(), audience.ContactWrite{Match: audience.Key("u1")}, audience.ContactWrite{Match: audience.Key("u2")}, audience.ContactWrite{Match: audience.Key("u3")})
		require.NoError(t, err)
		require.NoError(t, tx.Delete(t.Context(), audience.Source{}, audience.Key("u2")))
		locked, err := tx.Lock(t.Context(), 3, 2, 1, 3, 99, 0)
		require.NoError(t, err)
		var keys []string
		for _, c := range locked {
			keys = append(keys, c.Key())
		}
		require.Equal(t, []string{"u3", "u1", "u3"}, keys, "as asked for; who is gone is left out")
		none, err := tx.Lock(t.Context())
		require.NoError(t, err)
		require.Empty(t, none)
		return nil
	})
}

func TestSuppressionsOf(t *testing.T) {
	f := newFixture(t)
	ann, bob := audience.MustAddress("ann@example.com"), audience.MustAddress("bob@example.com")
	f.view(func(r *store.Reader) error {
		got, err := r.SuppressionsOf(t.Context(), ann, bob)
		require.NoError(t, err)
		require.Equal(t, [][]audience.Suppression{nil, nil}, got, "nobody is suppressed")
		return nil
	})
	f.update(func(tx *store.Tx) error {
		return tx.Suppress(t.Context(), store.SuppressionWrite{Address: bob, Reason: audience.SuppressedManually}, store.SuppressionWrite{Address: bob, Reason: audience.SuppressedBounced})
	})
	f.view(func(r *store.Reader) error {
		got, err := r.SuppressionsOf(t.Context(), bob, ann, audience.MustAddress("BOB@example.com"))
		require.NoError(t, err)
		want, err := r.Suppressions(t.Context(), bob)
		require.NoError(t, err)
		require.Len(t, want, 2)
		require.ElementsMatch(t, want, got[0])
		require.Empty(t, got[1])
		require.ElementsMatch(t, want, got[2])
		none, err := r.SuppressionsOf(t.Context())
		require.NoError(t, err)
		require.Empty(t, none)
		return nil
	})
	without := newFixture(t, withoutKeys)
	without.view(func(r *store.Reader) error {
		got, err := r.SuppressionsOf(t.Context(), ann)
		require.NoError(t, err)
		require.Equal(t, [][]audience.Suppression{nil}, got)
		return nil
	})
}
