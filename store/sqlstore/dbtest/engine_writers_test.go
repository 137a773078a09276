package dbtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// crowd is many who do everything at once: two processes write, others read
// the feed and so give numbers, and the clock moves on.
type crowd struct {
	*engineWorld
	people int
	stop   context.CancelFunc
	group  sync.WaitGroup
	failed atomic.Pointer[error]
	writes atomic.Int64
}

// start lets writers and readers go, each time it is called.
func (c *crowd) start(writers, readers int) {
	ctx, stop := context.WithCancel(c.ctx)
	c.stop = stop
	handles := []*store.Audience{c.aud, c.handle()}
	for i := range writers {
		c.go1(func() error {
			random := rand.New(rand.NewPCG(uint64(c.writes.Load()), uint64(i)))
			for ctx.Err() == nil {
				if err := c.write(ctx, handles[i%2], random, c.people, 10); err != nil {
					return fmt.Errorf("writer %d: %w", i, err)
				}
				c.writes.Add(10)
			}
			return nil
		})
	}
	for i := range readers {
		c.go1(func() error { return ignoring(ctx, readFeed(ctx, handles[i%2])) })
	}
	c.go1(func() error {
		for ctx.Err() == nil {
			c.later(3 * time.Minute)
			if err := sleep(ctx, 5*time.Millisecond); err != nil {
				return nil
			}
		}
		return nil
	})
}

func (c *crowd) go1(f func() error) {
	c.group.Go(func() {
		if err := f(); err != nil {
			c.failed.CompareAndSwap(nil, &err)
		}
	})
}

// end ends what was started and fails the test when any of it failed.
func (c *crowd) end() {
	c.Helper()
	c.stop()
	c.group.Wait()
	if err := c.failed.Load(); err != nil {
		require.NoError(c, *err)
	}
}

func ignoring(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readFeed follows the feed, asks snapshots for their positions and reads on
// from there.
func readFeed(ctx context.Context, aud *store.Audience) error {
	var at store.Position
	for i := 0; ctx.Err() == nil; i++ {
		if i%5 == 0 {
			if err := aud.View(ctx, func(r *store.Reader) (err error) {
				at, err = r.Position(ctx)
				return err
			}); err != nil {
				return err
			}
		}
		commits, err := aud.Commits(ctx, at, 100)
		if err != nil {
			return err
		}
		if len(commits) > 0 {
			at = commits[len(commits)-1].Position
		}
	}
	return nil
}

// TestEngineUnderWriters (G1) opens engines, applies segments that read other
// columns and previews such ones while six write, over snapshots in which
// commits have no numbers yet. Nothing fails or hangs, and whenever the writers
// rest all engines have exactly the members that the reference finds.
func TestEngineUnderWriters(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		w := newEngineWorld(t, d)
		c := &crowd{engineWorld: w, people: 40}
		w.fill(c.people)
		first := w.open(w.aud)
		w.apply(first, engineSegments(0))
		other := w.handle()
		engines := []*segment.Engine{first}
		for round := range engineScale(t, 3) {
			c.start(6, 2)
			late := w.open(other)
			loaded := 0
			for i := range 4 {
				w.apply([]*segment.Engine{first, late}[i%2], engineSegments(round+i))
				p, err := late.Preview(w.ctx, fmt.Sprintf(`contact.first_name == "x" || events("visit").distinct("page") > %d`, i), segment.PreviewOptions{})
				require.NoError(t, err)
				loaded += len(p.Loaded)
				require.NoError(t, first.Sync(w.ctx, store.Position{}))
			}
			require.Positive(t, loaded)
			engines = append(engines, late)
			c.end()
			for _, e := range engines {
				require.NoError(t, e.Advance(w.ctx, w.clock.Now()))
				w.agrees(e, other)
				require.Equal(t, first.LatestVersion(), e.LatestVersion())
			}
			if len(engines) > 3 {
				engines = slices.Delete(engines, 1, 2)
			}
		}
		all := w.folds(first)
		t.Logf("%d writes, %d transitions", c.writes.Load(), len(all))
	})
}

