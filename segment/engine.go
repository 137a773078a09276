package segment

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
	"github.com/audiencekit/audiencekit/segment/internal/live"
	"github.com/audiencekit/audiencekit/store"
)

// Engine keeps the members of segments up to date while contacts, events and
// time move on: exact at every instant, at a cost that follows what changes.
// One engine per audience holds all live segments; any number of processes may
// have one each.
//
// It stands at a position of the store's feed and at an instant. [Engine.Sync]
// and [Engine.Run] move the position on; every read moves the instant to the
// clock's first, and lets happen what is due until then. A contact is in a
// segment exactly when its expression is true of her record as of the position
// at the instant. The instant never goes back, whatever the clock does, and
// time passes in the years 1000 to 9000.
//
// An Engine is safe for concurrent use. [OpenEngine] and [LoadEngine] make one;
// the zero Engine, and a nil one, have no segments, and their calls give
// [audience.ErrInvalid].
type Engine struct {
	aud  *store.Audience
	opts EngineOptions
	refs *refIndex
	log  *transitionLog

	// following is held by whoever reads the feed or changes what is live, for
	// as long as that takes. It is taken before mu.
	following chan struct{}

	mu       sync.Mutex // of everything below, and of calls of the core
	set      *Set
	version  uint64 // of the definitions
	schema   audience.Schema
	zone     string
	position store.Position
	snapshot store.Position // where it started
	started  bool           // and has not come to the end of the feed since
	ticks    ticks
	failed   error
	renewed  bool // the schema or the zone changed
	redefine bool // definitions were stored by another engine

	state atomic.Pointer[engineState]
}

// engineState is what reads go to without waiting for anybody.
type engineState struct{ core *live.Core }

// EngineOptions configures an [Engine]. The zero EngineOptions has no functions
// of the host, the default limits, and finds contacts by the host's own keys.
type EngineOptions struct {
	Functions []Function // of the host, as for [Options]
	Limits    Limits     // as for [Options]

	// Index says by what [Live.Has] finds contacts, besides their ids.
	Index RefKinds

	// ForecastLimit is how many moves a [Forecast] lists; 0 is 100,000.
	ForecastLimit int

	// Poll is how long [Engine.Run] waits at most before it looks at the feed
	// again; default 200 ms. It is awake in time for what is due all the same,
	// and for commits of which the store tells ([store.Waker]).
	Poll time.Duration

	// Rebuilt is told why [LoadEngine] does not use a checkpoint, a
	// [*CheckpointError], before it loads the contacts from the store. Nil
	// tells nobody.
	Rebuilt func(reason error)

	// Progress is told how far loading contacts from the store has come, from
	// the goroutine that called. Nil tells nobody.
	Progress func(LoadProgress)
}

// LoadProgress says how far loading has come.
type LoadProgress struct {
	Contacts int // that were read
	Of       int // how many there are, 0 when nobody can tell
}

// The instants that an engine's clock may show.
func earliestClock() int64 {
	return audience.Micros(time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC))
}

func latestClock() int64 { return audience.Micros(time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)) }

// OpenEngine starts the engine of an audience with the segments that were
// applied last and are kept in the store; none before the first
// [Engine.Apply]. What they read is loaded from the store first, all contacts
// page by page: [LoadEngine] starts from a checkpoint instead.
//
// Stored segments keep the meaning that they had when they were applied,
// whatever has been renamed since. One that cannot be live any more, say for
// want of a function of the host, is an error that comes with an engine: it
// has no segments, [Engine.Err] tells the same error, and it does nothing but
// to wait for an [Engine.Apply] of other definitions.
//
// Errors without an engine: [audience.ErrInvalid] for no audience, and for a
// clock outside the years 1000 to 9000; an [audience.FieldError] about a function; the store's;
// the context's. Errors with one: a [*SetError] that names every stored
// segment that does not compile; those of [Moment.Match];
// [audience.ErrInvalid] when the stored segments cannot be read.
func OpenEngine(ctx context.Context, aud *store.Audience, opts EngineOptions) (*Engine, error) {
	e, err := newEngine(aud, opts)
	if err != nil {
		return nil, err
	}
	none, err := e.compile(nil)
	if err != nil {
		return nil, err
	}
	reason := e.reload(ctx)
	if reason == nil {
		return e, nil
	}
	if e.failed == nil {
		return nil, reason
	}
	l, err := e.read(ctx, none)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.replace(l)
	_ = e.fail(reason)
	return e, reason
}

