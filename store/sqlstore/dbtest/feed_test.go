package dbtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// count gives a number that a query of the tables gives.
func (s *shop) count(query string) (n int) {
	s.Helper()
	require.NoError(s, s.db.QueryRowContext(s.ctx, query).Scan(&n))
	return n
}

// another opens the same database as another process does.
func (s *shop) another(source Source, opts sqlstore.Options) *shop {
	s.Helper()
	out := *s
	out.db = source.Open(s.TB)
	st, err := sqlstore.New(s.ctx, out.db, dialect(s.d), opts)
	require.NoError(s, err)
	out.store, out.aud = st, s.open(st)
	return &out
}

// twoShops are two processes on one database.
func twoShops(t *testing.T, d Database) (one, other *shop) {
	t.Helper()
	source := d.Fresh(t)
	d.fresh = func(testing.TB) Source { return source }
	one = newShop(t, d)
	return one, one.another(source, sqlstore.Options{})
}

// group runs functions together.
type group struct {
	sync.WaitGroup
	mu   sync.Mutex
	errs []error
}

func (g *group) run(fn func() error) {
	g.Go(func() {
		err := fn()
		g.mu.Lock()
		defer g.mu.Unlock()
		g.errs = append(g.errs, err)
	})
}

func (g *group) wait() error {
	g.Wait()
	return errors.Join(g.errs...)
}

// TestFeedOfTwoProcesses has two processes write, number and follow at once.
func TestFeedOfTwoProcesses(t *testing.T) {
	const writers, each = 3, 25
	Run(t, func(t *testing.T, d Database) {
		one, other := twoShops(t, d)
		shops := []*shop{one, other, one, other}
		one.put("ann", "bea", "cleo")
		from := one.head()
		seen := make([][]store.Commit, len(shops))
		var written atomic.Bool
		var writing, following group
		for i := range 2 * writers {
			writing.run(func() error {
				for n := range each {
					name := []string{"ann", "bea", "cleo"}[(i+n)%3]
					w := visit(name, fmt.Sprintf("%d-%d", i, n), 1)
					if _, err := shops[i%2].aud.Append(one.ctx, w); err != nil {
						return err
					}
				}
				return nil
			})
		}
		for i, s := range shops {
			following.run(func() error {
				after := from
				for last := false; !last; runtime.Gosched() {
					last = written.Load()
					page, err := s.aud.Commits(s.ctx, after, i+1)
					if err != nil {
						return err
					}
					for _, c := range page {
						after, last = c.Position, false
					}
					seen[i] = append(seen[i], page...)
				}
				return nil
			})
		}
		err := writing.wait()
		written.Store(true)
		require.NoError(t, errors.Join(err, following.wait()))
		for _, commits := range seen {
			require.Len(t, commits, 2*writers*each)
			ids := make(map[string]bool)
			for i, c := range commits {
				require.Equal(t, seen[0][i].Position, c.Position, "one order for all")
				require.Len(t, c.Changes, 1)
				require.Equal(t, seen[0][i].Changes[0].Event.ID, c.Changes[0].Event.ID)
				ids[c.Changes[0].Event.ID] = true
			}
			require.Len(t, ids, 2*writers*each)
		}
		require.Equal(t, other.head(), seen[0][len(seen[0])-1].Position)
	})
}

// TestSnapshotOutOfOrder takes a snapshot that has the later one of two commits
// and not the earlier one.
func TestSnapshotOutOfOrder(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		if d.Engine == SQLite {
			t.Skip("SQLite has one writer at a time")
		}
		s := newShop(t, d)
		s.put("ann", "bea")
		before := s.head()
		tx := s.begin(sql.LevelReadCommitted)
		_, err := sqlstore.Join(s.ctx, s.aud, tx, func(tx *store.Tx) error {
			_, err := tx.Append(s.ctx, visit("ann", "hers", 1))
			return err
		})
		require.NoError(t, err)
		_, err = s.aud.Append(s.ctx, visit("bea", "his", 1))
		require.NoError(t, err)
		var at store.Position
		require.NoError(t, s.aud.View(s.ctx, func(r *store.Reader) error {
			events, err := r.Events(s.ctx, audience.Key("bea")) // the snapshot is taken
			require.Len(t, events, 1)
			require.NoError(t, err)
			require.NoError(t, tx.Commit())
			require.Len(t, s.feed(before), 2) // and numbered
			events, err = r.Events(s.ctx, audience.Key("ann"))
			require.Empty(t, events)
			require.NoError(t, err)
			at, err = r.Position(s.ctx)
			return err
		}))
		numbers, err := at.Numbers(at.Incarnation())
		require.NoError(t, err)
		require.Len(t, numbers, 2, "up to one number, and another one")
		parsed, err := store.ParsePosition(at.String())
		require.NoError(t, err)
		for _, limit := range []int{1, 2, 10} {
			page, err := s.aud.Commits(s.ctx, parsed, limit)
			require.NoError(t, err)
			require.Len(t, page, 1)
			require.Equal(t, "hers", page[0].Changes[0].Event.ID)
			require.Equal(t, s.head(), page[0].Position)
		}
		require.NoError(t, s.aud.Trim(s.ctx, at))
		require.Len(t, s.feed(at), 1, "it forgets no commit that is not in it")
	})
}