// countSegments are one for each number of visits up to most.
func countSegments(most int) (defs []segment.Definition) {
	for n := 1; n <= most; n++ {
		defs = append(defs, definitions(fmt.Sprintf("n%02d", n), fmt.Sprintf(`events("visit").count() >= %d`, n))...)
	}
	return defs
}

// TestWhatIfUnderWriters (G1) asks what one more visit would change while others
// add and take back visits of the same contacts. It has to be exactly the one
// segment above those which she is in where the engine stands; an answer from
// two states would name none or several.
func TestWhatIfUnderWriters(t *testing.T) {
	const people, writers, visits = 5, 4, 3
	const most = writers*visits + 1 // one more than anybody can have
	Run(t, func(t *testing.T, d Database) {
		w := newEngineWorld(t, d)
		w.fill(people)
		e := w.open(w.aud)
		w.apply(e, countSegments(most))
		ctx, stop := context.WithCancel(w.ctx)
		defer stop()
		var group sync.WaitGroup
		var committed atomic.Int64
		for i, aud := range [writers]*store.Audience{w.aud, w.aud, w.handle(), w.handle()} {
			group.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(i)))
				for revision := uint64(1); ctx.Err() == nil; revision++ {
					visit := audiencetest.Event(audiencetest.Key(random.IntN(people)), "visit", w.clock.Now())
					visit.ID, visit.Revision, visit.Retract = fmt.Sprintf("%d-%d", i, random.IntN(visits)), revision, random.IntN(2) == 0
					_, err := aud.Append(ctx, visit)
					if err != nil && ctx.Err() == nil && !errors.Is(err, audience.ErrConflict) && !errors.Is(err, audience.ErrNotFound) {
						t.Errorf("append: %v", err)
						return
					}
					committed.Add(1)
				}
			})
		}
		asked, before := engineScale(t, 60), committed.Load()
		for i := range asked {
			who := audiencetest.Key(i % people)
			what, err := e.WhatIf(w.ctx, func(tx *store.Tx) error {
				visit := audiencetest.Event(who, "visit", tx.At())
				visit.ID = "what if"
				_, err := tx.Append(w.ctx, visit)
				return err
			})
			require.NoError(t, err)
			require.Equal(t, what.Position, e.Position(), "nobody else moves it on")
			requireOneMore(t, e, what)
		}
		require.Greater(t, committed.Load()-before, int64(asked/4), "others have to be in the way")
		stop()
		group.Wait()
		w.agrees(e, w.aud)
	})
}

// requireOneMore wants the one contact to enter the first segment that she is
// not in.
func requireOneMore(t *testing.T, e *segment.Engine, what *segment.WhatIf) {
	t.Helper()
	require.Equal(t, 1, what.Contacts)
	require.Zero(t, what.New)
	require.Len(t, what.Segments, 1, "%s", what)
	require.Zero(t, what.Segments[0].Left.Len())
	ids := slices.Collect(what.Segments[0].Entered.All())
	require.Len(t, ids, 1)
	s := e.Snapshot()
	in := 0
	for _, name := range s.Names() {
		if s.Contains(name, ids[0]) {
			in++
		}
	}
	require.Equal(t, s.Names()[in], what.Segments[0].Name)
}

// TestWhatIfSeesLaterCommits: a transaction that sees what was committed after
// it began is compared with members that know it, too.
func TestWhatIfSeesLaterCommits(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		if d.Engine == SQLite {
			t.Skip("one writer at a time")
		}
		w := newEngineWorld(t, d)
		w.fill(3)
		e := w.open(w.aud)
		w.apply(e, countSegments(5))
		other := w.handle()
		what, err := e.WhatIf(w.ctx, func(tx *store.Tx) error {
			if _, err := tx.Position(w.ctx); err != nil {
				return err
			}
			for range 2 {
				if _, err := other.Append(w.ctx, audiencetest.Event("u1", "visit", w.clock.Now())); err != nil {
					return err
				}
			}
			_, err := tx.Append(w.ctx, audiencetest.Event("u1", "visit", tx.At()))
			return err
		})
		require.NoError(t, err)
		requireOneMore(t, e, what)
		require.Equal(t, "n03", what.Segments[0].Name)
		w.agrees(e, w.aud)
	})
}
