package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// The id of a merged contact goes on naming her.
func TestPutToMerged(t *testing.T) {
	f := newFixture(t)
	ann, bob := f.put("ann", "ann@example.com"), f.put("bob", "bob@example.com")
	f.merge(audience.Key("ann"), audience.Key("bob"))
	res := f.write(audience.ContactWrite{Match: audience.ID(bob), FirstName: audience.NewPrivate("Ann")})
	require.Equal(t, store.PutResult{ID: ann, Version: 3, Changed: true}, res)
	res = f.write(audience.ContactWrite{Email: address(t, "bob@example.com"), External: []audience.ExternalID{audience.External(audience.HostSystem, "ann")}})
	require.Equal(t, ann, res.ID, "not ambiguous any more")
}

func TestErasedComeBackByThemselvesOnly(t *testing.T) {
	f := newFixture(t)
	first := f.put("ann", "ann@example.com")
	f.update(func(tx *store.Tx) error { return tx.Erase(t.Context(), audience.Source{}, audience.Key("ann")) })
	w := audience.ContactWrite{Match: audience.Key("ann"), Email: address(t, "Ann@example.com")}
	_, err := f.Put(t.Context(), w)
	require.ErrorIs(t, err, audience.ErrDenied)
	_, err = f.Put(t.Context(), audience.ContactWrite{Match: audience.Email("ann@example.com")})
	require.ErrorIs(t, err, audience.ErrDenied)
	w.Returning = true
	res := f.write(w)
	require.NotEqual(t, first, res.ID, "ids are never given twice")
	require.Empty(t, f.held("ann@example.com"))
	require.True(t, f.last().SuppressedFrom.IsZero())
	require.Equal(t, "none", f.status(audience.Key("ann")), "nothing of before counts")

	f.write(audience.ContactWrite{Match: audience.Key("ann"), Detach: []audience.Identity{audience.AddressIdentity(w.Email)}})
	f.write(audience.ContactWrite{Match: audience.Key("bob"), Email: w.Email}) // what was lifted refuses nobody
}
