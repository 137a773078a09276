package dbtest_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
	"github.com/audiencekit/audiencekit/store/sqlstore/pgxcopy"
)

// BenchmarkWrites writes contacts and events in batches, each batch one
// commit, and measures against a program written by hand for these tables
// (bench_hand_test.go), in turn on the same server:
//
//   - audience: through store.Audience, with all its rules
//   - roles: the same changes through the roles of the adapter
//   - encoding: by hand, plain SQL: from the same contacts and events it makes
//     the rows and writes them: see byHand
//   - hand: the same, but it is given the rows ready to be written
//   - bare: the same without the feed
//
// Reported are thousands of rows per second for each, how many microseconds
// processors worked for a row (cpuus), and how much longer than hand the others took, and than encoding the audience did (ofcpux): by the clock (x), and by how long
// processors worked here and in the server (cpux), which other users of the
// machine do not disturb. Run it with -benchtime 1x;
// AUDIENCEKIT_BENCH_CONTACTS says how many contacts there are, and a fifth of
// how many events.
func BenchmarkWrites(b *testing.B) {
	for _, d := range dbtest.Databases(b) {
		b.Run(d.Name, func(b *testing.B) {
			d.Need(b)
			for _, size := range []int{1_000, 10_000} {
				for _, j := range writeJobs(size) {
					b.Run(j.name+"/"+strconv.Itoa(size), func(b *testing.B) { compareWrites(b, d, j) })
				}
			}
		})
	}
}

// compareWrites does the job in each of the ways and reports how fast they
// were.
func compareWrites(b *testing.B, d dbtest.Database, j job) {
	spent := map[string]cost{}
	rows := 0
	for b.Loop() {
		source := openJob(b, d, j)
		spent["audience"] = spent["audience"].add(measured(b, d, source, "audience", j.throughAudience))
		done := readDone(b, source.db, j)
		rows += size(j)
		commits, err := source.aud.Commits(b.Context(), store.Position{}, 1_000_000)
		require.NoError(b, err)
		commits = commits[len(commits)-len(j.commits):]
		for how, do := range map[string]func(context.Context, *target) error{
			"roles": func(ctx context.Context, t *target) error { return throughRoles(ctx, t, commits) },
			"encoding": func(ctx context.Context, t *target) error {
				return byHand(ctx, d.Engine, t.db, encodedOneByOne(commits, done), true)
			},
			"hand": func(ctx context.Context, t *target) error {
				return byHand(ctx, d.Engine, t.db, slices.Values(done), true)
			},
			"bare": func(ctx context.Context, t *target) error {
				return byHand(ctx, d.Engine, t.db, slices.Values(done), false)
			},
		} {
			t := openJob(b, d, j)
			spent[how] = spent[how].add(measured(b, d, t, how, do))
			if how != "bare" {
				requireEqualRows(b, source.db, t.db)
			}
			require.NoError(b, t.db.Close())
		}
		require.NoError(b, source.db.Close())
	}
	b.ReportMetric(0, "ns/op") // it is of all of them together
	report(b, spent, rows)
}

// report tells the costs of rows.
func report(b *testing.B, spent map[string]cost, rows int) {
	b.Helper()
	hand := spent["hand"]
	if encoding, ok := spent["encoding"]; ok {
		b.ReportMetric(spent["audience"].cpu.Seconds()/encoding.cpu.Seconds(), "audience-ofcpux")
	}
	for how, c := range spent {
		b.ReportMetric(float64(rows)/c.clock.Seconds()/1000, how+"-k/s")
		b.ReportMetric(c.cpu.Seconds()*1e6/float64(rows), how+"-cpuus")
		if how != "hand" {
			b.ReportMetric(c.clock.Seconds()/hand.clock.Seconds(), how+"-x")
			b.ReportMetric(c.cpu.Seconds()/hand.cpu.Seconds(), how+"-cpux")
		}
	}
}

// cost is what something took.
type cost struct{ clock, cpu time.Duration }

func (c cost) add(other cost) cost { return cost{c.clock + other.clock, c.cpu + other.cpu} }

// measured does it and tells what it took; in a profile it has the label "way".
func measured(b *testing.B, d dbtest.Database, t *target, way string, do func(context.Context, *target) error) cost {
	b.Helper()
	runtime.GC()
	before, start := cpuTime(b, d.Engine, t.db), time.Now()
	pprof.Do(b.Context(), pprof.Labels("way", way), func(ctx context.Context) { require.NoError(b, do(ctx, t)) })
	took := time.Since(start)
	return cost{took, cpuTime(b, d.Engine, t.db).since(before)}
}

// target is a database with an audience that holds what a job begins with.
type target struct {
	db     *sql.DB
	aud    *store.Audience
	single *single // of [BenchmarkSingle]
}

// openJob makes a database for a job.
func openJob(b *testing.B, d dbtest.Database, j job) *target {
	b.Helper()
	db := d.Open(b)
	return &target{db: db, aud: prepare(b, openAudience(b, d, db, benchDriver(d)), j.before)}
}

// benchDriver is what is given for the driver: AUDIENCEKIT_BENCH_PLAIN does
// without.
func benchDriver(d dbtest.Database) any {
	if d.Engine != dbtest.Postgres || os.Getenv("AUDIENCEKIT_BENCH_PLAIN") != "" {
		return nil
	}
	return pgxcopy.Driver{}
}