func TestPositionOfUpdate(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		s := newShop(t, d)
		s.put("ann")
		var positions []store.Position
		for i := range 6 {
			pos, err := s.aud.Update(s.ctx, func(tx *store.Tx) error {
				_, err := tx.Append(s.ctx, visit("ann", strconv.Itoa(i), 1))
				return err
			})
			require.NoError(t, err)
			positions = append(positions, pos)
		}
		for i, pos := range positions {
			require.Len(t, s.feed(pos), 5-i)
		}
		require.NoError(t, s.aud.Trim(s.ctx, positions[3]))
		require.NoError(t, s.aud.Trim(s.ctx, positions[1]), "trimmed already")
		require.Len(t, s.feed(positions[3]), 2, "the last one that was trimmed can be gone on from")
		for _, gone := range []store.Position{{}, positions[0], positions[2]} {
			_, err := s.aud.Commits(s.ctx, gone, 1)
			require.ErrorIs(t, err, audience.ErrPositionGone)
		}
		life := positions[0].Incarnation()
		ahead := store.NewPosition(life, 1<<63|1<<50)
		_, err := s.aud.Commits(s.ctx, ahead, 1)
		require.ErrorIs(t, err, audience.ErrPositionGone)
		require.ErrorIs(t, s.aud.Trim(s.ctx, ahead), audience.ErrPositionGone)
		_, err = s.aud.Commits(s.ctx, store.NewPosition(life, 2, 1<<40), 1)
		require.ErrorIs(t, err, audience.ErrPositionGone)
	})
}

// TestSequenceOfAnotherAudience: sequences are those of all audiences.
func TestSequenceOfAnotherAudience(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		if d.Engine == SQLite {
			t.Skip("positions are numbers there")
		}
		s := newShop(t, d)
		other, err := store.Open(s.ctx, s.store, "other", store.Options{})
		require.NoError(t, err)
		s.put("ann")
		theirs, err := other.Update(s.ctx, func(tx *store.Tx) error {
			_, err := tx.Put(s.ctx, person("ann"))
			return err
		})
		require.NoError(t, err)
		numbers, err := theirs.Numbers(theirs.Incarnation())
		require.NoError(t, err)
		forged := store.NewPosition(s.head().Incarnation(), numbers...)
		_, err = s.aud.Commits(s.ctx, forged, 1)
		require.ErrorIs(t, err, audience.ErrPositionGone)
	})
}

