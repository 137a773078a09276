package store

import (
	"context"
	"errors"

	"github.com/audiencekit/audiencekit/audience"
)

// Put creates or changes one contact in a transaction of its own: see
// [Tx.Put]. The error is that of the item.
func (a *Audience) Put(ctx context.Context, w audience.ContactWrite) (PutResult, error) {
	return single(ctx, a, func(tx *Tx) ([]PutResult, error) { return tx.Put(ctx, w) })
}

// Append stores, revises or takes back one event in a transaction of its
// own: see [Tx.Append]. The error is that of the item.
func (a *Audience) Append(ctx context.Context, w audience.EventWrite) (AppendResult, error) {
	return single(ctx, a, func(tx *Tx) ([]AppendResult, error) { return tx.Append(ctx, w) })
}

// Record appends one record to the ledger in a transaction of its own: see
// [Tx.Record]. The error is that of the item.
func (a *Audience) Record(ctx context.Context, w audience.ConsentWrite) (audience.ConsentRecord, error) {
	return single(ctx, a, func(tx *Tx) ([]audience.ConsentRecord, error) { return tx.Record(ctx, w) })
}

// Contact gives the contact a Ref names, [audience.ErrNotFound] when it
// names nobody.
func (a *Audience) Contact(ctx context.Context, ref audience.Ref) (audience.Contact, error) {
	var out audience.Contact
	err := a.View(ctx, func(r *Reader) (err error) {
		out, err = r.Contact(ctx, ref)
		return err
	})
	return out, err
}

// Profile gives the profile of the contact a Ref names, with the parts asked
// for; [audience.ErrNotFound] when it names nobody.
func (a *Audience) Profile(ctx context.Context, ref audience.Ref, parts audience.ProfileParts) (audience.Profile, error) {
	var out audience.Profile
	err := a.View(ctx, func(r *Reader) (err error) {
		out, err = r.Profile(ctx, ref, parts)
		return err
	})
	return out, err
}

// single runs a batch of one and takes it out of its batch again.
func single[T any](ctx context.Context, a *Audience, batch func(*Tx) ([]T, error)) (T, error) {
	var out T
	_, err := a.Update(ctx, func(tx *Tx) error {
		results, err := batch(tx)
		if err != nil {
			return err
		}
		out = results[0]
		return nil
	})
	var refused *audience.BatchError
	if errors.As(err, &refused) && len(refused.Items) == 1 {
		err = refused.Items[0].Err
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return out, nil
}
