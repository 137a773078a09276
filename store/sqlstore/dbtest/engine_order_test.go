package dbtest

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// slow is a store whose snapshots wait before they ask for their positions.
type slow struct {
	store.Adapter
	mu     sync.Mutex
	before func() // of the next snapshot only
}

func (s *slow) next(before func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

func (s *slow) take() (before func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.before = s.before, nil
	return before
}

func (s *slow) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := s.Adapter.Partition(ctx, name)
	return &slowPartition{p, s}, err
}

type slowPartition struct {
	store.Partition
	slow *slow
}

func (p *slowPartition) Unwrap() any { return p.Partition }

func (p *slowPartition) View(ctx context.Context, fn func(store.ReadRoles) error) error {
	return p.Partition.View(ctx, func(r store.ReadRoles) error { return fn(&slowRoles{r, p.slow}) })
}

type slowRoles struct {
	store.ReadRoles
	slow *slow
}

func (r *slowRoles) Unwrap() any { return r.ReadRoles }

func (r *slowRoles) Position(ctx context.Context) (store.Position, error) {
	if before := r.slow.take(); before != nil {
		before()
	}
	return r.ReadRoles.Position(ctx)
}

// disorder is an engine that begins in a snapshot which has a commit and not
// those that are in front of it in the feed.
type disorder struct {
	*engineWorld
	slow   *slow
	aud    *store.Audience // over slow, unlike that of the world
	writer *segment.Engine // of another process, which writes the log
}

func newDisorder(t *testing.T, d Database) *disorder {
	t.Helper()
	if d.Engine == SQLite {
		t.Skip("one writer at a time")
	}
	w := newEngineWorld(t, d)
	w.fill(6)
	o := &disorder{engineWorld: w, slow: &slow{Adapter: openStore(t, d, w.source.Open(t), sqlstore.Options{})}}
	var err error
	o.aud, err = openEngineAudience(w.ctx, o.slow, w.clock.Now)
	require.NoError(t, err)
	o.writer = w.open(w.aud)
	w.apply(o.writer, append(countSegments(3), definitions("recent", `events("visit").within("1h").any()`)...))
	require.NoError(t, o.writer.Advance(w.ctx, w.clock.Now()))
	return o
}

func (o *disorder) visit(who string) {
	o.Helper()
	_, err := o.engineWorld.aud.Append(o.ctx, audiencetest.Event(who, "visit", o.clock.Now()))
	require.NoError(o, err)
}

// during calls what takes a snapshot while two commits are on their way: they
// draw their places first, and are committed when the snapshot is there.
func (o *disorder) during(snapshot func()) {
	o.Helper()
	db := o.source.Open(o)
	var open []*sql.Tx
	for _, who := range []string{"u1", "u3"} {
		tx, err := db.BeginTx(o.ctx, nil)
		require.NoError(o, err)
		_, err = sqlstore.Join(o.ctx, o.engineWorld.aud, tx, func(tx *store.Tx) error {
			_, err := tx.Append(o.ctx, audiencetest.Event(who, "visit", tx.At()))
			return err
		})
		require.NoError(o, err)
		open = append(open, tx)
	}
	o.visit("u2")
	done := false
	o.slow.next(func() {
		done = true
		for _, tx := range open {
			require.NoError(o, tx.Commit())
		}
		_, err := o.engineWorld.aud.Head(o.ctx) // gives both their numbers
		require.NoError(o, err)
	})
	snapshot()
	require.True(o, done)
}

// goesOn wants an engine to be right, and to continue the log when its writer
// has died, as one that always was there does.
func (o *disorder) goesOn(e *segment.Engine) {
	o.Helper()
	for i := range 4 { // both follow, the other one writes
		o.later(10 * time.Second)
		o.visit(audiencetest.Key(i))
		require.NoError(o, o.writer.Advance(o.ctx, o.clock.Now()))
		require.NoError(o, e.Advance(o.ctx, o.clock.Now()))
		o.agrees(e, o.aud)
		o.agrees(e, o.engineWorld.aud)
	}
	before := o.folds(o.writer)
	require.NoError(o, e.Advance(o.ctx, o.clock.Now()))
	o.later(20 * time.Second)
	o.visit("u5")
	require.NoError(o, e.Advance(o.ctx, o.clock.Now()))
	o.later(20 * time.Minute) // the other one is gone
	o.visit("u5")
	o.later(2 * time.Hour)
	after := o.folds(e)
	require.Equal(o, before, after[:len(before)])
	require.Greater(o, len(after), len(before)+3)
	dates := map[time.Time]bool{}
	for _, x := range after[len(before):] {
		require.False(o, x.Causes.Has(segment.CauseRebuild), "it knows what has happened: %v", x)
		dates[x.At] = true
	}
	require.Greater(o, len(dates), 3, "each at its instant")
	o.agrees(e, o.aud)
}

// TestEngineOutOfOrder (G1, G3): positions of snapshots that have commits whose
// predecessors they do not have.
func TestEngineOutOfOrder(t *testing.T) {
	numbersOf := func(t *testing.T, p store.Position) []uint64 {
		t.Helper()
		numbers, err := p.Numbers(p.Incarnation())
		require.NoError(t, err)
		return numbers
	}
	tests := []struct {
		name string
		try  func(t *testing.T, o *disorder) *segment.Engine
	}{
		{"an engine is opened", func(t *testing.T, o *disorder) (e *segment.Engine) {
			o.during(func() { e = o.open(o.aud) })
			require.Len(t, numbersOf(t, e.Position()), 2)
			require.NoError(t, e.Sync(o.ctx, store.Position{}))
			require.Len(t, numbersOf(t, e.Position()), 1)
			return e
		}},
		{"columns are loaded", func(t *testing.T, o *disorder) *segment.Engine {
			e := o.open(o.aud)
			o.during(func() {
				p, err := e.Preview(o.ctx, `contact.city == "Wien" && events("visit").any()`, segment.PreviewOptions{})
				require.NoError(t, err)
				require.NotEmpty(t, p.Loaded)
				require.Equal(t, 1, p.Members.Len()) // u2; u1 is in Berlin
			})
			return e
		}},
		{"an engine starts anew", func(t *testing.T, o *disorder) *segment.Engine {
			e := o.open(o.aud)
			require.NoError(t, e.Sync(o.ctx, store.Position{}))
			o.visit("u3")
			o.visit("u4")
			head, err := o.engineWorld.aud.Head(o.ctx)
			require.NoError(t, err)
			require.NoError(t, o.engineWorld.aud.Trim(o.ctx, head))
			require.NoError(t, o.writer.Advance(o.ctx, o.clock.Now()))
			o.during(func() { require.NoError(t, e.Sync(o.ctx, store.Position{})) })
			require.Len(t, numbersOf(t, e.Position()), 1)
			return e
		}},
	}
	Run(t, func(t *testing.T, d Database) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				o := newDisorder(t, d)
				o.goesOn(tt.try(t, o))
			})
		}
	})
}
