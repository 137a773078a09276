package sqlstore

import (
	"context"
	"database/sql"
	"strconv"
)

func (s *Store) checkSQLite(ctx context.Context, conn *sql.Conn) error {
	var version string
	if _, err := s.ask(ctx, conn, "look at SQLite", "SELECT sqlite_version()", nil, &version); err != nil {
		return err
	}
	if !atLeast(version, 3, 51, 3) {
		return setupError("server-version", "SQLite %s can damage files in WAL mode: use a driver with SQLite 3.51.3 or later", version)
	}
	for _, check := range []func(context.Context, *sql.Conn) error{s.checkFile, s.checkPragmas} {
		if err := check(ctx, conn); err != nil {
			return err
		}
	}
	return nil
}

// checkFile refuses databases that are in memory: each connection of the pool
// has another one.
func (s *Store) checkFile(ctx context.Context, conn *sql.Conn) error {
	var n int
	var name, file string
	if _, err := s.ask(ctx, conn, "look at the file", "SELECT seq, name, file FROM pragma_database_list WHERE name = 'main'", nil, &n, &name, &file); err != nil {
		return err
	}
	if file == "" {
		return setupError("server-setting", "the database is in memory, where each connection has its own: open a file, or use store/memstore")
	}
	return nil
}

func (s *Store) checkPragmas(ctx context.Context, conn *sql.Conn) error {
	var journal, encoding, locking string
	var synchronous, busy, query int64
	for _, p := range []struct {
		pragma string
		into   any
	}{
		{"journal_mode", &journal},
		{"encoding", &encoding},
		{"locking_mode", &locking},
		{"synchronous", &synchronous},
		{"busy_timeout", &busy},
		{"query_only", &query},
	} {
		if _, err := s.ask(ctx, conn, "look at "+p.pragma, "PRAGMA "+p.pragma, nil, p.into); err != nil {
			return err
		}
	}
	switch {
	case journal != "wal":
		return setupError("server-setting", "journal_mode is %s, with which readers and writers stop each other: open with journal_mode WAL", journal)
	case encoding != "UTF-8":
		return setupError("server-setting", "the encoding is %s, in which texts have another order: make a new file with UTF-8", encoding)
	case locking != "normal":
		return setupError("server-setting", "locking_mode is %s, which lets no other connection in: open with locking_mode NORMAL", locking)
	case synchronous == 0:
		return setupError("server-setting", "synchronous is OFF, with which a power failure damages the file: open with synchronous NORMAL or FULL")
	case query != 0:
		return setupError("server-setting", "query_only is on: nothing can be written")
	case busy <= 0:
		return setupError("server-setting", "busy_timeout is 0, with which whoever meets a writer fails at once: open each connection with busy_timeout of some seconds, such as 10000")
	}
	if synchronous == 1 {
		s.logger.InfoContext(ctx, "sqlstore: synchronous is NORMAL: a power failure may lose the last commits that were acknowledged; FULL loses none")
	}
	return nil
}

const deferredHint = "transactions of the pool begin as readers, and one that writes after somebody else has written fails at once, whatever busy_timeout says: " +
	"open with _txlock=immediate, so that Join can work"

// checkImmediate finds out how transactions of database/sql begin: while
// another connection writes, one that begins as a writer has to wait and one
// that begins as a reader has not.
func (s *Store) checkImmediate(ctx context.Context, conn *sql.Conn) error {
	soon, cancel := context.WithTimeout(ctx, secondConnection) // who has the others may wait for this one
	other, err := s.db.Conn(soon)
	cancel()
	if err != nil {
		s.logger.WarnContext(ctx, "sqlstore: there was no second connection: whether transactions begin immediate could not be found out")
		return wrap(ctx.Err())
	}
	defer func() { _ = other.Close() }()
	if err := s.checkPragmas(ctx, other); err != nil { // of a connection that the host has not seen
		return err
	}
	if err := s.again(ctx, func() error { return s.tell(ctx, other, "begin", "BEGIN IMMEDIATE") }); err != nil {
		discard(other) // a driver may have begun and say that the context is over
		return err
	}
	defer func() { _ = s.tell(context.WithoutCancel(ctx), other, "rollback", "ROLLBACK") }()
	waits, err := s.beginsAsWriter(ctx, conn)
	if err == nil && !waits {
		err = setupError("transactions", deferredHint)
	}
	return err
}

// beginsAsWriter tries to begin a transaction, without waiting, while another
// connection writes.
func (s *Store) beginsAsWriter(ctx context.Context, conn *sql.Conn) (bool, error) {
	var patience int64
	if _, err := s.ask(ctx, conn, "look at busy_timeout", "PRAGMA busy_timeout", nil, &patience); err != nil {
		return false, err
	}
	if _, err := s.ask(ctx, conn, "set busy_timeout", pragmaBusy(0), nil, new(int64)); err != nil {
		return false, err
	}
	defer func() {
		_, _ = s.ask(context.WithoutCancel(ctx), conn, "set busy_timeout", pragmaBusy(patience), nil, new(int64))
	}()
	tx, err := conn.BeginTx(ctx, nil)
	if err == nil {
		_ = tx.Rollback()
		return false, nil
	}
	err = s.failed(ctx, "begin", err, false)
	if e, ok := databaseError(err); ok && e.trouble == conflicting {
		return true, nil
	}
	return false, err
}

// pragmaBusy sets busy_timeout, and gives it as a row.
func pragmaBusy(milliseconds int64) string {
	return "PRAGMA busy_timeout = " + strconv.FormatInt(milliseconds, 10)
}
