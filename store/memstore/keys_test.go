package memstore

import (
	"cmp"
	"math"
	"testing"
	"unique"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// requireOrder compares each key with each; they are given ascending.
func requireOrder[K ordered[K]](t *testing.T, keys ...K) {
	t.Helper()
	for i, a := range keys {
		for j, b := range keys {
			require.Equal(t, cmp.Compare(i, j), a.compare(b), "%T %d and %d", a, i, j)
		}
	}
}

func TestKeysAreOrdered(t *testing.T) {
	a, b := unique.Make("a"), unique.Make("b")
	requireOrder[idKey](t, 0, 1, math.MaxUint32)
	requireOrder[numberKey](t, 0, 1, math.MaxUint64)
	requireOrder[textKey](t, "", "a", "a\x00", "ab", "b", "\xff")
	requireOrder(t, numberedKey{1, 9}, numberedKey{2, 1}, numberedKey{2, math.MaxUint64})
	requireOrder(t, eventKey{a, 5, "b"}, eventKey{b, math.MinInt64, ""}, eventKey{b, -1, "z"}, eventKey{b, 1, "a"}, eventKey{b, 1, "b"})
	requireOrder(t, memberKey{"a", 9}, memberKey{"b", 1}, memberKey{"b", 2})
	requireOrder(t, membershipKey{1, "b"}, membershipKey{2, "a"}, membershipKey{2, "b"})
	requireOrder(t, recordKey{"a", "b"}, recordKey{"a", "c"}, recordKey{"b", "a"})
	requireOrder(t, ownedKey{1, recordKey{"b", "b"}}, ownedKey{2, recordKey{"a", "a"}}, ownedKey{2, recordKey{"b", "a"}})
	hash := func(key string, last byte) audience.AddressHash {
		return audience.AddressHash{Key: key, Sum: [32]byte{31: last}}
	}
	requireOrder(t, suppressionKey{hash("a", 9), 5}, suppressionKey{hash("b", 1), 2}, suppressionKey{hash("b", 2), 1}, suppressionKey{hash("b", 2), 2})
}

func TestCloseLetsGoOfTheRows(t *testing.T) {
	s := New()
	opened, err := s.Partition(t.Context(), "main")
	require.NoError(t, err)
	_, err = opened.Update(t.Context(), func(w store.WriteRoles) error {
		return w.AddMembers(t.Context(), []store.Membership{{List: "vip", Origin: 1}})
	})
	require.NoError(t, err)
	p, ok := opened.(*partition)
	require.True(t, ok)
	require.Equal(t, 1, p.current.Load().members.len)
	require.NoError(t, s.Close())
	require.Zero(t, p.current.Load().members.len, "a host that keeps its handle does not keep the rows")
}
