package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/audiencekit/audiencekit/store/sqlstore/internal/othermigrations"
)

// Migrate makes the tables, or brings them to the version that this program
// needs, with what is in them. Hosts call it before [New], at every start or
// when they deploy; nothing else makes or changes tables. It is idempotent,
// and several processes may call it at once. In PostgreSQL and SQLite it
// happens as a whole or not at all; MySQL cannot do that, so that there a
// migration which was interrupted goes on where it ended.
//
// Tables of a newer version are refused with a [*SetupError], and so are
// servers that [New] would refuse.
func Migrate(ctx context.Context, db *sql.DB, d Dialect, opts Options) error {
	s, err := newStore(db, d, opts)
	if err != nil {
		return err
	}
	all, err := s.migrations(othermigrations.In(ctx, migrationFiles))
	if err != nil {
		return err
	}
	return s.migrate(ctx, all)
}

// stage is how far the schema is.
type stage struct {
	version int
	// step counts the beginnings and ends of the statements of the next
	// version, where each is committed by itself: odd when one has begun and
	// nobody knows whether it ended.
	step int
}

func (s *Store) migrate(ctx context.Context, all []migration) error {
	var ready bool
	err := s.again(ctx, func() (err error) {
		ready, err = s.migrated(ctx, all)
		return err
	})
	switch {
	case err != nil, ready:
		return err
	case s.dialect.kind == MySQL:
		return s.migrateByStep(ctx, all)
	default:
		return s.migrateAtOnce(ctx, all)
	}
}

// migrated reports whether nothing is to be done, which needs no rights and no
// locks.
func (s *Store) migrated(ctx context.Context, all []migration) (bool, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return false, s.failed(ctx, "connect", err, false)
	}
	defer func() { _ = conn.Close() }()
	if err := s.checkServer(ctx, conn); err != nil {
		return false, err
	}
	found, err := s.stage(ctx, conn)
	if err == nil && found.version > len(all) {
		err = schemaNewer(found.version, len(all))
	}
	return found.version == len(all), err
}

// stage reads how far the schema is: the zero stage when there is none.
func (s *Store) stage(ctx context.Context, q querier) (stage, error) {
	table := map[Dialect]string{
		// Not to_regclass: it remembers that there was no table, and looks at
		// nothing that would make it forget.
		Postgres: "SELECT COUNT(*) FROM pg_catalog.pg_class WHERE relname = ? AND relkind = 'r' AND pg_catalog.pg_table_is_visible(oid)",
		MySQL:    "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?",
		SQLite:   "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = ?",
	}[s.dialect.kind]
	var exists int
	if _, err := s.ask(ctx, q, "look for the schema", s.dialect.build("", table, nil), []any{s.prefix + "schema"}, &exists); err != nil || exists == 0 {
		return stage{}, err
	}
	var found stage
	_, err := s.ask(ctx, q, "read the version of the schema", s.setupText("SELECT version, step FROM {schema}"), nil, &found.version, &found.step)
	return found, err
}

func (s *Store) setupText(text string) string { return s.dialect.build(s.prefix, text, nil) }

