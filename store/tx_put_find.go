package store

import (
	"context"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

func (tx *Tx) newPutBatch(ctx context.Context, writes []audience.ContactWrite) (*putBatch, error) {
	p := &putBatch{
		tx:       tx,
		numbers:  newNumbers(2 * len(writes)),
		holders:  make([]*putContact, 0, 2*len(writes)),
		brought:  make([]int, 0, 2*len(writes)),
		ends:     make([]int, 0, len(writes)),
		redirect: make(map[audience.ContactID]audience.ContactID),
		fields:   make(map[string]audience.Field),
		hashes:   make(map[string][]audience.AddressHash),
		touched:  make([]*putContact, 0, len(writes)),
		results:  make([]putItem, 0, len(writes)),
	}
	var named []audience.ContactID
	for i := range writes {
		first := len(p.brought)
		for identity := range writes[i].EachIdentity() {
			n := p.number(identity)
			if !slices.Contains(p.brought[first:], n) {
				p.brought = append(p.brought, n)
			}
		}
		p.ends = append(p.ends, len(p.brought))
		if id, ok := writes[i].Match.ContactID(); ok {
			named = append(named, id)
		}
	}
	known := len(p.numbers.all)
	ids, err := p.resolve(ctx, p.numbers.all[:known:known], named)
	if err != nil {
		return nil, err
	}
	rows, err := tx.lockResolved(ctx, ids)
	if err != nil {
		return nil, err
	}
	p.applier = audience.NewApplier(tx.at, tx.audience.limits) // locking may have moved the instant
	p.byID = make(map[audience.ContactID]*putContact, len(rows))
	for id, c := range rows {
		p.byID[id] = &putContact{stored: c, now: c}
	}
	for n := range known {
		p.holders[n] = p.byID[ids[n]]
	}
	return p, p.findErased(ctx, writes)
}

// number gives the number of an identity. That of a new one is the next, and
// nobody holds it.
func (p *putBatch) number(identity audience.Identity) int {
	n := p.numbers.of(identity)
	if n == len(p.holders) {
		p.holders = append(p.holders, nil)
	}
	return n
}

// broughtBy gives the numbers of the identities that a write brings, in the
// order of [audience.ContactWrite.Identities].
func (p *putBatch) broughtBy(i int) []int {
	if i == 0 {
		return p.brought[:p.ends[0]]
	}
	return p.brought[p.ends[i-1]:p.ends[i]]
}

// resolve gives who holds the identities, in order, and then who stands for
// those that writes name.
func (p *putBatch) resolve(ctx context.Context, identities []audience.Identity, named []audience.ContactID) ([]audience.ContactID, error) {
	var ids []audience.ContactID
	if len(identities) > 0 {
		found, err := p.tx.roles.Resolve(ctx, identities)
		if err != nil {
			return nil, err
		}
		ids = found
	}
	if len(named) == 0 {
		return ids, nil
	}
	current, err := p.tx.roles.Redirect(ctx, named)
	if err != nil {
		return nil, err
	}
	for i, id := range named {
		p.redirect[id] = current[i]
	}
	return slices.Concat(ids, current), nil
}

// fewHashes is how many addresses are hashed without asking before whether
// anything is held at all: one question more takes longer.
const fewHashes = 64

// anySuppression reports whether anything is held against anybody.
func (r *Reader) anySuppression(ctx context.Context) (bool, error) {
	some, err := r.roles.SuppressionsAfter(ctx, audience.Suppression{}, 1)
	return len(some) > 0, err
}

// findErased looks up the tombstones of all addresses the batch brings.
func (p *putBatch) findErased(ctx context.Context, writes []audience.ContactWrite) error {
	if p.tx.audience.keys.IsZero() {
		return nil
	}
	if len(writes) > fewHashes {
		some, err := p.tx.anySuppression(ctx)
		if p.none = !some; err != nil || p.none {
			return err
		}
	}
	var hashes []audience.AddressHash
	for i := range writes {
		for _, a := range writtenAddresses(&writes[i]) {
			if p.holders[p.number(audience.AddressIdentity(a))] == nil {
				hashes = append(hashes, p.hashesOf(a)...)
			}
		}
	}
	if len(hashes) == 0 {
		return nil
	}
	found, err := p.tx.roles.Suppressions(ctx, hashes)
	if err != nil {
		return err
	}
	p.erased = make(map[audience.AddressHash]audience.Suppression)
	for _, s := range found {
		if s.Reason == audience.SuppressedErased && s.Stands(p.tx.at) {
			p.erased[s.Hash] = s
		}
	}
	return nil
}

// hashesOf gives the hashes of an address, which take longer to make than to
// find again.
func (p *putBatch) hashesOf(a audience.Address) []audience.AddressHash {
	hashes, known := p.hashes[a.Canonical()]
	if !known {
		hashes = p.tx.addressHashes(a)
		p.hashes[a.Canonical()] = hashes
	}
	return hashes
}

func writtenAddresses(w *audience.ContactWrite) []audience.Address {
	out := slices.Clone(w.Addresses)
	if !w.Email.IsZero() {
		out = append(out, w.Email)
	}
	if a, ok := w.Match.Address(); ok {
		out = append(out, a)
	}
	return out
}
