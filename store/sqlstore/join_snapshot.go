package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

// mostLater is how many commits a host's snapshot may be behind.
const mostLater = 10_000

// upToDate looks whether a host's transaction sees everything about contacts
// that it has just locked. Under REPEATABLE READ and above it has one snapshot,
// which may be older than the locks, and what it reads of events, consent and
// lists would be what stood there then. Locking reads would see more, but in
// MySQL they also lock the gaps between rows, so that a host's long transaction
// stops whoever adds rows there. The feed tells instead: everybody who writes
// anything of a contact holds the lock of her row, and commits a change that
// concerns her.
func (w *writer) upToDate(ctx context.Context, locked []audience.ContactID) error {
	if !w.joined || w.p.store.dialect.oneWriter || len(locked) == 0 {
		return nil
	}
	if w.current == notAsked {
		if err := w.askIsolation(ctx); err != nil {
			return err
		}
	}
	if w.current == yes {
		return nil
	}
	seen, err := w.sees(ctx)
	if err != nil {
		return err
	}
	stale := false
	if err := w.p.apart(ctx, func(ctx context.Context) (err error) {
		stale, err = w.p.laterConcern(ctx, seen, locked)
		return err
	}); err != nil {
		return err
	}
	if stale {
		return w.doom("the host's transaction is older than a commit about contacts that it changes; begin it again")
	}
	return nil
}

// suppressionsUpToDate looks whether a host's transaction sees the suppressions
// of addresses that it has read of as they stand. Those of nobody's are of no
// contact and of no commit in the feed. It is asked at the end: whose addresses
// the transaction has claimed by then is in the way of whoever changes theirs.
func (w *writer) suppressionsUpToDate(ctx context.Context) error {
	if w.p.store.dialect.oneWriter || len(w.pending) == 0 || len(w.suppressed) == 0 {
		return nil
	}
	if w.current == notAsked {
		if err := w.askIsolation(ctx); err != nil {
			return err
		}
	}
	if w.current == yes {
		return nil
	}
	hashes := slices.Collect(maps.Keys(w.suppressed))
	seen, err := w.reader.Suppressions(ctx, hashes)
	if err != nil {
		return err
	}
	var committed []audience.Suppression
	if err := w.p.apart(ctx, func(ctx context.Context) (err error) {
		committed, err = (&reader{session: w.p.outside()}).Suppressions(ctx, hashes)
		return err
	}); err != nil {
		return err
	}
	here := make(map[suppressionPlace]*audience.Suppression, len(seen))
	for i := range seen {
		here[suppressionAt(&seen[i])] = &seen[i]
	}
	var other []*audience.Suppression
	for i := range committed {
		s := here[suppressionAt(&committed[i])]
		switch {
		case s == nil:
			return w.doom("the host's transaction is older than a suppression that concerns it; begin it again")
		case !bytes.Equal(rowcodec.AppendSuppression(nil, s), rowcodec.AppendSuppression(nil, &committed[i])):
			other = append(other, s)
		}
	}
	slices.SortFunc(other, lockOrder)
	return w.unchanged(ctx, other) // they are the transaction's own, or too old
}

// maybe is what is not known from the beginning.
type maybe uint8

const (
	notAsked maybe = iota
	yes
	no
)

// askIsolation finds out whether every statement sees what is committed by
// then. MySQL tells the level of the session, which need not be that of the
// transaction.
func (w *writer) askIsolation(ctx context.Context) error {
	w.current = no
	st := w.p.store.sql.joins.isolation
	if st == nil {
		return nil
	}
	return w.query(ctx, st, func(r *sql.Rows) error {
		var level string
		err := r.Scan(&level)
		if level == "read committed" || level == "read uncommitted" {
			w.current = yes
		}
		return err
	})
}

// seen is which commits a transaction sees: those up to a number, and some
// that have none.
type seen struct {
	number uint64
	fresh  []int64
}

// sees asks what the transaction sees by now.
func (s *session) sees(ctx context.Context) (out seen, err error) {
	var life []byte
	if err := s.query(ctx, s.p.store.sql.feed.standing, func(row *sql.Rows) error {
		var seq sql.NullInt64
		err := row.Scan(&out.number, &life, &seq)
		if seq.Valid {
			out.fresh = append(out.fresh, seq.Int64)
		}
		return err
	}, s.p.id); err != nil {
		return seen{}, err
	}
	return out, s.p.checkLife(life)
}

// laterConcern reports whether commits that a transaction does not see concern
// some contacts, or are too many to look at, or were trimmed.
func (p *partition) laterConcern(ctx context.Context, than seen, ids []audience.ContactID) (bool, error) {
	s, st := p.outside(), p.store.sql
	known := make(map[int64]bool, len(than.fresh))
	for _, seq := range than.fresh {
		known[seq] = true
	}
	about := make(map[int64]bool, len(ids))
	for _, id := range ids {
		about[int64(id)] = true
	}
	var rows int
	var of []int64 // commits of none or several contacts
	found := false
	if err := s.query(ctx, st.joins.later, func(r *sql.Rows) error {
		var seq, contact int64
		err := r.Scan(&seq, &contact)
		rows++
		switch {
		case known[seq]:
		case contact == 0:
			of = append(of, seq)
		default:
			found = found || about[contact]
		}
		return err
	}, p.id, p.id, int64(than.number), int64(mostLater), int64(mostLater)); err != nil {
		return false, err
	}
	if found || rows >= mostLater {
		return true, nil
	}
	for seqs := range parts(of) {
		for some := range parts(ids) {
			if err := s.query(ctx, st.feed.mentionedIn, func(r *sql.Rows) error {
				found = true
				return r.Scan(new(int64))
			}, p.id, numberList(seqs), idList(some)); err != nil || found {
				return found, err
			}
		}
	}
	// Nobody knows about whom those were that are trimmed by now: asked last,
	// since rows go after the mark has moved.
	h, err := p.readHead(ctx, s)
	return h.trimmed > than.number, err
}
