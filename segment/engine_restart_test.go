package segment_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
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

// restarting is the live engine as a system that stops and starts again from
// its checkpoints, also from older ones.
type restarting struct {
	aud     *store.Audience
	random  *rand.Rand
	engine  *segment.Engine
	applied int // how often segments were
	kept    []keptCheckpoint
	head    store.Position
	now     time.Time
	counts  *restartCounts
}

type restartCounts struct{ checkpoints, restarts, replays, rebuilds int }

type keptCheckpoint struct {
	file    []byte
	applied int
}

func restarts(seed uint64, counts *restartCounts) segmenttest.Opener {
	return func(t testing.TB, opts store.Options) (*store.Audience, segmenttest.System) {
		t.Helper()
		aud, err := store.Open(t.Context(), memstore.New(), "main", opts)
		require.NoError(t, err)
		return aud, &restarting{aud: aud, random: rand.New(rand.NewPCG(seed, 5)), counts: counts}
	}
}

func (s *restarting) Define(ctx context.Context, defs ...segment.Definition) error {
	if s.engine == nil {
		engine, err := segment.OpenEngine(ctx, s.aud, segment.EngineOptions{})
		if err != nil {
			return err
		}
		s.engine = engine
	}
	s.applied++
	_, err := s.engine.Apply(ctx, defs...)
	return err
}

func (s *restarting) Members(ctx context.Context, name string, now time.Time) ([]audience.ContactID, error) {
	if err := s.moved(ctx, now); err != nil {
		return nil, err
	}
	found, err := s.engine.Segment(name)
	if err != nil {
		return nil, err
	}
	return slices.Collect(found.Members().All()), s.engine.Err()
}

// moved restarts now and then, goes on, and keeps a checkpoint now and then,
// once for each thing that happened.
func (s *restarting) moved(ctx context.Context, now time.Time) error {
	head, err := s.aud.Head(ctx)
	if err != nil || head == s.head && now.Equal(s.now) {
		return err
	}
	if len(s.kept) > 0 && s.random.IntN(4) == 0 {
		if err := s.restart(ctx, now); err != nil {
			return err
		}
	}
	if err := s.engine.Advance(ctx, now); err != nil {
		return err
	}
	if s.random.IntN(4) == 0 {
		var out bytes.Buffer
		if err := s.engine.Checkpoint(ctx, &out); err != nil {
			return err
		}
		s.kept = append(s.kept, keptCheckpoint{out.Bytes(), s.applied})
		s.counts.checkpoints++
	}
	s.now = now
	s.head, err = s.aud.Head(ctx)
	return err
}

func (s *restarting) restart(ctx context.Context, now time.Time) error {
	from := s.kept[len(s.kept)-1-s.random.IntN(min(len(s.kept), 5))]
	erased, err := s.erasedMeanwhile(ctx)
	if err != nil {
		return err
	}
	// When segments were applied since, they come into force at the end of what
	// is applied again, so the log has to be written up to now; so it has when
	// somebody is erased of whom only the log knows that she was in. Otherwise
	// what happened since the last step is for the new engine alone.
	if from.applied != s.applied || erased || s.random.IntN(3) == 0 {
		if err := s.engine.Advance(ctx, now); err != nil {
			return err
		}
	} else {
		s.counts.replays++
	}
	s.counts.restarts++
	if err := stopEngine(ctx, s.engine); err != nil {
		return err
	}
	var reason error
	opts := segment.EngineOptions{Rebuilt: func(err error) { reason = err }}
	engine, err := segment.LoadEngine(ctx, s.aud, opts, bytes.NewReader(from.file))
	if err != nil {
		return err
	}
	s.engine = engine
	return reason
}

// erasedMeanwhile reports whether the last step has erased somebody.
func (s *restarting) erasedMeanwhile(ctx context.Context) (bool, error) {
	commits, err := s.aud.Commits(ctx, s.head, 1_000)
	for _, c := range commits {
		for i := range c.Changes {
			if c.Changes[i].Kind == store.ChangeErase {
				return true, err
			}
		}
	}
	return false, err
}

// stopEngine gives the log back, as Run does in the end.
func stopEngine(ctx context.Context, e *segment.Engine) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if err := e.Run(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (s *restarting) Transitions(ctx context.Context, after uint64) ([]segment.Transition, error) {
	if s.engine == nil {
		return nil, nil
	}
	var out []segment.Transition
	for {
		page, err := s.engine.Transitions(ctx, after, 0)
		if err != nil || len(page) == 0 {
			return out, err
		}
		for _, x := range page {
			if x.Causes.Has(segment.CauseRebuild) {
				s.counts.rebuilds++
			}
		}
		out = append(out, page...)
		after = out[len(out)-1].Number
	}
}

// TestRestartTrials (G1) holds an engine that restarts from checkpoints of any age to the reference: its members, and
// what it writes to the log, are those of one that never stopped. AUDIENCEKIT_ENGINE_RESTARTS says how many worlds.
func TestRestartTrials(t *testing.T) {
	worlds, first := naiveEnv(t, "AUDIENCEKIT_ENGINE_RESTARTS", 25), naiveEnv(t, "AUDIENCEKIT_ENGINE_SEED", 1)
	var total segmenttest.Report
	var counts restartCounts
	failed := 0
	for seed := uint64(first); seed < uint64(first+worlds) && failed < 3; seed++ {
		report, err := newTrial(t, seed).Run(t, restarts(seed, &counts))
		total.Add(report)
		if err != nil {
			t.Errorf("world %d: %v", seed, err)
			failed++
		}
	}
	t.Log(total)
	t.Logf("%+v", counts)
	if failed == 0 && worlds >= 25 {
		require.Greater(t, counts.checkpoints, 10*worlds)
		require.Greater(t, counts.restarts, 8*worlds)
		require.Greater(t, counts.replays, 3*worlds)
	}
}
