package sqlstore

import (
	"context"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// standing is how far the feed is, as a transaction sees it.
type standing struct{}

// Commits gives commits of the feed after a position.
func (p *partition) Commits(ctx context.Context, after store.Position, limit int) ([]store.Commit, error) {
	return nil, wrap(audience.ErrUnsupported)
}

// Head gives the position of the last commit.
func (p *partition) Head(ctx context.Context) (store.Position, error) {
	return store.Position{}, wrap(audience.ErrUnsupported)
}

// Trim forgets the commits up to and including a position.
func (p *partition) Trim(ctx context.Context, through store.Position) error {
	return wrap(audience.ErrUnsupported)
}

// Position gives the position of the snapshot.
func (r *reader) Position(ctx context.Context) (store.Position, error) {
	return store.Position{}, wrap(audience.ErrUnsupported)
}

// LastCommit gives the latest commit instant among the visible commits.
func (r *reader) LastCommit(ctx context.Context) (time.Time, error) {
	return time.Time{}, wrap(audience.ErrUnsupported)
}

// AppendChanges appends to the changes of this transaction.
func (w *writer) AppendChanges(ctx context.Context, at time.Time, changes []store.Change) error {
	return wrap(audience.ErrUnsupported)
}

// BlankChanges empties the changes that concern the contacts.
func (w *writer) BlankChanges(ctx context.Context, contacts []audience.ContactID, kinds ...store.ChangeKind) error {
	return wrap(audience.ErrUnsupported)
}

// writeChanges writes the changes of the transaction, as the last thing that
// it does: see feed order. It gives the sequence of the commit, 0 without
// changes.
func (w *writer) writeChanges(ctx context.Context) (seq int64, err error) {
	return 0, wrap(audience.ErrUnsupported)
}

// committed tells the feed that a commit with a sequence is done, and gives
// the position that covers it.
func (p *partition) committed(ctx context.Context, seq int64) (store.Position, error) {
	return store.Position{}, wrap(audience.ErrUnsupported)
}
