package dbtest_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store/sqlstore"
	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

// busyConnector is refused a number of connections, as whoever opens a file
// that others are opening may be: SQLite does not wait when two switch its
// journal.
type busyConnector struct {
	driver driver.Driver
	dsn    string
	left   atomic.Int32
	err    error
}

func (c *busyConnector) Driver() driver.Driver { return c.driver }

func (c *busyConnector) Connect(context.Context) (driver.Conn, error) {
	if c.left.Add(-1) >= 0 {
		return nil, c.err
	}
	return c.driver.Open(c.dsn)
}

// busyError gives what the driver says of a file that is locked.
func busyError(t *testing.T, d dbtest.Database) error {
	t.Helper()
	source := d.Fresh(t)
	one, other := source.Open(t), source.Open(t)
	tx, err := one.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	conn, err := other.Conn(t.Context())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.ExecContext(t.Context(), "PRAGMA busy_timeout=0")
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.Error(t, err)
	return err
}

// TestBusyWhileConnecting migrates and opens while connections are refused.
func TestBusyWhileConnecting(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		if d.Engine != dbtest.SQLite {
			t.Skip("only SQLite refuses connections like this")
		}
		source := d.Fresh(t)
		c := &busyConnector{driver: source.Open(t).Driver(), dsn: source.DSN, err: busyError(t, d)}
		for _, do := range []func(db *sql.DB) error{
			func(db *sql.DB) error {
				return sqlstore.Migrate(t.Context(), db, dialect(d.Engine), sqlstore.Options{})
			},
			func(db *sql.DB) error {
				_, err := sqlstore.New(t.Context(), db, dialect(d.Engine), sqlstore.Options{})
				return err
			},
		} {
			c.left.Store(3)
			db := sql.OpenDB(c)
			require.NoError(t, do(db))
			require.NoError(t, db.Close())
			require.Negative(t, c.left.Load())
		}
	})
}
