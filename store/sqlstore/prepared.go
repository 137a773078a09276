package sqlstore

import (
	"context"
	"database/sql"
	"sync"
)

const (
	// mostPrepared is how many statements are kept prepared, on each connection
	// that has run them.
	mostPrepared = 192
	// usesToPrepare is how often a text is used before it is worth a place.
	usesToPrepare = 3
	// mostCounted bounds the texts whose uses are counted.
	mostCounted = 1_024
)

// preparedStatements are statements that stay prepared on the connections of
// the pool, where the driver would prepare a text at every use. A statement is
// prepared between transactions, never in one: that takes a connection of its
// own, and who waits for a second one while holding the first may wait for
// ever. In a transaction one that is known is prepared on the connection of it
// when that has not run it before; and one that is not known, at its second use,
// for the rest of the transaction.
type preparedStatements struct {
	mu     sync.Mutex
	uses   map[string]int // of texts that are not prepared
	wanted []string
	ready  map[string]*preparedStatement
	clock  uint64
	closed bool
}

type preparedStatement struct {
	*sql.Stmt
	used uint64 // by the clock
}

// newPreparedStatements gives nil where the driver is left to do it: those of
// PostgreSQL keep statements by themselves, as far as what is between them and
// the server allows it.
func newPreparedStatements(d *dialect) *preparedStatements {
	if d.kind == Postgres {
		return nil
	}
	return &preparedStatements{uses: make(map[string]int), ready: make(map[string]*preparedStatement)}
}

// find gives a statement, nil when it is not prepared.
func (p *preparedStatements) find(text string) *sql.Stmt {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock++
	if s, ok := p.ready[text]; ok {
		s.used = p.clock
		return s.Stmt
	}
	if len(p.uses) >= mostCounted {
		clear(p.uses)
	}
	p.uses[text]++
	if p.uses[text] == usesToPrepare {
		p.wanted = append(p.wanted, text)
	}
	return nil
}

// takeWanted gives the texts that are worth to be prepared, each once.
func (p *preparedStatements) takeWanted() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.wanted
	p.wanted = nil
	return out
}

// prepareWanted prepares what transactions before have asked for. It must not
// be called while a connection is held. What cannot be prepared is run as it
// is, and says itself why.
func (p *preparedStatements) prepareWanted(ctx context.Context, db *sql.DB) {
	if p == nil {
		return
	}
	for _, text := range p.takeWanted() {
		s, err := db.PrepareContext(ctx, text)
		if err != nil {
			return // those left are counted on, and not asked for again for a while
		}
		if old := p.keep(text, s); old != nil {
			_ = old.Close() //nolint:sqlclosecheck // now; transactions that use it go on with it
		}
	}
}

// keep keeps a statement and gives the one to be closed for it, or nil.
func (p *preparedStatements) keep(text string, s *sql.Stmt) (old *sql.Stmt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.ready[text]; ok || p.closed {
		return s
	}
	if len(p.ready) >= mostPrepared {
		old = p.removeOldest()
	}
	delete(p.uses, text)
	p.clock++
	p.ready[text] = &preparedStatement{Stmt: s, used: p.clock}
	return old
}

func (p *preparedStatements) removeOldest() *sql.Stmt {
	var oldest string
	for text, s := range p.ready {
		if o, ok := p.ready[oldest]; !ok || s.used < o.used {
			oldest = text
		}
	}
	s := p.ready[oldest]
	delete(p.ready, oldest)
	return s.Stmt
}

// close lets go of all statements.
func (p *preparedStatements) close() {
	if p == nil {
		return
	}
	p.mu.Lock()
	ready := p.ready
	p.ready, p.wanted, p.closed = nil, nil, true
	p.mu.Unlock()
	for _, s := range ready {
		_ = s.Close()
	}
}

// preparer is a transaction in which statements of the pool can run.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	StmtContext(ctx context.Context, stmt *sql.Stmt) *sql.Stmt
}

// prepared runs texts in a transaction, those that are prepared without doing
// that again.
type prepared struct {
	querier
	tx    preparer
	known *preparedStatements
	here  map[string]*sql.Stmt // in this transaction, which closes them; nil: used once
}

// withPrepared gives the transaction itself when nothing is kept.
func (s *Store) withPrepared(tx transaction) querier {
	if p, ok := tx.(preparer); ok && s.prepared != nil {
		return &prepared{querier: tx, tx: p, known: s.prepared, here: make(map[string]*sql.Stmt)}
	}
	return tx
}

// stmt gives the statement of a text, nil when it is to be run as it is.
func (p *prepared) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	s, again := p.here[text]
	if s != nil {
		return s, nil
	}
	if s = p.known.find(text); s != nil {
		s = p.tx.StmtContext(ctx, s)
	} else if again {
		var err error
		if s, err = p.tx.PrepareContext(ctx, text); err != nil {
			return nil, err
		}
	}
	p.here[text] = s
	return s, nil
}

func (p *prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := p.stmt(ctx, query) //nolint:sqlclosecheck // the transaction closes it
	switch {
	case err != nil:
		return nil, err
	case s != nil:
		return s.ExecContext(ctx, args...)
	default:
		return p.querier.ExecContext(ctx, query, args...)
	}
}

func (p *prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := p.stmt(ctx, query) //nolint:sqlclosecheck // the transaction closes it
	switch {
	case err != nil:
		return nil, err
	case s != nil:
		return s.QueryContext(ctx, args...)
	default:
		return p.querier.QueryContext(ctx, query, args...)
	}
}
