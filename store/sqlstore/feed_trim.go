package sqlstore

import (
	"context"
	"database/sql"

	"github.com/audiencekit/audiencekit/store"
)

// trimmedAtOnce is how many commits are forgotten in one transaction.
const trimmedAtOnce = 10_000

// Trim forgets the commits up to and including a position. Readers are refused
// from the beginning on, rows go in small transactions: what a cancelled call
// leaves the next one takes.
func (p *partition) Trim(ctx context.Context, through store.Position) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	if err := p.number(ctx); err != nil {
		return err
	}
	st := &p.store.sql.feed
	var trimmed uint64
	if err := p.store.transaction(ctx, p, func(s *session) error {
		at, h, err := s.locate(ctx, through)
		if err != nil {
			return err
		}
		trimmed = max(at.n, h.trimmed)
		_, err = s.exec(ctx, st.raiseTrimmed, int64(trimmed), p.id, int64(trimmed))
		return err
	}); err != nil {
		return err
	}
	for more := true; more; {
		if err := p.store.transaction(ctx, p, func(s *session) (err error) {
			more, err = s.dropSome(ctx, trimmed)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// dropSome removes some commits in front of a number, which stays: positions
// may name it by its sequence.
func (s *session) dropSome(ctx context.Context, before uint64) (more bool, err error) {
	st := &s.p.store.sql.feed
	var seqs numberList
	if err := s.query(ctx, st.trimmable, func(r *sql.Rows) error {
		var seq int64
		err := r.Scan(&seq)
		seqs = append(seqs, seq)
		return err
	}, s.p.id, int64(before), trimmedAtOnce); err != nil || len(seqs) == 0 {
		return false, err
	}
	for _, of := range []*statement{st.dropParts, st.dropMentions, st.drop} {
		for some := range parts(seqs) {
			if _, err := s.exec(ctx, of, s.p.id, numberList(some)); err != nil {
				return false, err
			}
		}
	}
	return len(seqs) == trimmedAtOnce, nil
}
