package memstore

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// partition holds the rows of one audience.
type partition struct {
	name        string
	incarnation store.Incarnation
	closed      <-chan struct{}
	seed        maphash.Seed // of identities, so that nobody can choose keys that collide

	current    atomic.Pointer[version]
	publish    sync.Mutex // held while current changes, so that nothing is committed after Close
	identities identities // of all versions

	// The writer's turn is a place in a channel and not a mutex, so that
	// waiting for it ends with the context.
	turn chan struct{}
	// What follows belongs to who has the turn, and is no part of a version:
	// none of these numbers may be given twice, rolled back or not.
	edits          uint64
	lastID         audience.ContactID
	recordVersions uint64
	read           []*version // former ones that were still read when they were replaced, the oldest first
}

// version is one state of the rows. Once it is published nothing in it
// changes.
type version struct {
	edit         uint64        // the last that is part of it: what it sees of identities
	readers      *atomic.Int64 // views that read it
	contacts     tree[idKey, *audience.Contact]
	histories    tree[idKey, *history]
	members      tree[memberKey, *store.Membership]
	memberships  tree[membershipKey, *store.Membership]
	ledger       tree[numberedKey, *audience.ConsentRecord] // by contact and sequence
	suppressions tree[suppressionKey, *audience.Suppression]
	records      tree[recordKey, *store.Record]
	recordsOf    tree[ownedKey, struct{}]
	merges       tree[idKey, *store.Merge]       // by loser
	losers       tree[numberedKey, *store.Merge] // by winner and number
	mergeNumber  uint64
	feed         feed
}

func (p *partition) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

// close lets go of the rows. Views that still run keep their version, but
// not their use of it.
func (p *partition) close() {
	p.publish.Lock()
	defer p.publish.Unlock()
	p.current.Store(emptyVersion())
	p.identities.clear()
}

func emptyVersion() *version { return &version{readers: new(atomic.Int64)} }

// pin gives the current version, which is read until its readers are one less.
// Who was late, and counted as a reader of a version that had been replaced,
// cannot know whether what it sees of identities was forgotten, and tries again.
func (p *partition) pin() *version {
	for {
		v := p.current.Load()
		v.readers.Add(1)
		if p.current.Load() == v {
			return v
		}
		v.readers.Add(-1)
	}
}

// forget lets go of what no view can see any more.
func (p *partition) forget() {
	p.read = slices.DeleteFunc(p.read, func(v *version) bool { return v.readers.Load() == 0 })
	oldest := p.current.Load()
	if len(p.read) > 0 {
		oldest = p.read[0]
	}
	p.identities.prune(p, oldest.edit)
}

// enter is what every call of a partition checks first.
func (p *partition) enter(ctx context.Context) error {
	if p.isClosed() {
		return wrap(audience.ErrClosed)
	}
	return wrap(ctx.Err())
}

// View calls fn with the version that is current now.
func (p *partition) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	v := p.pin() // before asking: what close leaves is nobody's answer
	defer v.readers.Add(-1)
	if err := p.enter(ctx); err != nil {
		return err
	}
	r := &reader{p: p, v: v}
	defer r.ended.Store(true)
	return fn(r)
}

// Update calls fn with a version of its own and publishes it.
func (p *partition) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	release, err := p.take(ctx)
	if err != nil {
		return store.Position{}, err
	}
	defer release()
	w := p.begin()
	defer w.end() // also on a panic
	if err := fn(w); err != nil {
		return store.Position{}, err
	}
	return p.commit(ctx, w)
}

// take waits for the writer's turn and gives what ends it.
func (p *partition) take(ctx context.Context) (release func(), err error) {
	if err := p.enter(ctx); err != nil { // select would choose at random
		return nil, err
	}
	select {
	case p.turn <- struct{}{}:
		return func() { <-p.turn }, nil
	case <-p.closed:
		return nil, wrap(audience.ErrClosed)
	case <-ctx.Done():
		return nil, wrap(ctx.Err())
	}
}

func (p *partition) begin() *writer {
	p.forget()
	v := *p.current.Load()
	v.readers = new(atomic.Int64)
	w := &writer{reader: reader{p: p, v: &v}}
	w.nextEdit()
	return w
}

// end undoes what is not part of a version, if the transaction did not commit.
// Nothing else is to be undone: nobody saw its version.
func (w *writer) end() {
	w.ended.Store(true)
	w.p.identities.rollback(0)
	if w.p.forget(); w.p.isClosed() {
		w.p.identities.clear() // once more, for it may have written behind Close
	}
}

func (p *partition) nextEdit() uint64 {
	p.edits++
	return p.edits
}

func (p *partition) commit(ctx context.Context, w *writer) (store.Position, error) {
	var pos store.Position
	if len(w.pending) > 0 {
		w.v.feed.append(w.edit, w.at, together(w.pending))
		pos = p.position(w.v.feed.head)
	}
	p.publish.Lock()
	defer p.publish.Unlock()
	if err := p.enter(ctx); err != nil {
		return store.Position{}, err
	}
	replaced := p.current.Swap(w.v)
	if replaced.readers.Load() > 0 {
		p.read = append(p.read, replaced)
	}
	p.identities.commit()
	return pos, nil
}

// position gives the position after a commit.
func (p *partition) position(number uint64) store.Position {
	if number == 0 {
		return store.Position{}
	}
	return store.NewPosition(p.incarnation, number)
}

// Commits gives commits of the feed after a position.
func (p *partition) Commits(ctx context.Context, after store.Position, limit int) ([]store.Commit, error) {
	f := &p.current.Load().feed
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	number, err := f.locate(p.incarnation, after)
	if err != nil {
		return nil, wrap(err)
	}
	if number < f.trimmed {
		return nil, wrap(errTrimmed())
	}
	out := make([]store.Commit, 0, min(uint64(limit), f.head-number))
	for n, c := range f.commits.from(numberKey(number + 1)) {
		if len(out) == limit {
			break
		}
		if err := sometimes(ctx, len(out)); err != nil {
			return nil, err
		}
		out = append(out, store.Commit{Position: p.position(uint64(n)), At: c.at, Changes: c.changes})
	}
	return out, nil
}

// Head gives the position of the last commit.
func (p *partition) Head(ctx context.Context) (store.Position, error) {
	v := p.current.Load()
	if err := p.enter(ctx); err != nil {
		return store.Position{}, err
	}
	return p.position(v.feed.head), nil
}

// Trim forgets the commits up to and including a position.
func (p *partition) Trim(ctx context.Context, through store.Position) error {
	release, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	w := p.begin()
	defer w.end()
	number, err := w.v.feed.locate(p.incarnation, through)
	if err != nil {
		return wrap(err)
	}
	if err := w.v.feed.trim(ctx, w.edit, number); err != nil {
		return err
	}
	_, err = p.commit(ctx, w)
	return err
}

func checkLimit(limit int) error {
	if limit < 1 {
		return wrap(&audience.FieldError{Path: "limit", Rule: "range", Hint: "at least 1"})
	}
	return nil
}

// sometimes gives the context's error, looking at it at every 256th step of
// a loop.
func sometimes(ctx context.Context, step int) error {
	if step%256 != 255 {
		return nil
	}
	return wrap(ctx.Err())
}
