package memstore

import (
	"context"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Suppressions gives every suppression of the hashes.
func (r *reader) Suppressions(ctx context.Context, hashes []audience.AddressHash) ([]audience.Suppression, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	keys := make([]suppressionKey, len(hashes))
	for i, h := range hashes {
		keys[i] = suppressionKey{hash: h}
	}
	slices.SortFunc(keys, suppressionKey.compare)
	var out []audience.Suppression
	for i, key := range slices.Compact(keys) {
		if err := sometimes(ctx, i); err != nil {
			return nil, err
		}
		for k, s := range r.v.suppressions.from(key) {
			if k.hash != key.hash {
				break
			}
			out = append(out, *s)
		}
	}
	return out, nil
}

// SuppressionsAfter gives suppressions in order of key id, sum and reason.
func (r *reader) SuppressionsAfter(ctx context.Context, after audience.Suppression, limit int) ([]audience.Suppression, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	last := suppressionKey{after.Hash, after.Reason}
	var out []audience.Suppression
	for k, s := range r.v.suppressions.from(last) {
		if k == last {
			continue
		}
		if len(out) == limit {
			break
		}
		if err := sometimes(ctx, len(out)); err != nil {
			return nil, err
		}
		out = append(out, *s)
	}
	return out, nil
}

// SuppressionKeys gives the key ids in use, leaping from one to the next.
func (r *reader) SuppressionKeys(ctx context.Context) ([]string, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	var out []string
	next := suppressionKey{}
	for {
		found := false
		for k := range r.v.suppressions.from(next) {
			// The id that follows k's directly, by bytes.
			found, next = true, suppressionKey{hash: audience.AddressHash{Key: k.hash.Key + "\x00"}}
			out = append(out, k.hash.Key)
			break
		}
		if !found {
			return out, nil
		}
	}
}

// MoveSuppressions stores suppressions in place of others.
func (w *writer) MoveSuppressions(ctx context.Context, moves []store.SuppressionMove) error {
	return w.atomically(ctx, func() error {
		for i, m := range moves {
			if err := sometimes(ctx, i); err != nil {
				return err
			}
			if m.From != m.To.Hash {
				w.v.suppressions.delete(w.edit, suppressionKey{m.From, m.To.Reason})
			}
			w.v.suppressions.set(w.edit, suppressionKey{m.To.Hash, m.To.Reason}, &m.To)
		}
		return nil
	})
}

// PutSuppressions stores suppressions by hash and reason.
func (w *writer) PutSuppressions(ctx context.Context, suppressions []audience.Suppression) error {
	return w.atomically(ctx, func() error {
		for i, s := range suppressions {
			if err := sometimes(ctx, i); err != nil {
				return err
			}
			w.v.suppressions.set(w.edit, suppressionKey{s.Hash, s.Reason}, &s)
		}
		return nil
	})
}
