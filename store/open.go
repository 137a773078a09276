package store

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Options of [Open]. The zero Options are safe: nothing declared, UTC, no
// keys (so that nobody can be made mailable), the system's clock, no log.
type Options struct {
	// Schema declares fields, event types, purposes and lists. What is
	// stored already stays; what is new is added.
	Schema audience.Schema
	// Zone is the time zone of the audience's days, weeks and months, by its
	// name in the IANA database; nil keeps the stored one, UTC for a new
	// audience. time.Local is refused: it means another zone on another
	// machine.
	Zone *time.Location
	// Keys hash addresses. Once an audience was opened with keys it cannot
	// be opened without those that its suppressions name. A new key goes to
	// every process as a further one first and is made the primary one then:
	// a process that lacks a key does not see what was hashed under it.
	Keys audience.Keys
	// Clock gives the current instant; nil is the system's clock.
	Clock func() time.Time
	// Logger gets what the library has to say; nil discards it. It never
	// gets a clear address, name or value.
	Logger *slog.Logger
	// Limits bound what the audience accepts.
	Limits audience.Limits
}

// Audience is the handle of one open audience: what a host holds and every
// feature takes first. It is safe for concurrent use.
type Audience struct {
	name      string
	adapter   string
	partition Partition
	keys      audience.Keys
	clock     func() time.Time
	logger    *slog.Logger
	limits    audience.Limits
	settings  atomic.Pointer[settings] // the latest that a transaction of this handle saw
}

// Open opens an audience in a store, creating it on the first call. It is
// idempotent: a host calls it at every start with the same options.
//
// Errors: [audience.ErrInvalid] for a bad name or schema; [audience.ErrConflict]
// for a schema that would lose data, such as another type for a field that
// exists; [audience.ErrDenied] when a key that suppressions name is missing.
func Open(ctx context.Context, adapter Adapter, name string, opts Options) (*Audience, error) {
	limits := opts.Limits.WithDefaults()
	if err := audience.CheckName("audience", name, limits); err != nil {
		return nil, err
	}
	if err := opts.Schema.Check(limits); err != nil {
		return nil, err
	}
	partition, err := adapter.Partition(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open audience: %w", err)
	}
	a := &Audience{
		name:      name,
		adapter:   adapter.Name(),
		partition: partition,
		keys:      opts.Keys,
		clock:     opts.Clock,
		logger:    opts.Logger,
		limits:    limits,
	}
	if a.clock == nil {
		a.clock = systemClock
	}
	if a.logger == nil {
		a.logger = slog.New(slog.DiscardHandler)
	}
	if _, err := a.Update(ctx, func(tx *Tx) error { return tx.declare(ctx, opts) }); err != nil {
		return nil, fmt.Errorf("open audience: %w", err)
	}
	return a, nil
}

// systemClock is the one place that reads the system's time, as the default
// of an injected clock.
func systemClock() time.Time { return time.Now() } //nolint:forbidigo // the default of the injected clock

// Name gives the audience's name.
func (a *Audience) Name() string { return a.name }

// Now gives the clock's instant: UTC, whole microseconds. After the clock was
// put back it lies before what was committed; [Tx.At] never does.
func (a *Audience) Now() time.Time { return audience.FromMicros(audience.Micros(a.clock())) }

// Keys gives the keys the audience was opened with.
func (a *Audience) Keys() audience.Keys { return a.keys }

// Logger gives the logger, never nil.
func (a *Audience) Logger() *slog.Logger { return a.logger }

// Limits gives the limits in force.
func (a *Audience) Limits() audience.Limits { return a.limits }

// Schema gives a copy of the latest schema that a View or a committed Update
// of this handle saw. [Reader.Schema] gives that of a snapshot.
func (a *Audience) Schema() audience.Schema { return a.settings.Load().Schema.Clone() }

// Zone gives the latest time zone that a View or a committed Update of this
// handle saw.
func (a *Audience) Zone() *time.Location { return a.settings.Load().zone }

// Unwrap gives the adapter's partition, for capabilities.
func (a *Audience) Unwrap() any { return a.partition }

// View calls fn with a snapshot of the audience: all reads in it see the
// same commit. It gives fn's error. The Reader must not be used after it.
func (a *Audience) View(ctx context.Context, fn func(*Reader) error) error {
	return a.partition.View(ctx, func(roles ReadRoles) error {
		r := &Reader{audience: a, roles: roles}
		if err := r.load(ctx); err != nil {
			return err
		}
		a.remember(r.settings)
		return fn(r)
	})
}

// Update calls fn in a transaction and commits when it returns nil; an error
// or a panic rolls everything back. fn may be called again after a
// serialization failure and must have no other effects; above all it must
// not call Update, nor Put, Append and Record of the Audience, which would
// wait for each other: use those of the Tx. The position covers the commit;
// it is zero when the feed tells of no change.
//
// Errors are those of fn, and of the adapter; [audience.ErrRetryable] when
// others were faster too many times.
func (a *Audience) Update(ctx context.Context, fn func(*Tx) error) (Position, error) {
	var committed *settings
	pos, err := a.partition.Update(ctx, func(roles WriteRoles) error {
		tx, err := a.begin(ctx, roles)
		if err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return err
		}
		if err := tx.finish(ctx); err != nil {
			return err
		}
		committed = tx.settings
		return nil
	})
	if err != nil {
		return Position{}, err
	}
	if committed != nil {
		a.remember(committed)
	}
	return pos, nil
}

// remember keeps the latest committed settings, so that a record that is
// known is not decoded again. Transactions end in any order.
func (a *Audience) remember(s *settings) {
	for known := a.settings.Load(); known == nil || known.version < s.version; known = a.settings.Load() {
		if a.settings.CompareAndSwap(known, s) {
			return
		}
	}
}

// begin makes the transaction and dates it: by the clock, but never before
// the last commit.
func (a *Audience) begin(ctx context.Context, roles WriteRoles) (*Tx, error) {
	tx := &Tx{Reader: Reader{audience: a, roles: roles, changing: true}, write: roles}
	if err := tx.load(ctx); err != nil {
		return nil, err
	}
	at, err := tx.instant(ctx)
	if err != nil {
		return nil, err
	}
	tx.at = at
	return tx, nil
}

// Join makes a transaction for an adapter that runs inside a transaction of
// the host's: fn's errors are the host's to roll back, and finish must be
// called before the host commits.
func (a *Audience) Join(ctx context.Context, roles WriteRoles) (tx *Tx, finish func(context.Context) error, err error) {
	tx, err = a.begin(ctx, roles)
	if err != nil {
		return nil, nil, err
	}
	return tx, tx.finish, nil
}

// Commits gives up to limit commits, at least one, of the feed after a
// position; none when there are none: see [FeedReader].
func (a *Audience) Commits(ctx context.Context, after Position, limit int) ([]Commit, error) {
	return a.partition.Commits(ctx, after, max(limit, 1))
}

// Head gives the position of the last commit.
func (a *Audience) Head(ctx context.Context) (Position, error) { return a.partition.Head(ctx) }

// Trim forgets the commits up to and including a position. Followers that
// are further back get [audience.ErrPositionGone] and rebuild.
func (a *Audience) Trim(ctx context.Context, through Position) error {
	return a.partition.Trim(ctx, through)
}
