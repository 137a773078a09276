package segment_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// engineWorld is one audience in one store, which any number of handles and
// engines share, as processes would.
type engineWorld struct {
	t       testing.TB
	adapter store.Adapter
	clock   *segmenttest.Clock
	aud     *store.Audience // of the first process
}

func newEngineWorld(t testing.TB, change ...func(*store.Options)) *engineWorld {
	t.Helper()
	return newEngineWorldIn(t, memstore.New(), change...)
}

func newEngineWorldIn(t testing.TB, adapter store.Adapter, change ...func(*store.Options)) *engineWorld {
	t.Helper()
	w := &engineWorld{t: t, adapter: adapter, clock: segmenttest.NewClock(setNow())}
	w.aud = w.handle(append([]func(*store.Options){func(o *store.Options) { o.Schema = setSchema() }}, change...)...)
	return w
}

// handle opens the audience once more, declaring nothing unless told to.
func (w *engineWorld) handle(change ...func(*store.Options)) *store.Audience {
	w.t.Helper()
	keys, err := audience.NewKeys("k", map[string][]byte{"k": bytes.Repeat([]byte("k"), 32)})
	require.NoError(w.t, err)
	opts := store.Options{Keys: keys, Clock: w.clock.Now}
	for _, c := range change {
		c(&opts)
	}
	aud, err := store.Open(w.t.Context(), w.adapter, "main", opts)
	require.NoError(w.t, err)
	return aud
}

// engine opens an engine in the first process.
func (w *engineWorld) engine(functions ...segment.Function) *segment.Engine {
	w.t.Helper()
	return w.engineOf(w.aud, functions...)
}

func (w *engineWorld) engineOf(aud *store.Audience, functions ...segment.Function) *segment.Engine {
	w.t.Helper()
	e, err := segment.OpenEngine(w.t.Context(), aud, segment.EngineOptions{Functions: functions})
	require.NoError(w.t, err)
	return e
}

func (w *engineWorld) apply(e *segment.Engine, namesAndSources ...string) *segment.Diff {
	w.t.Helper()
	d, err := e.Apply(w.t.Context(), define(namesAndSources...)...)
	require.NoError(w.t, err)
	return d
}

func (w *engineWorld) sync(e *segment.Engine) {
	w.t.Helper()
	require.NoError(w.t, e.Sync(w.t.Context(), store.Position{}))
}

// put writes contacts.
func (w *engineWorld) put(writes ...audience.ContactWrite) (ids []audience.ContactID) {
	w.t.Helper()
	w.update(func(tx *store.Tx) error {
		results, err := tx.Put(w.t.Context(), writes...)
		ids = nil
		for _, r := range results {
			ids = append(ids, r.ID)
		}
		return err
	})
	return ids
}

func (w *engineWorld) update(fn func(*store.Tx) error) store.Position {
	w.t.Helper()
	position, err := w.aud.Update(w.t.Context(), fn)
	require.NoError(w.t, err)
	return position
}

func (w *engineWorld) later(d time.Duration) { w.clock.MoveTo(w.clock.Now().Add(d)) }

// in gives who is in a live segment.
func (w *engineWorld) in(e *segment.Engine, name string) []audience.ContactID {
	w.t.Helper()
	live, err := e.Segment(name)
	require.NoError(w.t, err)
	return slices.AppendSeq([]audience.ContactID{}, live.Members().All())
}

// agrees compares all live segments with the reference evaluator, where the
// engine stands. Nothing may be written meanwhile.
func (w *engineWorld) agrees(e *segment.Engine, aud *store.Audience, functions ...segment.Function) {
	w.t.Helper()
	w.sync(e)
	set, err := setLanguage(w.t, aud, functions...).CompileSet(e.Definitions()...)
	require.NoError(w.t, err)
	s := e.Snapshot()
	require.Equal(w.t, set.Names(), s.Names())
	require.NoError(w.t, aud.View(w.t.Context(), func(r *store.Reader) error {
		result, err := set.Evaluate(w.t.Context(), r, s.At, nil)
		require.NoError(w.t, err)
		require.Equal(w.t, result.Position, s.Position)
		for _, name := range set.Names() {
			want, _ := result.Members(name)
			got, _ := s.Members(name)
			require.Equal(w.t, slices.Collect(want.All()), slices.Collect(got.All()), "segment %s at %s", name, s.At)
		}
		return nil
	}))
}

// logged gives all transitions of the log.
func logged(t testing.TB, e *segment.Engine) []segment.Transition {
	t.Helper()
	var out []segment.Transition
	for after := uint64(0); ; after = out[len(out)-1].Number {
		page, err := e.Transitions(t.Context(), after, 0)
		require.NoError(t, err)
		if len(page) == 0 {
			return out
		}
		out = append(out, page...)
	}
}

// foldOf gives who is in the segments after transitions, and wants each to
// change something.
func foldOf(t testing.TB, transitions []segment.Transition) map[string]map[audience.ContactID]bool {
	t.Helper()
	sets := map[string]map[audience.ContactID]bool{}
	for i, m := range transitions {
		if i > 0 {
			require.Less(t, transitions[i-1].Number, m.Number)
			require.False(t, m.At.Before(transitions[i-1].At), "instants never decrease")
		}
		if sets[m.Segment] == nil {
			sets[m.Segment] = map[audience.ContactID]bool{}
		}
		if m.Entered == sets[m.Segment][m.Contact] {
			var before []segment.Transition
			for _, o := range transitions[:i+1] {
				if o.Segment == m.Segment && o.Contact == m.Contact {
					before = append(before, o)
				}
			}
			// Of the erased the log keeps what they left by it alone.
			require.Len(t, before, 1, "a transition changes nothing: %v", before)
			require.False(t, m.Entered)
			require.NotZero(t, m.Causes&(segment.CauseErasure|segment.CauseRebuild), "a transition changes nothing: %v", before)
			continue
		}
		if m.Entered {
			sets[m.Segment][m.Contact] = true
		} else {
			delete(sets[m.Segment], m.Contact)
		}
	}
	return sets
}

// logAgrees wants the log to fold to what is live, once all is written.
func (w *engineWorld) logAgrees(e *segment.Engine) {
	w.t.Helper()
	require.NoError(w.t, e.Advance(w.t.Context(), w.clock.Now()))
	sets := foldOf(w.t, logged(w.t, e))
	s := e.Snapshot()
	for _, name := range s.Names() {
		m, _ := s.Members(name)
		require.Len(w.t, sets[name], m.Len(), "segment %s", name)
		for id := range m.All() {
			require.True(w.t, sets[name][id], "segment %s", name)
		}
		delete(sets, name)
	}
	for name, left := range sets {
		require.Empty(w.t, left, "retired segment %s", name)
	}
}
