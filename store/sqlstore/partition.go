package sqlstore

import (
	"context"
	"database/sql"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// partition holds the rows of one audience.
type partition struct {
	store       *Store
	name        string
	id          int64
	incarnation store.Incarnation
}

// transaction runs fn in a transaction that writes, again when others were in
// the way, and commits.
func (s *Store) transaction(ctx context.Context, p *partition, fn func(*session) error) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return wrap(err)
	}
	defer func() { _ = tx.Rollback() }()
	w := &session{p: p, q: tx}
	if err := fn(w); err != nil {
		return err
	}
	return wrap(tx.Commit())
}

// View calls fn with a snapshot.
func (p *partition) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	return wrap(audience.ErrUnsupported)
}

// Update calls fn in a transaction and commits when it returns nil.
func (p *partition) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	return store.Position{}, wrap(audience.ErrUnsupported)
}
