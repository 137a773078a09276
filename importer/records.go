package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// record is one part of a file that becomes a row.
type record struct {
	line  int
	bytes int64
	text  []byte // valid until the next one is read
	bad   error  // it cannot be read: too large
}

// rowMaker makes rows in blocks, so that one costs less than an allocation.
type rowMaker struct {
	width int
	rows  []Row
	cells []string
	kinds []CellKind
}

// row gives a row in which every cell is absent.
func (m *rowMaker) row(line int, size int64) *Row {
	const block = 64
	if len(m.rows) == 0 {
		m.rows = make([]Row, block)
		m.cells = make([]string, block*m.width)
		m.kinds = make([]CellKind, block*m.width)
		for i := range m.kinds {
			m.kinds[i] = CellAbsent
		}
	}
	r := &m.rows[0]
	r.Line, r.Bytes = line, size
	r.Cells, r.Kinds = m.cells[:m.width:m.width], m.kinds[:m.width:m.width]
	m.rows, m.cells, m.kinds = m.rows[1:], m.cells[m.width:], m.kinds[m.width:]
	return r
}

// recordReader is a file that is read record by record.
type recordReader interface {
	// next gives the next record, or io.EOF.
	next() (record, error)
	// fields reads a record into a row. An error is of the record, unless it
	// is a [*fileError] or [noRowError].
	fields(rec record, row *Row) (column int, err error)
}

// noRowError is the error of a record that is there for people alone.
type noRowError struct{}

func (noRowError) Error() string { return "no row" }

// rowsOf goes through the rows of a file.
func rowsOf(ctx context.Context, r recordReader, width int, limits Limits) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		rows := rowMaker{width: width}
		const often = 1024
		for n := 0; ; n++ {
			if n%often == 0 && ctx.Err() != nil {
				yield(nil, ctx.Err())
				return
			}
			rec, err := r.next()
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(nil, err)
				return
			case n == limits.Rows:
				yield(nil, tooManyRows(limits))
				return
			}
			row, column := rows.row(rec.line, rec.bytes), 0
			if err = rec.bad; err == nil {
				column, err = r.fields(rec, row)
			} else {
				row.Raw = bytes.Clone(rec.text)
			}
			if fatal, ok := errors.AsType[*fileError](err); ok {
				yield(nil, fatal.error)
				return
			}
			if errors.Is(err, noRowError{}) {
				n--
				continue
			}
			if err != nil {
				err = &RowError{Line: rec.line, Column: column, Err: err}
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

func tooLong(limits Limits) error {
	return &audience.FieldError{Path: "row", Rule: "max-bytes", Hint: fmt.Sprintf("at most %d bytes", limits.RecordBytes), Limit: true}
}

func tooLongCell(limits Limits) error {
	return &audience.FieldError{Path: "row", Rule: "max-cell", Hint: fmt.Sprintf("at most %d bytes in one value", limits.CellBytes), Limit: true}
}

func notUTF8() error {
	return &audience.FieldError{Path: "row", Rule: "utf8", Hint: "valid UTF-8; save the file as UTF-8 and import it again"}
}

// appendItem adds an item to the text of a list, as [ParseList] reads it.
func appendItem(list []byte, item string, first bool) []byte {
	if !first {
		list = append(list, ',')
	}
	if item != "" && !strings.ContainsAny(item, ",\"") && strings.Trim(item, " \t") == item {
		return append(list, item...)
	}
	list = append(list, '"')
	for {
		part, rest, found := strings.Cut(item, `"`)
		list = append(list, part...)
		if !found {
			return append(list, '"')
		}
		list, item = append(list, `""`...), rest
	}
}
