package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

// blanking says which changes are to be emptied.
type blanking struct {
	contacts map[audience.ContactID]bool
	kinds    []store.ChangeKind
}

// blank empties changes in place and reports whether there were any.
func (b *blanking) blank(changes []store.Change) (some bool) {
	chosen := func(id audience.ContactID) bool { return b.contacts[id] }
	for i := range changes {
		c := &changes[i]
		if c.Concerns(chosen) && (len(b.kinds) == 0 || slices.Contains(b.kinds, c.Kind)) {
			*c = c.Blank()
			some = true
		}
	}
	return some
}

// BlankChanges empties the changes that concern the contacts: of the commits
// that mention them, one at a time, and those of this transaction.
func (w *writer) BlankChanges(ctx context.Context, contacts []audience.ContactID, kinds ...store.ChangeKind) error {
	if err := w.enterWrite(ctx); err != nil {
		return err
	}
	ids := distinct(contacts)
	if len(ids) > 0 && ids[0] == 0 {
		ids = ids[1:]
	}
	if len(ids) == 0 {
		return nil
	}
	b := &blanking{contacts: make(map[audience.ContactID]bool, len(ids)), kinds: kinds}
	for _, id := range ids {
		b.contacts[id] = true
	}
	seqs, err := w.mentioning(ctx, ids)
	if err != nil {
		return err
	}
	for _, seq := range seqs {
		if err := w.blankCommit(ctx, b, seq); err != nil {
			return err
		}
	}
	// What the caller was given of these is its own.
	w.pending = slices.Clone(w.pending)
	b.blank(w.pending)
	return nil
}

// mentioning gives the sequences of the commits that concern contacts,
// ascending. All of them have numbers by then, but for those of the host's own
// transaction: who gives numbers must not have to wait for a transaction that
// erases, which may be a long one.
func (w *writer) mentioning(ctx context.Context, ids []audience.ContactID) ([]int64, error) {
	const most = 10
	for range most {
		// The host's snapshot may be older than the commits; and in it there may
		// be some of its own, which nobody else sees.
		seqs, fresh, err := w.findMentions(ctx, ids)
		if err != nil {
			return nil, err
		}
		if w.joined && !w.p.store.dialect.oneWriter {
			fresh = false
			if err := w.p.apart(ctx, func(ctx context.Context) error {
				var more []int64
				more, fresh, err = w.p.outside().findMentions(ctx, ids)
				seqs = append(seqs, more...)
				return err
			}); err != nil {
				return nil, err
			}
		}
		if !fresh {
			return distinct(seqs), nil
		}
		if err := w.p.apart(ctx, w.p.number); err != nil {
			return nil, err
		}
	}
	return nil, w.doom("others commit changes of the contacts all the time")
}

// findMentions gives the sequences of the commits that concern contacts, and
// whether some of them have no number.
func (s *session) findMentions(ctx context.Context, ids []audience.ContactID) (seqs []int64, fresh bool, err error) {
	st := &s.p.store.sql.feed
	for part := range parts(ids) {
		for _, find := range []*statement{st.addressed, st.mentioned} {
			if err := s.query(ctx, find, func(r *sql.Rows) error {
				var seq, number int64
				err := r.Scan(&seq, &number)
				seqs, fresh = append(seqs, seq), fresh || number == 0
				return err
			}, s.p.id, idList(part)); err != nil {
				return nil, false, err
			}
		}
	}
	return seqs, fresh, nil
}

// blankCommit empties changes of one commit.
func (w *writer) blankCommit(ctx context.Context, b *blanking, seq int64) error {
	st := &w.p.store.sql.feed
	c, found := stored{seq: seq}, false
	if err := w.query(ctx, st.locked, func(r *sql.Rows) error {
		found = true
		return r.Scan(&c.parts, &c.changes)
	}, seq, w.p.id); err != nil {
		return err
	}
	if !found {
		return w.missing(ctx, seq)
	}
	// The parts as they are now, as the row: a host's snapshot may show those
	// from before another erasure, and what that removed would come back.
	changes, err := w.changesOf(ctx, &c, st.lockedParts)
	if err != nil || !b.blank(changes) {
		return err
	}
	first, rest := cut(rowcodec.AppendChanges(nil, changes))
	if _, err := w.exec(ctx, st.rewrite, int64(len(rest)), first, seq); err != nil {
		return err
	}
	if c.parts == 0 && len(rest) == 0 {
		return nil
	}
	if _, err := w.exec(ctx, st.dropParts, w.p.id, numberList{seq}); err != nil {
		return err
	}
	return w.insertParts(ctx, seq, rest)
}

// missing says what it means that a commit which was found is not there: it
// was trimmed, or the host's snapshot is older than it.
func (w *writer) missing(ctx context.Context, seq int64) error {
	if !w.joined || w.p.store.dialect.oneWriter {
		return nil
	}
	there := false
	if err := w.p.apart(ctx, func(ctx context.Context) error {
		return w.p.outside().query(ctx, w.p.store.sql.feed.find, func(r *sql.Rows) error {
			there = true
			return r.Scan(new(int64))
		}, seq, w.p.id)
	}); err != nil || !there {
		return err
	}
	return w.doom(fmt.Sprintf("the host's transaction is older than commit %d of the feed, which it has to change", seq))
}
