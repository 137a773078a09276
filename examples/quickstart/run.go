package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // nothing could be used, or a segment does not compile
	exitUsage  = 2 // the command line is not understood
)

// run is the whole program. Results go to stdout, everything else to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, err := parse(args, stderr, time.Now)
	if opts == nil && err == nil {
		return exitOK // help
	}
	if err == nil {
		r := &runner{opts: opts, stderr: stderr, out: bufio.NewWriter(stdout), mask: newMasker()}
		if err = r.run(ctx); err == nil {
			err = r.out.Flush()
		}
	}
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errRefused): // each was said where it was found
		return exitFailed
	}
	_, _ = fmt.Fprintln(stderr, "quickstart:", shown(err.Error()))
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitFailed
}

// Reasons to fail.
var (
	errRefused = errors.New("segments were refused")
	errNothing = errors.New("nothing could be used: no contact came in")
)

// runner is one run.
type runner struct {
	opts   *options
	stderr io.Writer
	out    *bufio.Writer // stdout
	mask   *masker
	aud    *store.Audience
	files  []fileReport
}

// fileReport is what became of one file.
type fileReport struct {
	name    string
	kind    string // "contacts" or "events"
	report  *importer.Report
	useless bool // it could not be read as a whole
}

func (r *runner) run(ctx context.Context) error {
	defs, refused, err := r.load()
	if err != nil {
		return err
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

// evaluate opens an engine, makes the segments its live ones, and asks it for
// their members and for what time alone will do to them. A host keeps its
// engine for as long as it runs; here one look is all.
func (r *runner) evaluate(ctx context.Context, set *segment.Set) (*findings, error) {
	engine, err := segment.OpenEngine(ctx, r.aud, segment.EngineOptions{Index: segment.RefIDs})
	if err != nil {
		return nil, err
	}
	var defs []segment.Definition
	for _, name := range set.Names() {
		def, _ := set.Definition(name)
		defs = append(defs, def)
	}
	if _, err := engine.Apply(ctx, defs...); err != nil {
		return nil, err
	}
	found := &findings{set: set, snapshot: engine.Snapshot()}
	if r.opts.days > 0 {
		found.forecast, err = engine.Forecast(ctx, r.opts.now.AddDate(0, 0, r.opts.days))
	}
	return found, err
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

// open opens an empty audience in memory. Its keys are made for this run:
// nothing of it is kept. Its clock stands still at the instant of the run, so
// that everything in the report is about the same instant.
func (r *runner) open(ctx context.Context) error {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	keys, err := audience.NewKeys("this-run", map[string][]byte{"this-run": secret})
	if err != nil {
		return err
	}
	r.aud, err = store.Open(ctx, memstore.New(), "quickstart", store.Options{
		Keys: keys, Zone: time.UTC, Clock: func() time.Time { return r.opts.now },
	})
	return err
}

// importFiles imports contacts, then events. What came in is used whatever
// became of the rest.
func (r *runner) importFiles(ctx context.Context) error {
	created := 0
	for _, src := range r.opts.contacts {
		report, err := r.importFile(ctx, "contacts", src, csvimport.Contacts)
		if err != nil {
			return err
		}
		created += report.Created
	}
	if len(r.opts.contacts) > 0 && created == 0 {
		return errNothing // and every event would be of nobody
	}
	for _, src := range r.opts.events {
		if _, err := r.importFile(ctx, "events", src, csvimport.Events); err != nil {
			return err
		}
	}
	if created == 0 {
		return errNothing
	}
	return nil
}

type importFunc func(context.Context, *store.Audience, importer.Source, importer.Options) (*importer.Report, error)

// importFile imports one file and says what could not be used of it, never
// with its cells. Only what stands in the file can make it useless; any other
// reason ends the run.
func (r *runner) importFile(ctx context.Context, kind string, src importer.Source, do importFunc) (*importer.Report, error) {
	report, err := do(ctx, r.aud, src, importer.Options{
		Job:         "quickstart",
		Attestation: importer.Attestation{Text: r.opts.attest},
		OnError:     func(e *importer.RowError) { r.complain(src.Name(), e) },
	})
	for _, column := range report.Columns {
		r.complain(src.Name(), column)
	}
	useless := errors.Is(err, audience.ErrInvalid) && report.Rows == 0
	switch {
	case useless:
		r.complain(src.Name(), fmt.Errorf("nothing of this file was used: %w", err))
	case err != nil:
		return nil, fmt.Errorf("%s: %w", src.Name(), err)
	}
	if report.Pending > 0 {
		const text = "rows that say subscribed, recorded as pending because nothing attests their consent: %d; attest what you hold with -attest"
		r.complain(src.Name(), fmt.Errorf(text, report.Pending))
	}
	if report.Kept > 0 {
		r.complain(src.Name(), fmt.Errorf("status cells that were not recorded because a refusal stands: %d", report.Kept))
	}
	r.files = append(r.files, fileReport{name: src.Name(), kind: kind, report: report, useless: useless})
	return report, nil
}

// complain says on stderr what is wrong with a file.
func (r *runner) complain(file string, err error) {
	_, _ = fmt.Fprintln(r.stderr, shown(fmt.Sprintf("%s: %v", file, err)))
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
			_, _ = fmt.Fprintln(r.stderr, shown(at.Error()))
		}
	}
	return true, nil
}
