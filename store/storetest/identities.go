package storetest

import (
	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const topicIdentities = "identities"

func identityChecks() []Check {
	return []Check{
		{
			Topic: topicIdentities, Name: "one-answer-for-each", run: identityOrder,
			Reason: "Importers ask for thousands at once and take answers by place: an answer in another place writes to another person.",
		},
		{
			Topic: topicIdentities, Name: "bytes-decide", run: identityBytes,
			Reason: "A collation that takes two keys for the same merges two people; one that trims refuses people who exist.",
		},
		{
			Topic: topicIdentities, Name: "one-holder", run: identityOneHolder,
			Reason: "An address that two contacts hold gets the mail of both, and a refusal of one does not stop the other.",
		},
		{
			Topic: topicIdentities, Name: "refused-claim-claims-nothing", run: identityAtomic,
			Reason: "A caller that is refused goes on with what it knows to be claimed; a claim left behind blocks its owner for ever.",
		},
		{
			Topic: topicIdentities, Name: "release-what-is-held", run: identityRelease,
			Reason: "A release that takes an identity from somebody else cuts that person off from her own key.",
		},
		{
			Topic: topicIdentities, Name: "outlive-the-row", run: identityOutlive,
			Reason: "A merge removes the loser's row and moves her identities in the same transaction; they must not vanish in between.",
		},
		{
			Topic: topicIdentities, Name: "claimed-for-nobody", run: identityNobodys,
			Reason: "Who suppresses an address of nobody's claims it for nobody: it must be free for the person who signs up with it later.",
		},
		{
			Topic: topicIdentities, Name: "racing-claims", run: identityRace, Needs: FeatureOverlap,
			Reason: "Two imports that bring the same new address at the same time must make one contact or one refusal, never two holders.",
		},
	}
}

func host(key string) audience.Identity {
	return audience.ExternalIdentity(audience.External(audience.HostSystem, key))
}

func identityOrder(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 3)
	a, b, c := host("a"), host("b"), audience.AddressIdentity(audience.MustAddress("c@example.com"))
	k.update(p, func(w store.WriteRoles) error {
		return w.ClaimIdentities(k.ctx, []store.Claim{{Identity: c, Contact: ids[2]}, {Identity: a, Contact: ids[0]}, {Identity: b, Contact: ids[1]}})
	})
	k.view(p, func(r store.ReadRoles) {
		got, err := r.Resolve(k.ctx, []audience.Identity{b, host("nobody"), c, a, b})
		require.NoError(k, err)
		require.Equal(k, []audience.ContactID{ids[1], 0, ids[2], ids[0], ids[1]}, got)
	})
}

func identityBytes(k *kit) {
	p := k.rows()
	var all []audience.Identity
	for _, text := range hostile() {
		all = append(all, host(text))
	}
	for _, name := range names() {
		all = append(all, audience.ExternalIdentity(audience.External(name, "1")))
	}
	// The border between kind and key is part of the identity.
	all = append(all,
		audience.ExternalIdentity(audience.External("crm", "a")), audience.ExternalIdentity(audience.External("crm:a", "a")),
		audience.ExternalIdentity(audience.External("crma", "a")), audience.ExternalIdentity(audience.External("crm", "aa")),
		audience.AddressIdentity(audience.MustAddress("a@example.com")), audience.ExternalIdentity(audience.External("address", "a@example.com")),
		host("a@example.com"),
	)
	seen := make(map[string]bool)
	unique := all[:0]
	for _, i := range all {
		if !seen[i.Index()] {
			seen[i.Index()] = true
			unique = append(unique, i)
		}
	}
	ids := k.contacts(p, len(unique))
	k.update(p, func(w store.WriteRoles) error {
		claims := make([]store.Claim, len(unique))
		for i := range unique {
			claims[i] = store.Claim{Identity: unique[i], Contact: ids[i]}
		}
		return w.ClaimIdentities(k.ctx, claims)
	})
	k.view(p, func(r store.ReadRoles) {
		got, err := r.Resolve(k.ctx, unique)
		require.NoError(k, err)
		for i := range unique {
			require.Equal(k, ids[i], got[i], identityText(unique[i]))
		}
	})
}

func identityOneHolder(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	key := host("u1")
	k.update(p, func(w store.WriteRoles) error {
		return w.ClaimIdentities(k.ctx, []store.Claim{{Identity: key, Contact: ids[0]}})
	})
	_, err := p.Update(k.ctx, func(w store.WriteRoles) error {
		return w.ClaimIdentities(k.ctx, []store.Claim{{Identity: key, Contact: ids[1]}})
	})
	require.ErrorIs(k, err, audience.ErrConflict)
	var conflict *audience.ConflictError
	require.ErrorAs(k, err, &conflict)
	require.NotContains(k, err.Error(), "u1", "an error shows no key")
	_, err = p.Update(k.ctx, func(w store.WriteRoles) error { // two in one batch
		return w.ClaimIdentities(k.ctx, []store.Claim{{Identity: host("u2"), Contact: ids[0]}, {Identity: host("u2"), Contact: ids[1]}})
	})
	require.ErrorIs(k, err, audience.ErrConflict)
	k.update(p, func(w store.WriteRoles) error { // what she holds already
		return w.ClaimIdentities(k.ctx, []store.Claim{{Identity: key, Contact: ids[0]}, {Identity: key, Contact: ids[0]}})
	})
	k.requireHolders(p, map[string]audience.ContactID{"u1": ids[0], "u2": 0})
}

