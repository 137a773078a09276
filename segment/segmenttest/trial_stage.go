package segmenttest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// stage is an audience, a system over it, and the reference to compare it with.
type stage struct {
	player *player
	oracle *oracle
	moves  *moves // nil: the system tells of no transitions
}

// room is a test within a test: what is to be cleaned up is cleaned up when one leaves it.
type room struct {
	testing.TB
	cleanups []func()
}

// Cleanup keeps a function for when the room is left.
func (r *room) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *room) leave() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	r.cleanups = nil
}

// newStage opens an audience for a script.
func newStage(t testing.TB, s *Script, open Opener, functions []segment.Function) (*stage, error) {
	t.Helper()
	clock := NewClock(s.Start)
	aud, system := open(t, store.Options{Schema: s.Schema, Zone: s.Zone, Keys: testKeys(t), Clock: clock.Now})
	oracle, err := newOracle(aud, functions)
	if err != nil {
		return nil, err
	}
	out := &stage{player: newPlayer(aud, clock, system), oracle: oracle}
	if x, ok := system.(Transitioner); ok {
		out.moves = newMoves(x)
	}
	out.player.prepare(s.Steps)
	return out, nil
}

// do plays a step that is no expectation.
func (g *stage) do(ctx context.Context, step *Step) error {
	if do, ok := step.Do.(Define); ok {
		g.player.define(do.Definition)
		return nil
	}
	return g.player.change(ctx, step.Do)
}

// seen is what one comparison saw.
type seen struct{ comparisons, members, flips, transitions int }

// compare asks the system for the members of segments, nil for all, and compares them with the reference. steps says
// how many steps there were since the last comparison; 0: many.
func (g *stage) compare(ctx context.Context, segments []string, steps int) (seen, error) {
	if err := g.publish(ctx); err != nil {
		return seen{}, err
	}
	now := g.player.clock.Now()
	flips, err := g.oracle.evaluate(ctx, now)
	if err != nil {
		return seen{}, err
	}
	out := seen{flips: flips}
	if segments == nil {
		segments = g.oracle.set.Names()
	}
	for _, name := range segments {
		want, ok := g.oracle.members(name)
		if !ok {
			return out, noSegment(name)
		}
		var got []audience.ContactID
		err := g.guarded(name, func() (err error) {
			got, err = g.player.system.Members(ctx, name, now)
			return err
		})
		if err != nil {
			return out, err
		}
		out.comparisons += len(g.oracle.rows)
		out.members += len(want)
		if !slices.Equal(got, want) {
			return out, g.differ(ctx, name, got, want)
		}
	}
	if g.moves != nil {
		err = g.guarded("", func() (err error) {
			out.transitions, err = g.moves.check(ctx, g, steps)
			return err
		})
	}
	return out, err
}

// publish hands new definitions to both.
func (g *stage) publish(ctx context.Context) error {
	if !g.player.dirty {
		return nil
	}
	defs := make([]segment.Definition, 0, len(g.player.order))
	for _, name := range g.player.order {
		defs = append(defs, g.player.defined[name])
	}
	if err := g.oracle.define(defs); err != nil {
		return err
	}
	return g.guarded("", func() error {
		if err := g.player.publish(ctx); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(g.player.errors)) {
			return fmt.Errorf("the system refuses the segment %s: %w", name, g.player.errors[name][0])
		}
		return nil
	})
}

// guarded makes a mismatch of what a call of the system fails or panics with.
func (g *stage) guarded(name string, call func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &MismatchError{Kind: "panic", Segment: name, Detail: fmt.Sprintf("%v\n%s", cause, debug.Stack())}
		}
	}()
	err = call()
	if _, ok := errors.AsType[*MismatchError](err); ok || err == nil {
		return err
	}
	return &MismatchError{Kind: "error", Segment: name, Detail: err.Error()}
}

// differ says who is in a segment and should not be, or the other way round.
func (g *stage) differ(ctx context.Context, name string, got, want []audience.ContactID) error {
	at := instantText(g.player.clock.Now())
	for i, id := range got {
		if i > 0 && got[i-1] >= id {
			return &MismatchError{
				Kind: "members", Segment: name,
				Detail: fmt.Sprintf("at %s: members of %s must ascend, %s comes after %s", at, name, id, got[i-1]),
			}
		}
	}
	find := func(in, notIn []audience.ContactID) (audience.ContactID, bool) {
		for _, id := range in {
			if _, found := slices.BinarySearch(notIn, id); !found {
				return id, true
			}
		}
		return 0, false
	}
	is := "should be in it and is not"
	id, missing := find(want, got)
	if !missing {
		is = "is in it and should not be"
		id, _ = find(got, want)
	}
	who := g.player.nameOf(id)
	detail := fmt.Sprintf("at %s: segment %s: %s %s", at, name, who, is)
	if why := g.oracle.explain(ctx, name, id); why != "" {
		detail += "\n" + why
	}
	return &MismatchError{Kind: "members", Segment: name, Contact: who, Detail: detail}
}

// names gives the members that the reference finds, as an expectation says them.
func (g *stage) names(name string) People {
	ids, _ := g.oracle.members(name)
	var out People
	for _, id := range ids {
		out.Names = append(out.Names, g.player.nameOf(id))
	}
	slices.Sort(out.Names)
	return out
}
