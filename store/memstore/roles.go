package memstore

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// errEnded is the error of a reader or writer that is used after the View or
// Update that gave it.
var errEnded = fmt.Errorf("used after its View or Update returned: %w", audience.ErrInvalid)

var (
	_ store.ReadRoles      = (*reader)(nil)
	_ store.WriteRoles     = (*writer)(nil)
	_ store.ContactCounter = (*reader)(nil)
)

// reader reads one version.
type reader struct {
	p     *partition
	v     *version
	ended atomic.Bool
}

// enter is what every method of the roles checks first.
func (r *reader) enter(ctx context.Context) error {
	if r.ended.Load() {
		return wrap(errEnded)
	}
	return r.p.enter(ctx)
}

// Position gives the position of the version, in a transaction of the one it
// began with.
func (r *reader) Position(ctx context.Context) (store.Position, error) {
	if err := r.enter(ctx); err != nil {
		return store.Position{}, err
	}
	return r.p.position(r.v.feed.head), nil
}

// LastCommit gives the latest instant of a commit in the feed, trimmed or
// not.
func (r *reader) LastCommit(ctx context.Context) (time.Time, error) {
	if err := r.enter(ctx); err != nil {
		return time.Time{}, err
	}
	return r.v.feed.last, nil
}

// writer changes a version that nobody else sees.
type writer struct {
	reader
	edit    uint64
	pending [][]store.Change // what goes to the feed, as it was given
	at      time.Time        // the latest instant given with them
}

// atomically runs one write. If it fails the version is as it was before,
// also when the caller goes on and commits.
func (w *writer) atomically(ctx context.Context, write func() error) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	before, written := *w.v, len(w.p.identities.written)
	w.nextEdit() // so that what before holds is copied and not changed
	done := false
	defer func() {
		if !done { // also on a panic
			*w.v = before
			w.p.identities.rollback(written)
		}
	}()
	if err := write(); err != nil {
		return err
	}
	done = true
	return nil
}

func (w *writer) nextEdit() {
	w.edit = w.p.nextEdit()
	w.v.edit = w.edit
}

// ascending gives ids sorted, each once.
func ascending(ids []audience.ContactID) []audience.ContactID {
	for i := 1; i < len(ids); i++ {
		if ids[i-1] >= ids[i] {
			ids = slices.Clone(ids)
			slices.Sort(ids)
			return slices.Compact(ids)
		}
	}
	return ids
}
