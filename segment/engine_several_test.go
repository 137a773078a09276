package segment_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// lease is longer than a writer of the log may be silent.
const lease = 31 * time.Second

func (w *checkpointWorld) later(d time.Duration) {
	w.clock.set(w.clock.micros.Load() + d.Microseconds())
}

// open makes one more engine over the same store, as another process would.
func (w *checkpointWorld) open(t testing.TB) *segment.Engine {
	t.Helper()
	e, err := segment.OpenEngine(t.Context(), w.aud, w.opts)
	require.NoError(t, err)
	return e
}

// transitions gives the whole log, which has to have no gaps and dates that
// do not decrease.
func transitionsOf(t testing.TB, e *segment.Engine) []segment.Transition {
	t.Helper()
	found, err := e.Transitions(t.Context(), 0, 100_000)
	require.NoError(t, err)
	for i, x := range found {
		require.Equal(t, uint64(i+1), x.Number, "no gap")
		require.False(t, i > 0 && x.At.Before(found[i-1].At), "transition %d is dated before the one before", x.Number)
	}
	return found
}

// requireFold wants the log to add up to the members, nobody entering twice.
func requireFold(t testing.TB, aud *store.Audience, e *segment.Engine) []segment.Transition {
	t.Helper()
	requireRight(t, aud, e)
	found := transitionsOf(t, e)
	type membership struct {
		segment string
		contact audience.ContactID
	}
	in := map[membership]bool{}
	for _, x := range found {
		key := membership{x.Segment, x.Contact}
		require.NotEqual(t, in[key], x.Entered, "transition %d", x.Number)
		in[key] = x.Entered
	}
	snapshot := e.Snapshot()
	for _, name := range snapshot.Names() {
		var sum []audience.ContactID
		for key, entered := range in {
			if entered && key.segment == name {
				sum = append(sum, key.contact)
			}
		}
		slices.Sort(sum)
		members, _ := snapshot.Members(name)
		require.Equal(t, slices.Collect(members.All()), sum, name)
	}
	return found
}

func rebuildsAmong(found []segment.Transition) (n int) {
	for _, x := range found {
		if x.Causes.Has(segment.CauseRebuild) {
			n++
		}
	}
	return n
}

// TestSeveralEngines (G3) has two engines follow one store. One writes the log;
// when it dies, the other goes on where it stopped, without a gap and with its
// own causes and dates; and when it comes back, it writes nothing.
func TestSeveralEngines(t *testing.T) {
	w := newCheckpointWorld(t, 60)
	ctx, first, second := t.Context(), w.engine, w.open(t)
	require.NoError(t, second.Advance(ctx, w.clock.now()))
	for i := range 20 { // both follow, the first writes
		w.later(7 * time.Second)
		w.change(t, audience.ContactID(10+i), i+1)
		for _, e := range []*segment.Engine{second, first} {
			require.NoError(t, e.Advance(ctx, w.clock.now()))
			requireRight(t, w.aud, e)
		}
	}
	before := requireFold(t, w.aud, second)

	for i := range 6 { // the first has died and its lease is not over
		w.later(3 * time.Second)
		w.change(t, audience.ContactID(40+i), i+2)
		require.NoError(t, second.Advance(ctx, w.clock.now()))
		requireRight(t, w.aud, second)
	}
	require.Equal(t, before, transitionsOf(t, second), "nobody else writes while it may be alive")

	w.later(lease)
	for i := range 6 {
		w.later(26 * time.Hour)
		w.change(t, audience.ContactID(50+i), i+3)
	}
	w.later(40 * 24 * time.Hour)
	require.NoError(t, second.Advance(ctx, w.clock.now()))
	after := requireFold(t, w.aud, second)
	require.Greater(t, len(after), len(before)+20)
	require.Equal(t, before, after[:len(before)])
	require.Equal(t, rebuildsAmong(before), rebuildsAmong(after), "it knows what has happened")
	dates := map[time.Time]bool{}
	for _, x := range after[len(before):] {
		dates[x.At] = true
	}
	require.Greater(t, len(dates), 20, "each at its instant")

	w.later(time.Second) // a stale holder: it was only slow
	w.change(t, 33, 3)
	require.NoError(t, first.Advance(ctx, w.clock.now()))
	require.Equal(t, after, transitionsOf(t, first), "it writes nothing")
	requireRight(t, w.aud, first)
	require.NoError(t, second.Advance(ctx, w.clock.now()))
	last := requireFold(t, w.aud, second)
	require.Greater(t, len(last), len(after))

	w.later(lease) // and back again
	w.change(t, 34, 6)
	require.NoError(t, first.Advance(ctx, w.clock.now()))
	require.Zero(t, rebuildsAmong(requireFold(t, w.aud, first)[len(before):]))
}

