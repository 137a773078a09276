package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// standing is how far the feed is, as a transaction sees it at the first time
// it asks; it does not change after that.
type standing struct {
	position *store.Position
	last     *time.Time
}

func (r *reader) standsAt() *standing {
	if r.standing == nil {
		r.standing = &standing{}
	}
	return r.standing
}

// LastCommit gives the latest commit instant among the visible commits.
func (r *reader) LastCommit(ctx context.Context) (time.Time, error) {
	if err := r.enter(ctx); err != nil {
		return time.Time{}, err
	}
	at := r.standsAt()
	if at.last != nil {
		return *at.last, nil
	}
	var number, numbered int64
	var fresh sql.NullInt64 // of commits without number
	var life []byte
	if err := r.query(ctx, r.p.store.sql.feed.lastCommit, func(row *sql.Rows) error {
		return row.Scan(&number, &numbered, &life, &fresh)
	}, r.p.id, r.p.id); err != nil {
		return time.Time{}, err
	}
	if err := r.p.checkLife(life); err != nil {
		return time.Time{}, err
	}
	var last time.Time
	switch {
	case fresh.Valid && (number == 0 || fresh.Int64 > numbered):
		last = audience.FromMicros(fresh.Int64)
	case number > 0:
		last = audience.FromMicros(numbered)
	}
	at.last = &last
	return last, nil
}

// Position gives the position of the snapshot: what has a number in it, and
// the numbers, given now, of what has none. These may be higher than those of
// commits that the snapshot does not contain.
func (r *reader) Position(ctx context.Context) (store.Position, error) {
	if err := r.enter(ctx); err != nil {
		return store.Position{}, err
	}
	at := r.standsAt()
	if at.position != nil {
		return *at.position, nil
	}
	sees, err := r.sees(ctx)
	if err != nil {
		return store.Position{}, err
	}
	var numbers []uint64
	if len(sees.fresh) > 0 {
		if err := r.p.apart(ctx, func(ctx context.Context) (err error) {
			numbers, err = r.p.numbersOf(ctx, sees.fresh)
			return err
		}); err != nil {
			return store.Position{}, err
		}
	}
	p := placeOf(sees.number, numbers)
	pos, err := p.position(r.p.life())
	if err != nil {
		return store.Position{}, err
	}
	at.position = &pos
	return pos, nil
}

// longestNumbering is how long a transaction waits for what is done on a second
// connection.
const longestNumbering = 10 * time.Second

// apart does something on a second connection while a transaction holds one.
// When all connections of the pool are held by those who wait for a second
// one, nobody would ever get any.
func (p *partition) apart(ctx context.Context, fn func(context.Context) error) error {
	if p.store.db.Stats().MaxOpenConnections == 1 {
		return wrap(&audience.FieldError{Path: "db", Rule: "pool", Hint: "at least two open connections: let SetMaxOpenConns have more"})
	}
	limited, cancel := context.WithTimeout(ctx, longestNumbering)
	defer cancel()
	err := fn(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return wrap(fmt.Errorf("no second connection for %s; let the pool have more: %w", longestNumbering, audience.ErrRetryable))
	}
	return err
}
