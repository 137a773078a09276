package segment_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// checkpointWorld is an audience with an engine over segments that read every
// kind of column.
type checkpointWorld struct {
	aud    *store.Audience
	clock  *shopClock
	engine *segment.Engine
	opts   segment.EngineOptions
}

func checkpointSegments() []segment.Definition {
	return define(
		"adults", `contact.age >= 18 && contact.age != 40`,
		"berlin", `contact.city == "Berlin" || contact.first_name == "Ann"`,
		"read", `events("visit").within("30d").count() >= 2 && events("visit").where(e, e.page == "home").any()`,
		"row-by-row", `contact.city.size() > 3 && events("visit").within("9d").where(e, e.page.contains("o")).count() > 0`,
		"status", `contact.status == "subscribed" && !suppressed() && consent("marketing")`,
		"listed", `onList("never") || onList("news") || "vip" in contact.tags`,
		"tagged", `contact.tags.exists(t, t.startsWith("v"))`,
		"nested", `inSegment("adults") && !inSegment("row-by-row")`,
		"recent", `contact.seen > ago("1mo")`,
	)
}

func newCheckpointWorld(t testing.TB, contacts int, defs ...segment.Definition) *checkpointWorld {
	t.Helper()
	if defs == nil {
		defs = checkpointSegments()
	}
	w := &checkpointWorld{clock: &shopClock{}}
	w.clock.set(audience.Micros(setNow()))
	w.aud = setAudience(t, func(o *store.Options) { o.Clock = w.clock.now })
	w.fill(t, contacts)
	engine, err := segment.OpenEngine(t.Context(), w.aud, w.opts)
	require.NoError(t, err)
	w.engine = engine
	_, err = engine.Apply(t.Context(), defs...)
	require.NoError(t, err)
	require.NoError(t, engine.Advance(t.Context(), w.clock.now()))
	return w
}

// fill makes contacts of whom some are merged, listed, tagged, consenting.
func (w *checkpointWorld) fill(t testing.TB, contacts int) {
	t.Helper()
	ages := make([]int64, contacts)
	for i := range ages {
		ages[i] = int64(i*7) % 60
	}
	ids := putAges(t, w.aud, ages...)
	for i, id := range ids {
		w.change(t, id, i)
	}
	if contacts < 6 {
		return
	}
	_, err := w.aud.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Merge(t.Context(), audience.ID(ids[1]), audience.ID(ids[4]), audience.Source{})
	})
	require.NoError(t, err)
}

// change makes something happen to a contact, by a number.
func (w *checkpointWorld) change(t testing.TB, id audience.ContactID, i int) {
	t.Helper()
	ref, ctx := audience.ID(id), t.Context()
	_, err := w.aud.Update(ctx, func(tx *store.Tx) error {
		put := audience.ContactWrite{Match: ref, Set: map[string]audience.Value{}}
		put.Set["city"] = audience.StringValue([]string{"Berlin", "Rome", "Oslo"}[i%3])
		if i%2 == 0 {
			put.AddTags = []string{[]string{"vip", "new"}[i/2%2]}
			put.Set["seen"] = audience.TimestampValue(w.clock.now().AddDate(0, 0, -5*i))
		}
		if _, err := tx.Put(ctx, put); err != nil {
			return err
		}
		for k := range i % 4 {
			_, err := tx.Append(ctx, audience.EventWrite{
				Contact: ref, Type: "visit", Time: w.clock.now().AddDate(0, 0, -9*k).Add(time.Duration(i) * time.Second),
				Props: map[string]audience.Value{"page": audience.StringValue([]string{"home", "shop", "cart"}[(i+k)%3])},
			})
			if err != nil {
				return err
			}
		}
		if i%3 == 0 {
			_, err := tx.Record(ctx, audience.ConsentWrite{
				Contact: ref, Kind: audience.ConsentGranted, Scope: audience.MarketingScope(), Mechanism: audience.MechanismDoubleOptIn,
				Evidence: []byte("form"), Expires: w.clock.now().AddDate(0, i%5, 7),
			})
			if err != nil {
				return err
			}
		}
		if i%5 == 0 {
			return tx.AddToList(ctx, "never", audience.Source{}, ref)
		}
		return nil
	})
	require.NoError(t, err)
}

func (w *checkpointWorld) checkpoint(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, w.engine.Checkpoint(t.Context(), &out))
	return out.Bytes()
}

// load starts another engine from a checkpoint and gives why it was not used.
func (w *checkpointWorld) load(t testing.TB, file []byte) (*segment.Engine, error) {
	t.Helper()
	return loadWith(t, w.aud, w.opts, file)
}

func loadWith(t testing.TB, aud *store.Audience, opts segment.EngineOptions, file []byte) (e *segment.Engine, reason error) {
	t.Helper()
	opts.Rebuilt = func(err error) { reason = err }
	e, err := segment.LoadEngine(t.Context(), aud, opts, bytes.NewReader(file))
	require.NoError(t, err)
	return e, reason
}

// requireRight compares the members of all segments with the reference.
func requireRight(t testing.TB, aud *store.Audience, e *segment.Engine) {
	t.Helper()
	set, err := setLanguage(t, aud).CompileSet(e.Definitions()...)
	require.NoError(t, err)
	var want *segment.Result
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) (err error) {
		want, err = set.Evaluate(t.Context(), r, aud.Now(), nil)
		return err
	}))
	snapshot := e.Snapshot()
	require.Equal(t, set.Names(), snapshot.Names())
	for _, name := range set.Names() {
		members, _ := want.Members(name)
		got, _ := snapshot.Members(name)
		require.Equal(t, slices.Collect(members.All()), slices.Collect(got.All()), name)
	}
	require.NoError(t, e.Err())
}

