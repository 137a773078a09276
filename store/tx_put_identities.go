package store

import (
	"iter"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// identitiesOf gives every identity of a contact, addresses first.
func identitiesOf(c *audience.Contact) iter.Seq[audience.Identity] {
	return func(yield func(audience.Identity) bool) {
		for _, a := range c.Addresses {
			if !yield(audience.AddressIdentity(a)) {
				return
			}
		}
		for _, x := range c.External {
			if !yield(audience.ExternalIdentity(x)) {
				return
			}
		}
	}
}

// sameIdentities reports whether two states of a contact have the same
// identities in the same order, which is what most writes leave.
func sameIdentities(a, b *audience.Contact) bool {
	return slices.EqualFunc(a.Addresses, b.Addresses, func(x, y audience.Address) bool { return x.Canonical() == y.Canonical() }) &&
		slices.EqualFunc(a.External, b.External, func(x, y audience.ExternalID) bool { return x.System == y.System && x.ID.Equal(y.ID) })
}

// identityName is an identity as a key of maps.
type identityName struct{ kind, key string }

// identityChanges adds the identities that the contact got and lost.
func (c *putContact) identityChanges(claims, releases []Claim) (got, lost []Claim) {
	if c.stored == nil {
		for identity := range identitiesOf(c.now) {
			claims = append(claims, Claim{Identity: identity, Contact: c.now.ID})
		}
		return claims, releases
	}
	if sameIdentities(c.stored, c.now) {
		return claims, releases
	}
	old := make(map[identityName]bool)
	for identity := range identitiesOf(c.stored) {
		old[identityName{identity.Kind(), identity.Key()}] = true
	}
	for identity := range identitiesOf(c.now) {
		name := identityName{identity.Kind(), identity.Key()}
		if !old[name] {
			claims = append(claims, Claim{Identity: identity, Contact: c.now.ID})
		}
		delete(old, name)
	}
	for identity := range identitiesOf(c.stored) {
		if old[identityName{identity.Kind(), identity.Key()}] {
			releases = append(releases, Claim{Identity: identity, Contact: c.now.ID})
		}
	}
	return claims, releases
}