// requireHolders compares who holds host keys.
func (k *kit) requireHolders(p store.Partition, want map[string]audience.ContactID) {
	k.Helper()
	k.view(p, func(r store.ReadRoles) {
		for key, id := range want {
			got, err := r.Resolve(k.ctx, []audience.Identity{host(key)})
			require.NoError(k, err)
			require.Equal(k, []audience.ContactID{id}, got, key)
		}
	})
}

func identityAtomic(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	k.update(p, func(w store.WriteRoles) error {
		return w.ClaimIdentities(k.ctx, []store.Claim{{Identity: host("m"), Contact: ids[0]}})
	})
	k.update(p, func(w store.WriteRoles) error { // the transaction goes on and commits
		for _, order := range [][]string{{"a", "m", "z"}, {"z", "a", "m"}} {
			var claims []store.Claim
			for _, key := range order {
				claims = append(claims, store.Claim{Identity: host(key), Contact: ids[1]})
			}
			require.ErrorIs(k, w.ClaimIdentities(k.ctx, claims), audience.ErrConflict)
		}
		return w.ClaimIdentities(k.ctx, []store.Claim{{Identity: host("later"), Contact: ids[1]}})
	})
	k.requireHolders(p, map[string]audience.ContactID{"a": 0, "m": ids[0], "z": 0, "later": ids[1]})
}

func identityRelease(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	k.update(p, func(w store.WriteRoles) error {
		return w.ClaimIdentities(k.ctx, []store.Claim{{Identity: host("a"), Contact: ids[0]}, {Identity: host("b"), Contact: ids[1]}})
	})
	k.update(p, func(w store.WriteRoles) error {
		return w.ReleaseIdentities(k.ctx, []store.Claim{
			{Identity: host("a"), Contact: ids[1]}, {Identity: host("nobody's"), Contact: ids[1]}, {Identity: host("b"), Contact: ids[1]},
		})
	})
	k.requireHolders(p, map[string]audience.ContactID{"a": ids[0], "b": 0})
	k.update(p, func(w store.WriteRoles) error { // moved within one transaction
		if err := w.ReleaseIdentities(k.ctx, []store.Claim{{Identity: host("a"), Contact: ids[0]}}); err != nil {
			return err
		}
		return w.ClaimIdentities(k.ctx, []store.Claim{{Identity: host("a"), Contact: ids[1]}, {Identity: host("b"), Contact: ids[0]}})
	})
	k.requireHolders(p, map[string]audience.ContactID{"a": ids[1], "b": ids[0]})
}

func identityOutlive(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 1)
	k.update(p, func(w store.WriteRoles) error {
		return w.ClaimIdentities(k.ctx, []store.Claim{{Identity: host("a"), Contact: ids[0]}})
	})
	k.update(p, func(w store.WriteRoles) error { return w.DeleteContacts(k.ctx, ids) })
	k.requireHolders(p, map[string]audience.ContactID{"a": ids[0]})
}

func identityNobodys(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	k.update(p, func(w store.WriteRoles) error {
		return w.ClaimIdentities(k.ctx, []store.Claim{{Identity: host("a"), Contact: ids[0]}, {Identity: host("b")}, {Identity: host("b")}})
	})
	k.requireHolders(p, map[string]audience.ContactID{"a": ids[0], "b": 0})
	k.update(p, func(w store.WriteRoles) error { // the transaction goes on and commits
		for _, claims := range [][]store.Claim{
			{{Identity: host("b")}, {Identity: host("a")}},
			{{Identity: host("c")}, {Identity: host("c"), Contact: ids[1]}},
			{{Identity: host("c"), Contact: ids[1]}, {Identity: host("c")}},
		} {
			require.ErrorIs(k, w.ClaimIdentities(k.ctx, claims), audience.ErrConflict)
		}
		for _, to := range []audience.ContactID{0, 0, ids[1]} {
			if err := w.ClaimIdentities(k.ctx, []store.Claim{{Identity: host("b"), Contact: to}}); err != nil {
				return err
			}
			got, err := w.Resolve(k.ctx, []audience.Identity{host("b"), host("c")})
			require.NoError(k, err)
			require.Equal(k, []audience.ContactID{to, 0}, got)
		}
		return nil
	})
	k.requireHolders(p, map[string]audience.ContactID{"a": ids[0], "b": ids[1], "c": 0})
}

func identityRace(k *kit) {
	p := k.rows()
	ids := k.contacts(p, 2)
	errs := k.overlap(
		p,
		func(w store.WriteRoles) error {
			return w.ClaimIdentities(k.ctx, []store.Claim{{Identity: host("a"), Contact: ids[0]}})
		},
		func(w store.WriteRoles) error {
			return w.ClaimIdentities(k.ctx, []store.Claim{{Identity: host("a"), Contact: ids[1]}})
		},
	)
	won := 0
	for i, err := range errs {
		if err == nil {
			won++
			k.requireHolders(p, map[string]audience.ContactID{"a": ids[i]})
			continue
		}
		require.ErrorIs(k, err, audience.ErrConflict)
	}
	require.Equal(k, 1, won, "one of the two holds it")
}
