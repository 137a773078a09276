package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// told is a database that only notes what it is told, and the driver's
// capability to listen.
type told struct {
	mu       sync.Mutex
	payloads []string
	lost     chan error // ends a Listen
	listens  atomic.Int32
	notify   atomic.Pointer[func(string)]
}

func (d *told) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d *told) Driver() driver.Driver                        { return nil }
func (d *told) Prepare(string) (driver.Stmt, error)          { return nil, errors.New("not prepared") }

func (d *told) Begin() (driver.Tx, error) { return nil, errors.New("no transaction") }
func (d *told) Close() error              { return nil }

func (d *told) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.payloads = append(d.payloads, args[0].Value.(string)+" "+args[1].Value.(string))
	if query != "SELECT pg_notify($1, id::text) FROM unnest($2::bigint[]) AS r(id)" {
		return nil, errors.New("another statement")
	}
	return driver.ResultNoRows, nil
}

func (d *told) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.payloads
	d.payloads = nil
	return out
}

func (d *told) Listen(ctx context.Context, _ *sql.DB, channel string, notify func(string)) error {
	if channel != "ak_feed" {
		return errors.New("another channel")
	}
	d.listens.Add(1)
	defer d.listens.Add(-1)
	d.notify.Store(&notify)
	notify("")
	select {
	case err := <-d.lost:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// waker is a partition somebody waits on.
type waker struct {
	*partition
	hints atomic.Int32
	ended chan error
}

func wakeful(ctx context.Context, s *Store, name string, id int64) *waker {
	p := newPartition(s, name)
	p.id = id
	s.mu.Lock()
	s.partitions[name] = p
	s.mu.Unlock()
	w := &waker{partition: p, ended: make(chan error, 1)}
	w.wait(ctx)
	return w
}

func (w *waker) wait(ctx context.Context) {
	go func() { w.ended <- w.Wake(ctx, func() { w.hints.Add(1) }) }()
	synctest.Wait()
}

// hinted gives how many hints came since it was asked.
func (w *waker) hinted() int {
	synctest.Wait()
	return int(w.hints.Swap(0))
}

func toldStore(t *testing.T, d Dialect, lib any) (*Store, *told) {
	t.Helper()
	db := &told{lost: make(chan error)}
	if lib == nil {
		lib = db
	}
	pool := sql.OpenDB(db)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	s, err := newStore(pool, d, Options{Logger: slog.New(slog.DiscardHandler), Driver: lib})
	require.NoError(t, err)
	return s, db
}

func TestWakeByOwnCommits(t *testing.T) {
	for _, d := range []Dialect{Postgres, MySQL, SQLite} {
		t.Run(d.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := toldStore(t, d, struct{}{})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				one, other := wakeful(ctx, s, "one", 1), wakeful(ctx, s, "other", 2)
				require.Equal(t, []int{1, 1}, []int{one.hinted(), other.hinted()}, "what came before is looked for")
				one.changed()
				require.Equal(t, 1, one.hinted())
				require.Zero(t, other.hinted(), "another audience")
				cancel()
				require.ErrorIs(t, <-one.ended, context.Canceled)
				require.ErrorIs(t, <-other.ended, context.Canceled)
				require.Empty(t, one.feed.wakers.all, "who has gone is forgotten")
			})
		})
	}
}

func TestWakeCoalesces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := toldStore(t, SQLite, struct{}{})
		p := newPartition(s, "one")
		s.partitions["one"] = p
		hints, goOn, ended := 0, make(chan struct{}), make(chan error)
		go func() {
			ended <- p.Wake(t.Context(), func() { hints++; <-goOn })
		}()
		synctest.Wait()
		for range 10 {
			p.changed() // never waits for the hint
			synctest.Wait()
		}
		goOn <- struct{}{}
		goOn <- struct{}{}
		synctest.Wait()
		require.Equal(t, 2, hints)
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-ended, audience.ErrClosed)
	})
}

func TestWakeByOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, db := toldStore(t, Postgres, nil)
		ctx, cancel := context.WithCancel(t.Context())
		one, other := wakeful(ctx, s, "one", 1), wakeful(ctx, s, "other", 2)
		require.EqualValues(t, 1, db.listens.Load(), "one connection for all")
		one.hinted()
		other.hinted()
		for payload, want := range map[string][2]int{
			"1": {1, 0}, "2": {0, 1}, "": {1, 1}, "3": {}, "x": {}, "1; DROP": {}, "99999999999999999999": {},
		} {
			(*db.notify.Load())(payload)
			require.Equal(t, want, [2]int{one.hinted(), other.hinted()}, "%q", payload)
		}
		db.lost <- errors.New("broken")
		synctest.Wait()
		require.Zero(t, db.listens.Load())
		time.Sleep(listenAgain)
		require.Equal(t, 1, one.hinted(), "something may have been missed")
		require.EqualValues(t, 1, db.listens.Load())
		cancel()
		require.ErrorIs(t, <-one.ended, context.Canceled)
		require.ErrorIs(t, <-other.ended, context.Canceled)
		synctest.Wait()
		require.Zero(t, db.listens.Load(), "nobody waits, nobody listens")
		again, cancel := context.WithCancel(t.Context())
		one.wait(again)
		require.EqualValues(t, 1, db.listens.Load())
		cancel()
		require.ErrorIs(t, <-one.ended, context.Canceled)
		synctest.Wait()
	})
}

func TestOthersAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, db := toldStore(t, Postgres, nil)
		one, other := newPartition(s, "one"), newPartition(s, "other")
		one.id, other.id = 1, 2
		one.changed()
		synctest.Wait()
		require.Equal(t, []string{"ak_feed {1}"}, db.take(), "at once")
		for range 1000 {
			other.changed()
			one.changed()
		}
		synctest.Wait()
		require.Empty(t, db.take(), "not at once again")
		time.Sleep(announceEvery)
		synctest.Wait()
		require.Equal(t, []string{"ak_feed {1,2}"}, db.take(), "all together")
		time.Sleep(time.Second)
		synctest.Wait()
		require.Empty(t, db.take())
		one.changed()
		synctest.Wait()
		require.Equal(t, []string{"ak_feed {1}"}, db.take())
		time.Sleep(time.Second)
	})
}

func TestNobodyIsToldWhoDoesNotListen(t *testing.T) {
	for _, d := range []Dialect{Postgres, MySQL} {
		synctest.Test(t, func(t *testing.T) {
			var lib any = struct{}{}
			if d == MySQL {
				lib = nil // a listener that has nothing to listen to
			}
			s, db := toldStore(t, d, lib)
			newPartition(s, "one").changed()
			synctest.Wait()
			require.Empty(t, db.take())
		})
	}
}
