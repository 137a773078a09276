package pgxcopy

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Driver is what goes into sqlstore.Options.Driver. The zero Driver is ready,
// and safe for concurrent use.
type Driver struct{}

// runner runs a statement: *sql.Tx or *sql.Conn.
type runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// reach calls fn with the connection of pgx on which r runs its statements, or
// gives errors.ErrUnsupported when there is none.
//
// A *sql.Tx does not hand out its connection, but pgx asks a QueryRewriter
// among the arguments what to run, before it sends anything, and passes the
// connection. Drivers that wrap pgx's, to trace it, pass arguments on, too.
func reach(ctx context.Context, r runner, fn func(*pgx.Conn) error) error {
	visit := &visitor{fn: fn}
	_, err := r.ExecContext(ctx, nothing, visit)
	switch {
	case visit.err != nil:
		return visit.err
	case !visit.called && err == nil:
		return errUnsupported()
	default:
		return err
	}
}

// errUnsupported is for connections that are not pgx's.
func errUnsupported() error {
	return fmt.Errorf("pgxcopy: the database is not opened with github.com/jackc/pgx/v5/stdlib: %w", errors.ErrUnsupported)
}

// nothing is a statement that does nothing.
const nothing = "-- pgxcopy"

// visitor takes the place of an argument, to be called with the connection.
type visitor struct {
	fn     func(*pgx.Conn) error
	called bool
	err    error
}

// RewriteQuery is called by pgx with the connection that it is about to use.
func (v *visitor) RewriteQuery(_ context.Context, conn *pgx.Conn, query string, _ []any) (string, []any, error) {
	v.called = true
	v.err = v.fn(conn)
	return query, nil, v.err
}

// Value is called by whoever is not pgx.
func (v *visitor) Value() (driver.Value, error) { return nil, errUnsupported() }

// Check says when a database is not opened with pgx.
func (Driver) Check(ctx context.Context, db *sql.DB) error {
	return reach(ctx, db, func(*pgx.Conn) error { return nil })
}

// TakesSlices says that pgx takes slices for arrays.
func (Driver) TakesSlices() {}