// TestRestartAfterRebuild: an engine that knows only the store continues the
// log with the difference.
func TestRestartAfterRebuild(t *testing.T) {
	w := newCheckpointWorld(t, 60)
	before := requireFold(t, w.aud, w.engine)
	require.Zero(t, rebuildsAmong(before))
	require.NoError(t, stopEngine(t.Context(), w.engine))
	w.later(20 * 24 * time.Hour)
	for i := range 10 {
		w.change(t, audience.ContactID(20+i), i+1)
	}
	w.engine = w.open(t)
	require.NoError(t, w.engine.Advance(t.Context(), w.clock.now()))
	after := requireFold(t, w.aud, w.engine)
	require.Greater(t, len(after), len(before))
	for _, x := range after[len(before):] {
		require.Equal(t, segment.CauseRebuild, x.Causes)
		require.Equal(t, w.clock.now(), x.At)
	}
}

// TestRestartFromOlderCheckpoint: everything since is in the log already, but
// what was committed last. Ticks that never came into the log are in the
// checkpoint.
func TestRestartFromOlderCheckpoint(t *testing.T) {
	w := newCheckpointWorld(t, 60)
	ctx := t.Context()
	w.later(time.Minute)
	w.change(t, 12, 3)
	file := w.checkpoint(t) // of what the log does not have yet
	for i := range 10 {
		w.later(5 * time.Hour)
		w.change(t, audience.ContactID(20+i), i+1)
		if i%2 == 0 {
			require.NoError(t, w.engine.Advance(ctx, w.clock.now()))
		}
	}
	before := requireFold(t, w.aud, w.engine)
	w.later(9 * 24 * time.Hour)
	w.change(t, 31, 3) // by the end of this the engine is gone
	w.later(9 * 24 * time.Hour)
	for range 2 {
		require.NoError(t, stopEngine(ctx, w.engine))
		e, reason := w.load(t, file)
		require.NoError(t, reason)
		w.engine = e
		require.NoError(t, e.Advance(ctx, w.clock.now()))
		after := requireFold(t, w.aud, e)
		require.Greater(t, len(after), len(before))
		require.Equal(t, before, after[:len(before)])
		require.Zero(t, rebuildsAmong(after))
	}
}

// TestRestartApplied: segments that were applied since are live at the end.
func TestRestartApplied(t *testing.T) {
	w := newCheckpointWorld(t, 60)
	file := w.checkpoint(t)
	defs := append(checkpointSegments()[:3], define("young", `contact.age < 30 && contact.last_name != "Smith"`)...)
	_, err := w.engine.Apply(t.Context(), defs...)
	require.NoError(t, err)
	w.change(t, 12, 4)
	e, reason := w.load(t, file)
	require.NoError(t, reason)
	require.Equal(t, uint64(2), e.LatestVersion())
	require.Equal(t, w.engine.Definitions(), e.Definitions())
	requireRight(t, w.aud, e)
}

