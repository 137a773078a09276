package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// A refusal of marketing goes with the address when it leaves her.
func TestDetachKeepsRefusal(t *testing.T) {
	ann, bob := audience.Key("ann"), audience.Key("bob")
	gone := func(t *testing.T) audience.ContactWrite {
		t.Helper()
		return audience.ContactWrite{Match: ann, Detach: []audience.Identity{audience.AddressIdentity(address(t, "ann@example.com"))}}
	}
	refuse := refusal(ann, audience.ConsentWithdrawn)
	refuse.Scope = audience.MarketingScope()

	f := newFixture(t)
	f.put("ann", "ann@example.com")
	f.record(refuse)
	f.put("bob", "bob@example.com")
	f.record(grant(bob, audience.MechanismDoubleOptIn))
	f.later(time.Hour)
	_, err := f.Put(t.Context(), gone(t))
	require.NoError(t, err)
	require.Equal(t, []string{"withdrawn"}, f.held("ann@example.com"))
	f.put("bob", "bob@example.com", "ann@example.com")
	require.False(t, f.mailable(bob))

	f = newFixture(t)
	f.put("ann", "ann@example.com")
	_, err = f.Put(t.Context(), gone(t))
	require.NoError(t, err)
	require.Empty(t, f.held("ann@example.com"), "she refuses nothing")

	f = newFixture(t, withoutKeys)
	f.put("ann", "ann@example.com")
	f.record(refuse)
	_, err = f.Put(t.Context(), gone(t))
	require.ErrorIs(t, err, audience.ErrDenied)
	require.Len(t, f.contact(ann).Addresses, 1)
}
