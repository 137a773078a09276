package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/othermigrations"
)

// SetupError says what is wrong with a database, or with how it was opened,
// and what to do. It is [audience.ErrInvalid].
type SetupError struct {
	// Rule is a stable code: "schema-missing", "schema-older", "schema-newer",
	// "schema-unfinished", "server-version", "server-setting", "pool",
	// "transactions".
	Rule string
	Hint string // what was found, what is expected, and what to do
}

// Error gives rule and hint.
func (e *SetupError) Error() string { return "database setup (" + e.Rule + "): " + e.Hint }

// Is answers the category.
func (e *SetupError) Is(target error) bool { return target == audience.ErrInvalid }

func setupError(rule, format string, args ...any) error {
	return wrap(&SetupError{Rule: rule, Hint: fmt.Sprintf(format, args...)})
}

// New makes a store in a database that [Migrate] has prepared. It looks at
// what the database is and how it was opened, and refuses what would lose or
// mix up data later: [*SetupError] says what to do. Closing the store does not
// close the database.
func New(ctx context.Context, db *sql.DB, d Dialect, opts Options) (*Store, error) {
	s, err := newStore(db, d, opts)
	if err != nil {
		return nil, err
	}
	all, err := s.migrations(othermigrations.In(ctx, migrationFiles))
	if err != nil {
		return nil, err
	}
	if err := s.checkDriver(ctx); err != nil {
		return nil, err
	}
	// To connect may be refused too: a file of SQLite is switched to its
	// journal by whoever opens it, which another process may be doing.
	if err := s.again(ctx, func() error { return s.check(ctx, all) }); err != nil {
		return nil, err
	}
	return s, nil
}

// fewConnections is how many there have to be for one to be kept free.
const fewConnections = 4

// newStore makes a store that has not looked at its database yet.
func newStore(db *sql.DB, d Dialect, opts Options) (*Store, error) {
	dialect, ok := dialectOf(d)
	switch {
	case db == nil:
		return nil, wrap(&audience.FieldError{Path: "db", Rule: "empty", Hint: "a *sql.DB"})
	case !ok:
		return nil, wrap(&audience.FieldError{Path: "dialect", Rule: "unknown", Hint: "Postgres, MySQL or SQLite"})
	}
	prefix := cmp.Or(opts.Prefix, "ak_")
	if !validPrefix(prefix) {
		return nil, wrap(&audience.FieldError{Path: "options.prefix", Rule: "characters", Hint: "1 to 16 of a-z, 0-9 and _, not beginning with a digit"})
	}
	// A View in a View, or an Update while another one waits for its numbers,
	// takes a second connection while the first is held.
	if db.Stats().MaxOpenConnections == 1 {
		return nil, setupError("pool", "the pool has one connection, and who needs a second one beside it would wait for ever: SetMaxOpenConns of at least 2, better 4 or more")
	}
	s := &Store{
		db: db, dialect: dialect, prefix: prefix, logger: opts.Logger, driver: opts.Driver,
		sql: newStatements(dialect), partitions: make(map[string]*partition), prepared: newPreparedStatements(dialect),
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if dialect.oneWriter {
		s.turn = make(chan struct{}, 1)
	} else if most := db.Stats().MaxOpenConnections; most >= fewConnections {
		s.seats = make(chan struct{}, most-1)
	}
	return s, nil
}

func validPrefix(p string) bool {
	const letters, digits = "abcdefghijklmnopqrstuvwxyz_", "0123456789"
	return p != "" && len(p) <= 16 && strings.Trim(p, letters+digits) == "" && !strings.Contains(digits, p[:1])
}

// check looks at server, schema and pool.
func (s *Store) check(ctx context.Context, all []migration) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return s.failed(ctx, "connect", err, false)
	}
	defer func() { _ = conn.Close() }()
	if err := s.checkServer(ctx, conn); err != nil {
		return err
	}
	found, err := s.stage(ctx, conn)
	if err != nil {
		return err
	}
	latest := len(all)
	switch {
	case found.version == 0 && found.step == 0:
		return setupError("schema-missing", "there are no tables with the prefix %q: call sqlstore.Migrate before sqlstore.New", s.prefix)
	case found.version > latest:
		return schemaNewer(found.version, latest)
	case found.step != 0:
		return setupError("schema-unfinished", "a migration to version %d has begun and not ended: call sqlstore.Migrate, which goes on with it", found.version+1)
	case found.version < latest:
		return setupError("schema-older", "the tables have version %d and this program needs %d: call sqlstore.Migrate", found.version, latest)
	}
	return s.checkTables(ctx, conn)
}

func schemaNewer(found, latest int) error {
	return setupError("schema-newer", "the tables have version %d and this program knows %d: run a newer version of the program", found, latest)
}

// checkServer looks at what the server is and how it is set.
func (s *Store) checkServer(ctx context.Context, conn *sql.Conn) error {
	switch s.dialect.kind {
	case Postgres:
		return s.checkPostgres(ctx, conn)
	case MySQL:
		return s.checkMySQL(ctx, conn)
	default:
		return s.checkSQLite(ctx, conn)
	}
}

// checkTables looks at what can be looked at when there are tables.
func (s *Store) checkTables(ctx context.Context, conn *sql.Conn) error {
	switch s.dialect.kind {
	case Postgres:
		return nil
	case MySQL:
		return s.checkEngines(ctx, conn)
	default:
		return s.checkImmediate(ctx, conn)
	}
}

// ask reads one row of a query about the database itself.
func (s *Store) ask(ctx context.Context, q querier, what, query string, args []any, into ...any) (found bool, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return false, s.failed(ctx, what, err, false)
	}
	defer rows.Close()
	if found = rows.Next(); found {
		if err := rows.Scan(into...); err != nil {
			return false, s.failed(ctx, what, err, false)
		}
	}
	return found, s.failed(ctx, what, rows.Err(), false)
}

// tell runs a statement about the database itself.
func (s *Store) tell(ctx context.Context, q querier, what, text string, args ...any) error {
	_, err := q.ExecContext(ctx, text, args...)
	return s.failed(ctx, what, err, false)
}

// atLeast compares versions number by number.
func atLeast(found string, want ...int) bool {
	for _, w := range want {
		digits, rest, _ := strings.Cut(found, ".")
		n := 0
		for _, r := range digits {
			if r < '0' || r > '9' {
				break
			}
			n = min(10*n+int(r-'0'), 1<<20)
		}
		if n != w {
			return n > w
		}
		found = rest
	}
	return true
}
