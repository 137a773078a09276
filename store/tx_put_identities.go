package store

import "github.com/audiencekit/audiencekit/audience"

func identityChanges(before, after *audience.Contact) (added, removed []audience.Identity) {
	switch {
	case sameIdentities(before, after):
		return nil, nil
	case len(before.Addresses)+len(before.External) == 0:
		return after.Identities(), nil
	}
	old := make(map[string]bool)
	for _, identity := range before.Identities() {
		old[identity.Index()] = true
	}
	for _, identity := range after.Identities() {
		if !old[identity.Index()] {
			added = append(added, identity)
		}
		delete(old, identity.Index())
	}
	for _, identity := range before.Identities() {
		if old[identity.Index()] {
			removed = append(removed, identity)
		}
	}
	return added, removed
}
