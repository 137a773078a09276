package pgxcopy

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/audiencekit/audiencekit/store/sqlstore"
)

var _ sqlstore.Listener = Driver{}

// How long to wait before connecting again: at first, and at most.
const (
	firstPause = 50 * time.Millisecond
	mostPause  = 10 * time.Second
)

// Listen calls wake after each NOTIFY on the channel and whenever some may
// have been missed, on a connection of its own, until the context is done.
func (Driver) Listen(ctx context.Context, db *sql.DB, channel string, wake func()) error {
	pause := firstPause
	for {
		listened, err := listen(ctx, db, channel, wake)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errors.ErrUnsupported):
			return err
		case listened:
			pause = firstPause
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		pause = min(2*pause, mostPause)
	}
}

// listen listens on one connection for as long as that lasts. listened says
// that it came so far.
func listen(ctx context.Context, db *sql.DB, channel string, wake func()) (listened bool, err error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, closed(c)) }()
	var conn *pgx.Conn
	if err := reach(ctx, c, func(found *pgx.Conn) error { conn = found; return nil }); err != nil {
		return false, err
	}
	// A connection that listens must not go back to the pool: that it is bad
	// makes it be closed.
	err = c.Raw(func(any) error {
		if _, err = conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
			return driver.ErrBadConn
		}
		listened = true
		for {
			wake()
			if _, err = conn.WaitForNotification(ctx); err != nil {
				return driver.ErrBadConn
			}
		}
	})
	return listened, err
}

// closed gives a connection back, which may be closed already.
func closed(c *sql.Conn) error {
	if err := c.Close(); !errors.Is(err, sql.ErrConnDone) {
		return err
	}
	return nil
}
