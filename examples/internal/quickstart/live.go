package quickstart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/segment"
)

// evaluate makes the segments the live ones of an engine, and asks it for
// their members and for what time alone will do to them. A host keeps its
// engine for as long as it runs; here one look is all.
func (r *runner) evaluate(ctx context.Context, set *segment.Set) (found *findings, err error) {
	engine, err := r.openEngine(ctx)
	r.notes.clear()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, engine.Close(ctx)) }()
	var defs []segment.Definition
	for _, name := range set.Names() {
		def, _ := set.Definition(name)
		defs = append(defs, def)
	}
	_, err = engine.Apply(ctx, defs...)
	r.notes.clear()
	if err != nil {
		return nil, err
	}
	found = &findings{set: set, snapshot: engine.Snapshot()}
	if r.opts.days > 0 {
		found.forecast, err = engine.Forecast(ctx, r.opts.now.AddDate(0, 0, r.opts.days))
		if err != nil {
			return nil, err
		}
	}
	return found, r.saveEngine(ctx, engine)
}

// openEngine starts from the checkpoint, if there is a good one, else from
// the store.
func (r *runner) openEngine(ctx context.Context) (*segment.Engine, error) {
	opts := segment.EngineOptions{
		Index: segment.RefIDs,
		Progress: func(p segment.LoadProgress) {
			r.notes.progress("engine: %d of %s", p.Contacts, plural(p.Of, "contact"))
		},
	}
	if r.place.Checkpoint == "" {
		return segment.OpenEngine(ctx, r.aud, opts)
	}
	f, err := os.Open(r.place.Checkpoint)
	if errors.Is(err, os.ErrNotExist) {
		return segment.OpenEngine(ctx, r.aud, opts)
	}
	if err != nil {
		return nil, fmt.Errorf("-checkpoint: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	opts.Rebuilt = func(reason error) {
		r.notes.say(r.place.Checkpoint + ": not used, everybody is read from the store: " + reason.Error())
	}
	return segment.LoadEngine(ctx, r.aud, opts, f)
}

// saveEngine writes the checkpoint for the next run.
func (r *runner) saveEngine(ctx context.Context, engine *segment.Engine) error {
	if r.place.Checkpoint == "" {
		return nil
	}
	if err := exporter.WriteFile(r.place.Checkpoint, func(w io.Writer) error { return engine.Checkpoint(ctx, w) }); err != nil {
		return fmt.Errorf("-checkpoint: %w", err)
	}
	return nil
}
