package store_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// uncounted is an adapter that cannot count.
type uncounted struct{ store.Adapter }

func (a uncounted) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := a.Adapter.Partition(ctx, name)
	return uncountedPartition{p}, err
}

type uncountedPartition struct{ store.Partition }

func (p uncountedPartition) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	return p.Partition.View(ctx, func(r store.ReadRoles) error { return fn(struct{ store.ReadRoles }{r}) })
}

func TestCountContacts(t *testing.T) {
	for name, adapter := range map[string]store.Adapter{"counting": memstore.New(), "reading": uncounted{memstore.New()}} {
		t.Run(name, func(t *testing.T) {
			aud, err := store.Open(t.Context(), adapter, "main", store.Options{})
			require.NoError(t, err)
			for want := range 3 {
				require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
					n, err := r.CountContacts(t.Context())
					require.Equal(t, want, n)
					return err
				}))
				_, err := aud.Put(t.Context(), audience.ContactWrite{Match: audience.Key(name + string(rune('a'+want)))})
				require.NoError(t, err)
			}
		})
	}
}