// TestLargeCommit writes a commit that does not fit one row, erases in it and
// trims it.
func TestLargeCommit(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		s := newShop(t, d)
		long := strings.Repeat("xylophone", 900)
		var writes []audience.ContactWrite
		for i := range 150 {
			w := person(strconv.Itoa(i))
			w.Set = map[string]audience.Value{"note": audience.StringValue(long)}
			writes = append(writes, w)
		}
		_, err := s.aud.Update(s.ctx, func(tx *store.Tx) error {
			_, err := tx.Put(s.ctx, writes...)
			return err
		})
		require.NoError(t, err)
		parts := s.count("SELECT COUNT(*) FROM ak_feed_parts")
		require.Greater(t, parts, 3)
		require.Equal(t, 150, s.count("SELECT COUNT(*) FROM ak_mentions"))
		commits := s.feed(store.Position{})
		last := commits[len(commits)-1]
		require.Len(t, last.Changes, 150)
		for _, c := range last.Changes {
			require.NotNil(t, c.After)
		}
		for _, batch := range []struct{ from, to int }{{0, 1}, {1, 150}} {
			var refs []audience.Ref
			for i := batch.from; i < batch.to; i++ {
				refs = append(refs, audience.Key(strconv.Itoa(i)))
			}
			_, err = s.aud.Update(s.ctx, func(tx *store.Tx) error { return tx.Erase(s.ctx, audience.Source{}, refs...) })
			require.NoError(t, err)
			again := s.feed(store.Position{})[len(commits)-1]
			require.Equal(t, last.Position, again.Position)
			require.Len(t, again.Changes, 150)
			for i, c := range again.Changes {
				require.Equal(t, i < batch.to, c.After == nil)
			}
		}
		require.Zero(t, s.count("SELECT COUNT(*) FROM ak_feed_parts"), "nothing is left of what was longer")
		require.NoError(t, s.aud.Trim(s.ctx, s.head()))
		require.Equal(t, 1, s.count("SELECT COUNT(*) FROM ak_feed"))
		require.LessOrEqual(t, s.count("SELECT COUNT(*) FROM ak_mentions"), 149, "those of the last commit")
	})
}

// TestFewWithoutNumbers: a process that only writes numbers too, sometimes.
func TestFewWithoutNumbers(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		s := newShop(t, d)
		s.put("ann")
		for i := range 600 {
			_, err := s.aud.Append(s.ctx, visit("ann", strconv.Itoa(i), 1))
			require.NoError(t, err)
		}
		require.Less(t, s.count("SELECT COUNT(*) FROM ak_feed WHERE number = 0"), 256)
		require.GreaterOrEqual(t, s.count("SELECT number FROM ak_heads"), 512)
		require.Len(t, s.feed(store.Position{}), 602)
	})
}

// TestManyWithoutNumbers: more commits have become visible than get numbers at
// once.
func TestManyWithoutNumbers(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		if d.Engine == SQLite {
			t.Skip("commits are numbered there when they are written")
		}
		for _, c := range []struct {
			name string
			read func(s *shop) store.Position
		}{
			{"head", func(s *shop) store.Position { return s.head() }},
			{"snapshot", func(s *shop) (at store.Position) {
				require.NoError(s, s.aud.View(s.ctx, func(r *store.Reader) (err error) {
					at, err = r.Position(s.ctx)
					return err
				}))
				return at
			}},
		} {
			t.Run(c.name, func(t *testing.T) {
				s := newShop(t, d)
				s.put("ann")
				n := 2
				for ; n < 30_000; n *= 2 {
					// Dated the other way round, as by processes whose clocks differ.
					s.exec(s.db, "INSERT INTO ak_feed (audience, at_us, contact, parts, changes) SELECT audience, at_us - 100000, contact, parts, changes FROM ak_feed")
				}
				at := c.read(s)
				require.Zero(t, s.count("SELECT COUNT(*) FROM ak_feed WHERE number = 0"))
				numbers, err := at.Numbers(at.Incarnation())
				require.NoError(t, err)
				require.Equal(t, []uint64{uint64(n)}, numbers)
				require.Equal(t, n, s.count("SELECT COUNT(DISTINCT number) FROM ak_feed"))
				require.Zero(t, s.count("SELECT COUNT(*) FROM ak_feed a JOIN ak_feed b ON b.audience = a.audience AND b.number = a.number + 1 WHERE b.seq < a.seq"), "in order of sequence")
				s.put("bea")
				require.Len(t, s.feed(at), 1)
			})
		}
	})
}