func newEngine(aud *store.Audience, opts EngineOptions) (*Engine, error) {
	if aud == nil {
		return nil, required("audience", "one of store.Open")
	}
	if now := audience.Micros(aud.Now()); now < earliestClock() || now > latestClock() {
		return nil, &audience.FieldError{Path: "clock", Rule: "range", Hint: "a clock in the years 1000 to 9000"}
	}
	log, err := newTransitionLog(aud)
	if err != nil {
		return nil, err
	}
	e := &Engine{aud: aud, opts: opts, refs: newRefIndex(opts.Index), log: log, following: make(chan struct{}, 1)}
	e.schema, e.zone = aud.Schema(), aud.Zone().String()
	return e, nil
}

// compile compiles definitions against the schema as it is now.
func (e *Engine) compile(defs []Definition) (*Set, error) {
	return e.compileIn(e.aud.Schema(), e.aud.Zone(), defs)
}

// compileIn compiles definitions in the words of a schema.
func (e *Engine) compileIn(words audience.Schema, zone *time.Location, defs []Definition) (*Set, error) {
	language, err := NewLanguage(words, Options{Zone: zone, Limits: e.opts.Limits, Functions: e.opts.Functions})
	if err != nil {
		return nil, err
	}
	return language.CompileSet(defs...)
}

// loaded is what was made from a snapshot of the store.
type loaded struct {
	core     *live.Core
	refs     *refIndex
	set      *Set
	position store.Position
	schema   audience.Schema
	zone     string
}

// read makes a core from a snapshot of the store, with the segments of a set,
// which is compiled anew when the zone has changed since. Nothing of the
// engine changes.
func (e *Engine) read(ctx context.Context, set *Set) (*loaded, error) {
	l := &loaded{refs: newRefIndex(e.opts.Index), set: set}
	err := e.aud.View(ctx, func(r *store.Reader) (err error) {
		l.schema, l.zone = r.Schema(), r.Zone().String()
		if language := set.language; language.zone.String() != l.zone {
			if l.set, err = e.compileIn(language.schema, r.Zone(), set.definitions); err != nil {
				return err
			}
		}
		if l.position, err = r.Position(ctx); err != nil {
			return err
		}
		table := columns.New(r.Schema(), r.Zone(), l.set.needs())
		if err := table.Load(ctx, r, e.progress(ctx, r)); err != nil {
			return err
		}
		l.core = live.New(table, audience.NewCalendar(r.Zone()), e.startOf(ctx, r))
		return l.refs.load(ctx, r, table)
	})
	if err != nil {
		return nil, err
	}
	draft, err := l.core.Draft(l.set.liveDefinitions(), nil)
	if err != nil {
		return nil, &evaluationError{err}
	}
	draft.Publish()
	return l, nil
}

// evaluationError is a segment that could not be evaluated for some contact:
// trying again is of no use.
type evaluationError struct{ err error }

func (e *evaluationError) Error() string { return e.err.Error() }
func (e *evaluationError) Unwrap() error { return e.err }

