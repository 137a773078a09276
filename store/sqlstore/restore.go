package sqlstore

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

var _ store.Restorer = (*partition)(nil)

// errRestored is what a handle gets that was open when somebody else called
// Restored.
var errRestored = fmt.Errorf("a backup was restored since the audience was opened; open it again: %w", audience.ErrClosed)

// skipped is how far a counter goes ahead when a backup was restored: past what
// may have been given between the backup and its end. Of contact ids that is 16
// million and an eighth of what there was, since who has many gets many: more
// than an audience grows by between two backups, and little enough for one of
// ten million to be restored 29 times before its ids are used up. Versions and
// numbers of merges are not scarce.
func skipped(kind countKind, given uint64) uint64 {
	if kind == countContacts {
		return 1<<24 + given/8
	}
	return 1 << 40
}

// Restored makes a new incarnation and skips all counters ahead. The
// partition goes on with it; those of other processes are refused from their
// next look at the feed on, which is also the beginning of every
// store.Audience.Update.
func (p *partition) Restored(ctx context.Context) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	var incarnation store.Incarnation
	if _, err := rand.Read(incarnation[:]); err != nil {
		return wrap(err)
	}
	// Before the transaction, so that who draws meanwhile draws what is new:
	// what is in stock is from the time that was lost.
	p.supplies.empty()
	if err := p.store.transaction(ctx, p, func(s *session) error {
		for _, kind := range []countKind{countContacts, countRecordVersions, countMerges} {
			if err := s.skip(ctx, kind); err != nil {
				return err
			}
		}
		_, err := s.exec(ctx, p.store.sql.feed.renew, incarnation[:], p.id)
		return err
	}); err != nil {
		return err
	}
	p.incarnation.Store(&incarnation)
	p.supplies.empty()
	return nil
}

// skip takes numbers that nobody is given.
func (s *session) skip(ctx context.Context, kind countKind) error {
	given, err := s.count(ctx, kind, 0, 0)
	if err != nil {
		return err
	}
	n := skipped(kind, given.first-1)
	if n > kind.lastNumber()-min(given.first-1, kind.lastNumber()) {
		return wrap(audience.ErrFull)
	}
	_, err = s.count(ctx, kind, n, 0)
	return err
}

// checkLife compares the incarnation of the rows with the one that the
// partition was opened with.
func (p *partition) checkLife(stored []byte) error {
	life := p.life()
	if string(stored) == string(life[:]) {
		return nil
	}
	p.outdated.Store(true)
	p.store.forget(p)
	p.feed.wakers.wake() // so that they find it outdated: nobody else wakes them any more
	return wrap(errRestored)
}

// forget forgets a partition, so that the next one who asks gets another.
func (s *Store) forget(p *partition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.partitions[p.name] == p {
		delete(s.partitions, p.name)
	}
}
