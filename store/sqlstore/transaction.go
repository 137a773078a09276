package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/audiencekit/audiencekit/audience"
)

// transaction is one that is open in the database. It does not end with a
// context: what ends it is commit or rollback, and that it is no longer needed
// is looked at before these.
type transaction interface {
	querier
	commit() error
	// rollback undoes it and gives the connection back, whatever happened
	// before; after commit it does nothing.
	rollback()
}

// purpose is what a transaction is for.
type purpose uint8

const (
	reading purpose = iota + 1 // one snapshot
	writing                    // row locks, or the one writer
)

// begin begins a transaction.
func (s *Store) begin(ctx context.Context, why purpose) (transaction, error) {
	switch {
	case s.dialect.kind == SQLite && why == reading:
		return s.beginByHand(ctx)
	case s.dialect.kind == SQLite:
		return s.beginWriter(ctx)
	case why == reading:
		return s.beginPooled(ctx, s.db, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	default:
		return s.beginPooled(ctx, s.db, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	}
}

// beginner is *sql.DB or *sql.Conn.
type beginner interface {
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// beginPooled begins a transaction of database/sql.
func (s *Store) beginPooled(ctx context.Context, on beginner, opts *sql.TxOptions) (*pooled, error) {
	// database/sql rolls back a transaction when its context ends, in a
	// goroutine of its own, and drivers break off a commit that is on its way.
	// So it gets a context that is let go of once it has begun.
	own, release := context.WithCancel(context.WithoutCancel(ctx))
	detach := context.AfterFunc(ctx, release)
	tx, err := on.BeginTx(own, opts)
	if err != nil {
		detach()
		release()
		return nil, s.failed(ctx, "begin", err, false)
	}
	open := &pooled{Tx: tx, release: release}
	if !detach() {
		open.rollback()
		return nil, wrap(ctx.Err())
	}
	return open, nil
}

// pooled is a transaction of database/sql.
type pooled struct {
	*sql.Tx
	release context.CancelFunc
}

func (t *pooled) commit() error {
	defer t.release()
	return t.Commit()
}

func (t *pooled) rollback() {
	defer t.release()
	_ = t.Rollback()
}

// sqliteWriter is the writer of SQLite: transactions of database/sql begin immediate, or [New] has
// refused the pool. What writes has to: a transaction that read before it writes
// fails at once when somebody else has written meanwhile.
type sqliteWriter struct {
	*pooled
	conn *sql.Conn
	over bool
}

func (s *Store) beginWriter(ctx context.Context) (transaction, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, s.failed(ctx, "begin", err, false)
	}
	tx, err := s.beginPooled(ctx, conn, nil)
	if err != nil {
		if e, ok := databaseError(err); ok && e.trouble == conflicting {
			_ = conn.Close() // nothing has begun
		} else {
			discard(conn)
		}
		return nil, err
	}
	return &sqliteWriter{pooled: tx, conn: conn}, nil
}

func (t *sqliteWriter) commit() error { return t.end(t.pooled.commit()) }

func (t *sqliteWriter) rollback() {
	if !t.over {
		defer t.release()
		_ = t.end(t.Rollback())
	}
}

// end gives the connection back. Nobody may get it when the transaction may
// still be open in it: drivers roll back what could not be committed, and what
// cannot be rolled back SQLite most likely has.
func (t *sqliteWriter) end(err error) error {
	t.over = true
	if err != nil {
		discard(t.conn)
		return err
	}
	_ = t.conn.Close()
	return nil
}

// byHand is a transaction of SQLite that reads: database/sql would begin it as
// one that writes.
type byHand struct {
	*sql.Conn
	ctx  context.Context // of its own statements; never ends
	over bool
}

func (s *Store) beginByHand(ctx context.Context) (transaction, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, s.failed(ctx, "begin", err, false)
	}
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		discard(conn) // a driver may have begun and say that the context is over
		return nil, s.failed(ctx, "begin", err, false)
	}
	return &byHand{Conn: conn, ctx: context.WithoutCancel(ctx)}, nil
}

func (t *byHand) commit() error {
	_, err := t.ExecContext(t.ctx, "COMMIT")
	if err == nil {
		t.over = true
		_ = t.Close()
	}
	return err
}

func (t *byHand) rollback() {
	if t.over {
		return
	}
	t.over = true
	if _, err := t.ExecContext(t.ctx, "ROLLBACK"); err != nil {
		// Most likely SQLite has rolled back already; if not, nobody may get
		// this connection again.
		discard(t.Conn)
		return
	}
	_ = t.Close()
}

// discard closes the connection instead of giving it back.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = conn.Close()
}

// commit commits a transaction in which everything is done. When it fails
// the error says whether the transaction is undone or nobody knows.
func (s *Store) commit(ctx context.Context, tx transaction) error {
	if s.isClosed() {
		return wrap(audience.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return wrap(err)
	}
	err := tx.commit()
	if err == nil {
		return nil
	}
	code, what := classify(s.dialect.kind, err)
	e := &DatabaseError{Statement: "commit", Code: code, trouble: what, err: err, text: s.dialect.kind.harmlessText(code, err, true)}
	if what == disconnected || code == "" || s.dialect.kind == SQLite && !undoneBySQLite(err) {
		return wrap(&CommitUnknownError{Err: e})
	}
	return wrap(e)
}

// undoneBySQLite reports whether a commit that failed is known to have failed:
// busy, locked, interrupted, no space, a constraint. After errors of the disk
// the next one who opens the file decides.
func undoneBySQLite(err error) bool {
	n, _ := numberOf(err, "ExtendedCode", "Code")
	switch n & 0xff {
	case 5, 6, 9, 13, 19:
		return true
	default:
		return false
	}
}
