package dbtest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
	"github.com/audiencekit/audiencekit/store/storetest"
)

// TestPlantedFeeds makes this adapter's feed one of those that suggest
// themselves, by triggers in the database that change what it writes, and
// requires that the suite finds out. Nothing of the adapter itself is changed,
// so what fails is the order alone.
func TestPlantedFeeds(t *testing.T) {
	const (
		function = "CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN %s RETURN NEW; END $$"
		onCommit = "CREATE TRIGGER planted BEFORE INSERT ON ak_feed FOR EACH ROW EXECUTE FUNCTION planted()"
		// The adapter writes a contact's row before it tells of the change.
		drawFirst = "CREATE FUNCTION first_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN" +
			" IF coalesce(current_setting('planted.seq', true), '') = '' THEN" +
			" PERFORM set_config('planted.seq', nextval(pg_get_serial_sequence('ak_feed', 'seq'))::text, true); END IF; RETURN NULL; END $$"
		onFirst = "CREATE TRIGGER first_change BEFORE INSERT OR UPDATE ON ak_contacts FOR EACH STATEMENT EXECUTE FUNCTION first_change()"
	)
	for _, c := range []struct {
		name  string
		found []string
		plain bool // positions are the last number alone, and not the commits that were seen
		plant []string
	}{
		{
			"a number drawn while the transaction runs is the position",
			[]string{"feed/late-commit-is-not-lost"},
			true,
			[]string{
				fmt.Sprintf(function, "NEW.seq := current_setting('planted.seq')::bigint; NEW.number := NEW.seq;"), onCommit, drawFirst, onFirst,
				"ALTER TABLE ak_heads RENAME TO real_heads",
				"CREATE VIEW ak_heads AS SELECT audience, incarnation, last_us, trimmed," +
					" (SELECT coalesce(max(number), 0) FROM ak_feed f WHERE f.audience = h.audience) AS number FROM real_heads h",
			},
		},
		{
			"in the order in which transactions began",
			[]string{"feed/not-by-the-beginning-of-transactions", "feed/not-by-the-first-change"},
			false,
			[]string{fmt.Sprintf(function, "NEW.seq := pg_current_xact_id()::text::bigint;"), onCommit},
		},
		{
			"in the order of the first change",
			[]string{"feed/not-by-the-first-change"},
			false,
			[]string{
				fmt.Sprintf(function, "NEW.seq := current_setting('planted.seq')::bigint;"), onCommit, drawFirst, onFirst,
			},
		},
		{
			"commits keep their dates",
			[]string{"feed/dates-in-order"},
			false,
			[]string{
				"CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at_us := OLD.at_us; RETURN NEW; END $$",
				"CREATE TRIGGER planted BEFORE UPDATE ON ak_feed FOR EACH ROW EXECUTE FUNCTION planted()",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := onlyPostgres(t)
			h := storetest.Harness{Deadline: time.Minute, New: func(t testing.TB) store.Adapter {
				db := d.Open(t)
				s := openStore(t, d, db, sqlstore.Options{})
				for _, text := range c.plant {
					_, err := db.ExecContext(context.WithoutCancel(t.Context()), text)
					require.NoError(t, err)
				}
				if c.plain {
					return plainAdapter{s}
				}
				return s
			}}
			for _, check := range storetest.Checks() {
				switch name := check.String(); {
				case slices.Contains(c.found, name):
					r := record(t, func(r testing.TB) { check.Run(r, h) })
					require.True(t, r.failed, "%s did not find it", name)
					require.Contains(t, strings.Join(r.lines, "\n"), check.Reason)
				case name == "feed/pages-from-everywhere": // nothing else is broken
					check.Run(t, h)
				}
			}
		})
	}
}

// plainAdapter gives positions that are one number each.
type plainAdapter struct{ store.Adapter }

func (a plainAdapter) Partition(ctx context.Context, name string) (store.Partition, error) {
	p, err := a.Adapter.Partition(ctx, name)
	return plainPositions{p}, err
}

type plainPositions struct{ store.Partition }

func (p plainPositions) Commits(ctx context.Context, after store.Position, limit int) ([]store.Commit, error) {
	page, err := p.Partition.Commits(ctx, after, limit)
	for i := range page {
		life := page[i].Position.Incarnation()
		numbers, err := page[i].Position.Numbers(life)
		if err != nil {
			return nil, err
		}
		page[i].Position = store.NewPosition(life, numbers[len(numbers)-1])
	}
	return page, err
}

// onlyPostgres gives PostgreSQL, or skips the test.
func onlyPostgres(t *testing.T) Database {
	t.Helper()
	all := Databases(t)
	i := slices.IndexFunc(all, func(d Database) bool { return d.Engine == Postgres })
	if i < 0 {
		t.Skip("PostgreSQL is not chosen")
	}
	all[i].Need(t)
	return all[i]
}

// recorder is a testing.TB that notes failures.
type recorder struct {
	testing.TB
	ctx      context.Context
	mu       sync.Mutex
	failed   bool
	lines    []string
	cleanups []func()
}

// record runs something that may fail, in a goroutine that it may end.
func record(t *testing.T, fn func(r testing.TB)) *recorder {
	ctx, cancel := context.WithCancel(t.Context())
	r := &recorder{TB: t, ctx: ctx}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			cancel()
			for _, clean := range slices.Backward(r.cleanups) {
				clean()
			}
		}()
		fn(r)
	}()
	<-done
	return r
}

func (r *recorder) note(line string, failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines, r.failed = append(r.lines, line), r.failed || failed
}

func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Helper()                  {}
func (r *recorder) Cleanup(f func())         { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Fail()                    { r.note("failed", true) }
func (r *recorder) FailNow()                 { r.Fail(); runtime.Goexit() }

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Log(args ...any)                   { r.note(fmt.Sprint(args...), false) }
func (r *recorder) Logf(format string, args ...any)   { r.note(fmt.Sprintf(format, args...), false) }
func (r *recorder) Error(args ...any)                 { r.note(fmt.Sprint(args...), true) }
func (r *recorder) Errorf(format string, args ...any) { r.note(fmt.Sprintf(format, args...), true) }
func (r *recorder) Fatal(args ...any)                 { r.Error(args...); runtime.Goexit() }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }
