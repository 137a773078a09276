package storetest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// together runs n goroutines to their end and fails the check with their
// errors.
func (k *kit) together(n int, fn func(ctx context.Context, i int) error) {
	k.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = fn(k.ctx, i) })
	}
	wg.Wait()
	require.NoError(k, errors.Join(errs...))
}

// overlap runs transactions that are all open before any of them goes on, and
// gives the error of each. It needs FeatureOverlap.
func (k *kit) overlap(p store.Partition, fns ...func(w store.WriteRoles) error) []error {
	k.Helper()
	var open sync.WaitGroup
	open.Add(len(fns))
	errs := make([]error, len(fns))
	var done sync.WaitGroup
	for i, fn := range fns {
		done.Go(func() {
			var first sync.Once
			_, errs[i] = p.Update(k.ctx, func(w store.WriteRoles) error {
				first.Do(func() { // it may be called again
					open.Done()
					open.Wait()
				})
				return fn(w)
			})
		})
	}
	done.Wait()
	return errs
}

// backgroundCommits bounds what the background writes, so that a check on a
// slow machine does not drown in it.
const backgroundCommits = 40

// background has another writer and a follower of the feed run beside fn. The
// follower must have seen every acknowledged commit once, whatever fn did.
// The contact that the writer changes is given to fn, to leave it out.
func (k *kit) background(p store.Partition, fn func(other audience.ContactID)) {
	k.Helper()
	id := k.contacts(p, 1)[0]
	from, err := p.Head(k.ctx)
	require.NoError(k, err)
	var stop, written atomic.Bool
	var wg sync.WaitGroup
	var wrote, saw int
	var writeErr, readErr error
	wg.Go(func() {
		defer written.Store(true)
		for ; wrote < backgroundCommits && !stop.Load() && writeErr == nil; runtime.Gosched() {
			if _, writeErr = p.Update(k.ctx, func(w store.WriteRoles) error {
				return bumpAndLog(k.ctx, w, start(), id)
			}); writeErr == nil {
				wrote++
			}
		}
	})
	wg.Go(func() { saw, readErr = k.follow(p, from, id, written.Load) })
	func() {
		defer func() { // also when fn fails the check
			stop.Store(true)
			wg.Wait()
		}()
		fn(id)
	}()
	require.NoError(k, writeErr)
	require.NoError(k, readErr)
	rest := 0
	for _, c := range k.commits(p, from, 5) {
		rest += countOf(c, id)
	}
	require.Equal(k, wrote, rest, "the feed has another number of commits than were acknowledged")
	require.Equal(k, wrote, saw, "a follower saw another number of commits than were acknowledged")
}

// follow counts the changes of a contact in the feed until it is at its end
// after the last was written.
func (k *kit) follow(p store.Partition, after store.Position, id audience.ContactID, written func() bool) (saw int, err error) {
	for {
		last := written() // before reading: what is acknowledged now is in the page
		page, err := p.Commits(k.ctx, after, 3)
		if err != nil || len(page) == 0 && last {
			return saw, err
		}
		before := after
		for _, c := range page {
			after = c.Position
			saw += countOf(c, id)
		}
		if len(page) > 0 && after == before {
			return saw, errStuck
		}
		runtime.Gosched()
	}
}

// countOf tells how many changes of a commit are about a contact.
func countOf(c store.Commit, id audience.ContactID) (n int) {
	for _, change := range c.Changes {
		if change.Contact == id {
			n++
		}
	}
	return n
}

// at gives an instant after the start.
func at(seconds int) time.Time { return start().Add(time.Duration(seconds) * time.Second) }
