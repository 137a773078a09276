package quickstart

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// Reasons to fail.
var (
	errRefused = errors.New("segments were refused")
	errNothing = errors.New("nothing could be used: no contact came in, and none is there")
)

// runner is one run.
type runner struct {
	command *Command
	opts    *options
	notes   *notes
	out     *bufio.Writer // stdout
	mask    *masker
	place   *Place
	aud     *store.Audience
	files   []fileReport
}

// fileReport is what became of one file.
type fileReport struct {
	name    string
	kind    string // "contacts" or "events"
	report  *importer.Report
	useless bool // it could not be read as a whole
}

func (r *runner) run(ctx context.Context) (err error) {
	defs, refused, err := r.load()
	if err != nil {
		return err
	}
	if r.place, err = r.command.place(ctx, r.notes.say); err != nil {
		return err
	}
	if r.place.Close != nil {
		defer func() { err = errors.Join(err, r.place.Close()) }()
	}
	if err := r.open(ctx); err != nil {
		return err
	}
	if err := r.importFiles(ctx); err != nil {
		return err
	}
	set, also, err := r.compile(defs)
	if err != nil {
		return err
	}
	found, err := r.evaluate(ctx, set)
	if err != nil {
		return err
	}
	if err := r.show(ctx, found); err != nil {
		return err
	}
	if refused || also {
		return errors.Join(r.out.Flush(), errRefused)
	}
	return nil
}

// findings are what became of the segments.
type findings struct {
	set      *segment.Set
	snapshot *segment.Snapshot
	forecast *segment.Forecast // nil: nobody asked
}

// members gives who is in a segment.
func (f *findings) members(name string) segment.Members {
	members, _ := f.snapshot.Members(name)
	return members
}

// show prints what came out.
func (r *runner) show(ctx context.Context, found *findings) error {
	return r.aud.View(ctx, func(reader *store.Reader) error {
		if r.opts.json {
			return r.printJSON(ctx, reader, found)
		}
		return r.printReport(ctx, reader, found)
	})
}

// open opens the audience. Its clock stands still at the instant of the run,
// so that everything in the report is about the same instant.
func (r *runner) open(ctx context.Context) (err error) {
	r.aud, err = store.Open(ctx, r.place.Adapter, r.place.Audience, store.Options{
		Keys: r.place.Keys, Zone: time.UTC, Clock: func() time.Time { return r.opts.now },
	})
	if errors.Is(err, audience.ErrDenied) && r.place.Denied != nil {
		err = r.place.Denied(err)
	}
	if err != nil {
		return err
	}
	// What is there may have been written by a run of a later instant, and time
	// never goes back in an audience.
	var at time.Time
	if _, err := r.aud.Update(ctx, func(tx *store.Tx) error { at = tx.At(); return nil }); err != nil {
		return err
	}
	if at.After(r.opts.now) {
		return fmt.Errorf("this audience was written to as of %s, after the instant of this run: give a later -now", at.Format(time.RFC3339Nano))
	}
	return nil
}

// importFiles imports contacts, then events. What came in is used whatever
// became of the rest.
func (r *runner) importFiles(ctx context.Context) error {
	for _, src := range r.opts.contacts {
		if err := r.importFile(ctx, "contacts", src, r.importContacts); err != nil {
			return err
		}
	}
	if len(r.opts.contacts) > 0 {
		if err := r.somebody(ctx); err != nil {
			return err // every event would be of nobody
		}
	}
	for _, src := range r.opts.events {
		if err := r.importFile(ctx, "events", src, csvimport.Events); err != nil {
			return err
		}
	}
	return r.somebody(ctx)
}

// somebody fails when the audience has no contact.
func (r *runner) somebody(ctx context.Context) error {
	return r.aud.View(ctx, func(reader *store.Reader) error {
		if n, err := reader.CountContacts(ctx); n > 0 || err != nil {
			return err
		}
		return errNothing
	})
}

type importFunc func(context.Context, *store.Audience, importer.Source, importer.Options) (*importer.Report, error)

// importFile imports one file and says what could not be used of it, never
// with its cells. Only what stands in the file can make it useless; any other
// reason ends the run.
func (r *runner) importFile(ctx context.Context, kind string, src importer.Source, do importFunc) error {
	report, err := do(ctx, r.aud, src, importer.Options{
		Job:        "quickstart",
		OnError:    func(e *importer.RowError) { r.complain(src.Name(), e) },
		OnProgress: func(p importer.Progress) { r.notes.progress("%s", progressText(src.Name(), p)) },
		Clock:      time.Now, // that of the audience stands still
	})
	r.notes.clear()
	for _, column := range report.Columns {
		r.complain(src.Name(), column)
	}
	useless := errors.Is(err, audience.ErrInvalid) && report.Rows == 0
	switch {
	case useless:
		r.complain(src.Name(), fmt.Errorf("nothing of this file was used: %w", err))
	case err != nil:
		return fmt.Errorf("%s: %w", src.Name(), err)
	}
	if report.Pending > 0 && !report.Already {
		const text = "rows that say subscribed, recorded as pending because nothing attests their consent: %d; attest what you hold with -attest"
		r.complain(src.Name(), fmt.Errorf(text, report.Pending))
	}
	if report.Kept > 0 && !report.Already {
		r.complain(src.Name(), fmt.Errorf("status cells that were not recorded because a refusal stands: %d", report.Kept))
	}
	r.files = append(r.files, fileReport{name: src.Name(), kind: kind, report: report, useless: useless})
	return nil
}

// complain says on stderr what is wrong with a file.
func (r *runner) complain(file string, err error) {
	r.notes.say(fmt.Sprintf("%s: %v", file, err))
}

// load reads the segments, before anything is imported for them. refused
// reports that some files were.
func (r *runner) load() (defs []segment.Definition, refused bool, err error) {
	defs, err = segment.Load(r.opts.segments)
	if refused, err = r.refuse(err); err != nil {
		return nil, false, err
	}
	if len(defs) == 0 && !refused {
		return nil, false, fmt.Errorf("%s: no segments: there is no file NAME.cel", r.opts.folder)
	}
	for i := range defs {
		defs[i].File = filepath.Join(r.opts.folder, defs[i].File)
	}
	return defs, refused, nil
}

// compile compiles the segments against what the files brought. The set holds
// those that were not refused.
func (r *runner) compile(defs []segment.Definition) (set *segment.Set, refused bool, err error) {
	language, err := segment.LanguageOf(r.aud, segment.Options{})
	if err != nil {
		return nil, false, err
	}
	set, err = language.CompileSet(defs...)
	refused, err = r.refuse(err)
	return set, refused, err
}

// refuse says what segments were refused for, as file:line:column. Any other
// error it gives back.
func (r *runner) refuse(err error) (bool, error) {
	var set *segment.SetError
	if !errors.As(err, &set) {
		return false, err
	}
	for _, e := range set.Errors {
		for _, e := range append([]*segment.CompileError{e}, e.More...) {
			at := *e
			if at.File == "" || filepath.Base(at.File) == at.File {
				at.File = filepath.Join(r.opts.folder, at.File)
			}
			at.Line, at.Column = max(at.Line, 1), max(at.Column, 1)
			r.notes.say(at.Error())
		}
	}
	return true, nil
}
