package dbtest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore"
)

// envScaleContacts says of how many contacts the shop of TestEngineScale is;
// each has some ten events. Without it the test is skipped.
const envScaleContacts = "AUDIENCEKIT_SCALE_CONTACTS"

// TestEngineScale measures a shop of a size: loading it as an importer would,
// asking the database for members, starting an engine from nothing and from a
// checkpoint.
//
//	AUDIENCEKIT_SCALE_CONTACTS=100000 AUDIENCEKIT_DATABASES=sqlite-modernc \
//		go test -run TestEngineScale -v -timeout 2h .
//
// With -cpuprofile it says where the time goes.
func TestEngineScale(t *testing.T) {
	contacts, err := strconv.Atoi(os.Getenv(envScaleContacts))
	if err != nil || contacts < 1 {
		t.Skipf("%s is not set to a number", envScaleContacts)
	}
	Run(t, func(t *testing.T, d Database) {
		s := openScale(t, d, contacts)
		s.load()
		s.find(d)
		s.start("Q1-Q3", scaleQueries())
		s.start("100 reference segments", scaleReference(100))
	})
}

// openScale opens an audience for a shop, on a fresh database.
func openScale(t *testing.T, d Database, contacts int) *scale {
	t.Helper()
	s := &scale{TB: t, shop: audiencetest.Shop{Contacts: contacts, Seed: 1, End: instant(0)}}
	source := d.Fresh(t)
	if d.Engine == SQLite { // what hosts are told to set; with 2 MB it writes pages again and again
		source.DSN += "&" + url.Values{"_pragma": {"cache_size(-65536)"}, "_cache_size": {"-65536"}}.Encode()
	}
	s.db = source.Open(t)
	s.store = openStore(t, d, s.db, sqlstore.Options{})
	keys, err := audience.NewKeys("k", map[string][]byte{"k": bytes.Repeat([]byte("k"), 32)})
	require.NoError(t, err)
	s.aud, err = store.Open(t.Context(), s.store, "main", store.Options{Schema: s.shop.Schema(), Keys: keys, Clock: func() time.Time { return instant(0) }})
	require.NoError(t, err)
	return s
}

type scale struct {
	testing.TB
	shop  audiencetest.Shop
	db    *sql.DB
	store *sqlstore.Store
	aud   *store.Audience
}

// measure tells how long something takes and how large the heap gets.
func (s *scale) measure(what string, do func()) time.Duration {
	s.Helper()
	heap := watchHeap()
	begun := time.Now()
	do()
	took := time.Since(begun)
	s.Logf("%-44s %9s   peak heap %4d MB", what, took.Round(time.Millisecond), heap()>>20)
	return took
}

// watchHeap gives a function that ends the watch and tells the largest heap.
func watchHeap() (peak func() uint64) {
	debug.FreeOSMemory()
	ctx, stop := context.WithCancel(context.Background())
	var most uint64
	var group sync.WaitGroup
	group.Go(func() {
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			if sleep(ctx, 50*time.Millisecond) != nil {
				return
			}
		}
	})
	return func() uint64 {
		stop()
		group.Wait()
		return most
	}
}

// load writes the shop in batches of 10,000 contacts with what belongs to them.
func (s *scale) load() {
	ctx, contacts, events, consents := s.Context(), 0, 0, 0
	var times [3]time.Duration
	took := s.measure("load", func() {
		for batch := range s.shop.Batches(s.aud.Limits().BatchItems) {
			_, err := s.aud.Update(ctx, func(tx *store.Tx) error {
				begun := time.Now()
				_, err := tx.Put(ctx, batch.Contacts...)
				times[0] += time.Since(begun)
				if err != nil {
					return err
				}
				begun = time.Now()
				_, err = tx.Record(ctx, batch.Consents...)
				times[1] += time.Since(begun)
				if err != nil {
					return err
				}
				begun = time.Now()
				_, err = tx.Append(ctx, batch.Events...)
				times[2] += time.Since(begun)
				return err
			})
			require.NoError(s, err)
			contacts, events, consents = contacts+len(batch.Contacts), events+len(batch.Events), consents+len(batch.Consents)
		}
	})
	s.Logf("  %d contacts in %s, %d consents in %s, %d events in %s; %.0f rows a second", contacts, times[0].Round(time.Millisecond), consents,
		times[1].Round(time.Millisecond), events, times[2].Round(time.Millisecond), float64(contacts+events+consents)/took.Seconds())
	// As long as it follows nobody, an importer's host has no use for the feed.
	s.measure("trim the feed", func() {
		head, err := s.aud.Head(ctx)
		require.NoError(s, err)
		require.NoError(s, s.aud.Trim(ctx, head))
	})
}

