package segment

import (
	"context"
	"io"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/checkpoint"
	"github.com/audiencekit/audiencekit/segment/internal/live"
)

// Checkpoint writes the state of the engine: what [LoadEngine] starts from,
// instead of reading all contacts from the store. Everything committed is
// applied first. The checkpoint is sealed with a key derived from the
// audience's primary key.
//
// It is made in memory first, as large as it will be, so that a slow writer
// holds up nobody. While it is made, segments are read as ever, and what is
// due waits for a page of 65,536 contacts at most; only Sync, Apply and Run
// wait for the whole.
//
// A checkpoint is as confidential as the contacts: it holds in clear what the
// segments read of them, and by what they are found. It also holds those who
// are erased later: checkpoints of before an erasure have to be removed.
// Loading one is safe all the same: the erasure is in the feed behind it, or
// the feed was trimmed and it is refused.
//
// Errors: [audience.ErrDenied] without keys; those of [Engine.Sync]; the
// writer's.
func (e *Engine) Checkpoint(ctx context.Context, w io.Writer) error {
	if err := e.opened(); err != nil {
		return err
	}
	if w == nil {
		return required("w", "a writer")
	}
	key, ok := e.aud.Keys().Derive(e.aud.Keys().Primary(), checkpointPurpose)
	if !ok {
		return &audience.DeniedError{Rule: "key", Hint: "a checkpoint is sealed: open the audience with keys"}
	}
	out, err := e.collect(ctx)
	if err != nil {
		return err
	}
	return out.Seal(w, e.aud.Keys().Primary(), key)
}

// collect makes the checkpoint in memory. Commits and definitions wait, so the
// columns stand still; time does not, so what depends on it is taken at once.
func (e *Engine) collect(ctx context.Context) (*checkpoint.Encoder, error) {
	if err := e.follow(ctx); err != nil {
		return nil, err
	}
	defer e.unfollow()
	if err := e.pull(ctx); err != nil {
		return nil, err
	}
	out := &checkpoint.Encoder{}
	head, saved, queue := e.image()
	head.encode(out)
	e.refs.encode(out)
	e.mu.Lock()
	e.state.Load().core.Table().Encode(out, func() {
		e.mu.Unlock()
		e.mu.Lock()
	})
	e.mu.Unlock()
	saved.Encode(out)
	queue.encode(out)
	return out, ctx.Err()
}

// image takes what belongs to one instant.
func (e *Engine) image() (checkpointHead, *live.Saved, ticks) {
	e.mu.Lock()
	defer e.mu.Unlock()
	core := e.state.Load().core
	queue := e.ticks
	queue.queue = append([]tick(nil), queue.queue...)
	return checkpointHead{
		Audience:    e.aud.Name(),
		Position:    e.position,
		At:          core.Now(),
		Version:     e.version,
		Definitions: fingerprintDefinitions(e.set.definitions),
		Schema:      e.schemaOf(e.set),
		Zone:        e.aud.Zone().String(),
		Rules:       fingerprintZone(e.aud.Zone()),
		Functions:   fingerprintFunctions(e.opts.Functions),
		Index:       e.opts.Index,
	}, core.Save(), queue
}

// schemaOf gives the schema that a set was compiled against.
func (e *Engine) schemaOf(set *Set) audience.Schema {
	if set.language != nil {
		return set.language.schema
	}
	return e.schema
}
