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
