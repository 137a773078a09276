package dbtest

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// life is an engine whose process ends and begins again, each time in a pool of
// its own.
type life struct {
	*engineWorld
	random *rand.Rand
	handle *store.Audience
	engine *segment.Engine
	reason error // why a checkpoint was not used
}

func (l *life) opts() segment.EngineOptions {
	return segment.EngineOptions{Index: segment.RefIDs, Rebuilt: func(reason error) { l.reason = reason }}
}

// begin starts the engine from a file, nil for none.
func (l *life) begin(file []byte) {
	l.Helper()
	l.handle, l.reason = l.engineWorld.handle(), nil
	var err error
	l.engine, err = segment.LoadEngine(l.ctx, l.handle, l.opts(), bytes.NewReader(file))
	require.NoError(l, err)
}

// happen writes something, with the engine or without.
func (l *life) happen(follow bool) {
	l.Helper()
	for range 4 {
		require.NoError(l, l.write(l.ctx, l.aud, l.random, 30, 10))
		l.later(7 * time.Hour)
		if follow {
			require.NoError(l, l.engine.Advance(l.ctx, l.clock.Now()))
		}
	}
}

func (l *life) checkpoint() []byte {
	l.Helper()
	var file bytes.Buffer
	require.NoError(l, l.engine.Checkpoint(l.ctx, &file))
	return file.Bytes()
}

// end ends the process: in order, or so that its lease has to run out.
func (l *life) end(inOrder bool) {
	l.Helper()
	if inOrder {
		require.NoError(l, l.engine.Close(l.ctx))
		return
	}
	l.later(time.Minute)
}

func (l *life) rule() string {
	var unused *segment.CheckpointError
	require.ErrorAs(l, l.reason, &unused)
	return unused.Rule
}

// right wants the members of the reference, and the log to go on from what it
// was.
func (l *life) right(before []segment.Transition) []segment.Transition {
	l.Helper()
	l.agrees(l.engine, l.handle)
	after := l.folds(l.engine)
	known := map[uint64]segment.Transition{}
	for _, x := range after {
		known[x.Number] = x
	}
	var gone []audience.ContactID
	for _, x := range before {
		if now, ok := known[x.Number]; ok {
			require.Equal(l, x, now)
		} else {
			gone = append(gone, x.Contact)
		}
	}
	require.NoError(l, l.aud.View(l.ctx, func(r *store.Reader) error {
		erased, err := r.Erased(l.ctx, gone)
		for i, id := range gone {
			require.True(l, erased[i], "transitions of contact %s are gone", id)
		}
		return err
	}))
	return after
}

// TestEngineRestarts (G1, G3): an engine starts from nothing, from a checkpoint
// at once, with commits behind it, with the feed trimmed behind it, and after a
// backup was restored.
func TestEngineRestarts(t *testing.T) {
	Run(t, func(t *testing.T, d Database) {
		for seed := range uint64(engineScale(t, 1)) {
			l := &life{engineWorld: newEngineWorld(t, d), random: rand.New(rand.NewPCG(seed, 21))}
			l.fill(30)
			l.begin(nil)
			require.Equal(t, "truncated", l.rule())
			l.apply(l.engine, engineSegments(1))
			l.happen(true)
			log := l.right(nil)

			file := l.checkpoint()
			l.end(true)
			l.begin(file)
			require.NoError(t, l.reason, "at once")
			log = l.right(log)

			l.end(false)
			l.happen(false)
			l.begin(file)
			require.NoError(t, l.reason, "with commits behind it")
			log = l.right(log)

			l.end(true)
			l.happen(false)
			l.begin(nil)
			log = l.right(log)

			l.happen(true)
			l.end(true)
			l.happen(false)
			head, err := l.aud.Head(l.ctx)
			require.NoError(t, err)
			require.NoError(t, l.aud.Trim(l.ctx, head))
			l.happen(false)
			l.begin(file)
			require.Equal(t, "position", l.rule())
			require.ErrorIs(t, l.reason, audience.ErrPositionGone)
			log = l.right(log)

			file = l.checkpoint()
			l.happen(false)
			head, err = l.aud.Head(l.ctx)
			require.NoError(t, err)
			require.NoError(t, l.aud.Trim(l.ctx, head)) // while it runs and is behind
			log = l.right(log)
			l.restored(file, log)
		}
	})
}

// restored starts from a checkpoint of the life before.
func (l *life) restored(file []byte, log []segment.Transition) {
	l.Helper()
	l.end(true)
	restorer, ok := store.As[store.Restorer](l.aud)
	require.True(l, ok)
	require.NoError(l, restorer.Restored(l.ctx))
	require.ErrorIs(l, l.engine.Sync(l.ctx, store.Position{}), audience.ErrClosed, "a handle of before")
	l.aud = l.engineWorld.handle()
	l.happen(false)
	l.begin(file)
	require.Equal(l, "incarnation", l.rule())
	l.happen(true)
	l.right(log)
}
