package storetest

import (
	"context"
	"errors"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func idFaults() []fault {
	return []fault{
		{
			name: "ids come in any order", found: []string{"ids/ascending-and-new"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return descending{w} }),
		},
		{
			name: "a block of ids is given twice", found: []string{"ids/ascending-and-new", "ids/racing-draws"},
			roles: func(store.Partition) func(store.WriteRoles) store.WriteRoles {
				var last []audience.ContactID
				return func(w store.WriteRoles) store.WriteRoles { return twice{w, &last} }
			},
		},
		{
			name: "ids are given again after a rollback", found: []string{"ids/not-again-after-rollback"},
			around: func(p store.Partition) store.Partition { return &reusing{Partition: p} },
		},
		{
			name: "ids are given again after a deletion", found: []string{"ids/not-again-after-delete", "deletion/delete"},
			roles: func(store.Partition) func(store.WriteRoles) store.WriteRoles {
				var free []audience.ContactID
				return func(w store.WriteRoles) store.WriteRoles { return recycling{w, &free} }
			},
		},
		{
			name: "ids go on after the highest row", found: []string{"ids/not-again-after-restart"},
			restarted: func(p store.Partition) store.Partition {
				return &altered{Partition: p, alter: func(w store.WriteRoles) store.WriteRoles { return afterTheHighest{w} }}
			},
		},
		{
			name: "ids begin again when they are used up", found: []string{"ids/full-is-an-error"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return wrapping{w} }),
		},
	}
}

type descending struct{ store.WriteRoles }

func (f descending) NewContactIDs(ctx context.Context, n int) ([]audience.ContactID, error) {
	ids, err := f.WriteRoles.NewContactIDs(ctx, n)
	slices.Reverse(ids)
	return ids, err
}

type twice struct {
	store.WriteRoles
	last *[]audience.ContactID
}

func (f twice) NewContactIDs(ctx context.Context, n int) ([]audience.ContactID, error) {
	if last := *f.last; len(last) == n && n > 0 {
		*f.last = nil
		return last, nil
	}
	ids, err := f.WriteRoles.NewContactIDs(ctx, n)
	*f.last = ids
	return ids, err
}

// reusing gives ids of transactions that were rolled back to the next one.
type reusing struct {
	store.Partition
	free []audience.ContactID
}

func (p *reusing) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	var drawn []audience.ContactID
	done := false
	defer func() {
		if !done {
			p.free = append(p.free, drawn...)
		}
	}()
	pos, err := p.Partition.Update(ctx, func(w store.WriteRoles) error { return fn(reusingRoles{w, p, &drawn}) })
	done = err == nil
	return pos, err
}

type reusingRoles struct {
	store.WriteRoles
	p     *reusing
	drawn *[]audience.ContactID
}

func (f reusingRoles) NewContactIDs(ctx context.Context, n int) ([]audience.ContactID, error) {
	ids := slices.Clone(f.p.free[:min(n, len(f.p.free))])
	f.p.free = f.p.free[len(ids):]
	more, err := f.WriteRoles.NewContactIDs(ctx, n-len(ids))
	ids = append(ids, more...)
	*f.drawn = append(*f.drawn, ids...)
	return ids, err
}

type recycling struct {
	store.WriteRoles
	free *[]audience.ContactID
}

func (f recycling) DeleteContacts(ctx context.Context, ids []audience.ContactID) error {
	*f.free = append(*f.free, ids...)
	return f.WriteRoles.DeleteContacts(ctx, ids)
}

func (f recycling) NewContactIDs(ctx context.Context, n int) ([]audience.ContactID, error) {
	ids := slices.Clone((*f.free)[:min(n, len(*f.free))])
	*f.free = (*f.free)[len(ids):]
	more, err := f.WriteRoles.NewContactIDs(ctx, n-len(ids))
	return append(ids, more...), err
}

type afterTheHighest struct{ store.WriteRoles }

func (f afterTheHighest) NewContactIDs(ctx context.Context, n int) ([]audience.ContactID, error) {
	rows, err := f.ContactsAfter(ctx, 0, batchItems)
	ids := make([]audience.ContactID, n)
	for i := range ids {
		ids[i] = rows[len(rows)-1].ID + 1 + audience.ContactID(i)
	}
	return ids, err
}

type wrapping struct{ store.WriteRoles }

func (f wrapping) NewContactIDs(ctx context.Context, n int) ([]audience.ContactID, error) {
	ids, err := f.WriteRoles.NewContactIDs(ctx, n)
	if errors.Is(err, audience.ErrFull) {
		return []audience.ContactID{1}, nil
	}
	return ids, err
}
