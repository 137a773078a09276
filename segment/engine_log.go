package segment

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/bitset"
	"github.com/audiencekit/audiencekit/store"
)

// leaseTime is for how long the writer of the log holds it without writing:
// after that another engine may take over.
const leaseTime = 30 * time.Second

// Advance lets happen what is due up to an instant, and writes the transitions
// to the log unless another engine holds it: what is committed so far, and
// then time, tick by tick, however far it goes. The engine's clock stands at
// the instant then, also when that is ahead of the host's.
//
// Errors: [audience.ErrInvalid] for an instant outside the years 1000 to 9000;
// those of [Engine.Sync].
func (e *Engine) Advance(ctx context.Context, to time.Time) error {
	at := audience.Micros(to)
	if at < earliestClock() || at > latestClock() {
		return &audience.FieldError{Path: "time", Rule: "range", Hint: "an instant in the years 1000 to 9000"}
	}
	if err := e.follow(ctx); err != nil {
		return err
	}
	defer e.unfollow()
	if err := e.pull(ctx); err != nil {
		return err
	}
	if err := e.settleTo(at); err != nil {
		return err
	}
	return e.persist(ctx)
}

// persist writes the ticks to the log. The caller follows. When another engine
// writes the log, those that it has written are forgotten.
func (e *Engine) persist(ctx context.Context) error {
	if err := e.Err(); err != nil {
		return err
	}
	err := e.write(ctx)
	if errors.Is(err, audience.ErrConflict) {
		// Somebody took over, or we do not know what became of a write, or the
		// store is an older one.
		_ = e.log.release(ctx)
		err = e.write(ctx)
	}
	if errors.Is(err, audience.ErrConflict) { // again: next time
		_ = e.log.release(ctx)
		return nil
	}
	return err
}

func (e *Engine) write(ctx context.Context) error {
	for {
		if e.log.checkHeld() != nil || e.hasGap() {
			switch err := e.takeLog(ctx); {
			case errors.Is(err, audience.ErrConflict):
				return e.forgetWritten(ctx)
			case err != nil:
				return err
			}
		}
		if err := e.findErased(ctx); err != nil {
			return err
		}
		queue := e.someTicks()
		if len(queue) == 0 {
			return e.log.maintain(ctx)
		}
		if err := e.log.appendTicks(ctx, queue); err != nil {
			return err
		}
		e.written(len(queue))
	}
}

func (e *Engine) hasGap() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ticks.gap
}

// someTicks gives the first of the queue, as many as one transaction takes. The
// log may stand ahead of them, when an engine with another clock wrote it.
func (e *Engine) someTicks() []tick {
	const some = 1_000
	e.mu.Lock()
	queue := slices.Clone(e.ticks.queue[:min(len(e.ticks.queue), some)])
	e.mu.Unlock()
	least := e.log.standsAt()
	for i := range queue {
		queue[i].at = max(queue[i].at, least)
	}
	return queue
}

// written forgets the first n ticks of the queue, which reads may have made so
// long meanwhile that it was forgotten.
func (e *Engine) written(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.ticks.gap {
		e.ticks.drop(n)
	}
}

