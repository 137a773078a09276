package segment

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/checkpoint"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
	"github.com/audiencekit/audiencekit/segment/internal/live"
	"github.com/audiencekit/audiencekit/store"
)

// LoadEngine starts the engine of an audience from a checkpoint that
// [Engine.Checkpoint] wrote, in this process or another one, and applies what
// was committed since: each commit at its instant, with all that was due
// before, so that transitions are those of an engine that never stopped. When
// segments were applied since, they are live at the end.
//
// A checkpoint that is not to be trusted whole is not used at all: the engine
// is opened as by [OpenEngine], and [EngineOptions.Rebuilt] is told why, a
// [*CheckpointError]. So a missing file is a nil reader, or one without bytes,
// and no checkpoint whatever can make wrong members: it is sealed under the
// audience's keys, and bound to the audience, the life of its rows, its schema,
// its zone and the rules of that, and the stored segments. A function of the
// host that comes to answer differently needs another name, or members are what
// it answered before.
//
// What is read is read up to the end of the checkpoint and no further.
//
// Errors: those of [OpenEngine].
func LoadEngine(ctx context.Context, aud *store.Audience, opts EngineOptions, r io.Reader) (*Engine, error) {
	e, err := restore(ctx, aud, opts, r)
	var unused *CheckpointError
	switch {
	case err == nil:
		return e, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !errors.As(err, &unused):
		return nil, err
	}
	aud.Logger().InfoContext(ctx, "segment: the engine is built anew", "rule", unused.Rule)
	if opts.Rebuilt != nil {
		opts.Rebuilt(unused)
	}
	return OpenEngine(ctx, aud, opts)
}

// restore makes an engine from a checkpoint alone.
func restore(ctx context.Context, aud *store.Audience, opts EngineOptions, r io.Reader) (*Engine, error) {
	e, err := newEngine(aud, opts)
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = strings.NewReader("")
	}
	if aud.Keys().IsZero() {
		return nil, unfit("key", "the audience has no keys")
	}
	d, err := checkpoint.NewDecoder(r, func(id string) ([]byte, bool) { return aud.Keys().Derive(id, checkpointPurpose) })
	if err != nil {
		return nil, unreadable(err)
	}
	head := decodeHead(d)
	if !d.OK() {
		return nil, unreadable(d.Err())
	}
	set, err := e.fits(ctx, &head)
	if err != nil {
		return nil, err
	}
	if err := e.resume(d, &head, set); err != nil {
		return nil, err
	}
	if err := e.follow(ctx); err != nil {
		return nil, err
	}
	defer e.unfollow()
	if err := e.pull(ctx); err != nil {
		return nil, &CheckpointError{Rule: "replay", Err: err}
	}
	return e, nil
}

// fits finds out whether a checkpoint can be gone on from, and gives the
// segments in it.
func (e *Engine) fits(ctx context.Context, head *checkpointHead) (*Set, error) {
	if head.Audience != e.aud.Name() {
		return nil, unfit("audience", "it is of another audience")
	}
	now, err := e.aud.Head(ctx)
	if err != nil {
		return nil, err
	}
	if head.Position.Incarnation() != now.Incarnation() {
		return nil, unfit("incarnation", "it is of another life of the store")
	}
	switch _, err := e.aud.Commits(ctx, head.Position, 1); {
	case errors.Is(err, audience.ErrPositionGone):
		return nil, &CheckpointError{Rule: "position", Err: err}
	case err != nil:
		return nil, err
	}
	switch {
	case head.At < earliestClock() || head.At > latestClock():
		return nil, unfit("damaged", "its clock is out of range")
	case head.Zone != e.aud.Zone().String() || head.Rules != fingerprintZone(e.aud.Zone()):
		return nil, unfit("zone", "the zone is another one, or has other rules")
	case head.Functions != fingerprintFunctions(e.opts.Functions):
		return nil, unfit("functions", "the functions of the host are others")
	case head.Index != e.opts.Index:
		return nil, unfit("index", "contacts are to be found by something else")
	}
	before := Language{schema: head.Schema, zone: e.aud.Zone()}
	if err := before.fits(e.aud.Schema(), e.aud.Zone()); err != nil {
		return nil, &CheckpointError{Rule: "schema", Err: err}
	}
	return e.storedSet(ctx, head)
}

// storedSet reads and compiles the segments of a checkpoint's version.
func (e *Engine) storedSet(ctx context.Context, head *checkpointHead) (*Set, error) {
	var v Version
	if head.Version > 0 {
		var err error
		v, err = e.Version(ctx, head.Version)
		switch {
		case errors.Is(err, audience.ErrNotFound), errors.Is(err, audience.ErrInvalid):
			return nil, &CheckpointError{Rule: "definitions", Err: err}
		case err != nil:
			return nil, err
		}
	}
	if fingerprintDefinitions(v.Definitions) != head.Definitions {
		return nil, unfit("definitions", "the stored segments of its version are others")
	}
	set, err := e.compileVersion(v)
	if err != nil {
		return nil, &CheckpointError{Rule: "definitions", Err: err}
	}
	return set, nil
}

// resume puts the engine where the checkpoint was made. Nothing of it is used
// before it was read and checked to its end.
func (e *Engine) resume(d *checkpoint.Decoder, head *checkpointHead, set *Set) error {
	refs := newRefIndex(e.opts.Index)
	names := decodeNames(d)
	var filled sync.WaitGroup
	defer filled.Wait()
	filled.Go(func() { refs.fill(names) })
	table := columns.Decode(d, e.aud.Zone())
	saved := live.DecodeSaved(d)
	queue := decodeTicks(d)
	if err := d.Close(); err != nil {
		return unreadable(err)
	}
	if !table.Needs().Covers(set.needs()) {
		return unfit("schema", "the segments read what is not in it")
	}
	core := live.New(table, audience.NewCalendar(e.aud.Zone()), head.At)
	if err := core.Restore(set.liveDefinitions(), saved); err != nil {
		return &CheckpointError{Rule: "members", Err: err}
	}
	refs.loadMerges(table)
	filled.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.replace(&loaded{core: core, refs: refs, set: set, position: head.Position, schema: e.aud.Schema(), zone: e.aud.Zone().String()})
	e.version, e.ticks = head.Version, queue
	if queue.gap {
		e.ticks.lose(tick{at: head.At, position: head.Position})
	}
	e.redefine = true // to be sure: what was applied since is in the feed, too
	return nil
}
