package xlsxfile

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// survey finds the header and the columns of the sheet.
func (f format) survey(ctx context.Context, b *book, layout *importer.Layout) error {
	s := b.sheet(layout.Settings[SettingSheet])
	if s == nil {
		return &audience.NotFoundError{Kind: "sheet"}
	}
	v := surveyor{}
	n := 0
	b.unpacked = 0 // a pass of its own
	err := b.rows(ctx, s, func(row int, cells []cell) (bool, error) {
		if n++; n > b.limits.Rows {
			return false, tooLarge("max-rows", "at most %d rows", b.limits.Rows)
		}
		return true, v.add(row, cells, b.limits.Columns)
	})
	if err != nil {
		return err
	}
	v.decide(layout)
	return nil
}

// surveyor looks at all rows.
type surveyor struct {
	first  []sampleRow
	width  int
	errors int
}

type sampleRow struct {
	row   int
	cells []cell
}

func (v *surveyor) add(row int, cells []cell, columns int) error {
	const sample = 50
	if len(v.first) < sample {
		v.first = append(v.first, sampleRow{row, append([]cell{}, cells...)})
	}
	last := cells[len(cells)-1].column + 1
	if last > columns {
		return tooLarge("max-columns", "at most %d columns; row %d has more", columns, row)
	}
	v.width = max(v.width, last)
	for _, c := range cells {
		if c.kind == "e" {
			v.errors++
		}
	}
	return nil
}

// decide finds the header among the first rows.
func (v *surveyor) decide(layout *importer.Layout) {
	most := 0
	for _, r := range v.first {
		most = max(most, len(r.cells))
	}
	layout.Columns = make([]string, v.width)
	for i, r := range v.first {
		if 2*len(r.cells) < most {
			continue
		}
		if isHeader(r.cells) {
			layout.HeaderLine = r.row
			for _, c := range r.cells {
				layout.Columns[c.column] = c.value
			}
			for _, above := range v.first[:i] {
				layout.Notes = append(layout.Notes, importer.Note{Code: "preamble", Line: above.row, Text: "The row stands above the header and is passed over."})
			}
		}
		break
	}
	if layout.HeaderLine == 0 {
		for i := range layout.Columns {
			layout.Columns[i] = "column_" + strconv.Itoa(i+1)
		}
	}
	if v.errors > 0 {
		layout.Notes = append(layout.Notes, importer.Note{Code: "error-cells", Text: fmt.Sprintf("%d cells hold an error such as #N/A and are read as empty.", v.errors)})
	}
}

func isHeader(cells []cell) bool {
	for _, c := range cells {
		if c.kind != "s" && c.kind != "inlineStr" && c.kind != "str" || strings.Contains(c.value, "@") {
			return false
		}
	}
	return true
}

// table reads one sheet.
type table struct {
	book   *book
	layout *importer.Layout
	opts   Options
}

// Read tells how many bytes of the file were read.
func (t *table) Read() int64 { return t.book.at.n }

// Close closes the workbook.
func (t *table) Close() error { return t.book.Close() }

// Rows gives the rows behind the header that hold something.
func (t *table) Rows(ctx context.Context) iter.Seq2[*importer.Row, error] {
	return func(yield func(*importer.Row, error) bool) {
		n, before := 0, t.Read()
		err := t.book.rows(ctx, t.book.sheet(t.layout.Settings[SettingSheet]), func(at int, cells []cell) (bool, error) {
			if at == t.layout.HeaderLine {
				return true, t.sameHeader(cells)
			}
			if at < t.layout.HeaderLine {
				return true, nil
			}
			if n++; n > t.book.limits.Rows {
				return false, tooLarge("max-rows", "at most %d rows", t.book.limits.Rows)
			}
			row, bad := t.row(at, cells)
			row.Bytes, before = t.Read()-before, t.Read()
			if bad != nil {
				return yield(row, bad), nil
			}
			return yield(row, nil), nil
		})
		if err != nil {
			yield(nil, err)
		}
	}
}

// sameHeader refuses a sheet that has other columns: its cells would become
// what they are not.
func (t *table) sameHeader(cells []cell) error {
	found := make([]string, len(t.layout.Columns))
	for _, c := range cells {
		if c.column < len(found) {
			found[c.column] = c.value
		}
	}
	if !slices.Equal(found, t.layout.Columns) {
		return &audience.ConflictError{Kind: "sheet", Hint: "the header is another one than when the file was looked at; look at it again"}
	}
	return nil
}

// row reads the cells of a row.
func (t *table) row(at int, cells []cell) (*importer.Row, *importer.RowError) {
	width := len(t.layout.Columns)
	row := &importer.Row{Line: at, Cells: make([]string, width), Kinds: make([]importer.CellKind, width)}
	var bad *importer.RowError
	for _, c := range cells {
		if c.column >= width {
			hint := fmt.Sprintf("at most %d cells, as the file had when it was looked at", width)
			bad = first(bad, at, c.column, &audience.FieldError{Path: "row", Rule: "cells", Hint: hint})
			break
		}
		if len(c.value) > t.book.limits.CellBytes {
			hint := fmt.Sprintf("at most %d bytes in one cell", t.book.limits.CellBytes)
			bad = first(bad, at, c.column, &audience.FieldError{Path: "row", Rule: "max-cell", Hint: hint, Limit: true})
			continue
		}
		row.Cells[c.column], row.Kinds[c.column] = t.value(c)
	}
	return row, bad
}

func first(bad *importer.RowError, line, column int, err error) *importer.RowError {
	if bad != nil {
		return bad
	}
	return &importer.RowError{Line: line, Column: column + 1, Err: err}
}

// value gives the text of a cell and what is known about it.
func (t *table) value(c cell) (string, importer.CellKind) {
	switch c.kind {
	case "s", "inlineStr", "str":
		return c.value, importer.CellString
	case "b":
		if c.value == "1" || c.value == "true" {
			return "true", importer.CellBool
		}
		return "false", importer.CellBool
	case "e":
		return "", importer.CellText
	case "d":
		return c.value, importer.CellText
	}
	format := noDate
	if c.style >= 0 && c.style < len(t.book.formats) {
		format = t.book.formats[c.style]
	}
	if text, plain, ok := t.timeText(format, c.value); ok {
		if plain {
			return text, importer.CellText
		}
		return text, importer.CellTime
	}
	return c.value, importer.CellNumber
}
