package memstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/maphash"
	"sync"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const adapterName = "memstore"

var _ store.Adapter = (*Store)(nil)

// Store is an adapter that keeps everything in memory. Make one with [New].
// It is safe for concurrent use.
type Store struct {
	closed     chan struct{}
	mu         sync.Mutex
	partitions map[string]*partition // nil when closed
}

// New makes an empty store.
func New() *Store {
	return &Store{closed: make(chan struct{}), partitions: make(map[string]*partition)}
}

// Name gives "memstore".
func (s *Store) Name() string { return adapterName }

// Partition opens the rows of one audience. The same name gives the same
// rows for as long as the store is open.
func (s *Store) Partition(ctx context.Context, name string) (store.Partition, error) {
	if err := ctx.Err(); err != nil {
		return nil, wrap(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.partitions == nil {
		return nil, wrap(audience.ErrClosed)
	}
	if p, ok := s.partitions[name]; ok {
		return p, nil
	}
	p := &partition{
		name:   name,
		closed: s.closed,
		turn:   make(chan struct{}, 1),
		seed:   maphash.MakeSeed(),
	}
	if _, err := rand.Read(p.incarnation[:]); err != nil {
		return nil, wrap(err)
	}
	p.current.Store(emptyVersion())
	s.partitions[name] = p
	return p, nil
}

// Close forgets everything. Every later call fails with audience.ErrClosed,
// so does what still runs: a transaction that has not committed never does.
// Closing again is harmless.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.partitions == nil {
		return nil
	}
	close(s.closed)
	for _, p := range s.partitions {
		p.close()
	}
	s.partitions = nil
	return nil
}

// wrap names the adapter in an error that leaves it.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(adapterName+": %w", err)
}
