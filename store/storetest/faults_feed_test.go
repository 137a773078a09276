package storetest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

func snapshotFaults() []fault {
	return []fault{
		{
			name: "a snapshot shows newer commits", found: []string{"snapshots/stable"},
			roles: func(p store.Partition) func(store.WriteRoles) store.WriteRoles {
				return func(w store.WriteRoles) store.WriteRoles { return unstable{w, p} }
			},
		},
		{
			name: "a commit becomes visible in two parts", found: []string{"snapshots/whole-commits"},
			around: func(p store.Partition) store.Partition { return newHalves(p) },
		},
		{
			name: "a snapshot has the position of the beginning", found: []string{"snapshots/position-splits-exactly", "snapshots/sees-what-was-acknowledged"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return noPosition{w} }),
		},
		{
			name: "a snapshot has the position of its end", found: []string{"snapshots/stable"},
			roles: func(p store.Partition) func(store.WriteRoles) store.WriteRoles {
				return func(w store.WriteRoles) store.WriteRoles { return latePosition{w, p} }
			},
		},
		{
			name: "rows are cached for ever", found: []string{"snapshots/sees-what-was-acknowledged"},
			roles: func(store.Partition) func(store.WriteRoles) store.WriteRoles {
				rows := &sync.Map{}
				return func(w store.WriteRoles) store.WriteRoles { return caching{w, rows} }
			},
		},
	}
}

// unstable reads contacts as they are now.
type unstable struct {
	store.WriteRoles
	p store.Partition
}

func (f unstable) ContactsAfter(ctx context.Context, after audience.ContactID, limit int) (rows []audience.Contact, err error) {
	err = f.p.View(ctx, func(r store.ReadRoles) (err error) {
		rows, err = r.ContactsAfter(ctx, after, limit)
		return err
	})
	return rows, err
}

// halves commits contacts after everything else. When a transaction wrote
// records too it waits in between, the first time, until somebody has read:
// the check for it has readers all the time.
type halves struct {
	store.Partition
	half   atomic.Bool
	waited bool
	viewed chan struct{}
}

func newHalves(p store.Partition) *halves {
	return &halves{Partition: p, viewed: make(chan struct{}, 1)}
}

type halvesRoles struct {
	store.WriteRoles
	rows    *[]store.ContactRow
	records *bool
}

func (f halvesRoles) PutContacts(_ context.Context, rows []store.ContactRow) error {
	*f.rows = append(*f.rows, rows...)
	return nil
}

func (f halvesRoles) PutRecords(ctx context.Context, records []store.Record, at time.Time) ([]uint64, error) {
	*f.records = true
	return f.WriteRoles.PutRecords(ctx, records, at)
}

func (p *halves) Update(ctx context.Context, fn func(store.WriteRoles) error) (store.Position, error) {
	var rows []store.ContactRow
	var records bool
	pos, err := p.Partition.Update(ctx, func(w store.WriteRoles) error { return fn(halvesRoles{w, &rows, &records}) })
	if err != nil {
		return pos, err
	}
	if records && !p.waited {
		p.waited = true
		p.half.Store(true)
		select {
		case <-p.viewed:
		case <-ctx.Done():
		}
	}
	_, err = p.Partition.Update(ctx, func(w store.WriteRoles) error { return w.PutContacts(ctx, rows) })
	return pos, err
}

func (p *halves) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	half := p.half.Load() // before it begins
	err := p.Partition.View(ctx, fn)
	if half {
		select {
		case p.viewed <- struct{}{}:
		default:
		}
	}
	return err
}

type noPosition struct{ store.WriteRoles }

func (f noPosition) Position(context.Context) (store.Position, error) { return store.Position{}, nil }

type latePosition struct {
	store.WriteRoles
	p store.Partition
}

func (f latePosition) Position(ctx context.Context) (store.Position, error) { return f.p.Head(ctx) }

type caching struct {
	store.WriteRoles
	rows *sync.Map
}

func (f caching) Contacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error) {
	rows, err := f.WriteRoles.Contacts(ctx, ids)
	for i := range rows {
		first, _ := f.rows.LoadOrStore(rows[i].ID, rows[i])
		rows[i] = first.(audience.Contact)
	}
	return rows, err
}

