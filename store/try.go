package store

import (
	"context"
	"errors"

	"github.com/audiencekit/audiencekit/audience"
)

var errTried = errors.New("store: rolled back after trying")

// Try calls fn in a transaction as [Audience.Update] does, then look with the
// changes that fn made in order, and rolls everything back, always: nothing is
// stored and the feed tells of nothing. look reads what would have been
// committed; what it writes is rolled back too. Both may be called again after
// a serialization failure.
//
// Contacts that fn made have ids that nobody else is ever given; the same
// contacts made for good have others. What an erasure in fn blanked is blanked
// in the changes, too.
//
// Errors are those of fn, of look, and of the adapter, as from Update.
func (a *Audience) Try(ctx context.Context, fn func(*Tx) error, look func(tx *Tx, changes []Change) error) error {
	tried := false
	_, err := a.partition.Update(ctx, func(roles WriteRoles) error {
		tried = false
		tx, err := a.begin(ctx, roles)
		if err != nil {
			return err
		}
		tx.trying = true
		if err := fn(tx); err != nil {
			return err
		}
		if err := tx.finish(ctx); err != nil {
			return err
		}
		if err := look(tx, tx.tried); err != nil {
			return err
		}
		tried = true
		return errTried
	})
	if tried && errors.Is(err, errTried) {
		return nil
	}
	return err
}

// FeedInside is a capability of WriteRoles: read the feed while the transaction
// is open, also where no second connection can be had.
type FeedInside interface {
	// CommitsByNow is Commits of [FeedReader]: what others have committed by now,
	// whether the transaction sees it or not, and nothing of its own.
	CommitsByNow(ctx context.Context, after Position, limit int) ([]Commit, error)
}

// Commits is [Audience.Commits], to be called while the transaction is open: it
// gives what others have committed by now, whether the transaction sees it or
// not.
func (tx *Tx) Commits(ctx context.Context, after Position, limit int) ([]Commit, error) {
	if roles, ok := As[FeedInside](tx.write); ok {
		return roles.CommitsByNow(ctx, after, max(limit, 1))
	}
	return tx.audience.Commits(ctx, after, limit)
}

// blank empties changes of the feed and of this transaction.
func (tx *Tx) blank(ctx context.Context, contacts []audience.ContactID, kinds ...ChangeKind) error {
	chosen := make(map[audience.ContactID]bool, len(contacts))
	for _, id := range contacts {
		chosen[id] = true
	}
	of := make(map[ChangeKind]bool, len(kinds))
	for _, kind := range kinds {
		of[kind] = true
	}
	for i := range tx.tried {
		c := &tx.tried[i]
		if (len(kinds) == 0 || of[c.Kind]) && c.Concerns(func(id audience.ContactID) bool { return id != 0 && chosen[id] }) {
			*c = c.Blank()
		}
	}
	return tx.write.BlankChanges(ctx, contacts, kinds...)
}

// ProfilesOf gives the profiles of contacts by id, in the order of ids; one
// that comes twice is given twice. Ids that no contact has now, also those of
// contacts who were merged into another one, are left out.
func (r *Reader) ProfilesOf(ctx context.Context, parts audience.ProfileParts, ids ...audience.ContactID) ([]audience.Profile, error) {
	rows, err := r.roles.Contacts(ctx, ids)
	if err != nil {
		return nil, err
	}
	return r.profilesOf(ctx, rows, parts)
}