// TestTrimGoesOn breaks off a Trim in the middle.
func TestTrimGoesOn(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		if d.Engine == SQLite {
			t.Skip("rows are not locked there")
		}
		s := newShop(t, d)
		s.put("ann")
		require.Len(t, s.feed(store.Position{}), 2)
		doubling := "INSERT INTO ak_feed (audience, number, at_us, contact, parts, changes) SELECT audience, number + %d, at_us, contact, parts, changes FROM ak_feed"
		n := 2
		for ; n < 25_000; n *= 2 {
			s.exec(s.db, fmt.Sprintf(doubling, n))
		}
		s.exec(s.db, fmt.Sprintf("UPDATE ak_heads SET number = %d", n))
		tx, err := s.db.BeginTx(s.ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
		require.NoError(t, err)
		s.exec(tx, "UPDATE ak_feed SET contact = contact WHERE number = 15000")
		ctx, cancel := context.WithCancel(s.ctx)
		head, ended := s.head(), make(chan error)
		go func() { ended <- s.aud.Trim(ctx, head) }()
		for s.count("SELECT COUNT(*) FROM ak_feed") == n {
			runtime.Gosched()
		}
		_, err = s.aud.Commits(s.ctx, store.Position{}, 1)
		require.ErrorIs(t, err, audience.ErrPositionGone, "from the beginning on")
		require.Empty(t, s.feed(head))
		s.put("bea") // nobody waits
		require.Len(t, s.feed(head), 1)
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.NoError(t, tx.Rollback())
		left := s.count("SELECT COUNT(*) FROM ak_feed")
		require.Less(t, left, n)
		require.Greater(t, left, 2)
		require.NoError(t, s.aud.Trim(s.ctx, head))
		require.Equal(t, 2, s.count("SELECT COUNT(*) FROM ak_feed"))
		require.Len(t, s.feed(head), 1)
	})
}

// TestRestoredElsewhere: a backup was restored, and another process does not
// know it.
func TestRestoredElsewhere(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		one, other := twoShops(t, d)
		one.put("ann")
		other.put("bea")
		old := one.head()
		restorer, ok := store.As[store.Restorer](one.aud)
		require.True(t, ok)
		require.NoError(t, restorer.Restored(one.ctx))
		_, err := other.aud.Put(other.ctx, person("cleo"))
		require.ErrorIs(t, err, audience.ErrClosed)
		require.ErrorContains(t, err, "open it again")
		_, err = other.aud.Head(other.ctx)
		require.ErrorIs(t, err, audience.ErrClosed)
		for _, s := range []*shop{one, other} {
			s.aud = s.open(s.store)
			_, err = s.aud.Commits(s.ctx, old, 1)
			require.ErrorIs(t, err, audience.ErrPositionGone)
			before := s.head()
			s.put("dora" + strconv.FormatBool(s == one))
			commits := s.feed(before)
			require.Len(t, commits, 1)
			require.Greater(t, commits[0].Changes[0].Contact, audience.ContactID(1<<24), "ids from before are skipped")
		}
		one.exec(one.db, fmt.Sprintf("UPDATE ak_counters SET next = %d WHERE kind = 1", int64(math.MaxUint32-1000)))
		restorer, _ = store.As[store.Restorer](one.aud)
		require.ErrorIs(t, restorer.Restored(one.ctx), audience.ErrFull)
		one.head() // and nothing has changed
	})
}

// TestWokenByOwnCommit: who waits is woken by commits of the same
// store.
func TestWokenByOwnCommit(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		s := newShop(t, d)
		s.requireWoken(s)
	})
}

// TestWokenByAnotherProcess: where the driver can listen, also by those of
// others.
func TestWokenByAnotherProcess(t *testing.T) {
	d := onlyPostgres(t)
	source := d.Fresh(t)
	d.fresh = func(testing.TB) Source { return source }
	opts := sqlstore.Options{Driver: pgxListener{}}
	one := newShopWith(t, d, opts)
	other := one.another(source, opts)
	one.requireWoken(other)
}

// requireWoken requires that who waits is woken by commits of another one.
func (s *shop) requireWoken(by *shop) {
	s.Helper()
	waker, ok := store.As[store.Waker](s.aud)
	require.True(s, ok)
	ctx, cancel := context.WithTimeout(s.ctx, 20*time.Second)
	defer cancel()
	woken, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- waker.Wake(ctx, func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
	}()
	hints := 0
	for i := 0; hints < 3; i++ { // the first one may be that it listens
		by.put(strconv.Itoa(i))
		select {
		case <-woken:
			hints++
		case <-ctx.Done():
			s.Fatal("not woken")
		default:
		}
	}
	cancel()
	require.ErrorIs(s, <-ended, context.Canceled)
}

// pgxListener is the capability of pgx to listen.
type pgxListener struct{}

func (pgxListener) Listen(ctx context.Context, db *sql.DB, channel string, notify func(string)) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return conn.Raw(func(c any) error {
		raw := c.(*stdlib.Conn).Conn()
		if _, err := raw.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
			return err
		}
		for payload := ""; ; {
			notify(payload)
			n, err := raw.WaitForNotification(ctx)
			if err != nil { // it listens: nobody else may get this connection
				return errors.Join(driver.ErrBadConn, err)
			}
			payload = n.Payload
		}
	})
}
