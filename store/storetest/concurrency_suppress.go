package storetest

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// addressRace is somebody who gets an address, beside somebody else who
// suppresses that address or lifts it.
type addressRace struct {
	name    string
	address string
	before  func(k *kit, aud *store.Audience)
	get     func(ctx context.Context, tx *store.Tx) error
	lift    bool
}

func addressRaces() []addressRace {
	at := func(key string) string { return key + "@example.com" }
	make1 := func(key string) addressRace {
		return addressRace{name: "made", address: at(key), get: func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Put(ctx, person(key))
			return err
		}}
	}
	lifted := make1("lee")
	lifted.name, lifted.lift = "made and lifted", true
	var loser audience.ContactID
	return []addressRace{
		make1("ann"), lifted,
		{
			name: "added", address: at("more"),
			before: func(k *kit, aud *store.Audience) { k.people(aud, "bea") },
			get: func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Put(ctx, audience.ContactWrite{Match: audience.Key("bea"), Addresses: []audience.Address{audience.MustAddress(at("more"))}})
				return err
			},
		},
		{
			name: "moved", address: at("cid"),
			before: func(k *kit, aud *store.Audience) { k.people(aud, "cid", "dan") },
			get: func(ctx context.Context, tx *store.Tx) error {
				a := audience.MustAddress(at("cid"))
				_, err := tx.Put(
					ctx,
					audience.ContactWrite{Match: audience.Key("cid"), Detach: []audience.Identity{audience.AddressIdentity(a)}},
					audience.ContactWrite{Match: audience.Key("dan"), Addresses: []audience.Address{a}},
				)
				return err
			},
		},
		{
			name: "unmerged", address: at("fay"),
			before: func(k *kit, aud *store.Audience) {
				loser = k.people(aud, "eve", "fay")[1]
				k.change(aud, func(tx *store.Tx) error {
					return tx.Merge(k.ctx, audience.Key("eve"), audience.Key("fay"), source())
				})
			},
			get: func(ctx context.Context, tx *store.Tx) error { return tx.Unmerge(ctx, loser, source()) },
		},
	}
}

func (r *addressRace) suppress(ctx context.Context, tx *store.Tx, lift bool) error {
	return tx.Suppress(ctx, store.SuppressionWrite{
		Address: audience.MustAddress(r.address), Reason: audience.SuppressedManually, Lift: lift, Source: source(),
	})
}

// concurrencyAddressFirst suppresses an address while somebody who gets it has
// not committed yet: she cannot be told, since nobody sees her.
func concurrencyAddressFirst(k *kit) {
	aud := k.open(mainAudience)
	for _, r := range addressRaces() {
		k.readyFor(aud, &r)
		looked := make(chan struct{})
		other := k.listening(func(role string) {
			if role == "Resolve" {
				close(looked)
			}
		})
		done := make(chan error, 1)
		var first sync.Once
		k.change(aud, func(tx *store.Tx) error {
			if err := r.get(k.ctx, tx); err != nil {
				return err
			}
			first.Do(func() { // it may be called again
				go func() {
					_, err := other.Update(k.ctx, func(tx *store.Tx) error { return r.suppress(k.ctx, tx, r.lift) })
					done <- err
				}()
				select {
				case <-looked:
				case <-k.ctx.Done():
				}
			})
			return nil
		})
		require.NoError(k, <-done, r.name)
		k.toldOfSuppressions(aud, r.name)
	}
}

// concurrencyRefusalFirst gives somebody an address while the transaction that
// suppresses it is open: whether it will commit nobody knows yet.
func concurrencyRefusalFirst(k *kit) {
	aud := k.open(mainAudience)
	for _, r := range addressRaces() {
		k.readyFor(aud, &r)
		claimed := make(chan struct{})
		other := k.listening(func(role string) {
			if role == "AppendChanges" {
				close(claimed)
			}
		})
		done := make(chan error, 1)
		var first sync.Once
		k.change(aud, func(tx *store.Tx) error {
			if err := r.suppress(k.ctx, tx, r.lift); err != nil {
				return err
			}
			first.Do(func() { // it may be called again
				go func() {
					_, err := other.Update(k.ctx, func(tx *store.Tx) error { return r.get(k.ctx, tx) })
					done <- err
				}()
				// Who waits, as she should, cannot be seen. An adapter that lets her
				// go on is found out when she gets this far in time.
				enough := time.NewTimer(100 * time.Millisecond)
				defer enough.Stop()
				select {
				case <-claimed:
				case <-enough.C:
				case <-k.ctx.Done():
				}
			})
			return nil
		})
		require.NoError(k, <-done, r.name)
		k.toldOfSuppressions(aud, r.name)
	}
}

func (k *kit) readyFor(aud *store.Audience, r *addressRace) {
	k.Helper()
	if r.before != nil {
		r.before(k, aud)
	}
	if r.lift {
		k.change(aud, func(tx *store.Tx) error { return r.suppress(k.ctx, tx, false) })
	}
}

// toldOfSuppressions requires that the feed has told of everybody from when on
// she is suppressed.
func (k *kit) toldOfSuppressions(aud *store.Audience, what string) {
	k.Helper()
	told := make(map[audience.ContactID]string)
	for _, c := range k.commits(k.rows(), store.Position{}, 50) {
		for _, change := range c.Changes {
			if change.SuppressedFrom != nil {
				told[change.Contact] = instantText(*change.SuppressedFrom)
			}
		}
	}
	k.look(aud, func(r *store.Reader) {
		for p, err := range r.AllProfiles(k.ctx, store.ProfileQuery{Parts: audience.ProfileParts{Suppressed: true}}) {
			require.NoError(k, err)
			require.Equal(k, instantText(p.SuppressedFrom), told[p.Contact.ID], "%s: contact %d", what, p.Contact.ID)
		}
	})
}

// listening is an adapter that tells of the first call of each role that is
// done: Resolve and AppendChanges.
type listening struct {
	store.Adapter
	tell func(role string)
	told sync.Map
}

func (k *kit) listening(tell func(role string)) *store.Audience {
	k.Helper()
	a := &listening{Adapter: k.adapter}
	aud, err := store.Open(k.ctx, a, mainAudience, k.options())
	require.NoError(k, err)
	a.tell = tell // of what is called from now on
	return aud
}

func (a *listening) done(role string) {
	if a.tell == nil {
		return
	}
	if _, again := a.told.LoadOrStore(role, true); !again {
		a.tell(role)
	}
}

type listeningPartition struct {
	store.Partition
	adapter *listening
}

type listeningRoles struct {
	store.WriteRoles
	adapter *listening
}

func (a *listening) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := a.Adapter.Partition(ctx, name)
	return listeningPartition{p, a}, err
}

func (p listeningPartition) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	return p.Partition.Update(ctx, func(w store.WriteRoles) error { return fn(listeningRoles{w, p.adapter}) })
}

func (w listeningRoles) Resolve(ctx context.Context, identities []audience.Identity) ([]audience.ContactID, error) {
	defer w.adapter.done("Resolve")
	return w.WriteRoles.Resolve(ctx, identities)
}

func (w listeningRoles) AppendChanges(ctx context.Context, at time.Time, changes []store.Change) error {
	defer w.adapter.done("AppendChanges")
	return w.WriteRoles.AppendChanges(ctx, at, changes)
}
