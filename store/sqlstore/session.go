package sqlstore

import (
	"context"
	"database/sql"
	"math/bits"
	"strings"
	"sync/atomic"

	"github.com/audiencekit/audiencekit/audience"
)

// querier runs statements in one transaction: *sql.Tx or *sql.Conn.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// session runs the statements of one transaction of one audience. It is what
// roles are made of.
type session struct {
	p     *partition
	q     querier
	ended atomic.Bool // the function that had the roles has returned
	// joined: the transaction is the host's, whose snapshot may be older than
	// what is locked.
	joined bool
	broken error // a statement failed: the transaction cannot go on
}

// enter is what every call checks first.
func (s *session) enter(ctx context.Context) error {
	switch {
	case s.ended.Load() || s.p.store.isClosed():
		return wrap(audience.ErrClosed)
	default:
		return wrap(ctx.Err())
	}
}

// exec runs a statement that gives no rows.
func (s *session) exec(ctx context.Context, st *statement, args ...any) (sql.Result, error) {
	text, args := s.p.store.prepare(st, args)
	return s.run(ctx, st.name, text, args)
}

// query runs a statement and calls scan for each row.
func (s *session) query(ctx context.Context, st *statement, scan func(row *sql.Rows) error, args ...any) error {
	text, args := s.p.store.prepare(st, args)
	return s.ask(ctx, st.name, text, args, scan)
}

// ask runs the text of a statement and calls scan for each row.
func (s *session) ask(ctx context.Context, name, text string, args []any, scan func(row *sql.Rows) error) error {
	if s.broken != nil {
		return s.broken
	}
	rows, err := s.q.QueryContext(ctx, text, args...)
	if err != nil {
		return s.breaks(ctx, name, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return s.p.store.failed(ctx, name, err, true)
		}
	}
	return s.breaks(ctx, name, rows.Err())
}

// run runs the text of a statement that gives no rows.
func (s *session) run(ctx context.Context, name, text string, args []any) (sql.Result, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	res, err := s.q.ExecContext(ctx, text, args...)
	return res, s.breaks(ctx, name, err)
}

// breaks remembers that a statement failed. None of ours does in a transaction
// that can go on: it is undone by now in part or as a whole, and what MySQL is
// told after that would not be part of it.
func (s *session) breaks(ctx context.Context, name string, err error) error {
	if err == nil {
		return nil
	}
	s.broken = s.p.store.failed(ctx, name, err, true)
	return s.broken
}

// prepare gives the text of a statement for its arguments, and these as the
// driver takes them.
func (s *Store) prepare(st *statement, args []any) (string, []any) {
	var sizes []int
	var out []any
	for i, a := range args {
		l, ok := a.(list)
		pairs, isPairs := a.(pairList)
		switch {
		case isPairs:
			if out == nil {
				out = append(make([]any, 0, len(args)+2*pairs.size()), args[:i]...)
			}
			if s.dialect.arrays {
				out = append(out, s.arrayOf(pairs.numbers), s.arrayOf(pairs.texts))
				continue
			}
			n := padded(pairs.size())
			sizes = append(sizes, n)
			for k := range n {
				k = min(k, pairs.size()-1)
				out = append(out, pairs.numbers.item(k), pairs.texts.item(k))
			}
		case !ok:
			if out != nil {
				out = append(out, a)
			}
		default:
			if out == nil {
				out = append(make([]any, 0, len(args)+l.size()), args[:i]...)
			}
			if s.dialect.arrays {
				out = append(out, s.arrayOf(l))
				continue
			}
			n := padded(l.size())
			sizes = append(sizes, n)
			for k := range n {
				out = append(out, l.item(min(k, l.size()-1)))
			}
		}
	}
	if out == nil {
		out = args
	}
	return s.text(st, sizes), out
}

// arrayOf gives a list as the driver takes it.
func (s *Store) arrayOf(l list) any {
	if s.takesSlices() {
		return l.slice()
	}
	return l.array()
}

// text gives the text of a statement for lists of some sizes.
func (s *Store) text(st *statement, sizes []int) string {
	key := built{statement: st, sizes: sizesKey(sizes)}
	if text, ok := s.texts.Load(key); ok {
		return text.(string) //nolint:forcetypeassert // nothing else is stored
	}
	text := s.dialect.build(s.prefix, st.text, sizes)
	s.texts.Store(key, text)
	return text
}

func sizesKey(sizes []int) string {
	if len(sizes) == 0 {
		return ""
	}
	var b strings.Builder
	for _, n := range sizes {
		b.WriteByte(byte(bits.Len(uint(n)))) // sizes are powers of two
	}
	return b.String()
}
