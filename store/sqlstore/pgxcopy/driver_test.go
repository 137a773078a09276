package pgxcopy_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"iter"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store/sqlstore"
	"github.com/audiencekit/audiencekit/store/sqlstore/pgxcopy"
)

// open opens PostgreSQL where AUDIENCEKIT_POSTGRES says, else on this machine,
// or skips the test.
func open(t *testing.T, settings ...string) *sql.DB {
	t.Helper()
	const local = "user=postgres dbname=postgres sslmode=disable connect_timeout=5 "
	var failed []error
	dsns := []string{local + "host=/var/run/postgresql", local + "host=/tmp", local + "host=127.0.0.1"}
	named := os.Getenv("AUDIENCEKIT_POSTGRES")
	if named != "" {
		dsns = []string{named}
	}
	for _, dsn := range dsns {
		db, err := sql.Open("pgx", with(t, dsn, settings))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		if err = db.PingContext(t.Context()); err == nil {
			return db
		}
		failed = append(failed, err)
	}
	if databases := os.Getenv("AUDIENCEKIT_DATABASES"); named != "" || databases == "all" || strings.Contains(databases, "postgres") {
		require.NoError(t, errors.Join(failed...))
	}
	t.Skip("PostgreSQL is missing: ", errors.Join(failed...))
	return nil
}

// with adds settings to a data source name.
func with(t *testing.T, dsn string, settings []string) string {
	t.Helper()
	if !strings.Contains(dsn, "://") {
		return strings.Join(append([]string{dsn}, settings...), " ")
	}
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	query := u.Query()
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		query.Set(name, value)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// rows gives some rows.
func rows(all ...[]any) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for _, r := range all {
			if !yield(r) {
				return
			}
		}
	}
}

// begin begins a transaction with a table that is gone after it.
func begin(t *testing.T, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	_, err = tx.ExecContext(t.Context(), `CREATE TEMP TABLE "ak_Copied" (id bigint PRIMARY KEY, name text COLLATE "C", attrs jsonb, body bytea, n smallint) ON COMMIT DROP`)
	require.NoError(t, err)
	return tx
}

// TestCopy: every kind of value arrives as it was, in the transaction of the
// caller.
func TestCopy(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			db := open(t, "default_query_exec_mode="+mode)
			require.NoError(t, pgxcopy.Driver{}.Check(t.Context(), db))
			tx := begin(t, db)
			hostile := "a\tb\\N\n\"{}'\u202e\U0001F600"
			columns := []string{"id", "name", "attrs", "body", "n"}
			n, err := pgxcopy.Driver{}.Copy(t.Context(), tx, "ak_Copied", columns, rows(
				[]any{int64(1), hostile, `{"n1": 1.5}`, []byte{0, 1, 255}, int64(7)},
				[]any{int64(-1 << 63), "", `[]`, []byte{}, nil},
			))
			require.NoError(t, err)
			require.EqualValues(t, 2, n)
			n, err = pgxcopy.Driver{}.Copy(t.Context(), tx, "ak_Copied", columns, rows())
			require.NoError(t, err)
			require.Zero(t, n)

			var name, attrs string
			var body []byte
			require.NoError(t, tx.QueryRowContext(t.Context(), `SELECT name, attrs->>'n1', body FROM "ak_Copied" WHERE id = 1 AND n = 7`).Scan(&name, &attrs, &body))
			require.Equal(t, hostile, name)
			require.Equal(t, "1.5", attrs)
			require.Equal(t, []byte{0, 1, 255}, body)
			var empty bool
			require.NoError(t, tx.QueryRowContext(t.Context(), `SELECT name = '' AND body = '' AND n IS NULL FROM "ak_Copied" WHERE id = -9223372036854775808`).Scan(&empty))
			require.True(t, empty)
			require.NoError(t, tx.Rollback())
		})
	}
}

// modes are the ways in which pgx can be told to run statements.
func modes() []string {
	return []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"}
}

// TestTakesSlices: what sqlstore gives for arrays.
func TestTakesSlices(t *testing.T) {
	var _ sqlstore.SliceTaker = pgxcopy.Driver{}
	one := int64(1)
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			var ok bool
			require.NoError(t, open(t, "default_query_exec_mode="+mode).QueryRowContext(t.Context(), `
				SELECT $1::bigint[] = '{1,-2}' AND $2::bigint[] IS NOT DISTINCT FROM '{NULL,1}' AND $3::text[] = ARRAY['', E'a"\\{}\n', 'NULL'] AND $4::bytea[] = ARRAY[''::bytea, '\x00ff']`,
				[]int64{1, -2}, []*int64{nil, &one}, []string{"", "a\"\\{}\n", "NULL"}, [][]byte{{}, {0, 255}}).Scan(&ok))
			require.True(t, ok)
		})
	}
}

