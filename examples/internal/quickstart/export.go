package quickstart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/csvexport"
	"github.com/audiencekit/audiencekit/store"
)

// export writes everybody as CSV and NDJSON, and each segment as CSV, and
// prints where.
func (r *runner) export(ctx context.Context, reader *store.Reader, found *findings) error {
	folder, err := r.folder()
	if err != nil {
		return err
	}
	r.heading("Exported")
	csv := func(w io.Writer) exporter.Encoder { return csvexport.New(w, csvexport.Options{}) }
	files := []exportFile{{name: "contacts.csv", encoder: csv}, {name: "contacts.ndjson", encoder: exporter.NDJSON}}
	for _, name := range found.set.Names() {
		files = append(files, exportFile{name: "segment-" + name + ".csv", encoder: csv, members: found.members(name).All()})
	}
	for i := range files {
		files[i].name = filepath.Join(folder, files[i].name)
		if err := r.exportFile(ctx, reader, &files[i]); err != nil {
			return err
		}
	}
	rows := make([]string, len(files))
	for i, f := range files {
		rows[i] = shown(f.name) + "\t" + plural(f.contacts, "contact")
	}
	r.table(rows)
	return nil
}

// exportFile is one file of the export.
type exportFile struct {
	name     string
	encoder  func(io.Writer) exporter.Encoder
	members  iter.Seq[audience.ContactID] // nil: everybody
	contacts int                          // how many it holds
}

// folder gives the folder to export to. It holds personal data, so nobody else
// may look into a new one.
func (r *runner) folder() (string, error) {
	if r.opts.out == "" {
		return os.MkdirTemp("", "audiencekit-quickstart-")
	}
	return r.opts.out, os.MkdirAll(r.opts.out, 0o700)
}

// exportFile writes one file, unless the one that is there was imported.
func (r *runner) exportFile(ctx context.Context, reader *store.Reader, e *exportFile) error {
	if err := r.spare(e.name); err != nil {
		return err
	}
	return exporter.WriteFile(e.name, func(w io.Writer) error {
		// All that was imported goes out again; a newsletter takes OnlyMailable.
		gate := exporter.Everything("the owner of the files has them back")
		result, err := exporter.Contacts(ctx, reader, e.encoder(w), gate, exporter.Options{Members: e.members, At: r.opts.now})
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		e.contacts = result.Written
		return nil
	})
}

// spare refuses a name under which an imported file lies.
func (r *runner) spare(name string) error {
	there, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, input := range r.opts.inputs {
		if info, err := os.Stat(input); err == nil && os.SameFile(there, info) {
			return fmt.Errorf("%s: the export would overwrite a file that was imported; give another folder with -out", name)
		}
	}
	return nil
}
