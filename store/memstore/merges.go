package memstore

import (
	"context"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Redirect gives for each id the contact that stands for it.
func (r *reader) Redirect(ctx context.Context, ids []audience.ContactID) ([]audience.ContactID, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	out := make([]audience.ContactID, len(ids))
	steps := 0
	for i, id := range ids {
		// Merges that form a circle are nobody: no way is longer than all of
		// them together.
		for range r.v.merges.len + 1 {
			steps++
			if err := sometimes(ctx, steps); err != nil {
				return nil, err
			}
			if r.v.contacts.has(idKey(id)) {
				out[i] = id
				break
			}
			m, ok := r.v.merges.get(idKey(id))
			if !ok {
				break
			}
			id = m.Winner
		}
	}
	return out, nil
}

// Merges gives the merges into the winners in order.
func (r *reader) Merges(ctx context.Context, winners []audience.ContactID) ([]store.Merge, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	var out []store.Merge
	for i, winner := range ascending(winners) {
		if err := sometimes(ctx, i); err != nil {
			return nil, err
		}
		for k, m := range r.v.losers.from(numberedKey{contact: winner}) {
			if k.contact != winner {
				break
			}
			out = append(out, *m)
		}
	}
	return out, nil
}

// MergeOf gives the merge of a loser.
func (r *reader) MergeOf(ctx context.Context, loser audience.ContactID) (store.Merge, error) {
	if err := r.enter(ctx); err != nil {
		return store.Merge{}, err
	}
	m, ok := r.v.merges.get(idKey(loser))
	if !ok {
		return store.Merge{}, wrap(&audience.NotFoundError{Kind: "merge", Name: loser.String()})
	}
	return *m, nil
}

// PutMerge stores a merge in place of the one its loser has, under the next
// number.
func (w *writer) PutMerge(ctx context.Context, m store.Merge) error {
	return w.atomically(ctx, func() error {
		w.removeMerge(m.Loser)
		w.v.mergeNumber++
		m.Number = w.v.mergeNumber
		m.Identities = slices.Clone(m.Identities)
		w.v.merges.set(w.edit, idKey(m.Loser), &m)
		w.v.losers.set(w.edit, numberedKey{m.Winner, m.Number}, &m)
		return nil
	})
}

// DeleteMerges removes the merges of losers.
func (w *writer) DeleteMerges(ctx context.Context, losers []audience.ContactID) error {
	return w.atomically(ctx, func() error {
		for i, id := range losers {
			if err := sometimes(ctx, i); err != nil {
				return err
			}
			w.removeMerge(id)
		}
		return nil
	})
}

func (w *writer) removeMerge(loser audience.ContactID) {
	if m, ok := w.v.merges.get(idKey(loser)); ok {
		w.v.merges.delete(w.edit, idKey(loser))
		w.v.losers.delete(w.edit, numberedKey{m.Winner, m.Number})
	}
}
