package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// partition holds the rows of one audience.
type partition struct {
	store       *Store
	name        string
	id          int64
	incarnation atomic.Pointer[store.Incarnation]
	outdated    atomic.Bool // the rows have another incarnation now, made by somebody else
	supplies    *supplies
	feed        feedState
	// suppressions is a number that there once were at least, as somebody found
	// who looked for fewer.
	suppressions atomic.Int64
}

func newPartition(s *Store, name string) *partition {
	return &partition{store: s, name: name, supplies: newSupplies(), feed: newFeedState()}
}

// enter is what every call of a partition checks first.
func (p *partition) enter(ctx context.Context) error {
	if p.store.isClosed() {
		return wrap(audience.ErrClosed)
	}
	if p.outdated.Load() {
		return wrap(errRestored)
	}
	return wrap(ctx.Err())
}

// transaction runs fn in a transaction that writes, again when others were in
// the way, and commits. It is for what does no harm when it is done twice: when
// nobody knows whether it was committed it is done again. It must not be called
// inside another one.
func (s *Store) transaction(ctx context.Context, p *partition, fn func(*session) error) error {
	return s.again(ctx, func() error {
		err := s.attempt(ctx, p, fn)
		if unknown, ok := errors.AsType[*CommitUnknownError](err); ok {
			return wrap(fmt.Errorf("%w: %w", audience.ErrRetryable, unknown.Err))
		}
		return err
	})
}

// attempt runs fn in a transaction and commits.
func (s *Store) attempt(ctx context.Context, p *partition, fn func(*session) error) error {
	release, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	tx, err := s.begin(ctx, writing)
	if err != nil {
		return err
	}
	defer tx.rollback() // also when fn panics
	w := &session{p: p, q: s.withPrepared(tx)}
	defer w.ended.Store(true)
	if err := fn(w); err != nil {
		return err
	}
	if w.broken != nil { // fn did not mind, but the rest would be written outside of it
		return w.broken
	}
	return s.commit(ctx, tx)
}

// take waits for the writer's turn, where there is one writer at a time, and
// gives what ends it. Waiting in the database instead would be unfair and
// could not be broken off with every driver.
func (s *Store) take(ctx context.Context) (release func(), err error) {
	if s.turn == nil {
		return func() {}, nil
	}
	select {
	case s.turn <- struct{}{}:
		return func() { <-s.turn }, nil
	case <-ctx.Done():
		return nil, wrap(ctx.Err())
	}
}

// sit waits for a seat and gives what gives it back.
func (s *Store) sit(ctx context.Context) (leave func(), err error) {
	if s.seats == nil {
		return func() {}, nil
	}
	select {
	case s.seats <- struct{}{}:
		return func() { <-s.seats }, nil
	case <-ctx.Done():
		return nil, wrap(ctx.Err())
	}
}

// View calls fn with a snapshot.
func (p *partition) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	leave, err := p.store.sit(ctx)
	if err != nil {
		return err
	}
	defer leave()
	defer func() { p.store.prepared.prepareWanted(ctx, p.store.db) }() // the seat stands for a connection that is free again
	var tx transaction
	if err := p.store.again(ctx, func() (err error) {
		tx, err = p.store.begin(ctx, reading)
		return err
	}); err != nil {
		return err
	}
	defer tx.rollback()
	r := &reader{session: &session{p: p, q: p.store.withPrepared(tx)}}
	defer r.ended.Store(true)
	return fn(r)
}

// Update calls fn in a transaction and commits when it returns nil.
func (p *partition) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	if err := p.enter(ctx); err != nil {
		return store.Position{}, err
	}
	var seq int64
	if err := p.store.again(ctx, func() (err error) {
		seq, err = p.update(ctx, fn)
		return err
	}); err != nil {
		return store.Position{}, err
	}
	if seq == 0 {
		return store.Position{}, nil
	}
	return p.committed(ctx, seq)
}

// update is one attempt of Update. It gives the sequence of the commit.
func (p *partition) update(ctx context.Context, fn func(store.WriteRoles) error) (seq int64, err error) {
	leave := p.supplies.enter()
	defer leave()
	if err := p.supply(ctx); err != nil {
		return 0, err
	}
	p.store.prepared.prepareWanted(ctx, p.store.db)
	stand, err := p.store.sit(ctx)
	if err != nil {
		return 0, err
	}
	defer stand()
	err = p.store.attempt(ctx, p, func(s *session) error {
		w := newWriter(s)
		err := fn(w)
		if lost := w.lost(); lost != nil { // whatever fn made of it
			return lost
		}
		if err != nil {
			return err
		}
		seq, err = w.writeChanges(ctx)
		if lost := w.lost(); lost != nil {
			return lost
		}
		return err
	})
	return seq, err
}
