package segmenttest

import (
	"context"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// Find is [segment.Set.Find] over an audience as a [System]: what a store that can find contacts itself is held to the
// scripts and trials with.
func Find(aud *store.Audience, functions ...segment.Function) System {
	return &findSystem{reference{aud: aud, functions: functions}}
}

type findSystem struct{ reference }

func (s *findSystem) Members(ctx context.Context, name string, now time.Time) (ids []audience.ContactID, err error) {
	if s.set == nil {
		return nil, noSegment(name)
	}
	err = s.aud.View(ctx, func(reader *store.Reader) error {
		members, err := s.set.Find(ctx, reader, name, now, nil)
		ids = slices.Collect(members.All())
		return err
	})
	return ids, err
}
