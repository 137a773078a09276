package pgxcopy

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/audiencekit/audiencekit/store/sqlstore"
)

var _ sqlstore.Listener = Driver{}

// Listen listens on a channel, on a connection of its own, until the context
// ends or the connection breaks, and gives the error.
func (Driver) Listen(ctx context.Context, db *sql.DB, channel string, notify func(payload string)) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // where it is not closed by what follows
	var conn *pgx.Conn
	if err := reach(ctx, c, func(found *pgx.Conn) error { conn = found; return nil }); err != nil {
		return err
	}
	var why error
	// A connection that listens must not go back to the pool: that it is bad
	// makes it be closed.
	err = c.Raw(func(any) error {
		why = listen(ctx, conn, channel, notify)
		return driver.ErrBadConn
	})
	if why == nil || !errors.Is(err, driver.ErrBadConn) {
		return err
	}
	return why
}

func listen(ctx context.Context, conn *pgx.Conn, channel string, notify func(payload string)) error {
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return err
	}
	notify("")
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		notify(n.Payload)
	}
}
