package store

import (
	"context"

	"github.com/audiencekit/audiencekit/audience"
)

// Lock holds contacts until the end of the transaction, so that nobody else
// changes them or what is recorded under them meanwhile, and gives them as they
// are, in the order of ids. Who decides by what is known of somebody locks her
// before reading it.
//
// Ids that no contact has now are left out. A contact that comes twice is given
// twice.
func (tx *Tx) Lock(ctx context.Context, ids ...audience.ContactID) ([]audience.Contact, error) {
	rows, err := tx.lock(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]audience.Contact, 0, len(ids))
	for _, id := range ids {
		if c, ok := rows[id]; ok {
			out = append(out, *c)
		}
	}
	return out, nil
}

// SuppressionsOf is [Reader.Suppressions] for many addresses, one result each,
// in order. Without keys nothing is held about anybody.
func (r *Reader) SuppressionsOf(ctx context.Context, addresses ...audience.Address) ([][]audience.Suppression, error) {
	out := make([][]audience.Suppression, len(addresses))
	if r.audience.keys.IsZero() || len(addresses) == 0 {
		return out, nil
	}
	some, err := r.roles.SuppressionsAfter(ctx, audience.Suppression{}, 1)
	if err != nil || len(some) == 0 { // hashing takes longer than asking
		return out, err
	}
	owners := make(map[audience.AddressHash][]int, len(addresses))
	hashes := make([]audience.AddressHash, 0, len(addresses))
	for i, a := range addresses {
		for _, h := range r.addressHashes(a) {
			owners[h] = append(owners[h], i)
			hashes = append(hashes, h)
		}
	}
	found, err := r.roles.Suppressions(ctx, hashes)
	if err != nil {
		return nil, err
	}
	for _, s := range found {
		for _, i := range owners[s.Hash] {
			out[i] = append(out[i], s)
		}
	}
	return out, nil
}
