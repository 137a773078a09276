package sqlstore

import (
	"context"
	"database/sql"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Token stands for what [Join] wrote, until the host's transaction is
// committed and it has a position.
type Token struct {
	p      *partition
	life   store.Incarnation
	commit mark
}

// Join runs fn in the host's own transaction tx, so that what fn writes is
// committed with it or not at all. The audience has to be one of a [Store] on
// the database of tx.
//
// fn is called once. When it fails or panics, nothing of it stays in tx, which
// can go on and be committed: fn runs under a savepoint. Errors that are
// [audience.ErrRetryable] are the exception: then the database may have undone
// the transaction, or what it sees is too old, and the host has to roll it back
// and begin again, as for its own statements.
//
// Any isolation level will do. In one snapshot for the whole transaction
// (REPEATABLE READ, MySQL's default, and SERIALIZABLE) Join is refused with
// audience.ErrRetryable when somebody else committed changes of a contact, whom
// fn is about to change, or of a suppression that fn has read, since tx began to read; so READ COMMITTED, or calling
// Join early, spares the repetition. On SQLite tx has to be one that writes from
// the beginning (BEGIN IMMEDIATE), or it is ErrRetryable when others wrote since.
//
// Rows that fn writes stay locked until the host's transaction ends. Nobody
// else waits for it: neither those who write other contacts nor those who read
// the feed, in which the commit appears when it is done.
//
// Errors: those of fn; audience.ErrInvalid for an audience of another adapter;
// audience.ErrRetryable; the database's.
func Join(ctx context.Context, aud *store.Audience, tx *sql.Tx, fn func(*store.Tx) error) (Token, error) {
	p, err := joinable(aud, tx, fn)
	if err != nil {
		return Token{}, err
	}
	if err := p.enter(ctx); err != nil {
		return Token{}, err
	}
	s := &session{p: p, q: tx, joined: true}
	st := &p.store.sql.joins
	if _, err := s.exec(ctx, st.savepoint); err != nil {
		return Token{}, err
	}
	w := newWriter(s)
	joined := false
	defer func() { // also when fn panics
		w.ended.Store(true)
		if !joined {
			w.undo(context.WithoutCancel(ctx))
		}
	}()
	m, err := w.join(ctx, aud, fn)
	if err != nil {
		return Token{}, err
	}
	if _, err := s.exec(ctx, st.release); err != nil {
		return Token{}, err
	}
	joined = true
	return Token{p: p, life: p.life(), commit: m}, nil
}

func joinable(aud *store.Audience, tx *sql.Tx, fn func(*store.Tx) error) (*partition, error) {
	switch {
	case aud == nil:
		return nil, wrap(&audience.FieldError{Path: "audience", Rule: "required", Hint: "an open audience"})
	case tx == nil:
		return nil, wrap(&audience.FieldError{Path: "tx", Rule: "required", Hint: "a transaction of the store's database"})
	case fn == nil:
		return nil, wrap(&audience.FieldError{Path: "fn", Rule: "required", Hint: "a function that writes"})
	}
	p, ok := store.As[*partition](aud)
	if !ok {
		return nil, wrap(&audience.FieldError{Path: "audience", Rule: "adapter", Hint: "an audience that was opened in a sqlstore.Store"})
	}
	return p, nil
}

// join runs fn and writes its changes.
func (w *writer) join(ctx context.Context, aud *store.Audience, fn func(*store.Tx) error) (mark, error) {
	err := func() error {
		tx, finish, err := aud.Join(ctx, w)
		if err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return err
		}
		if err := finish(ctx); err != nil {
			return err
		}
		return w.suppressionsUpToDate(ctx)
	}()
	if lost := w.lost(); lost != nil { // whatever fn made of it
		return mark{}, lost
	}
	if err == nil && w.broken != nil {
		err = w.broken
	}
	if err != nil {
		return mark{}, err
	}
	m, err := w.writeCommit(ctx)
	if lost := w.lost(); lost != nil {
		return mark{}, lost
	}
	return m, err
}

// undo takes back what was written since the savepoint. When the database has
// undone the whole transaction there is no savepoint, and nothing to take back:
// after a failed statement nothing more was sent.
func (s *session) undo(ctx context.Context) {
	st := &s.p.store.sql.joins
	for _, of := range []*statement{st.back, st.release} {
		text, _ := s.p.store.prepare(of, nil)
		if _, err := s.q.ExecContext(ctx, text); err != nil {
			return
		}
	}
}

// Position gives the position up to and including what was written, after the
// host's commit. Before it, and after a rollback, it is audience.ErrNotFound;
// so it is once the feed is trimmed beyond it. It is the zero Position when no
// change was written.
func (t Token) Position(ctx context.Context) (store.Position, error) {
	if t.p == nil {
		return store.Position{}, wrap(&audience.NotFoundError{Kind: "commit"})
	}
	if err := t.p.enter(ctx); err != nil {
		return store.Position{}, err
	}
	if t.commit.seq == 0 {
		return store.Position{}, nil
	}
	number := int64(-1)
	if err := t.p.outside().query(ctx, t.p.store.sql.feed.find, func(r *sql.Rows) error { return r.Scan(&number) }, t.commit.seq, t.p.id); err != nil {
		return store.Position{}, err
	}
	if number < 0 || t.commit.number > 0 && number != t.commit.number {
		return store.Position{}, wrap(&audience.NotFoundError{Kind: "commit"})
	}
	t.p.changed()
	if t.commit.number > 0 {
		return store.NewPosition(t.life, uint64(number)), nil
	}
	return throughPosition(t.life, t.commit.seq), nil
}

// joinStatements are those of [Join] itself.
type joinStatements struct {
	savepoint, back, release *statement
	isolation                *statement // nil where it cannot be asked for
	later                    *statement
}

func newJoinStatements(c *catalog) joinStatements {
	st := joinStatements{
		savepoint: c.add(everywhere, "savepoint", "SAVEPOINT {joined}"),
		back:      c.add(everywhere, "back to savepoint", "ROLLBACK TO SAVEPOINT {joined}"),
		release:   c.add(everywhere, "release savepoint", "RELEASE SAVEPOINT {joined}"),
		later: c.add(onEachShard, "later commits", "SELECT seq, contact FROM {feed} WHERE audience = ? AND number = 0"+
			" UNION ALL SELECT seq, contact FROM (SELECT seq, contact FROM {feed}"+c.dialect.force("{feed}_number")+
			" WHERE audience = ? AND number > ? ORDER BY number LIMIT ?) AS numbered LIMIT ?"),
	}
	if c.dialect.kind == Postgres {
		st.isolation = c.add(everywhere, "isolation level", "SELECT current_setting('transaction_isolation')")
	}
	return st
}