func feedFaults() []fault {
	overlapped := func(o feedOrder) func() store.Adapter {
		return func() store.Adapter { return newOverlapping(planted{order: o}) }
	}
	return []fault{
		{
			name: "the feed goes by a plain sequence", found: []string{"feed/late-commit-is-not-lost"},
			adapter: overlapped(orderBySequence),
		},
		{
			name: "the feed goes by the order of transactions", found: []string{"feed/not-by-the-beginning-of-transactions", "feed/not-by-the-first-change"},
			adapter: overlapped(orderByBeginning),
		},
		{
			name: "the feed goes by the first change", found: []string{"feed/not-by-the-first-change"},
			adapter: overlapped(orderByFirstChange),
		},
		{
			name: "a commit is dated when it began", found: []string{"feed/dates-in-order"},
			adapter: func() store.Adapter { return newOverlapping(planted{ownDates: true}) },
		},
		{
			name:   "a page of the feed begins with the last commit",
			found:  []string{"feed/every-commit-once-in-one-order", "feed/pages-from-everywhere", "feed/head", "positions/kept-as-text", "transactions/position-covers-the-commit"},
			around: func(p store.Partition) store.Partition { return repeatingFeed{p} },
		},
		{
			name: "a full page of the feed leaves one out", found: []string{"feed/every-commit-once-in-one-order", "feed/pages-from-everywhere"},
			around: func(p store.Partition) store.Partition { return skippingFeed{p} },
		},
		{
			name: "a page of the feed is turned round", found: []string{"feed/order-of-each-contact", "feed/every-commit-once-in-one-order"},
			around: func(p store.Partition) store.Partition { return reversedFeed{p} },
		},
		{
			name: "inside a transaction the feed ends at its beginning", found: []string{"feed/from-inside-a-transaction"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return mute{w} }),
		},
		{
			name: "the head lags", found: []string{"feed/head"},
			around: func(p store.Partition) store.Partition { return laggingHead{p} },
		},
		{
			name: "changes do not say what they replaced", found: []string{"feed/round-trip"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return noBefore{w} }),
		},
		{
			name: "changes are sorted by contact", found: []string{"feed/one-commit-for-a-transaction"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return sortedChanges{w} }),
		},
		{
			name: "nobody knows when the last commit was", found: []string{"feed/time-never-runs-back", "transactions/beginning-of-a-transaction"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return noLastCommit{w} }),
		},
		{
			name: "erasing leaves the feed", found: []string{"feed/blank", "deletion/erase-leaves-no-trace"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return keepingFeed{w} }),
		},
		{
			name: "erasing empties changes of every kind", found: []string{"feed/blank-some-kinds"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return emptyingKinds{w} }),
		},
		{
			name: "erasing empties everybody's changes", found: []string{"feed/blank", "deletion/others-stay"},
			roles: stateless(func(w store.WriteRoles) store.WriteRoles { return emptyingFeed{w} }),
		},
	}
}

type repeatingFeed struct{ store.Partition }

func (p repeatingFeed) Commits(ctx context.Context, after store.Position, limit int) ([]store.Commit, error) {
	all, err := p.Partition.Commits(ctx, store.Position{}, batchItems)
	if err != nil || limit < 1 {
		return p.Partition.Commits(ctx, after, limit)
	}
	i := max(0, slices.IndexFunc(all, func(c store.Commit) bool { return c.Position == after }))
	return all[i:min(len(all), i+limit)], nil
}

type skippingFeed struct{ store.Partition }

func (p skippingFeed) Commits(ctx context.Context, after store.Position, limit int) ([]store.Commit, error) {
	page, err := p.Partition.Commits(ctx, after, limit)
	if len(page) == limit && limit > 1 {
		page = slices.Delete(page, limit-2, limit-1)
	}
	return page, err
}

type reversedFeed struct{ store.Partition }

func (p reversedFeed) Commits(ctx context.Context, after store.Position, limit int) ([]store.Commit, error) {
	page, err := p.Partition.Commits(ctx, after, limit)
	slices.Reverse(page)
	return page, err
}

type laggingHead struct{ store.Partition }

func (p laggingHead) Head(ctx context.Context) (store.Position, error) {
	all, err := p.Commits(ctx, store.Position{}, batchItems)
	if len(all) < 2 {
		return store.Position{}, err
	}
	return all[len(all)-2].Position, err
}

type noBefore struct{ store.WriteRoles }

func (f noBefore) AppendChanges(ctx context.Context, at time.Time, changes []store.Change) error {
	changes = slices.Clone(changes)
	for i := range changes {
		changes[i].Before = nil
	}
	return f.WriteRoles.AppendChanges(ctx, at, changes)
}

type sortedChanges struct{ store.WriteRoles }

func (f sortedChanges) AppendChanges(ctx context.Context, at time.Time, changes []store.Change) error {
	changes = slices.Clone(changes)
	slices.SortFunc(changes, func(a, b store.Change) int { return cmp.Compare(a.Contact, b.Contact) })
	return f.WriteRoles.AppendChanges(ctx, at, changes)
}

type noLastCommit struct{ store.WriteRoles }

func (f noLastCommit) LastCommit(context.Context) (time.Time, error) { return time.Time{}, nil }

type keepingFeed struct{ store.WriteRoles }

func (f keepingFeed) BlankChanges(context.Context, []audience.ContactID, ...store.ChangeKind) error {
	return nil
}

type emptyingFeed struct{ store.WriteRoles }

func (f emptyingFeed) BlankChanges(ctx context.Context, contacts []audience.ContactID, kinds ...store.ChangeKind) error {
	for _, id := range contacts {
		contacts = append(contacts, id+1, max(id, 1)-1)
	}
	return f.WriteRoles.BlankChanges(ctx, contacts, kinds...)
}

type emptyingKinds struct{ store.WriteRoles }

func (f emptyingKinds) BlankChanges(ctx context.Context, contacts []audience.ContactID, _ ...store.ChangeKind) error {
	return f.WriteRoles.BlankChanges(ctx, contacts)
}

// mute tells of nothing while somebody writes.
type mute struct{ store.WriteRoles }

func (mute) CommitsByNow(context.Context, store.Position, int) ([]store.Commit, error) {
	return nil, nil
}