// reload starts anew from the store, with the segments that it keeps, and
// stops the engine when these cannot be live. The caller follows, unless
// nobody has the engine yet.
func (e *Engine) reload(ctx context.Context) error {
	v, err := loadDefinitions(ctx, e.aud)
	if err != nil {
		return e.stopUnlessStore(err)
	}
	set, err := e.compileVersion(v)
	if err != nil {
		return e.stopUnlessStore(err)
	}
	l, err := e.read(ctx, set)
	if err != nil {
		return e.stopUnlessStore(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.replace(l)
	e.version = v.Number
	return nil
}

// stopUnlessStore stops the engine when an error is about what is stored, and
// so stays. It gives the error.
func (e *Engine) stopUnlessStore(err error) error {
	var bad *SetError
	var failed *evaluationError
	var unreadable *audience.FieldError
	if errors.As(err, &bad) || errors.As(err, &failed) || errors.As(err, &unreadable) {
		e.mu.Lock()
		defer e.mu.Unlock()
		_ = e.fail(err)
	}
	return err
}

// startOf gives the instant at which a core made from a snapshot stands: the
// clock's, but never before what was committed.
func (e *Engine) startOf(ctx context.Context, r *store.Reader) int64 {
	now := audience.Micros(e.aud.Now())
	if roles, ok := r.Unwrap().(store.ReadRoles); ok {
		if last, err := roles.LastCommit(ctx); err == nil && !last.IsZero() {
			now = max(now, audience.Micros(last))
		}
	}
	return now
}

// replace puts a core in the place of the one there was. What the segments
// gain and lose by it is a tick of its own, of which nobody knows the reason.
// Erasures may be among what was not read. Time has gone on in the old core
// meanwhile, and does in the new one. The caller holds mu.
func (e *Engine) replace(l *loaded) {
	var failed error
	if old := e.state.Load(); old != nil {
		failed = l.core.Settle(old.core.Now(), nil)
		e.ticks.add(tick{at: l.core.Now(), position: l.position, moves: differences(old.core, l.core)})
		e.ticks.missed = true
		old.core.Retire() // before the names change
	}
	e.refs.replace(l.refs)
	e.state.Store(&engineState{core: l.core})
	e.set, e.position, e.failed, e.schema, e.zone = l.set, l.position, nil, l.schema, l.zone
	e.snapshot, e.started = l.position, true
	_ = e.fail(failed)
}

func (e *Engine) progress(ctx context.Context, r *store.Reader) func(int) {
	if e.opts.Progress == nil {
		return nil
	}
	of := 0
	if c, ok := store.As[store.ContactCounter](r.Unwrap()); ok {
		of, _ = c.CountContacts(ctx)
	}
	return func(contacts int) { e.opts.Progress(LoadProgress{Contacts: contacts, Of: of}) }
}

// needs gives what the segments of a set read.
func (s *Set) needs() columns.Needs {
	var n columns.Needs
	for _, slot := range s.slots {
		n = n.Union(live.NeedsOf(s.expressions[slot].program))
	}
	return n
}

func (s *Set) liveDefinitions() []live.Definition {
	out := make([]live.Definition, len(s.definitions))
	for i, def := range s.definitions {
		e := s.expressions[s.slots[i]]
		out[i] = live.Definition{Name: def.Name, Program: e.program, Names: e.names}
	}
	return out
}

// follow takes the right to move the position and what is live.
func (e *Engine) follow(ctx context.Context) error {
	if err := e.opened(); err != nil {
		return err
	}
	select {
	case e.following <- struct{}{}:
		return nil
	default:
	}
	select {
	case e.following <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *Engine) unfollow() { <-e.following }

// Err gives why the engine can not go on, nil while it can: a segment whose
// evaluation failed, such as one that exceeds [Limits.Steps] for some contact
// or whose function of the host panicked, or one that another engine has
// applied and that does not compile here, say for want of a function. The
// segments stay as they were before, reads give that, and all calls that would
// change anything give this error. Applying other definitions starts anew.
func (e *Engine) Err() error {
	if err := e.opened(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failed
}

// fail keeps the first error after which the core is of no more use.
func (e *Engine) fail(err error) error {
	if err != nil && e.failed == nil {
		e.failed = fmt.Errorf("segment: the engine stopped: %w", err)
	}
	return e.failed
}
