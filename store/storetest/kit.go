package storetest

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// mainAudience is the audience that most checks are about.
const mainAudience = "main"

// kit is what one check works with. As a testing.TB it fails the check, so
// that the suite can be run by something that only notes failures.
type kit struct {
	testing.TB
	ctx     context.Context
	harness Harness
	adapter store.Adapter
	clock   *clock
	codec   codec
}

// codec is how cursors are made and read; the tests of this package replace
// it to plant a fault.
type codec struct {
	encode func(audienceName, query string, key []byte) store.Cursor
	decode func(audienceName, query string, c store.Cursor) ([]byte, error)
}

func ownCodec() codec { return codec{store.EncodeCursor, store.DecodeCursor} }

// clock gives the instants of a check. It moves only when the check says so.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// start is the instant at which every check begins.
func start() time.Time { return time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC) }

func newClock() *clock { return &clock{now: start()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// step moves the clock by d.
func (c *clock) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// fresh makes an adapter that the kit closes.
func (k *kit) fresh() store.Adapter {
	k.Helper()
	a := k.harness.New(k.TB)
	require.NotNil(k, a, "Harness.New")
	k.Cleanup(func() { _ = a.Close() }) // a check may have closed it
	return a
}

// restart replaces the adapter by a new one over the same data.
func (k *kit) restart() {
	k.Helper()
	k.adapter = k.harness.Reopen(k.TB, k.adapter)
	require.NotNil(k, k.adapter, "Harness.Reopen")
	reopened := k.adapter
	k.Cleanup(func() { _ = reopened.Close() })
}

// testKeys are the keys of the host; an adapter sees none of them.
func testKeys(ids ...string) (audience.Keys, error) {
	secrets := make(map[string][]byte)
	for i, id := range ids {
		secrets[id] = bytes.Repeat([]byte{byte(i + 1)}, 32)
	}
	return audience.NewKeys(ids[0], secrets)
}

func (k *kit) keys(ids ...string) audience.Keys {
	k.Helper()
	keys, err := testKeys(ids...)
	require.NoError(k, err)
	return keys
}

// schema has a field of every type, a topic and a static list.
func schema() audience.Schema {
	return audience.Schema{
		Fields: []audience.Field{
			{Name: "city", Type: audience.TypeString},
			{Name: "points", Type: audience.TypeInt},
			{Name: "score", Type: audience.TypeDouble},
			{Name: "vip", Type: audience.TypeBool},
			{Name: "seen_at", Type: audience.TypeTimestamp},
			{Name: "born_on", Type: audience.TypeDate},
			{Name: "likes", Type: audience.TypeStringList},
		},
		Lists: []audience.List{
			{Name: "news", Kind: audience.ListTopic},
			{Name: "gold", Kind: audience.ListStatic},
		},
	}
}

func (k *kit) options() store.Options {
	k.Helper()
	return store.Options{Schema: schema(), Keys: k.keys("k1"), Clock: k.clock.Now}
}

// open opens an audience through the handle.
func (k *kit) open(name string) *store.Audience {
	k.Helper()
	return k.openWith(name, k.options())
}

func (k *kit) openWith(name string, opts store.Options) *store.Audience {
	k.Helper()
	aud, err := store.Open(k.ctx, k.adapter, name, opts)
	require.NoError(k, err)
	return aud
}

// partition opens the rows of an audience.
func (k *kit) partition(name string) store.Partition {
	k.Helper()
	p, err := k.adapter.Partition(k.ctx, name)
	require.NoError(k, err)
	require.NotNil(k, p)
	return p
}

// rows is the partition that most checks are about.
func (k *kit) rows() store.Partition {
	k.Helper()
	return k.partition(mainAudience)
}

// update commits.
func (k *kit) update(p store.Partition, fn func(w store.WriteRoles) error) store.Position {
	k.Helper()
	pos, err := p.Update(k.ctx, fn)
	require.NoError(k, err)
	return pos
}

// view reads in one snapshot.
func (k *kit) view(p store.Partition, fn func(r store.ReadRoles)) {
	k.Helper()
	called := false
	require.NoError(k, p.View(k.ctx, func(r store.ReadRoles) error {
		called = true
		fn(r)
		return nil
	}))
	require.True(k, called, "View calls its function")
}

// change commits through the handle.
func (k *kit) change(aud *store.Audience, fn func(tx *store.Tx) error) store.Position {
	k.Helper()
	pos, err := aud.Update(k.ctx, fn)
	require.NoError(k, err)
	return pos
}

// look reads through the handle.
func (k *kit) look(aud *store.Audience, fn func(r *store.Reader)) {
	k.Helper()
	require.NoError(k, aud.View(k.ctx, func(r *store.Reader) error { fn(r); return nil }))
}

// commits reads the feed to its end, in pages of limit.
func (k *kit) commits(f store.FeedReader, after store.Position, limit int) []store.Commit {
	k.Helper()
	out, err := readFeed(k.ctx, f, after, limit)
	require.NoError(k, err)
	return out
}

// readFeed reads until a page is empty, which has to come at the end and
// nowhere else.
func readFeed(ctx context.Context, f store.FeedReader, after store.Position, limit int) ([]store.Commit, error) {
	var out []store.Commit
	for {
		page, err := f.Commits(ctx, after, limit)
		if err != nil || len(page) == 0 {
			return out, err
		}
		out = append(out, page...)
		if next := page[len(page)-1].Position; next != after {
			after = next
			continue
		}
		return out, errStuck // or a feed that does not advance is read for ever
	}
}
