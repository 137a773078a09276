package csvimport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// csvTable is a file that is being read.
type csvTable struct {
	dialect dialect
	columns []string
	limits  importer.Limits
	in      io.Closer
	text    *decoder
	reader  *reader
	rows    int
	block   []importer.Row // room for the rows to come
	held    []heldRow      // the last rows, until it shows whether they are data
}

type heldRow struct {
	row    *importer.Row
	bad    *importer.RowError
	footer bool // it does not look like data
}

// Open begins to read a file. It must have the header that the layout says.
func (f format) Open(ctx context.Context, src importer.Source, layout *importer.Layout, limits importer.Limits) (importer.Table, error) {
	d, err := dialectOf(layout)
	if err != nil {
		return nil, err
	}
	limits = limits.WithDefaults()
	if n := len(layout.Columns); n == 0 || n > limits.Columns {
		return nil, &audience.FieldError{Path: "layout.columns", Rule: "max-columns", Hint: fmt.Sprintf("1 to %d columns", limits.Columns), Limit: n > 0}
	}
	in, err := src.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", src.Name(), err)
	}
	t := &csvTable{dialect: d, columns: layout.Columns, limits: limits, in: in, text: newDecoder(in, d.encoding, limits)}
	t.text.check = ctx.Err
	unbounded := limits
	unbounded.Bytes = math.MaxInt64 // those of the file are counted, not those of the text
	t.reader = d.reader(t.text, unbounded)
	if err := t.begin(); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return t, nil
}

// begin moves to the first row.
func (t *csvTable) begin() error {
	r := t.reader
	if err := r.skipMark(); err != nil {
		return err
	}
	if err := r.skipTo(max(t.dialect.header, t.dialect.start)); err != nil {
		return err
	}
	if t.dialect.header > 0 {
		head, err := r.next()
		switch {
		case errors.Is(err, io.EOF):
			return fileError("empty", "a header row")
		case err != nil:
			return err
		case head.bad != nil:
			return head.bad
		case !sameHeader(head.cells, t.columns):
			return &importer.RowError{Line: head.line, Err: &audience.ConflictError{
				Kind: "header", Hint: "the layout is that of a file with other columns, or a setting was changed that they depend on: detect it again with that setting",
			}}
		}
	}
	r.width = len(t.columns)
	return nil
}

// sameHeader compares ASCII letters and digits only: how others read depends on
// the encoding, which may have been asked.
func sameHeader(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	plain := func(r rune) rune {
		if r < 0x80 && isAlnum(byte(r)) {
			return r
		}
		return -1
	}
	for i := range a {
		if a[i] != b[i] && strings.Map(plain, a[i]) != strings.Map(plain, b[i]) {
			return false
		}
	}
	return true
}

// Read gives the bytes of the file that were read.
func (t *csvTable) Read() int64 { return t.text.read }

// Close closes the file.
func (t *csvTable) Close() error { return t.in.Close() }

// Rows gives the rows.
func (t *csvTable) Rows(ctx context.Context) iter.Seq2[*importer.Row, error] {
	return func(yield func(*importer.Row, error) bool) {
		t.text.check = ctx.Err
		for {
			const often = 512
			if t.rows%often == 0 && ctx.Err() != nil {
				yield(nil, ctx.Err())
				return
			}
			rec, err := t.reader.next()
			if err != nil {
				t.finish(err, yield)
				return
			}
			if isBlank(&rec) {
				continue
			}
			if t.rows == t.limits.Rows {
				t.finish(&audience.FieldError{Path: "file", Rule: "max-rows", Hint: fmt.Sprintf("at most %d rows", t.limits.Rows), Limit: true}, yield)
				return
			}
			t.rows++
			if !t.give(&rec, yield) {
				return
			}
		}
	}
}

// isBlank reports a row that holds nothing.
func isBlank(rec *record) bool {
	if rec.bad != nil {
		return false
	}
	for _, c := range rec.cells {
		if c != "" && (c[0] > ' ' || strings.Trim(c, " \t") != "") {
			return false
		}
	}
	return true
}

// give hands on a row, or, near the end of a file with a footer, one before it.
func (t *csvTable) give(rec *record, yield func(*importer.Row, error) bool) bool {
	isFooter := t.dialect.footer > 0 && rec.bad == nil && len(t.columns) > 1 && isFooter(rec.cells) &&
		(rec.afterBlank || filled(rec.cells) > 1 || len(t.held) > 0 && t.held[len(t.held)-1].footer)
	fit(rec, len(t.columns))
	if len(t.block) == 0 {
		t.block = make([]importer.Row, 64)
	}
	row := &t.block[0]
	t.block = t.block[1:]
	row.Line, row.Cells, row.Raw = rec.line, rec.cells, rec.raw
	row.Bytes = rec.bytes
	if t.dialect.encoding != encUTF8 && rec.raw != nil {
		// What the line end took, if there was one, is as wide as any ASCII.
		row.Bytes = fileBytes(rec.raw, t.dialect.encoding) + (rec.bytes-int64(len(rec.raw)))*fileBytes([]byte("\n"), t.dialect.encoding)
	}
	held := heldRow{row: row, bad: rec.bad, footer: isFooter}
	if t.dialect.footer == 0 {
		return held.give(yield)
	}
	t.held = append(t.held, held)
	if len(t.held) <= t.dialect.footer {
		return true
	}
	held = t.held[0]
	t.held = t.held[1:]
	return held.give(yield)
}

func (h *heldRow) give(yield func(*importer.Row, error) bool) bool {
	if h.bad != nil {
		return yield(h.row, h.bad)
	}
	return yield(h.row, nil)
}

// finish gives what was held back, but for the footer, and the error if the
// file has not just ended.
func (t *csvTable) finish(err error, yield func(*importer.Row, error) bool) {
	ended := errors.Is(err, io.EOF)
	for ended && len(t.held) > 0 && t.held[len(t.held)-1].footer {
		t.held = t.held[:len(t.held)-1]
	}
	for _, h := range t.held {
		if !h.give(yield) {
			return
		}
	}
	t.held = nil
	if !ended {
		yield(nil, err)
	}
}