// findErased sees to it that nothing is written of contacts whose erasure was
// missed, and that the log forgets what it has of them.
func (e *Engine) findErased(ctx context.Context) error {
	e.mu.Lock()
	missed := e.ticks.missed
	contacts := map[audience.ContactID]bool{}
	if missed {
		for _, t := range e.ticks.queue {
			for _, m := range t.moves {
				contacts[audience.ContactID(m.contact)] = true
			}
		}
	}
	e.mu.Unlock()
	if !missed {
		return nil
	}
	gone := map[uint32]bool{}
	if err := e.aud.View(ctx, func(r *store.Reader) error {
		for ids := range slices.Chunk(slices.Sorted(maps.Keys(contacts)), r.Audience().Limits().BatchItems) {
			erased, err := r.Erased(ctx, ids)
			if err != nil {
				return err
			}
			for i, id := range ids {
				if erased[i] {
					gone[uint32(id)] = true
				}
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if err := e.log.forgetAnybody(ctx); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ticks.erase(gone)
	e.ticks.missed = false
	return nil
}

// takeLog takes the lease and sees to it that the queue goes on from where the
// log stands: with what the queue says where that leads from the one to the
// other, else with the difference.
func (e *Engine) takeLog(ctx context.Context) error {
	if _, err := e.log.acquire(ctx, leaseTime); err != nil {
		return err
	}
	stand, err := e.log.stand(ctx)
	if err != nil {
		return err
	}
	sets, err := e.log.foldAll(ctx)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.settleLocked(stand.at); err != nil { // the log may be ahead of the clock
		return err
	}
	e.ticks.regain(stand)
	if e.goesOn(stand, sets) {
		return nil
	}
	core := e.state.Load().core
	now := tick{at: max(core.Now(), stand.at), position: e.position}
	for _, s := range core.Segments() {
		var logged bitset.Live
		logged.Load(sets[s.Name()])
		now.moves = differ(now.moves, s.Name(), logged.Freeze(), s.Freeze(), CauseRebuild)
		delete(sets, s.Name())
	}
	for name, set := range sets {
		for id := range set.All() {
			now.moves = append(now.moves, move{segment: name, contact: id, causes: CauseDefinition | CauseRebuild})
		}
	}
	now.moves = e.ticks.leavesErased(e.ticks.places(stand)[0], now.moves)
	sortMoves(now.moves)
	for _, t := range e.ticks.queue {
		now.erased = append(now.erased, t.erased...)
	}
	e.ticks.restart(now, stand.number > 0)
	return nil
}

// goesOn drops the ticks that the log has, and reports whether the others lead
// from its members to those that are live.
func (e *Engine) goesOn(stand logStand, sets map[string]bitset.Set) bool {
	if e.ticks.gap {
		return false
	}
	for _, first := range e.ticks.places(stand) {
		if e.leadsHere(sets, e.ticks.queue[first:]) {
			e.ticks.drop(first)
			e.ticks.notBefore(stand.at)
			return true
		}
	}
	return false
}

// leadsHere reports whether ticks lead from the sets to those that are live.
// Those who were erased are in neither.
func (e *Engine) leadsHere(sets map[string]bitset.Set, queue []tick) bool {
	erased := map[uint32]bool{}
	for _, t := range queue {
		for _, id := range t.erased {
			erased[id] = true
		}
	}
	now := map[string]*bitset.Live{}
	for name, set := range sets {
		now[name] = &bitset.Live{}
		now[name].Load(set)
	}
	for _, t := range queue {
		for _, m := range t.moves {
			if erased[m.contact] {
				continue
			}
			if now[m.segment] == nil {
				now[m.segment] = &bitset.Live{}
			}
			if !now[m.segment].Set(m.contact, m.entered) {
				return false
			}
		}
	}
	for _, s := range e.state.Load().core.Segments() {
		l := now[s.Name()]
		if l == nil {
			l = &bitset.Live{}
		}
		if len(differ(nil, s.Name(), l.Freeze(), s.Freeze(), 0)) > 0 {
			return false
		}
		delete(now, s.Name())
	}
	for _, l := range now {
		if l.Len() > 0 {
			return false
		}
	}
	return true
}

// forgetWritten forgets the ticks that another engine has written. What it
// wrote may fall into other ticks, so some at the log's instant are kept.
func (e *Engine) forgetWritten(ctx context.Context) error {
	stand, err := e.log.stand(ctx)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ticks.drop(e.ticks.written(stand))
	e.ticks.regain(stand)
	return nil
}

// Close writes what is not in the log yet, if this engine holds it, and gives
// the log up, so that another engine need not wait until the lease is over.
// The engine goes on answering; [Engine.Run] or [Engine.Advance] take the log
// again.
func (e *Engine) Close(ctx context.Context) error {
	if err := e.follow(ctx); err != nil {
		return err
	}
	defer e.unfollow()
	if e.log.checkHeld() != nil {
		return nil
	}
	return errors.Join(e.persist(ctx), e.log.release(ctx))
}

// pollEvery is the default of [EngineOptions.Poll].
const pollEvery = 200 * time.Millisecond

// Run does what is to be done in the background, until the context is done,
// whose error it gives: it applies what is committed (as soon as it is told of
// it, where the store can: see [store.Waker]), lets happen what is due,
// and writes the transitions, for [Engine.Follow], unless another engine does;
// then it is ready to take over. Without it reads are exact all the same, as of
// the last [Engine.Sync].
//
// A failing store is tried again; what goes wrong otherwise ends it: see
// [Engine.Err].
func (e *Engine) Run(ctx context.Context) error {
	if err := e.opened(); err != nil {
		return err
	}
	defer func() { // so that another one need not wait for the lease to end
		if e.follow(context.WithoutCancel(ctx)) == nil {
			_ = e.log.release(context.WithoutCancel(ctx))
			e.unfollow()
		}
	}()
	hints, stop := e.hints(ctx)
	defer stop()
	for {
		err := e.round(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case e.Err() != nil:
			return e.Err()
		case err != nil:
			e.aud.Logger().WarnContext(ctx, "segment: the engine could not read or write the store and tries again", "error", err)
		}
		if err := e.rest(ctx, hints); err != nil {
			return err
		}
	}
}

func (e *Engine) round(ctx context.Context) error {
	if err := e.follow(ctx); err != nil {
		return err
	}
	defer e.unfollow()
	if err := e.pull(ctx); err != nil {
		return err
	}
	if err := e.settleTo(audience.Micros(e.aud.Now())); err != nil {
		return err
	}
	return e.persist(ctx)
}

// pause is how long to wait for the next round.
func (e *Engine) pause() time.Duration {
	poll := pollEvery
	if e.opts.Poll > 0 {
		poll = e.opts.Poll
	}
	due, now := e.state.Load().core.Earliest(), audience.Micros(e.aud.Now())
	if due == math.MaxInt64 || due-now > poll.Microseconds() {
		return poll
	}
	return max(time.Duration(due-now)*time.Microsecond, time.Millisecond)
}

// Follow calls fn with the transitions in order of their numbers, batch by
// batch, until the context is done, and gives why it ended. Each transition
// comes at least once: the follower's place is kept in the store under its
// name when fn has returned nil, and what was broken off in between comes
// again. How the transitions fall into batches may differ then, so fn tells by
// their numbers what it knows already.
//
// An error of fn ends this follow and is given back as it is; nobody else
// notices, nor of a slow fn. Following again continues with what fn did not
// take. A name is followed by one at a time: of two, one ends with
// [audience.ErrConflict]. When transitions that were not delivered yet have
// been trimmed it is a [*TrimmedError]. Of contacts who were erased before
// their delivery nothing comes but what they left by that.
func (e *Engine) Follow(ctx context.Context, name string, opts FollowOptions, fn func(context.Context, []Transition) error) error {
	if err := e.opened(); err != nil {
		return err
	}
	if fn == nil {
		return required("fn", "a function that takes transitions")
	}
	return e.log.follow(ctx, name, opts, fn)
}

// Unfollow forgets a follower's place.
func (e *Engine) Unfollow(ctx context.Context, name string) error {
	if err := e.opened(); err != nil {
		return err
	}
	return e.log.unfollow(ctx, name)
}

// Transitions gives up to limit transitions after a number, in order of their
// numbers; none when there are none. Of erased contacts there is nothing but
// what they left by that. A limit below 1 is 1,000. When transitions after the
// number have been trimmed it is a [*TrimmedError].
func (e *Engine) Transitions(ctx context.Context, after uint64, limit int) ([]Transition, error) {
	if err := e.opened(); err != nil {
		return nil, err
	}
	return e.log.after(ctx, after, limit)
}

// TrimTransitions forgets the transitions below a number, as far as whole
// batches go. The past before it can not be asked for any more.
func (e *Engine) TrimTransitions(ctx context.Context, before uint64) error {
	if err := e.follow(ctx); err != nil {
		return err
	}
	defer e.unfollow()
	if err := e.pull(ctx); err != nil {
		return err
	}
	if err := e.persist(ctx); err != nil {
		return err
	}
	return e.log.trim(ctx, before)
}

// AsOf gives who was in a segment at an instant in the past, as believed then:
// late facts change it from their commit on, never before. Contacts who were
// erased since are not in it. Before the first transition nobody is; before
// what is kept it is a [*TrimmedError].
//
// It is read from the log, as Growth is: what nobody has written there yet, by
// [Engine.Run] or [Engine.Advance], is missing. Who is in now, a [Live] tells.
func (e *Engine) AsOf(ctx context.Context, name string, at time.Time) (Members, error) {
	if err := e.opened(); err != nil {
		return Members{}, err
	}
	return e.log.membersAt(ctx, name, at)
}

// Growth gives how a segment changed between two instants, from the log. From
// before what is kept is a [*TrimmedError], To before From
// [audience.ErrInvalid].
func (e *Engine) Growth(ctx context.Context, name string, from, to time.Time) (Growth, error) {
	if err := e.opened(); err != nil {
		return Growth{}, err
	}
	return e.log.growth(ctx, name, from, to)
}

// GrowthByDay gives it for every calendar day of the audience's zone from
// first to last.
func (e *Engine) GrowthByDay(ctx context.Context, name string, first, last audience.Date) ([]GrowthPoint, error) {
	if err := e.opened(); err != nil {
		return nil, err
	}
	return e.log.growthByDay(ctx, name, first, last)
}
