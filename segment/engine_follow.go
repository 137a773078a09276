package segment

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/live"
	"github.com/audiencekit/audiencekit/store"
)

// followLimit is how many commits are read and applied at a time.
const followLimit = 1_000

// Sync waits until everything is applied that was committed up to a position,
// such as that of an Update: reads see it then. The zero position stands for
// everything committed so far.
//
// Errors: the store's, the context's, and [Engine.Err];
// [audience.ErrPositionGone] for a position from before a backup was restored:
// the engine is right all the same, but what was committed there may not be in
// the store any more.
func (e *Engine) Sync(ctx context.Context, position store.Position) error {
	if err := e.follow(ctx); err != nil {
		return err
	}
	defer e.unfollow()
	if err := e.pull(ctx); err != nil {
		return err
	}
	_, err := position.Numbers(e.position.Incarnation())
	return err
}

// pull applies all commits there are. The caller follows. What is behind the
// end of the feed at the beginning need not be in it. The position is then one
// to which others come, too: all commits up to some one.
func (e *Engine) pull(ctx context.Context) error {
	for {
		if err := e.Err(); err != nil {
			return err
		}
		commits, err := e.aud.Commits(ctx, e.position, followLimit)
		switch {
		case errors.Is(err, audience.ErrPositionGone):
			if err := e.reload(ctx); err != nil {
				return err
			}
			if err := e.adoptDefinitions(ctx); err != nil { // applied while it loaded
				return err
			}
			continue
		case err != nil:
			return err
		case len(commits) == 0:
			e.inOrder()
			if anew, err := e.caughtUp(ctx); err != nil || !anew {
				return err
			}
			continue // from the snapshot it started from
		}
		if err := e.apply(commits); err != nil {
			return err
		}
	}
}

// inOrder forgets the ticks that were made since a snapshot which does not have
// all commits up to its last one. An adapter may give such ones numbers when it
// is asked for the snapshot's position, which has more numbers then than the
// positions to which those come who read the feed from its beginning; no log
// can be compared with it. The log continues with the difference.
func (e *Engine) inOrder() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.started {
		return
	}
	e.started = false
	if n := numbersIn(e.position); n > 0 && numbersIn(e.snapshot) > n {
		e.ticks.forget(tick{at: e.state.Load().core.Now(), position: e.position})
	}
}

func numbersIn(p store.Position) int {
	numbers, _ := p.Numbers(p.Incarnation())
	return len(numbers)
}

// apply applies commits, each a tick of its own.
func (e *Engine) apply(commits []store.Commit) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	core := e.state.Load().core
	for i := range commits {
		c := &commits[i]
		at := min(max(audience.Micros(c.At), earliestClock()), latestClock())
		if err := core.Settle(at, e.record); err != nil {
			return e.fail(err)
		}
		// Names that move are seen together with what the members become.
		var erased []uint32
		var also func()
		if e.refs.moves(c.Changes) {
			also = func() { erased = e.noteChanges(c.Changes) }
		}
		moves, err := core.Commit(at, c.Changes, also)
		if err != nil {
			return e.fail(err)
		}
		if also == nil {
			erased = e.noteChanges(c.Changes)
		}
		e.position = c.Position
		e.ticks.add(tick{at: core.Now(), position: c.Position, moves: movesOf(moves), erased: erased})
	}
	return nil
}

// noteChanges follows up what the core does not: identities, the schema, who
// was erased.
func (e *Engine) noteChanges(changes []store.Change) (erased []uint32) {
	for i := range changes {
		ch := &changes[i]
		e.refs.change(ch)
		switch ch.Kind {
		case store.ChangeErase:
			erased = append(erased, uint32(ch.Contact))
			erased = append(erased, e.refs.mergedInto(uint32(ch.Contact))...)
		case store.ChangeSchema:
			e.renewed = true
		case store.ChangeRecord:
			e.redefine = e.redefine || ch.List == definitionsChanged
		default:
		}
	}
	return erased
}

// record keeps the moves of a tick of time.
func (e *Engine) record(at int64, moves []live.Move) error {
	e.ticks.add(tick{at: at, position: e.position, moves: movesOf(moves)})
	return nil
}

func movesOf(moves []live.Move) []move {
	if len(moves) == 0 {
		return nil
	}
	out := make([]move, len(moves))
	for i, m := range moves {
		out[i] = move{segment: m.Segment.Name(), contact: m.Contact, entered: m.Entered, causes: Causes(m.Causes)}
	}
	return out
}

// caughtUp does what has to wait until the feed is read to its end, and reports
// whether the engine stands where it is not read to its end again. What fails is
// tried again.
func (e *Engine) caughtUp(ctx context.Context) (again bool, err error) {
	e.mu.Lock()
	renewed, redefine := e.renewed, e.redefine
	e.renewed, e.redefine = false, false
	e.mu.Unlock()
	again, err = e.catchUpWith(ctx, renewed, redefine)
	if err != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.renewed, e.redefine = e.renewed || renewed, e.redefine || redefine
	}
	return again, err
}

func (e *Engine) catchUpWith(ctx context.Context, renewed, redefine bool) (again bool, err error) {
	again = e.state.Load().core.Table().Doubtful() > 0 // the feed does not tell enough: see columns.Table.Doubtful
	if renewed {
		var schema audience.Schema
		var zone string
		// The handle may not know: it was another one that changed them.
		if err := e.aud.View(ctx, func(r *store.Reader) error {
			schema, zone = r.Schema(), r.Zone().String()
			return nil
		}); err != nil {
			return false, err
		}
		e.mu.Lock()
		e.schema = schema
		again = again || zone != e.zone
		e.mu.Unlock()
	}
	if again {
		if err := e.reload(ctx); err != nil {
			return false, err
		}
	}
	if again || redefine {
		return again, e.adoptDefinitions(ctx)
	}
	return false, nil
}

// settle lets happen what is due up to the clock's instant and gives that. A
// read with nothing due costs a look at the clock and a compare.
func (e *Engine) settle() (*engineState, int64) {
	s, now := e.state.Load(), min(audience.Micros(e.aud.Now()), latestClock())
	if now >= s.core.Earliest() {
		if e.settleTo(now) != nil { // which Err tells: the members stay as they are
			now = math.MinInt64
		}
		s = e.state.Load()
	}
	return s, now
}

// settleTo lets happen what is due up to an instant.
func (e *Engine) settleTo(now int64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.settleLocked(now)
}

func (e *Engine) settleLocked(now int64) error {
	if e.failed != nil {
		return e.failed
	}
	return e.fail(e.state.Load().core.Settle(min(now, latestClock()), e.record))
}

// Now gives the instant at which the engine stands, moved to the clock's
// first.
func (e *Engine) Now() time.Time {
	if e.opened() != nil {
		return time.Time{}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.settleLocked(audience.Micros(e.aud.Now()))
	return audience.FromMicros(e.state.Load().core.Now())
}

// Position gives the position of the feed at which the engine stands.
func (e *Engine) Position() store.Position {
	if e.opened() != nil {
		return store.Position{}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.position
}
