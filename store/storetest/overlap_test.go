package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// overlapping is an adapter whose transactions overlap, as they do in a
// database: each runs on a copy of its own, waits for the rows that others
// hold, sees there what they committed meanwhile, and is done again from its
// log of writes when it commits. It is slow and made for this suite: what
// holds for it holds for adapters with many writers, and the orders of the
// feed that go wrong only there can be planted in it.
type overlapping struct {
	*memstore.Store
	planted planted

	mu         sync.Mutex
	partitions map[string]*overlapped
}

// feedOrder is how commits of the feed are ordered.
type feedOrder int

const (
	orderByLastChange  feedOrder = iota // as the contract says
	orderBySequence                     // the number drawn with the first change is the position
	orderByBeginning                    // transactions in the order in which they began
	orderByFirstChange                  // numbered when read, by the first change
)

// planted are the faults of the adapter; the zero value has none.
type planted struct {
	order           feedOrder
	noLocks         bool // LockContacts only reads
	noRetry         bool // who was overtaken is told
	lastWriterWins  bool // a row is stored whatever its version has become
	lastRefusalWins bool // a suppression is stored whatever it has become
	sameIDs         bool // Restored goes on with the ids of before
	ownDates        bool // a commit keeps its date wherever it comes

	nobodyIsWaitedFor bool // what is claimed for nobody is free again before the commit
}

func newOverlapping(f planted) *overlapping {
	return &overlapping{Store: memstore.New(), planted: f, partitions: make(map[string]*overlapped)}
}

func (o *overlapping) Partition(ctx context.Context, name string) (store.Partition, error) {
	inner, err := o.Store.Partition(ctx, name)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	p, ok := o.partitions[name]
	if !ok {
		p = &overlapped{Partition: inner, name: name, planted: o.planted, locks: make(map[string]chan struct{})}
		_, _ = rand.Read(p.incarnation[:])
		o.partitions[name] = p
	}
	return p, nil
}

// write is one call of a transaction, to be done again.
type write func(ctx context.Context, w store.WriteRoles) error

// overlapped is a partition. The rows that are committed are in the one it
// embeds; the feed is its own.
type overlapped struct {
	store.Partition
	name    string
	planted planted

	locking sync.Mutex
	locks   map[string]chan struct{}

	mu          sync.Mutex // of all that follows, and of writing to the rows
	incarnation store.Incarnation
	log         []write // of every commit
	sequence    uint64  // of changes
	began       uint64  // transactions
	versions    uint64  // of records
	lastID      audience.ContactID
	feed        []*overlapCommit // numbered, in order
	fresh       []*overlapCommit // committed and not numbered
	number      uint64
	trimmed     uint64
	last        time.Time // of the commits
	dated       time.Time // of the last one that was numbered
}

type overlapCommit struct {
	number      uint64
	began       uint64
	first, last uint64 // sequence of its changes
	at          time.Time
	changes     []store.Change
}

func (p *overlapped) wrap(err error) error { return fmt.Errorf("memstore: overlapping: %w", err) }

// Update calls fn until nobody was in its way.
func (p *overlapped) Update(ctx context.Context, fn func(store.WriteRoles) error) (pos store.Position, err error) {
	for range 1000 {
		pos, err = p.try(ctx, fn)
		if !errors.Is(err, audience.ErrRetryable) || ctx.Err() != nil || p.planted.noRetry {
			break
		}
	}
	return pos, err
}

func (p *overlapped) try(ctx context.Context, fn func(store.WriteRoles) error) (pos store.Position, err error) {
	if _, err := p.Partition.Head(ctx); err != nil {
		return pos, err
	}
	scratch, err := memstore.New().Partition(ctx, p.name)
	if err != nil {
		return pos, err
	}
	tx := &overlapTx{p: p, held: make(map[string]bool), read: make(map[audience.AddressHash]string)}
	defer tx.release()
	_, err = scratch.Update(ctx, func(w store.WriteRoles) error {
		tx.overlapReads, tx.copy = overlapReads{ReadRoles: w}, w
		p.mu.Lock()
		p.began++
		tx.commit.began = p.began
		p.numberFresh()
		tx.pos, tx.last = p.position(p.number), p.last
		p.mu.Unlock()
		if err := tx.catchUp(ctx); err != nil {
			return err
		}
		return fn(tx)
	})
	if err != nil {
		return pos, err
	}
	return p.commit(ctx, tx)
}

// commit does the writes of a transaction again, on the rows.
func (p *overlapped) commit(ctx context.Context, tx *overlapTx) (pos store.Position, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err = p.Partition.Update(ctx, func(w store.WriteRoles) error {
		for _, again := range tx.log {
			if err := again(ctx, w); err != nil {
				return p.wrap(errors.Join(audience.ErrRetryable, err))
			}
		}
		return nil
	})
	if err != nil {
		return pos, err
	}
	p.log = append(p.log, tx.log...)
	for _, blank := range tx.blanks {
		for _, c := range slices.Concat(p.feed, p.fresh) {
			c.changes = blankOf(c.changes, blank)
		}
	}
	if len(tx.commit.changes) == 0 {
		return pos, nil
	}
	p.fresh = append(p.fresh, &tx.commit)
	if tx.commit.at.After(p.last) {
		p.last = tx.commit.at
	}
	if p.planted.order == orderByLastChange || p.planted.order == orderBySequence {
		p.numberFresh()
		return p.position(p.number), nil
	}
	return p.position(p.number + uint64(len(p.fresh))), nil
}

// Restored makes a new incarnation.
func (p *overlapped) Restored(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = rand.Read(p.incarnation[:])
	if p.planted.sameIDs {
		return nil
	}
	_, err := p.Partition.Update(ctx, func(w store.WriteRoles) error {
		ids, err := w.NewContactIDs(ctx, 1<<16)
		if err == nil {
			p.lastID = ids[len(ids)-1]
		}
		return err
	})
	return err
}

