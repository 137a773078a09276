package segmenttest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// Live is the [Opener] of the memory store with the live engine.
func Live(t testing.TB, opts store.Options) (*store.Audience, System) {
	t.Helper()
	aud := openMemory(t, opts)
	return aud, Engine(t, aud)
}

// Engine is the live engine of an audience as a [System]. It is opened when
// segments are defined first.
func Engine(t testing.TB, aud *store.Audience, functions ...segment.Function) System {
	t.Helper()
	return &engineSystem{aud: aud, functions: functions}
}

type engineSystem struct {
	aud       *store.Audience
	functions []segment.Function
	engine    *segment.Engine
}

func (s *engineSystem) Define(ctx context.Context, defs ...segment.Definition) error {
	if s.engine == nil {
		engine, err := segment.OpenEngine(ctx, s.aud, segment.EngineOptions{Functions: s.functions})
		if err != nil {
			return err
		}
		s.engine = engine
	}
	_, err := s.engine.Apply(ctx, defs...)
	return err
}

func (s *engineSystem) Members(ctx context.Context, name string, now time.Time) ([]audience.ContactID, error) {
	if s.engine == nil {
		return nil, noSegment(name)
	}
	if err := s.engine.Advance(ctx, now); err != nil {
		return nil, err
	}
	found, err := s.engine.Segment(name)
	if err != nil {
		return nil, err
	}
	return slices.Collect(found.Members().All()), s.engine.Err()
}

// Restart opens the engine anew, from the store.
func (s *engineSystem) Restart(ctx context.Context) error {
	if s.engine == nil {
		return nil
	}
	if err := s.engine.Close(ctx); err != nil {
		return err
	}
	engine, err := segment.OpenEngine(ctx, s.aud, segment.EngineOptions{Functions: s.functions})
	s.engine = engine
	return err
}

// Transitions gives those of the log.
func (s *engineSystem) Transitions(ctx context.Context, after uint64) ([]segment.Transition, error) {
	if s.engine == nil {
		return nil, nil
	}
	var out []segment.Transition
	for {
		page, err := s.engine.Transitions(ctx, after, 0)
		if err != nil || len(page) == 0 {
			return out, err
		}
		out = append(out, page...)
		after = out[len(out)-1].Number
	}
}
