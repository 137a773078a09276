package storetest

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func identityFaults() []fault {
	return []fault{
		{
			name: "answers leave out whom nobody holds", found: []string{"identities/one-answer-for-each"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return onlyFound{w} }),
		},
		{
			name: "identities compare without case", found: []string{"identities/bytes-decide"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return caseless{w} }),
		},
		{
			name: "the last claim wins", found: []string{"identities/one-holder", "identities/refused-claim-claims-nothing"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return stealing{w} }),
		},
		{
			name: "the last of two racing claims wins", found: []string{"identities/racing-claims"},
			adapter: func() store.Adapter { return newOverlapping(planted{}) },
			roles:   stateless(func(w store.WriteRoles) store.WriteRoles { return stealing{w} }),
		},
		{
			name: "a claim for nobody stays", found: []string{"identities/claimed-for-nobody"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return somebodys{w} }),
		},
		{
			name: "claims for nobody are skipped", found: []string{"identities/claimed-for-nobody", "concurrency/address-first-and-suppressed", "concurrency/suppressed-first-and-address"},
			adapter: func() store.Adapter { return newOverlapping(planted{}) },
			roles:   stateless(func(w store.WriteRoles) store.WriteRoles { return nobodyless{w} }),
		},
		{
			name: "who claims for nobody keeps nobody waiting", found: []string{"concurrency/suppressed-first-and-address"},
			adapter: func() store.Adapter { return newOverlapping(planted{nobodyIsWaitedFor: true}) },
		},
		{
			name: "claims go in one by one", found: []string{"identities/refused-claim-claims-nothing"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return claimByClaim{w} }),
		},
		{
			name: "whoever releases takes", found: []string{"identities/release-what-is-held"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return releasing{w} }),
		},
		{
			name: "identities go with the row", found: []string{"identities/outlive-the-row"},
			roles: func(store.Partition) func(store.WriteRoles) store.WriteRoles {
				var claims []store.Claim
				return func(w store.WriteRoles) store.WriteRoles { return cascading{w, &claims} }
			},
		},
		{
			name: "who was not there is remembered as not there", found: []string{"concurrency/one-contact-for-an-address"},
			roles: func(store.Partition) func(store.WriteRoles) store.WriteRoles {
				var first *[]audience.ContactID
				return func(w store.WriteRoles) store.WriteRoles { return negativeCache{w, &first} }
			},
		},
	}
}

type onlyFound struct{ store.WriteRoles }

func (f onlyFound) Resolve(ctx context.Context, identities []audience.Identity) ([]audience.ContactID, error) {
	ids, err := f.WriteRoles.Resolve(ctx, identities)
	var out []audience.ContactID
	for _, id := range ids {
		if id != 0 {
			out = append(out, id)
		}
	}
	return out, err
}

type caseless struct{ store.WriteRoles }

func lower(i audience.Identity) audience.Identity {
	system, _ := strings.CutPrefix(i.Kind(), "external:")
	return audience.ExternalIdentity(audience.External(strings.ToLower(system), strings.ToLower(i.Key())))
}

func (f caseless) Resolve(ctx context.Context, identities []audience.Identity) ([]audience.ContactID, error) {
	folded := make([]audience.Identity, len(identities))
	for i := range identities {
		folded[i] = lower(identities[i])
	}
	return f.WriteRoles.Resolve(ctx, folded)
}

func (f caseless) ClaimIdentities(ctx context.Context, claims []store.Claim) error {
	for _, c := range claims {
		_ = f.WriteRoles.ClaimIdentities(ctx, []store.Claim{{Identity: lower(c.Identity), Contact: c.Contact}})
	}
	return nil
}

type stealing struct{ store.WriteRoles }

func (f stealing) ClaimIdentities(ctx context.Context, claims []store.Claim) error {
	for _, c := range claims {
		holders, err := f.Resolve(ctx, []audience.Identity{c.Identity})
		if err != nil {
			return err
		}
		if err := f.ReleaseIdentities(ctx, []store.Claim{{Identity: c.Identity, Contact: holders[0]}}); err != nil {
			return err
		}
		holders, err = f.Resolve(ctx, []audience.Identity{c.Identity}) // as it is now that nobody else can write it
		if err != nil {
			return err
		}
		if err := f.ReleaseIdentities(ctx, []store.Claim{{Identity: c.Identity, Contact: holders[0]}}); err != nil {
			return err
		}
		if err := f.WriteRoles.ClaimIdentities(ctx, []store.Claim{c}); err != nil {
			return err
		}
	}
	return nil
}

type somebodys struct{ store.WriteRoles }

func (f somebodys) ClaimIdentities(ctx context.Context, claims []store.Claim) error {
	claims = slices.Clone(claims)
	for i := range claims {
		if claims[i].Contact == 0 {
			claims[i].Contact = math.MaxUint32
		}
	}
	return f.WriteRoles.ClaimIdentities(ctx, claims)
}

type nobodyless struct{ store.WriteRoles }

func (f nobodyless) ClaimIdentities(ctx context.Context, claims []store.Claim) error {
	return f.WriteRoles.ClaimIdentities(ctx, slices.DeleteFunc(slices.Clone(claims), func(c store.Claim) bool { return c.Contact == 0 }))
}

type claimByClaim struct{ store.WriteRoles }

func (f claimByClaim) ClaimIdentities(ctx context.Context, claims []store.Claim) error {
	for i := range claims {
		if err := f.WriteRoles.ClaimIdentities(ctx, claims[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

type releasing struct{ store.WriteRoles }

func (f releasing) ReleaseIdentities(ctx context.Context, claims []store.Claim) error {
	for _, c := range claims {
		holders, err := f.Resolve(ctx, []audience.Identity{c.Identity})
		if err != nil {
			return err
		}
		if err := f.WriteRoles.ReleaseIdentities(ctx, []store.Claim{{Identity: c.Identity, Contact: holders[0]}}); err != nil {
			return err
		}
	}
	return nil
}

type cascading struct {
	store.WriteRoles
	claims *[]store.Claim
}

func (f cascading) ClaimIdentities(ctx context.Context, claims []store.Claim) error {
	*f.claims = append(*f.claims, claims...)
	return f.WriteRoles.ClaimIdentities(ctx, claims)
}

func (f cascading) DeleteContacts(ctx context.Context, ids []audience.ContactID) error {
	return errors.Join(f.WriteRoles.DeleteContacts(ctx, ids), f.ReleaseIdentities(ctx, *f.claims))
}

// negativeCache answers for ever what the first question was answered.
type negativeCache struct {
	store.WriteRoles
	first **[]audience.ContactID
}

func (f negativeCache) Resolve(ctx context.Context, identities []audience.Identity) ([]audience.ContactID, error) {
	if *f.first == nil || len(**f.first) != len(identities) {
		ids, err := f.WriteRoles.Resolve(ctx, identities)
		*f.first = &ids
		return ids, err
	}
	return **f.first, nil
}
