package sqlstore

import (
	"context"
	"database/sql"
	"math"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

type counterStatements struct {
	lock, next, add, set *statement
}

// The rows of {counters} have the next number that nobody has taken. They are
// of the whole audience: ids are unique on all shards.
func newCounterStatements(c *catalog) counterStatements {
	const next = "SELECT next FROM {counters} WHERE audience = ? AND kind = ?"
	return counterStatements{
		next: c.add(byAudience, "next number", next),
		lock: c.add(byAudience, "lock counter", next+c.dialect.lock),
		add:  c.add(byAudience, "add counter", "INSERT INTO {counters} (audience, kind, next) VALUES (?, ?, 1)"+c.dialect.doNothing([]string{"audience", "kind"})),
		set:  c.add(byAudience, "set counter", "UPDATE {counters} SET next = ? WHERE audience = ? AND kind = ?"),
	}
}

// lastNumber is the last there is of a kind.
func (k countKind) lastNumber() uint64 {
	if k == countContacts {
		return math.MaxUint32
	}
	return math.MaxInt64 - 1
}

// count takes n numbers in this transaction, which holds the counter until its
// end. It takes fewer when there are no more.
func (s *session) count(ctx context.Context, kind countKind, n, above uint64) (got span, err error) {
	st := &s.p.store.sql.counters
	next := int64(0)
	find := func() error {
		return s.query(ctx, st.lock, func(r *sql.Rows) error { return r.Scan(&next) }, s.p.id, int64(kind))
	}
	if err := find(); err != nil {
		return span{}, err
	}
	if next == 0 {
		if _, err := s.exec(ctx, st.add, s.p.id, int64(kind)); err != nil {
			return span{}, err
		}
		if err := find(); err != nil {
			return span{}, err
		}
	}
	first := max(uint64(next), above+1)
	last := first - 1 + min(n, kind.lastNumber()-min(first-1, kind.lastNumber()))
	if last < first && first == uint64(next) {
		return span{first, last}, nil
	}
	_, err = s.exec(ctx, st.set, int64(last+1), s.p.id, int64(kind))
	return span{first, last}, err
}

// supply takes the numbers that a transaction may want before it begins.
func (p *partition) supply(ctx context.Context) error {
	for _, kind := range []countKind{countContacts, countRecordVersions, countMerges} {
		if kind == countMerges && !p.supplies.merges.isWanted() { // most processes never merge
			continue
		}
		if err := p.supplyOf(ctx, kind); err != nil {
			return err
		}
	}
	return nil
}

func (p *partition) supplyOf(ctx context.Context, kind countKind) error {
	s := p.supplies.of(kind)
	if s.missing(p.supplies.transactions()) == 0 {
		return nil
	}
	select {
	case p.supplies.turn <- struct{}{}:
		defer func() { <-p.supplies.turn }()
	case <-ctx.Done():
		return wrap(ctx.Err())
	}
	n := s.missing(p.supplies.transactions()) // somebody may have been faster
	if n == 0 || s.couldGive(kind.lastNumber()) == s.inStock() {
		return nil
	}
	return p.take(ctx, kind, n)
}

// take takes numbers in a transaction of their own.
func (p *partition) take(ctx context.Context, kind countKind, n uint64) error {
	s := p.supplies.of(kind)
	var got span
	if err := p.store.transaction(ctx, p, func(w *session) (err error) {
		got, err = w.count(ctx, kind, n, s.highest())
		return err
	}); err != nil {
		return err
	}
	s.add(got, got.last)
	return nil
}

// numbersAbove gives numbers above one that were never given before, ascending.
func (w *writer) numbersAbove(ctx context.Context, kind countKind, n int, above uint64) ([]uint64, error) {
	if n <= 0 {
		return []uint64{}, nil
	}
	s := w.p.supplies.of(kind)
	if s.couldGive(kind.lastNumber()) < uint64(n) {
		return nil, wrap(audience.ErrFull)
	}
	if out, ok := s.draw(n, above, w.drawn[kind]); ok {
		w.drawn[kind] += uint64(n)
		return out, nil
	}
	if !w.joined {
		if w.doomed == nil {
			w.doomed = wrap(&numbersError{})
		}
		return nil, w.doomed
	}
	return w.numbersJoined(ctx, kind, n, above)
}

// numbersHere takes numbers in this transaction.
func (w *writer) numbersHere(ctx context.Context, kind countKind, n int, above uint64) ([]uint64, error) {
	got, err := w.count(ctx, kind, uint64(n), above)
	if err != nil {
		return nil, err
	}
	if got.size() < uint64(n) {
		return nil, wrap(audience.ErrFull)
	}
	return got.numbers(), nil
}

// secondConnection is how long a transaction of the host's waits for another
// connection of its pool, in which everybody may wait for each other.
const secondConnection = 2 * time.Second

// numbersJoined takes numbers for a transaction of the host's, which cannot
// begin again: beside it where there is more than one writer, else in it. What
// was taken in it is taken again by others when it is rolled back, but not by
// this process.
func (w *writer) numbersJoined(ctx context.Context, kind countKind, n int, above uint64) ([]uint64, error) {
	s := w.p.supplies.of(kind)
	if !w.p.store.dialect.oneWriter {
		soon, cancel := context.WithTimeout(ctx, secondConnection)
		err := w.p.take(soon, kind, uint64(n))
		cancel()
		if out, ok := s.draw(n, above, 0); err == nil && ok {
			return out, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, wrap(err)
		}
	}
	out, err := w.numbersHere(ctx, kind, n, max(above, s.highest()))
	if err != nil {
		return nil, err
	}
	s.saw(out[n-1])
	return out, nil
}

// numbers lists the numbers of a span.
func (s span) numbers() []uint64 {
	out := make([]uint64, 0, s.size())
	for n := s.first; n <= s.last; n++ {
		out = append(out, n)
	}
	return out
}

// given reports whether a contact id was given by anybody, as far as the
// database knows.
func (w *writer) given(ctx context.Context, id audience.ContactID) (bool, error) {
	s := w.p.supplies.contacts
	given, known := s.knows(uint64(id))
	if known {
		return given, nil
	}
	next := int64(1)
	st := w.p.store.sql.counters.next
	if err := w.query(ctx, st, func(r *sql.Rows) error { return r.Scan(&next) }, w.p.id, int64(countContacts)); err != nil {
		return false, err
	}
	s.saw(uint64(next) - 1)
	given, _ = s.knows(uint64(id))
	return given, nil
}
