package importer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// Proposal is what [Inspect] found: everything that a host shows to people
// before it imports. Layout and Mapping go into a [Plan]. Sample holds personal
// data; printing a Proposal shows none of it.
type Proposal struct {
	Layout  *Layout
	Mapping Mapping
	Rows    int      // of data, also those that cannot be read
	Bytes   int64    // of the file
	Content [32]byte // SHA-256 of the file
	// Questions are those of the layout and of the mapping: an import does not
	// run before they are answered in its plan. Another answer than the assumed
	// one to a question of the layout changes what is read: inspect again, with
	// the answers.
	Questions []Question
	Notes     []Note     // of the layout, then of the mapping
	Sample    [][]string // the first rows; cells of secret columns are empty
}

// InspectOptions are how to inspect a file. Formats is required.
type InspectOptions struct {
	Formats []Format // those that a file may have; the first that knows it is taken
	Limits  Limits
	// Answers are to questions that an earlier look at the file had, by their
	// IDs, as in a [Plan]: where a question of the layout has another answer than
	// the assumed one, the file is read as it says. Others are not looked at.
	Answers map[string]string
}

// sampleRows is how many rows a Proposal shows.
const sampleRows = 5

// Inspect reads a whole file, once to find out how it is written and once for
// its columns, and proposes what each becomes. The schema is that of the
// audience the file is meant for: columns with the names of its fields become
// these. Nothing is written.
//
// A file of none of the formats is [audience.ErrUnsupported]; other errors are
// about the file as a whole. Rows that cannot be read are no error.
func Inspect(ctx context.Context, src Source, schema audience.Schema, opts InspectOptions) (*Proposal, error) {
	limits := opts.Limits.WithDefaults()
	p := &Proposal{}
	var err error
	if p.Content, p.Bytes, err = digestOf(ctx, src, limits); err != nil {
		return nil, err
	}
	format, layout, err := detectAnswered(ctx, src, &opts, limits)
	if err != nil {
		return nil, err
	}
	p.Layout = layout
	table, err := format.Open(ctx, src, p.Layout, limits)
	if err != nil {
		return nil, err
	}
	defer func() { _ = table.Close() }() // it was only read
	in := &inspection{layout: p.Layout, file: src.Name(), schema: schema, facts: make([]columnFacts, len(p.Layout.Columns))}
	if err := in.read(ctx, table, p, limits); err != nil {
		return nil, err
	}
	in.propose()
	p.Mapping = in.mapping
	p.Notes = slices.Concat(p.Layout.Notes, in.notes)
	p.Questions = slices.Concat(p.Layout.Questions, in.mapping.Questions)
	for _, c := range in.mapping.Columns {
		if c.Target != TargetSecret {
			continue
		}
		for _, row := range p.Sample {
			row[c.Index] = ""
		}
	}
	return p, nil
}

// detect finds the format of a file.
func detect(ctx context.Context, src Source, formats []Format, limits Limits) (Format, *Layout, error) {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.Name()
		layout, err := f.Detect(ctx, src, limits)
		switch {
		case err == nil:
			return f, layout, nil
		case !errors.Is(err, audience.ErrUnsupported):
			return nil, nil, err
		}
		if why, ok := strings.CutPrefix(err.Error(), audience.ErrUnsupported.Error()+": "); ok {
			names[i] += " (" + why + ")"
		}
	}
	if len(formats) == 0 {
		return nil, nil, &audience.FieldError{Path: "formats", Rule: "empty", Hint: "the formats that the file may have"}
	}
	return nil, nil, fmt.Errorf("%w: the file is none of %s", audience.ErrUnsupported, strings.Join(names, ", "))
}

// digestOf reads the whole file.
func digestOf(ctx context.Context, src Source, limits Limits) (sum [32]byte, size int64, err error) {
	in, err := src.Open(ctx)
	if err != nil {
		return sum, 0, fmt.Errorf("open %s: %w", src.Name(), err)
	}
	defer in.Close()
	hash := sha256.New()
	buf := make([]byte, 64<<10)
	for {
		n, err := in.Read(buf)
		hash.Write(buf[:n])
		size += int64(n)
		switch {
		case size > limits.Bytes:
			return sum, 0, &audience.FieldError{Path: "file", Rule: "max-bytes", Hint: fmt.Sprintf("at most %d bytes", limits.Bytes), Limit: true}
		case errors.Is(err, io.EOF):
			hash.Sum(sum[:0])
			return sum, size, nil
		case err != nil:
			return sum, 0, fmt.Errorf("read %s: %w", src.Name(), err)
		case ctx.Err() != nil:
			return sum, 0, ctx.Err()
		}
	}
}

// inspection is the work of one Inspect.
type inspection struct {
	layout *Layout
	file   string
	schema audience.Schema
	facts  []columnFacts

	heads   []head
	vendor  *vendor
	own     bool // it is an export of ours: cells are read as they are
	mapping Mapping
	notes   []Note
	lists   listFacts
	used    map[string]bool // names of fields
}

// read goes through the rows once.
func (in *inspection) read(ctx context.Context, table Table, p *Proposal, limits Limits) error {
	in.listColumns()
	for row, err := range table.Rows(ctx) {
		if err != nil && !isRowError(err) {
			return err
		}
		if p.Rows++; p.Rows > limits.Rows {
			return &audience.FieldError{Path: "file", Rule: "max-rows", Hint: fmt.Sprintf("at most %d rows", limits.Rows), Limit: true}
		}
		if err != nil {
			continue
		}
		for i := range min(len(row.Cells), len(in.facts)) {
			in.facts[i].add(row.Cells[i], row.Kind(i))
		}
		in.addLists(row)
		if len(p.Sample) < sampleRows {
			cells := make([]string, len(in.facts))
			copy(cells, row.Cells)
			p.Sample = append(p.Sample, cells)
		}
	}
	return nil
}

func isRowError(err error) bool {
	_, ok := errors.AsType[*RowError](err)
	return ok
}
