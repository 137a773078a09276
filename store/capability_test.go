package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store"
)

// Layers of a wrapped value, as adapters wrap each other.
type (
	plain   struct{ name string }
	wrapper struct {
		plain
		inner any
	}
	namer  interface{ Name() string }
	counts struct{ plain }
)

func (p plain) Name() string  { return p.name }
func (w wrapper) Unwrap() any { return w.inner }
func (counts) Count() int     { return 3 }

func TestAs(t *testing.T) {
	type counter interface{ Count() int }
	inner := counts{plain{"inner"}}
	outer := wrapper{plain{"outer"}, wrapper{plain{"middle"}, inner}}

	c, ok := store.As[counter](outer)
	require.True(t, ok)
	require.Equal(t, 3, c.Count(), "found through two wrappers")
	n, ok := store.As[namer](outer)
	require.True(t, ok)
	require.Equal(t, "outer", n.Name(), "outermost first")
	got, ok := store.As[counts](outer)
	require.True(t, ok)
	require.Equal(t, inner, got)

	for name, v := range map[string]any{"nothing": nil, "not there": plain{"x"}, "wraps nothing": wrapper{}} {
		c, ok := store.As[counter](v)
		require.False(t, ok, name)
		require.Nil(t, c)
	}
}

// What hosts hold unwraps to what the adapter gave.
func TestCapabilitiesOfHandles(t *testing.T) {
	f := newFixture(t)
	f.put("ann")
	_, ok := store.As[store.Partition](f.Audience)
	require.True(t, ok)
	f.view(func(r *store.Reader) error {
		c, ok := store.As[store.ContactCounter](r)
		require.True(t, ok)
		n, err := c.CountContacts(t.Context())
		require.Equal(t, 1, n)
		_, writes := store.As[store.WriteRoles](r)
		require.False(t, writes, "a reader gives no way to write")
		return err
	})
	f.update(func(tx *store.Tx) error {
		_, err := tx.Put(t.Context(), contactWrite("bob"))
		require.NoError(t, err)
		c, ok := store.As[store.ContactCounter](tx)
		require.True(t, ok)
		n, err := c.CountContacts(t.Context())
		require.Equal(t, 2, n)
		_, writes := store.As[store.WriteRoles](tx)
		require.True(t, writes)
		return err
	})
}
