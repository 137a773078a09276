package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

// partSize is how many bytes of changes one row holds.
const partSize = 256 << 10

// AppendChanges appends to the changes of this transaction.
func (w *writer) AppendChanges(ctx context.Context, at time.Time, changes []store.Change) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	if len(changes) == 0 {
		return nil
	}
	if len(w.pending) == 0 || at.After(w.at) {
		w.at = at
	}
	w.pending = append(w.pending, changes...)
	return nil
}

// mark names a commit. number is 0 where the readers of the feed give it.
type mark struct{ seq, number int64 }

// writeChanges writes the changes of the transaction, as the last thing that
// it does: see writeCommit. It gives the number of the commit where there is
// one writer, else its sequence; 0 without changes.
func (w *writer) writeChanges(ctx context.Context) (seq int64, err error) {
	m, err := w.writeCommit(ctx)
	if m.number > 0 {
		return m.number, err
	}
	return m.seq, err
}

// writeCommit writes the changes. The sequence of the commit is drawn while
// the transaction holds every lock, so that of two that are about one contact
// the later one has the higher sequence.
func (w *writer) writeCommit(ctx context.Context) (mark, error) {
	if len(w.pending) == 0 {
		return mark{}, nil
	}
	about := concerned(w.pending)
	var only int64
	if len(about) == 1 {
		only, about = int64(about[0]), nil
	}
	first, rest := cut(rowcodec.AppendChanges(nil, w.pending))
	m, err := w.insertCommit(ctx, audience.Micros(w.at), only, first, len(rest))
	if err != nil {
		return mark{}, err
	}
	if err := w.insertParts(ctx, m.seq, rest); err != nil {
		return mark{}, err
	}
	_, err = w.insert(ctx, w.p.store.sql.feed.insertMentions, len(about), func(i int, values []any) {
		values[0], values[1], values[2] = w.p.id, m.seq, int64(about[i])
	})
	w.pending = nil
	return m, err
}

// insertCommit inserts the row of a commit.
func (w *writer) insertCommit(ctx context.Context, at, contact int64, changes []byte, parts int) (m mark, err error) {
	st := &w.p.store.sql.feed
	args := []any{w.p.id, at, contact, int64(parts), changes}
	switch w.p.store.dialect.kind {
	case SQLite:
		if err := w.query(ctx, st.nextNumber, func(r *sql.Rows) error { return r.Scan(&m.number, &at) }, at, at, w.p.id); err != nil {
			return mark{}, err
		}
		if err := w.query(ctx, st.draw, func(r *sql.Rows) error { return r.Scan(&m.seq) }); err != nil {
			return mark{}, err
		}
		args[1] = at
		_, err = w.exec(ctx, st.insert, append(args, m.seq, m.number)...)
	case MySQL:
		var res sql.Result
		if res, err = w.exec(ctx, st.insert, args...); err == nil {
			m.seq, err = res.LastInsertId()
		}
	default:
		err = w.query(ctx, st.insert, func(r *sql.Rows) error { return r.Scan(&m.seq) }, args...)
	}
	return m, err
}

// insertParts inserts what does not fit the row of a commit.
func (s *session) insertParts(ctx context.Context, seq int64, parts [][]byte) error {
	for i, part := range parts { // each a statement: together they may be larger than a server takes
		if _, err := s.insert(ctx, s.p.store.sql.feed.insertParts, 1, func(_ int, values []any) {
			values[0], values[1], values[2], values[3] = s.p.id, seq, int64(i), part
		}); err != nil {
			return err
		}
	}
	return nil
}

// cut cuts the bytes of a commit into what its row holds and further parts.
func cut(b []byte) (first []byte, rest [][]byte) {
	first = b[:min(len(b), partSize)]
	for part := range slices.Chunk(b[len(first):], partSize) {
		rest = append(rest, part)
	}
	return first, rest
}

// concerned gives the contacts whom changes concern (store.Change.Concerns),
// ascending.
func concerned(changes []store.Change) []audience.ContactID {
	var ids []audience.ContactID
	add := func(id audience.ContactID) {
		if id != 0 && (len(ids) == 0 || ids[len(ids)-1] != id) {
			ids = append(ids, id)
		}
	}
	for i := range changes {
		c := &changes[i]
		add(c.Contact)
		add(c.Other)
		for _, e := range []*audience.Event{c.Event, c.Before} {
			if e != nil {
				add(e.Origin)
			}
		}
		for k := range c.Events {
			add(c.Events[k].Origin)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// numberAfter is how many commits a process makes before it gives numbers
// itself, so that there are never many without, also when nobody reads.
const numberAfter = 256

// committed tells the feed that a commit is done, by what writeChanges gave,
// and gives the position that covers it.
func (p *partition) committed(ctx context.Context, seq int64) (store.Position, error) {
	p.changed()
	if p.store.dialect.oneWriter {
		return store.NewPosition(p.life(), uint64(seq)), nil
	}
	if p.feed.own.Add(1) >= numberAfter {
		p.numberOwn(ctx)
	}
	return throughPosition(p.life(), seq), nil
}
