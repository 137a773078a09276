package segment_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/audiencekit/audiencekit/store"
)

// failingViews is a store whose views fail when they are told to.
type failingViews struct {
	store.Adapter
	fail atomic.Int64 // the view of that number from now on fails; 0: none
}

func (a *failingViews) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := a.Adapter.Partition(ctx, name)
	return &failingPartition{p, a}, err
}

type failingPartition struct {
	store.Partition
	adapter *failingViews
}

func (p *failingPartition) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	if p.adapter.fail.Load() > 0 && p.adapter.fail.Add(-1) == 0 {
		return fmt.Errorf("the view failed: %w", errors.ErrUnsupported)
	}
	return p.Partition.View(ctx, fn)
}

// switchAdapter is a store that can be exchanged for another one, such as a
// backup of it.
type switchAdapter struct {
	store.Adapter
	backup atomic.Pointer[store.Partition] // nil: not yet
}

func (a *switchAdapter) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := a.Adapter.Partition(ctx, name)
	return &switchPartition{p, a}, err
}

type switchPartition struct {
	store.Partition
	adapter *switchAdapter
}

func (p *switchPartition) now() store.Partition {
	if backup := p.adapter.backup.Load(); backup != nil {
		return *backup
	}
	return p.Partition
}

func (p *switchPartition) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	return p.now().View(ctx, fn)
}

func (p *switchPartition) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	return p.now().Update(ctx, fn)
}

func (p *switchPartition) Commits(ctx context.Context, after store.Position, limit int) ([]store.Commit, error) {
	return p.now().Commits(ctx, after, limit)
}

func (p *switchPartition) Head(ctx context.Context) (store.Position, error) { return p.now().Head(ctx) }

func (p *switchPartition) Trim(ctx context.Context, through store.Position) error {
	return p.now().Trim(ctx, through)
}
