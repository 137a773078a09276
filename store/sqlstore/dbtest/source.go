package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// poolSize is small, so that who waits for a second connection while holding
// one is found out.
const poolSize = 8

// Source says where a database is. It is plain data: another process can open
// the same one, and so can the test once more.
type Source struct {
	Driver string // as registered with database/sql
	DSN    string
}

// String gives the driver; the data source name may have a password.
func (s Source) String() string { return s.Driver }

// Open opens the database, which is closed after the test.
func (s Source) Open(t testing.TB) *sql.DB {
	t.Helper()
	db, err := s.pool()
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() }) // the test may have closed it
	return db
}

func (s Source) pool() (*sql.DB, error) {
	open := sql.Open
	if s.Driver == mysqlDriver {
		open = openMySQL
	}
	db, err := open(s.Driver, s.DSN)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s, err)
	}
	db.SetMaxOpenConns(poolSize)
	db.SetMaxIdleConns(poolSize)
	return db, nil
}

// ask gives the text that a query answers.
func (s Source) ask(ctx context.Context, query string) (answer string, err error) {
	db, err := s.pool()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.QueryRowContext(ctx, query).Scan(&answer)
	return answer, err
}

// exec runs statements without arguments, each on any connection.
func (s Source) exec(ctx context.Context, statements ...string) (err error) {
	db, err := s.pool()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// during makes something on a server and undoes it after the test. That it can
// be undone within the time is checked: a transaction which somebody left open
// would stop it.
func (s Source) during(t testing.TB, create, drop string) {
	t.Helper()
	require.NoError(t, s.exec(t.Context(), create))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		if err := s.exec(ctx, drop); err != nil {
			t.Errorf("%s: was a transaction left open? %v", drop, err)
		}
	})
}

// keep makes something on a server that is gone with everything on it.
func (s Source) keep(t testing.TB, create, _ string) {
	t.Helper()
	require.NoError(t, s.exec(t.Context(), create))
}

// reach gives the first server that answers the query, with its answer.
func reach(ctx context.Context, driver, query string, dsns []string) (found Source, answer string, err error) {
	var failed []error
	for _, dsn := range dsns {
		s := Source{Driver: driver, DSN: dsn}
		answer, err := s.ask(ctx, query)
		if err == nil {
			return s, answer, nil
		}
		failed = append(failed, err)
	}
	return Source{}, "", errors.Join(failed...)
}

// freshName is a name that no other schema or database of the server has.
func freshName() string { return "akt_" + strings.ToLower(rand.Text()) }