func TestCheckpointRoundTrip(t *testing.T) {
	w := newCheckpointWorld(t, 200)
	for _, kinds := range []segment.RefKinds{segment.RefKeys, segment.RefAddresses, segment.RefIDs} {
		w.opts.Index = kinds
		first, err := segment.OpenEngine(t.Context(), w.aud, w.opts)
		require.NoError(t, err)
		w.engine = first
		e, reason := w.load(t, w.checkpoint(t))
		require.NoError(t, reason)
		require.Equal(t, w.engine.Position(), e.Position())
		require.Equal(t, w.engine.LatestVersion(), e.LatestVersion())
		require.Equal(t, w.engine.Definitions(), e.Definitions())
		requireRight(t, w.aud, e)
		adults, err := e.Segment("adults")
		require.NoError(t, err)
		require.Equal(t, kinds != segment.RefIDs, adults.Has(audience.Key("u3")), "u3 is 21 years old")
		require.True(t, adults.Has(audience.ID(4)))
		require.False(t, adults.Has(audience.ID(1)))

		for days := range 40 { // everything that is due by itself comes
			w.clock.set(w.clock.micros.Load() + 24*time.Hour.Microseconds())
			w.change(t, audience.ContactID(10+days), days)
			require.NoError(t, e.Sync(t.Context(), store.Position{}))
			requireRight(t, w.aud, e)
		}
	}
}

// TestCheckpointDamages flips each byte of a checkpoint and cuts it at each
// length: none is used, and the members are right all the same.
func TestCheckpointDamages(t *testing.T) {
	w := newCheckpointWorld(t, 2, define("few", `contact.city.size() == 4 && events("visit").within("1d").any()`)...)
	file := w.checkpoint(t)
	_, reason := w.load(t, file)
	require.NoError(t, reason)
	for i := range file {
		damaged := bytes.Clone(file)
		damaged[i] ^= byte(1 + i%255)
		e, reason := w.load(t, damaged)
		var unused *segment.CheckpointError
		require.ErrorAs(t, reason, &unused, "byte %d", i)
		require.Contains(t, []string{"damaged", "format", "key", "truncated"}, unused.Rule)
		if i%97 == 0 {
			requireRight(t, w.aud, e)
		}
		e, reason = w.load(t, file[:i])
		require.ErrorAs(t, reason, &unused, "length %d", i)
		require.Equal(t, "truncated", unused.Rule)
		require.ErrorIs(t, reason, audience.ErrInvalid)
		if i%97 == 0 {
			requireRight(t, w.aud, e)
		}
	}
}

func TestCheckpointNeedsKeys(t *testing.T) {
	w := newCheckpointWorld(t, 7)
	file := w.checkpoint(t)
	none := setAudience(t, func(o *store.Options) { o.Keys = audience.Keys{} })
	e, err := segment.OpenEngine(t.Context(), none, w.opts)
	require.NoError(t, err)
	var out bytes.Buffer
	require.ErrorIs(t, e.Checkpoint(t.Context(), &out), audience.ErrDenied)
	require.Zero(t, out.Len())
	_, reason := loadWith(t, none, w.opts, file)
	require.ErrorIs(t, reason, audience.ErrDenied)
	requireRule(t, reason, "key")
}

func requireRule(t testing.TB, reason error, rule string) {
	t.Helper()
	var unused *segment.CheckpointError
	require.ErrorAs(t, reason, &unused)
	require.Equal(t, rule, unused.Rule, "%v", reason)
}

// TestCheckpointReaderFails wants a failing reader to be no reason to fail.
func TestCheckpointReaderFails(t *testing.T) {
	w := newCheckpointWorld(t, 7)
	opts := w.opts
	var reason error
	opts.Rebuilt = func(err error) { reason = err }
	errDisk := errors.New("the disk is gone")
	e, err := segment.LoadEngine(t.Context(), w.aud, opts, iotest.ErrReader(errDisk))
	require.NoError(t, err)
	require.ErrorIs(t, reason, errDisk)
	requireRule(t, reason, "read")
	requireRight(t, w.aud, e)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = segment.LoadEngine(ctx, w.aud, opts, bytes.NewReader(w.checkpoint(t)))
	require.ErrorIs(t, err, context.Canceled)
	var out bytes.Buffer
	require.ErrorIs(t, w.engine.Checkpoint(ctx, &out), context.Canceled)
	require.Zero(t, out.Len())
	require.ErrorIs(t, w.engine.Checkpoint(t.Context(), brokenWriter{errDisk}), errDisk)
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

// TestCheckpointBeside writes checkpoints while contacts change, time passes
// and segments are read: each is of one instant and one position.
func TestCheckpointBeside(t *testing.T) {
	w := newCheckpointWorld(t, 60)
	adults, err := w.engine.Segment("adults")
	require.NoError(t, err)
	done := make(chan struct{})
	var beside sync.WaitGroup
	for _, call := range []func(i int){
		func(i int) { adults.Contains(audience.ContactID(i % 60)) },
		func(int) { w.engine.Snapshot() },
		func(int) { _ = w.engine.Sync(t.Context(), store.Position{}) },
		func(int) { w.clock.micros.Add(time.Minute.Microseconds()) },
	} {
		beside.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
					call(i)
				}
			}
		})
	}
	var files [][]byte
	for i := range 10 {
		w.change(t, audience.ContactID(10+i), i)
		files = append(files, w.checkpoint(t))
	}
	close(done)
	beside.Wait()
	for _, file := range files {
		e, reason := w.load(t, file)
		require.NoError(t, reason)
		requireRight(t, w.aud, e)
	}
}
