package audience_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestContactAccessors(t *testing.T) {
	s := shopSchema()
	c := audience.Contact{
		ID:        5,
		Addresses: []audience.Address{audience.MustAddress("jane@example.com"), audience.MustAddress("j@example.org")},
		External: []audience.ExternalID{
			audience.External("crm", "A-1"), audience.External("host", "u1"), audience.External("host", "u2"), audience.External("shop", "9"),
		},
		Tags: []audience.Tag{{Name: "B2B"}, {Name: "b2b"}, {Name: "vip"}},
		Fields: []audience.FieldValue{
			{ID: 1, Value: audience.StringValue("pro")},
			{ID: 3, Value: audience.DoubleValue(0.5)},
			{ID: math.MaxUint32, Value: audience.BoolValue(true)},
		},
	}
	require.Equal(t, "jane@example.com", c.Email().Reveal())
	require.True(t, audience.StringValue("jane@example.com").Equal(c.Email().Value()))
	require.True(t, audience.StringListValue("vip", "b2b", "B2B").Equal(c.TagList()))
	require.True(t, audience.StringListValue("j@example.org").Equal(c.OtherEmails()), "not the primary one")
	require.Equal(t, "u1", c.Key(), "the host's own, the first one")
	require.True(t, c.HasTag("B2B"))
	require.True(t, c.HasTag("vip"))
	require.False(t, c.HasTag("b2"))
	require.False(t, c.HasTag(""))
	require.Equal(t, []string{"B2B", "b2b", "vip"}, c.TagNames())
	require.Equal(t, "pro", c.Value(1).Reveal())
	require.True(t, c.Value(2).IsZero())
	require.Equal(t, "true", c.Value(math.MaxUint32).Reveal(), "ids do not overflow")
	require.True(t, c.Value(math.MaxUint32-1).IsZero())
	require.Equal(t, "0.5", c.Field(&s, "score").Reveal())
	require.True(t, c.Field(&s, "interests").IsZero(), "absent")
	require.True(t, c.Field(&s, "nonsense").IsZero(), "unknown")

	identities := c.Identities()
	require.Len(t, identities, 6)
	require.True(t, identities[0].Equal(audience.AddressIdentity(c.Addresses[0])))
	require.True(t, identities[5].Equal(audience.ExternalIdentity(c.External[3])))

	var none audience.Contact
	require.True(t, none.Email().IsZero())
	require.Empty(t, none.Key())
	require.True(t, none.Email().Value().IsZero())
	require.Empty(t, none.TagNames())
	require.True(t, none.TagList().IsZero())
	require.True(t, none.OtherEmails().IsZero())
	one := audience.Contact{Addresses: c.Addresses[:1]}
	require.True(t, one.OtherEmails().IsZero(), "the primary address alone")
	require.Empty(t, none.Identities())
	require.False(t, none.HasTag("x"))
}

func TestContactIDString(t *testing.T) {
	require.Equal(t, "0", audience.ContactID(0).String())
	require.Equal(t, "4294967295", audience.ContactID(math.MaxUint32).String())
}
