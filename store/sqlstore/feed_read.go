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
	err := p.store.snapshot(ctx, p, func(s *session) error {
		at, h, err := s.locate(ctx, after)
		if err != nil {
			return err
		}
		if at.n < h.trimmed {
			return wrap(errTrimmed())
		}
		page, err = s.readCommits(ctx, at, limit)
		return err
	})
	return page, err
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
	var page []stored
	size := 0
	err := s.query(ctx, s.p.store.sql.feed.after, func(r *sql.Rows) error {
		var c stored
		if err := r.Scan(&c.seq, &c.number, &c.at, &c.parts, &c.changes); err != nil {
			return err
		}
		if at.contains(c.number) || len(page) == limit || size >= pageBytes {
			return nil
		}
		size += len(c.changes) + c.parts*partSize
		page = append(page, c)
		return nil
	}, s.p.id, int64(at.n), limit+len(at.beyond))
	if err != nil {
		return nil, err
	}
	out := make([]store.Commit, len(page))
	for i := range page {
		c := &page[i]
		at.add(c.number)
		changes, err := s.changesOf(ctx, c)
		if err != nil {
			return nil, err
		}
		pos, err := at.position(s.p.life())
		if err != nil {
			return nil, err
		}
		out[i] = store.Commit{Position: pos, At: audience.FromMicros(c.at), Changes: changes}
		c.changes = nil
	}
	return out, nil
}

// stored is the row of a commit.
type stored struct {
	seq     int64
	number  uint64
	at      int64
	parts   int
	changes []byte
}

// changesOf reads the changes of a commit, with its further parts.
func (s *session) changesOf(ctx context.Context, c *stored) ([]store.Change, error) {
	b := c.changes
	if c.parts > 0 {
		n := 0
		if err := s.query(ctx, s.p.store.sql.feed.parts, func(r *sql.Rows) error {
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