// TestCheckpointBeforeErasure: an older checkpoint has the person in it. The
// erasure behind it takes her out; without it the checkpoint is not used.
func TestCheckpointBeforeErasure(t *testing.T) {
	w := newCheckpointWorld(t, 60)
	ctx, key := t.Context(), audience.Key("u3")
	file := w.checkpoint(t)
	require.True(t, bytes.Contains(file, []byte("u3")), "it holds personal data")
	before := requireFold(t, w.aud, w.engine)
	require.NoError(t, stopEngine(ctx, w.engine))
	erased, err := w.aud.Update(ctx, func(tx *store.Tx) error { return tx.Erase(ctx, audience.Source{}, key) })
	require.NoError(t, err)

	e, reason := w.load(t, file)
	require.NoError(t, reason)
	requireRight(t, w.aud, e)
	require.NoError(t, e.Advance(ctx, w.clock.now()))
	adults, err := e.Segment("adults")
	require.NoError(t, err)
	require.False(t, adults.Has(key))
	left := 0
	found, err := e.Transitions(ctx, uint64(len(before)), 0)
	require.NoError(t, err)
	for _, x := range found {
		require.Equal(t, audience.ContactID(4), x.Contact)
		require.False(t, x.Entered)
		require.True(t, x.Causes.Has(segment.CauseErasure))
		left++
	}
	require.Positive(t, left, "who keeps the members elsewhere is told")
	w.engine = e
	require.False(t, bytes.Contains(w.checkpoint(t), []byte("u3\x00")), "the next one has not")

	w.change(t, 12, 4)
	require.NoError(t, w.aud.Trim(ctx, erased))
	e, reason = w.load(t, file)
	requireRule(t, reason, "position")
	require.ErrorIs(t, reason, audience.ErrPositionGone)
	requireRight(t, w.aud, e)
}

// TestCheckpointOfAnotherLife: a backup was restored, so contacts and positions
// of the same numbers are others. Accepting the checkpoint would apply it to
// other people.
func TestCheckpointOfAnotherLife(t *testing.T) {
	w := newCheckpointWorld(t, 60)
	file := w.checkpoint(t)
	restored := newCheckpointWorld(t, 40)
	for i := range 50 {
		restored.change(t, audience.ContactID(1+i%30), i)
	}
	require.NotEqual(t, w.aud.Unwrap(), restored.aud.Unwrap())
	e, reason := loadWith(t, restored.aud, restored.opts, file)
	requireRule(t, reason, "incarnation")
	require.ErrorIs(t, reason, audience.ErrPositionGone)
	requireRight(t, restored.aud, e)
}

// TestCheckpointOfOthers: the same store, another audience in it; the same
// audience, other keys.
func TestCheckpointOfOthers(t *testing.T) {
	w := newCheckpointWorld(t, 20)
	file := w.checkpoint(t)
	for _, tt := range []struct {
		name, key string
		fill      byte
		rule      string
	}{{"another key", "other", 'o', "key"}, {"another key of the same id", "k", 'o', "damaged"}} {
		t.Run(tt.name, func(t *testing.T) {
			aud := setAudience(t, func(o *store.Options) {
				var err error
				o.Keys, err = audience.NewKeys(tt.key, map[string][]byte{tt.key: bytes.Repeat([]byte{tt.fill}, 32)})
				require.NoError(t, err)
			})
			_, reason := loadWith(t, aud, w.opts, file)
			requireRule(t, reason, tt.rule)
		})
	}
}

// TestCheckpointKeepsTicks: what was applied before the checkpoint and never
// came into the log is told by whoever starts from it.
func TestCheckpointKeepsTicks(t *testing.T) {
	w := newCheckpointWorld(t, 60)
	before := requireFold(t, w.aud, w.engine)
	for i := range 10 {
		w.later(26 * time.Hour)
		w.change(t, audience.ContactID(20+i), i+1)
	}
	file := w.checkpoint(t)
	require.NoError(t, stopEngine(t.Context(), w.engine))
	w.later(26 * time.Hour)
	e, reason := w.load(t, file)
	require.NoError(t, reason)
	require.Equal(t, before, transitionsOf(t, e), "not written yet")
	require.NoError(t, e.Advance(t.Context(), w.clock.now()))
	after := requireFold(t, w.aud, e)
	require.Greater(t, len(after), len(before)+10)
	require.Zero(t, rebuildsAmong(after))
}