func openAudience(b testing.TB, d dbtest.Database, db *sql.DB, driver any) *store.Audience {
	b.Helper()
	kind := map[dbtest.Engine]sqlstore.Dialect{dbtest.Postgres: sqlstore.Postgres, dbtest.MySQL: sqlstore.MySQL, dbtest.SQLite: sqlstore.SQLite}[d.Engine]
	opts := sqlstore.Options{Driver: driver}
	require.NoError(b, sqlstore.Migrate(b.Context(), db, kind, opts))
	adapter, err := sqlstore.New(b.Context(), db, kind, opts)
	require.NoError(b, err)
	keys, err := audience.NewKeys("k", map[string][]byte{"k": []byte("an example key, and no secret at all")})
	require.NoError(b, err)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	aud, err := store.Open(b.Context(), adapter, "bench", store.Options{Keys: keys, Schema: benchShop().Schema(), Clock: func() time.Time { return at }})
	require.NoError(b, err)
	return aud
}

// prepare writes what is there before anything is measured.
func prepare(b *testing.B, aud *store.Audience, before []commit) *store.Audience {
	b.Helper()
	for _, c := range before {
		require.NoError(b, c.write(b.Context(), aud))
	}
	return aud
}

// commit is what one transaction writes.
type commit struct {
	contacts []audience.ContactWrite
	events   []audience.EventWrite
}

func (c commit) write(ctx context.Context, aud *store.Audience) error {
	_, err := aud.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Put(ctx, c.contacts...); err != nil {
			return err
		}
		_, err := tx.Append(ctx, c.events...)
		return err
	})
	return err
}

// job is what is measured: commits to an audience with something in it.
type job struct {
	name    string
	size    int // of a commit
	before  []commit
	commits []commit
}

func size(j job) (n int) {
	for _, c := range j.commits {
		n += len(c.contacts) + len(c.events)
	}
	return n
}

func (j job) throughAudience(ctx context.Context, t *target) error {
	for _, c := range j.commits {
		if err := c.write(ctx, t.aud); err != nil {
			return err
		}
	}
	return nil
}

func benchShop() audiencetest.Shop {
	n, err := strconv.Atoi(os.Getenv("AUDIENCEKIT_BENCH_CONTACTS"))
	if err != nil {
		n = 20_000
	}
	return audiencetest.Shop{Contacts: n}
}

// writeJobs gives the jobs with commits of a size.
func writeJobs(size int) []job {
	shop := benchShop()
	people := slices.Collect(shop.ContactWrites())
	changed := make([]audience.ContactWrite, len(people))
	for i, p := range people {
		changed[i] = audience.ContactWrite{Match: p.Match, Set: map[string]audience.Value{"score": audience.DoubleValue(float64(i) / 8)}}
	}
	events := make([]audience.EventWrite, 0, 5*len(people))
	for e := range shop.EventWrites() {
		if events = append(events, e); len(events) == cap(events) {
			break
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(events), func(i, k int) { events[i], events[k] = events[k], events[i] })
	for i := range events {
		events[i].ID = fmt.Sprintf("event-%08d", i) // which tells its commit
	}
	contacts := func(all []audience.ContactWrite, size int) (out []commit) {
		for part := range slices.Chunk(all, size) {
			out = append(out, commit{contacts: part})
		}
		return out
	}
	var appends []commit
	for part := range slices.Chunk(events, size) {
		appends = append(appends, commit{events: part})
	}
	before := contacts(people, 10_000)
	return []job{
		{"new contacts", size, nil, contacts(people, size)},
		{"changed contacts", size, before, contacts(changed, size)},
		{"events", size, before, appends},
	}
}

// throughRoles makes the changes that an audience tells of, through the roles
// of the adapter. Nobody else writes, so that ids come in the same order.
func throughRoles(ctx context.Context, t *target, commits []store.Commit) error {
	partition, _ := store.As[store.Partition](t.aud.Unwrap())
	for _, c := range commits {
		if _, err := partition.Update(ctx, func(roles store.WriteRoles) error { return replay(ctx, roles, &c) }); err != nil {
			return err
		}
	}
	return nil
}

func replay(ctx context.Context, roles store.WriteRoles, c *store.Commit) error {
	var rows []store.ContactRow
	var claims []store.Claim
	var events []audience.Event
	fresh := 0
	for i := range c.Changes {
		switch change := &c.Changes[i]; {
		case change.After != nil:
			row := store.ContactRow{Contact: change.After, Expect: change.After.Version - 1}
			if rows = append(rows, row); row.Expect == 0 {
				fresh++
				for _, identity := range change.After.Identities() {
					claims = append(claims, store.Claim{Identity: identity, Contact: change.Contact})
				}
			}
		case change.Event != nil:
			events = append(events, *change.Event)
		}
	}
	ids, err := roles.NewContactIDs(ctx, fresh)
	if err != nil {
		return err
	}
	if fresh > 0 && ids[0] != rows[0].Contact.ID {
		return fmt.Errorf("ids begin with %d instead of %d", ids[0], rows[0].Contact.ID)
	}
	if err := roles.PutContacts(ctx, rows); err != nil {
		return err
	}
	if err := roles.ClaimIdentities(ctx, claims); err != nil {
		return err
	}
	if err := roles.PutEvents(ctx, events); err != nil {
		return err
	}
	return roles.AppendChanges(ctx, c.At, c.Changes)
}