// makeStage makes the table that says how far the schema is.
func (s *Store) makeStage(ctx context.Context, q querier) error {
	table := "CREATE TABLE IF NOT EXISTS {schema} (only_row integer NOT NULL PRIMARY KEY, version integer NOT NULL, step integer NOT NULL)"
	if s.dialect.kind == MySQL {
		table += " ENGINE=InnoDB"
	}
	row := "INSERT INTO {schema} (only_row, version, step) VALUES (1, 0, 0)" + s.dialect.doNothing([]string{"only_row"})
	for _, text := range []string{table, row} {
		if err := s.tell(ctx, q, "make the table of the version", s.setupText(text)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) setStage(ctx context.Context, q querier, now stage) error {
	return s.tell(ctx, q, "write the version of the schema", s.setupText("UPDATE {schema} SET version = ?, step = ?"), now.version, now.step)
}

// migrateAtOnce does everything in one transaction, which nobody else does at
// the same time.
func (s *Store) migrateAtOnce(ctx context.Context, all []migration) error {
	return s.transaction(ctx, nil, func(w *session) error {
		if s.dialect.kind == Postgres {
			_, key := s.lockName("")
			if err := s.tell(ctx, w.q, "wait for other migrations", "SELECT pg_advisory_xact_lock($1)", key); err != nil {
				return err
			}
		}
		found, err := s.stage(ctx, w.q) // somebody may have been faster
		if err != nil {
			return err
		}
		if found.version >= len(all) {
			return nil
		}
		if err := s.makeStage(ctx, w.q); err != nil {
			return err
		}
		for _, m := range all[found.version:] {
			for i, text := range m.statements {
				if err := s.tell(ctx, w.q, m.step(i), s.setupText(text)); err != nil {
					return err
				}
			}
		}
		return s.setStage(ctx, w.q, stage{version: len(all)})
	})
}

func (m *migration) step(i int) string { return fmt.Sprintf("migration %s, statement %d", m.name, i+1) }

// lockName names the lock that migrations of a prefix in a database hold.
func (s *Store) lockName(database string) (string, int64) {
	sum := sha256.Sum256([]byte("audiencekit migration\x00" + database + "\x00" + s.prefix))
	return "audiencekit " + hex.EncodeToString(sum[:16]), int64(binary.BigEndian.Uint64(sum[:]))
}

// migrateByStep does one statement after another, each of which commits.
func (s *Store) migrateByStep(ctx context.Context, all []migration) (err error) {
	conn, err := s.db.Conn(ctx) // which has the lock
	if err != nil {
		return s.failed(ctx, "connect", err, false)
	}
	defer func() { _ = conn.Close() }()
	var database string
	if _, err := s.ask(ctx, conn, "look at the database", "SELECT DATABASE()", nil, &database); err != nil {
		return err
	}
	name, _ := s.lockName(database)
	for locked := 0; locked == 0; { // in turns of a second, so that it ends with the context
		if _, err := s.ask(ctx, conn, "wait for other migrations", "SELECT COALESCE(GET_LOCK(?, 1), 0)", []any{name}, &locked); err != nil {
			return err
		}
	}
	defer func() {
		if e := s.tell(context.WithoutCancel(ctx), conn, "let other migrations go on", "DO RELEASE_LOCK(?)", name); err == nil {
			err = e
		}
	}()
	if err := s.makeStage(ctx, conn); err != nil {
		return err
	}
	found, err := s.stage(ctx, conn) // somebody may have been faster
	if err != nil || found.version >= len(all) {
		return err
	}
	for _, m := range all[found.version:] {
		if err := s.migrateStatements(ctx, conn, &m, found.step); err != nil {
			return err
		}
		found.step = 0
	}
	return nil
}

// migrateStatements does what is left of one migration.
func (s *Store) migrateStatements(ctx context.Context, conn *sql.Conn, m *migration, step int) error {
	for i := step / 2; i < len(m.statements); i++ {
		begun := step == 2*i+1 // by somebody who did not come to write down its end
		if err := s.setStage(ctx, conn, stage{m.version - 1, 2*i + 1}); err != nil {
			return err
		}
		err := s.tell(ctx, conn, m.step(i), s.setupText(m.statements[i]))
		if err != nil && (!begun || !isDone(err)) {
			return err
		}
		if err := s.setStage(ctx, conn, stage{m.version - 1, 2*i + 2}); err != nil {
			return err
		}
	}
	return s.setStage(ctx, conn, stage{version: m.version})
}

// isDone reports whether MySQL refused a change of the schema since it is made
// already: table, column or index exists, or does not any more.
func isDone(err error) bool {
	e, ok := databaseError(err)
	return ok && slices.Contains([]string{"1050", "1060", "1061", "1051", "1091"}, e.Code)
}
