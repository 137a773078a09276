package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

// pageBytes bounds the changes of a page, encoded: a page that is larger ends
// with the commit that made it so.
const pageBytes = 16 << 20

// errFresh says that a position names a commit that has no number yet.
var errFresh = fmt.Errorf("the commit of the position has no number yet: %w", audience.ErrRetryable)

// Commits gives commits of the feed after a position.
func (p *partition) Commits(ctx context.Context, after store.Position, limit int) ([]store.Commit, error) {
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	if err := p.number(ctx); err != nil {
		return nil, err
	}
	var page []store.Commit
	err := p.snapshot(ctx, func(s *session) (err error) {
		page, err = s.commitsAfter(ctx, after, limit)
		return err
	})
	return page, err
}

// commitsAfter gives the commits after a position that have numbers.
func (s *session) commitsAfter(ctx context.Context, after store.Position, limit int) ([]store.Commit, error) {
	at, h, err := s.locate(ctx, after)
	if err != nil {
		return nil, err
	}
	if at.n < h.trimmed {
		return nil, wrap(errTrimmed())
	}
	return s.readCommits(ctx, at, limit)
}

// snapshot runs fn in a snapshot of its own.
func (p *partition) snapshot(ctx context.Context, fn func(*session) error) error {
	return p.store.again(ctx, func() error {
		tx, err := p.store.begin(ctx, reading)
		if err != nil {
			return err
		}
		defer tx.rollback()
		return fn(&session{p: p, q: tx})
	})
}

// locate gives the place of a position of this feed, and the head.
func (s *session) locate(ctx context.Context, pos store.Position) (place, head, error) {
	h, err := s.p.readHead(ctx, s)
	if err != nil {
		return place{}, head{}, err
	}
	numbers, err := pos.Numbers(s.p.life())
	if err != nil {
		return place{}, head{}, wrap(err)
	}
	at, seq, err := readPlace(numbers)
	if err != nil {
		return place{}, head{}, wrap(err)
	}
	if seq > 0 {
		if at.n, err = s.numberOf(ctx, seq); err != nil {
			return place{}, head{}, err
		}
		if at.n == 0 && h.trimmed == 0 { // no commit ever had it
			return place{}, head{}, wrap(errNoPlace())
		}
	}
	if at.last() > h.number {
		return place{}, head{}, wrap(errAhead())
	}
	return at, h, nil
}

// numberOf gives the number of the commit of a sequence. One that is not there
// was trimmed, when there are higher ones, else it lies ahead; a trimmed one
// has the number 0.
func (s *session) numberOf(ctx context.Context, seq int64) (number uint64, err error) {
	found := false
	st := &s.p.store.sql.feed
	if err := s.query(ctx, st.find, func(r *sql.Rows) error {
		found = true
		return r.Scan(&number)
	}, seq, s.p.id); err != nil {
		return 0, err
	}
	if found && number == 0 {
		return 0, wrap(errFresh)
	}
	if found {
		return number, nil
	}
	var highest sql.NullInt64
	if err := s.query(ctx, st.highest, func(r *sql.Rows) error { return r.Scan(&highest) }); err != nil {
		return 0, err
	}
	if seq > highest.Int64 {
		return 0, wrap(errAhead())
	}
	return 0, nil
}

// readCommits reads a page.
func (s *session) readCommits(ctx context.Context, at place, limit int) ([]store.Commit, error) {
	out := make([]store.Commit, 0, min(limit, rowsAtOnce))
	size := 0
	for last := at.n; len(out) < limit && size < pageBytes; {
		rows, err := s.readStored(ctx, last, min(limit-len(out)+len(at.beyond), rowsAtOnce))
		if err != nil || len(rows) == 0 {
			return out, err
		}
		for i := range rows {
			c := &rows[i]
			last = c.number
			if at.contains(c.number) {
				continue
			}
			if len(out) == limit || size >= pageBytes {
				break
			}
			size += len(c.changes) + c.parts*partSize
			at.add(c.number)
			commit, err := s.commitOf(ctx, c, at)
			if err != nil {
				return nil, err
			}
			out = append(out, commit)
		}
	}
	return out, nil
}

// rowsAtOnce is how many rows of the feed are read at a time.
const rowsAtOnce = 256

// readStored reads rows after a number.
func (s *session) readStored(ctx context.Context, after uint64, limit int) (rows []stored, err error) {
	err = s.query(ctx, s.p.store.sql.feed.after, func(r *sql.Rows) error {
		var c stored
		err := r.Scan(&c.seq, &c.number, &c.at, &c.parts, &c.changes)
		rows = append(rows, c)
		return err
	}, s.p.id, int64(after), int64(limit))
	return rows, err
}

// commitOf gives a row as the commit behind which a place is.
func (s *session) commitOf(ctx context.Context, c *stored, at place) (store.Commit, error) {
	changes, err := s.changesOf(ctx, c, s.p.store.sql.feed.parts)
	if err != nil {
		return store.Commit{}, err
	}
	pos, err := at.position(s.p.life())
	return store.Commit{Position: pos, At: audience.FromMicros(c.at), Changes: changes}, err
}

// stored is the row of a commit.
type stored struct {
	seq     int64
	number  uint64
	at      int64
	parts   int
	changes []byte
}

// changesOf reads the changes of a commit, with its further parts, which a
// statement reads.
func (s *session) changesOf(ctx context.Context, c *stored, further *statement) ([]store.Change, error) {
	b := c.changes
	if c.parts > 0 {
		n := 0
		if err := s.query(ctx, further, func(r *sql.Rows) error {
			n++
			var part []byte
			err := r.Scan(&part)
			b = append(b, part...)
			return err
		}, s.p.id, c.seq); err != nil {
			return nil, err
		}
		if n != c.parts {
			return nil, wrap(fmt.Errorf("a commit of the feed has %d further parts instead of %d", n, c.parts))
		}
	}
	changes, err := rowcodec.Changes(b)
	return changes, wrap(err)
}
