package csvimport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/gocarina/gocsv"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// file is a CSV file that is read more than once.
type file struct {
	src    importer.Source
	layout layout
	limits importer.Limits
	names  audience.Limits // of columns
}

// records goes through the rows behind the header. A bad one has no cells. An
// error is of the file and comes last.
func (f *file) records(ctx context.Context) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		_, err := f.read(ctx, func(rec record) bool { return yield(rec, nil) })
		if err != nil {
			yield(record{}, err)
		}
	}
}

// read calls row for every row behind the header until it gives false. Without
// row it reads the header alone.
func (f *file) read(ctx context.Context, row func(record) bool) (*header, error) {
	in, err := f.src.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", f.src.Name(), err)
	}
	defer in.Close()
	r := newReader(in, f.limits)
	head, err := f.readHeader(r)
	if err != nil || row == nil {
		return head, err
	}
	const often = 1024
	for n := 0; ; n++ {
		if n%often == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			return head, nil
		}
		if err != nil {
			return nil, err
		}
		if n == f.limits.Rows {
			return nil, &audience.FieldError{Path: "file", Rule: "max-rows", Hint: fmt.Sprintf("at most %d rows", f.limits.Rows), Limit: true}
		}
		fit(&rec, head.width)
		if !row(rec) {
			return head, nil
		}
	}
}

func (f *file) readHeader(r *reader) (*header, error) {
	if err := r.skipMark(); err != nil {
		return nil, err
	}
	rec, err := r.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fileError("empty", "a header row")
	case err != nil:
		return nil, err
	case rec.bad != nil:
		return nil, rec.bad
	}
	r.width = len(rec.cells)
	return f.layout.parse(rec, f.names)
}

// fit gives a row as many cells as there are columns. Spreadsheets leave out
// empty cells at the end, or add some; a cell with something in it that has no
// header makes the row bad.
func fit(rec *record, width int) {
	for len(rec.cells) > width {
		last := len(rec.cells) - 1
		if rec.cells[last] != "" {
			hint := fmt.Sprintf("at most %d cells, as the header has; a cell that holds a delimiter needs quotes", width)
			rec.bad = &importer.RowError{Line: rec.line, Column: width + 1, Err: &audience.FieldError{Path: "row", Rule: "cells", Hint: hint}}
			rec.cells = nil
			return
		}
		rec.cells = rec.cells[:last]
	}
	for rec.bad == nil && len(rec.cells) < width {
		rec.cells = append(rec.cells, "")
	}
}

// Bounds of the rows that go through gocsv together.
const (
	blockRows  = 1000
	blockBytes = 4 << 20
)

// block is a run of rows, good and bad, in order of the file.
type block struct {
	records []record
	bytes   int64
	table   table // of the good ones, under the names of what they mean
}

// table is what gocsv reads: rows of the same width, the first one of names.
type table [][]string

// Read is not used by gocsv for whole tables.
func (t *table) Read() ([]string, error) {
	if len(*t) == 0 {
		return nil, io.EOF
	}
	row := (*t)[0]
	*t = (*t)[1:]
	return row, nil
}

// ReadAll gives the table.
func (t *table) ReadAll() ([][]string, error) { return *t, nil }

// decoded goes through the rows of the file, the good ones read as Ts, which
// take the cells of the columns in order. at gives for each of them where it
// stands in a row, -1 for a column that the file does not have.
func decoded[T any](ctx context.Context, f *file, names []string, at []int) iter.Seq2[row[T], error] {
	return func(yield func(row[T], error) bool) {
		var b block
		send := func() bool {
			var cells []T
			if len(b.table) > 1 {
				if err := gocsv.UnmarshalCSV(&b.table, &cells); err != nil {
					yield(row[T]{}, fmt.Errorf("read cells: %w", err))
					return false
				}
			}
			for _, rec := range b.records {
				out := row[T]{record: rec}
				if rec.bad == nil {
					out.cells, cells = cells[0], cells[1:]
				}
				if !yield(out, nil) {
					return false
				}
			}
			b.records, b.bytes, b.table = b.records[:0], 0, append(b.table[:0], names)
			return true
		}
		b.table = append(b.table, names)
		for rec, err := range f.records(ctx) {
			if err != nil {
				yield(row[T]{}, err)
				return
			}
			if rec.bad == nil {
				b.table = append(b.table, arrange(rec.cells, at))
			}
			b.records = append(b.records, rec)
			b.bytes += rec.bytes
			if (len(b.records) == blockRows || b.bytes >= blockBytes) && !send() {
				return
			}
		}
		send()
	}
}

// row is a row of the file and, unless it is bad, its cells.
type row[T any] struct {
	record record
	cells  T
}

// arrange puts the cells of a row in the order of at.
func arrange(cells []string, at []int) []string {
	out := make([]string, len(at))
	for i, index := range at {
		if index >= 0 {
			out[i] = cells[index]
		}
	}
	return out
}

// changedError says that the second pass saw another file than the first.
func changedError() error {
	return &audience.ConflictError{Kind: "source", Hint: "the file changed while it was read; import it again"}
}