// start starts an engine with segments, from nothing and from a checkpoint.
func (s *scale) start(what string, defs []segment.Definition) {
	ctx := s.Context()
	e, err := segment.OpenEngine(ctx, s.aud, segment.EngineOptions{Index: segment.RefIDs})
	require.NoError(s, err)
	_, err = e.Apply(ctx, defs...)
	require.NoError(s, err)
	before := sizesOf(e)
	e = nil // its memory is not to be measured
	s.measure(what+": start from nothing", func() {
		e, err = segment.OpenEngine(ctx, s.aud, segment.EngineOptions{Index: segment.RefIDs})
		require.NoError(s, err)
	})
	require.Equal(s, before, sizesOf(e))
	var file bytes.Buffer
	s.measure(what+": checkpoint", func() { require.NoError(s, e.Checkpoint(ctx, &file)) })
	s.Logf("  %d MB, %.1f bytes a contact", file.Len()>>20, float64(file.Len())/float64(s.shop.Len()))
	e = nil
	s.measure(what+": start from the checkpoint", func() {
		e, err = segment.LoadEngine(ctx, s.aud, segment.EngineOptions{Index: segment.RefIDs, Rebuilt: func(reason error) {
			require.NoError(s, reason)
		}}, bytes.NewReader(file.Bytes()))
		require.NoError(s, err)
	})
	require.Equal(s, before, sizesOf(e))
	if len(before) < 5 {
		s.Logf("  %v", before)
	}
}

func sizesOf(e *segment.Engine) map[string]int {
	snapshot, out := e.Snapshot(), map[string]int{}
	for _, name := range snapshot.Names() {
		out[name] = snapshot.Len(name)
	}
	return out
}

// scaleQueries are Q1 to Q3 of the benchmarks of package segment.
func scaleQueries() []segment.Definition {
	return definitions(
		"fields", `contact.country == "DE" && contact.age >= 30 && "vip" in contact.tags`,
		"engaged", `contact.status == "subscribed" && events("email.opened").within("30d").any() && events("email.clicked").within("60d").any()`,
		"high-value", strings.Join([]string{
			`events("purchase").sum("value") > 100`, `events("purchase").within("1y").count() > 3`,
			`rate(events("email.opened"), events("email.sent")) > 0.5`, `contact.created_at < ago("6mo")`,
		}, " && "),
	)
}

// scaleReference makes segments as those benchmarks do.
func scaleReference(n int) (defs []segment.Definition) {
	random := rand.New(rand.NewPCG(1, 1))
	for i := range n {
		source := fmt.Sprintf(`events("purchase").sum("value") > %d && events("purchase").within("%dd").count() > %d && rate(events("email.opened"), events("email.sent")) > %.2f && contact.created_at < ago("%dmo")`,
			10*(1+random.IntN(100)), 7+random.IntN(359), random.IntN(10), float64(5+random.IntN(90))/100, 1+random.IntN(24))
		if i%2 == 0 {
			source = fmt.Sprintf(`contact.status == "subscribed" && events("email.opened").within("%dd").any() && events("email.clicked").within("%dd").any()`,
				7+random.IntN(359), 7+random.IntN(359))
		}
		defs = append(defs, segment.Definition{Name: fmt.Sprintf("s%d", i), Source: source})
	}
	return defs
}