// TestCopyReusesRow: a row is read before the next one is asked for.
func TestCopyReusesRow(t *testing.T) {
	tx := begin(t, open(t))
	row := make([]any, 1)
	n, err := pgxcopy.Driver{}.Copy(t.Context(), tx, "ak_Copied", []string{"id"}, func(yield func([]any) bool) {
		for i := range int64(10_000) {
			if row[0] = i; !yield(row) {
				return
			}
		}
	})
	require.NoError(t, err)
	require.EqualValues(t, 10_000, n)
	var sum int
	require.NoError(t, tx.QueryRowContext(t.Context(), `SELECT sum(id) FROM "ak_Copied"`).Scan(&sum))
	require.Equal(t, 49_995_000, sum)
}

// TestCopyFails: what the database says comes back as it said it.
func TestCopyFails(t *testing.T) {
	db := open(t)
	tx := begin(t, db)
	_, err := pgxcopy.Driver{}.Copy(t.Context(), tx, "ak_Copied", []string{"id"}, rows([]any{int64(1)}, []any{int64(1)}))
	var told *pgconn.PgError
	require.ErrorAs(t, err, &told)
	require.Equal(t, "23505", told.Code)
	require.NotErrorIs(t, err, errors.ErrUnsupported)

	_, err = pgxcopy.Driver{}.Copy(t.Context(), begin(t, db), `ak"nowhere`, []string{"id"}, rows())
	require.ErrorAs(t, err, &told)
	require.Equal(t, "42P01", told.Code)

	ended := begin(t, db)
	require.NoError(t, ended.Rollback())
	_, err = pgxcopy.Driver{}.Copy(t.Context(), ended, "ak_Copied", []string{"id"}, rows())
	require.ErrorIs(t, err, sql.ErrTxDone)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = pgxcopy.Driver{}.Copy(ctx, begin(t, db), "ak_Copied", []string{"id"}, func(yield func([]any) bool) {
		cancel()
		for id := int64(0); yield([]any{id}); {
			id++
		}
	})
	require.ErrorIs(t, err, context.Canceled)
}

// TestListen: what is told arrives, and that the connection was lost.
func TestListen(t *testing.T) {
	db := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const channel = `ak "feed"`
	heard := make(chan string, 1)
	listen := func(ctx context.Context) (done chan error) {
		done = make(chan error, 1)
		go func() { done <- pgxcopy.Driver{}.Listen(ctx, db, channel, func(payload string) { heard <- payload }) }()
		require.Empty(t, <-heard, "it has begun")
		return done
	}
	tell := func(payload string) {
		t.Helper()
		_, err := db.ExecContext(ctx, "SELECT pg_notify($1, $2)", channel, payload)
		require.NoError(t, err)
		require.Equal(t, payload, <-heard)
	}
	done := listen(ctx)
	tell("1")
	tell("two")

	var pid int
	find := `SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN "ak ""feed"""' AND pid <> pg_backend_pid()`
	require.NoError(t, db.QueryRowContext(ctx, find).Scan(&pid))
	_, err := db.ExecContext(ctx, "SELECT pg_terminate_backend($1)", pid)
	require.NoError(t, err)
	lost := <-done
	require.Error(t, lost)
	require.NotErrorIs(t, lost, context.Canceled)

	over, end := context.WithCancel(ctx)
	done = listen(over)
	tell("3")
	end()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Zero(t, db.Stats().InUse)
	var listening int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_listening_channels()").Scan(&listening))
	require.Zero(t, listening, "no connection of the pool listens")
}

// TestUnsupported: a database of another driver is told at once, untouched.
func TestUnsupported(t *testing.T) {
	db := sql.OpenDB(other{})
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = pgxcopy.Driver{}.Copy(t.Context(), tx, "x", []string{"id"}, func(func([]any) bool) { t.Error("a row was asked for") })
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "pgx")
	require.NoError(t, tx.Commit())
	require.ErrorIs(t, pgxcopy.Driver{}.Check(t.Context(), db), errors.ErrUnsupported)
	require.ErrorIs(t, pgxcopy.Driver{}.Listen(t.Context(), db, "x", func(string) { t.Error("woken") }), errors.ErrUnsupported)
	require.Zero(t, db.Stats().InUse)
}

// other is a driver that is not pgx and can begin and end transactions.
type other struct{}

func (o other) Connect(context.Context) (driver.Conn, error) { return o, nil }
func (o other) Driver() driver.Driver                        { return nil }
func (o other) Begin() (driver.Tx, error)                    { return o, nil }
func (other) Commit() error                                  { return nil }
func (other) Rollback() error                                { return nil }
func (other) Close() error                                   { return nil }
func (o other) Prepare(string) (driver.Stmt, error)          { return stmt{}, nil }

type stmt struct{}

func (stmt) Close() error                               { return nil }
func (stmt) NumInput() int                              { return -1 }
func (stmt) Exec([]driver.Value) (driver.Result, error) { return driver.ResultNoRows, nil }
func (stmt) Query([]driver.Value) (driver.Rows, error)  { return nil, driver.ErrSkip }