func (p *overlapped) position(number uint64) store.Position {
	if number == 0 {
		return store.Position{}
	}
	return store.NewPosition(p.incarnation, number)
}

// numberFresh gives the commits that have become visible their places.
func (p *overlapped) numberFresh() {
	by := func(c *overlapCommit) uint64 {
		switch p.planted.order {
		case orderByBeginning:
			return c.began
		case orderBySequence, orderByFirstChange:
			return c.first
		default:
			return c.last
		}
	}
	slices.SortFunc(p.fresh, func(a, b *overlapCommit) int { return int(by(a)) - int(by(b)) })
	for _, c := range p.fresh {
		p.number++
		c.number = p.number
		if !p.planted.ownDates && c.at.Before(p.dated) {
			c.at = p.dated
		}
		p.dated = c.at
		if p.planted.order == orderBySequence {
			c.number = c.first
			p.number = max(p.number-1, c.first)
		}
		p.feed = append(p.feed, c)
	}
	p.fresh = nil
	slices.SortFunc(p.feed, func(a, b *overlapCommit) int { return int(a.number) - int(b.number) })
}

// View reads the rows and the position that belongs to them.
func (p *overlapped) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	p.mu.Lock()
	locked := true
	unlock := func() {
		if locked {
			locked = false
			p.mu.Unlock()
		}
	}
	defer unlock()
	return p.Partition.View(ctx, func(r store.ReadRoles) error {
		p.numberFresh()
		reads := overlapReads{ReadRoles: r, pos: p.position(p.number), last: p.last}
		unlock()
		return fn(reads)
	})
}

func (p *overlapped) locate(pos store.Position) (uint64, error) {
	numbers, err := pos.Numbers(p.incarnation)
	switch {
	case err != nil:
		return 0, p.wrap(err)
	case len(numbers) == 0:
		return 0, nil
	case numbers[0] > p.number:
		return 0, p.wrap(audience.ErrPositionGone)
	}
	return numbers[0], nil
}

func (p *overlapped) Commits(ctx context.Context, after store.Position, limit int) ([]store.Commit, error) {
	if _, err := p.Partition.Head(ctx); err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, p.wrap(audience.ErrInvalid)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.numberFresh()
	from, err := p.locate(after)
	if err != nil {
		return nil, err
	}
	if from < p.trimmed {
		return nil, p.wrap(audience.ErrPositionGone)
	}
	var out []store.Commit
	for _, c := range p.feed {
		if c.number > from && len(out) < limit {
			out = append(out, store.Commit{Position: p.position(c.number), At: c.at, Changes: c.changes})
		}
	}
	return out, nil
}

func (p *overlapped) Head(ctx context.Context) (store.Position, error) {
	if _, err := p.Partition.Head(ctx); err != nil {
		return store.Position{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.numberFresh()
	return p.position(p.number), nil
}

func (p *overlapped) Trim(ctx context.Context, through store.Position) error {
	if _, err := p.Partition.Head(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	number, err := p.locate(through)
	if err != nil {
		return err
	}
	p.trimmed = max(p.trimmed, number)
	p.feed = slices.DeleteFunc(slices.Clone(p.feed), func(c *overlapCommit) bool { return c.number <= p.trimmed })
	return nil
}

// lock waits for what others hold.
func (p *overlapped) lock(ctx context.Context, key string) error {
	p.locking.Lock()
	l, ok := p.locks[key]
	if !ok {
		l = make(chan struct{}, 1)
		p.locks[key] = l
	}
	p.locking.Unlock()
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return p.wrap(ctx.Err())
	}
}

func (p *overlapped) unlock(key string) {
	p.locking.Lock()
	defer p.locking.Unlock()
	<-p.locks[key]
}

// blanking is one call of BlankChanges.
type blanking struct {
	contacts []audience.ContactID
	kinds    []store.ChangeKind
}

func blankOf(changes []store.Change, b blanking) []store.Change {
	out := slices.Clone(changes)
	about := func(id audience.ContactID) bool { return id != 0 && slices.Contains(b.contacts, id) }
	for i, c := range out {
		if c.Concerns(about) && (len(b.kinds) == 0 || slices.Contains(b.kinds, c.Kind)) {
			out[i] = c.Blank()
		}
	}
	return out
}

// overlapReads gives the partition's own positions and record versions. A
// record's version is kept in front of its value, since the one of the inner
// store differs between the copies.
type overlapReads struct {
	store.ReadRoles
	pos  store.Position
	last time.Time
}

func (r overlapReads) Position(ctx context.Context) (store.Position, error) {
	_, err := r.ReadRoles.Position(ctx)
	return r.pos, err
}

func (r overlapReads) LastCommit(ctx context.Context) (time.Time, error) {
	_, err := r.ReadRoles.LastCommit(ctx)
	return r.last, err
}

func unpack(rec store.Record) store.Record {
	if len(rec.Value) >= 8 {
		rec.Version = binary.BigEndian.Uint64(rec.Value)
		rec.Value = bytes.Clone(rec.Value[8:])
	}
	return rec
}

func (r overlapReads) Record(ctx context.Context, namespace, key string, at time.Time) (store.Record, error) {
	rec, err := r.ReadRoles.Record(ctx, namespace, key, at)
	return unpack(rec), err
}

func (r overlapReads) RecordsAfter(ctx context.Context, namespace, prefix, after string, limit int, at time.Time) ([]store.Record, error) {
	records, err := r.ReadRoles.RecordsAfter(ctx, namespace, prefix, after, limit, at)
	for i := range records {
		records[i] = unpack(records[i])
	}
	return records, err
}
