package xlsxfile

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/audiencekit/audiencekit/importer"
)

// rejects writes a workbook of one sheet.
type rejects struct {
	w      io.Writer
	layout *importer.Layout
	secret []int
	file   *excelize.File
	sheet  *excelize.StreamWriter
	day    int // the styles of days and of texts
	text   int
	rows   int
	reason int // its column
}

func newRejects(w io.Writer, layout *importer.Layout, secret []int) (*rejects, error) {
	r := &rejects{w: w, layout: layout, secret: secret, file: excelize.NewFile(), reason: slices.Index(layout.Columns, importer.ReasonColumn)}
	if err := r.begin(); err != nil {
		return nil, wrap(err)
	}
	return r, nil
}

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("write workbook: %w", err)
}

func (r *rejects) begin() (err error) {
	day := "yyyy-mm-dd"
	if r.day, err = r.file.NewStyle(&excelize.Style{CustomNumFmt: &day}); err != nil {
		return err
	}
	const asText = 49
	if r.text, err = r.file.NewStyle(&excelize.Style{NumFmt: asText}); err != nil {
		return err
	}
	if r.sheet, err = r.file.NewStreamWriter("Sheet1"); err != nil {
		return err
	}
	if r.reason < 0 {
		r.reason = len(r.layout.Columns)
	}
	header := make([]any, max(len(r.layout.Columns), r.reason+1))
	for i, c := range r.layout.Columns {
		header[i] = excelize.Cell{StyleID: r.text, Value: c}
	}
	header[r.reason] = importer.ReasonColumn
	r.rows = 1
	return r.sheet.SetRow("A1", header)
}

// Reject writes a row. What is a number is a number, as far as programs keep
// its digits.
func (r *rejects) Reject(row *importer.Row, reason string) error {
	cells := make([]any, max(len(row.Cells), r.reason+1))
	for i, text := range row.Cells {
		if text == "" || slices.Contains(r.secret, i) {
			continue
		}
		cells[i] = r.cell(row.Kind(i), text)
	}
	cells[r.reason] = reason
	r.rows++
	return wrap(r.sheet.SetRow("A"+strconv.Itoa(r.rows), cells))
}

func (r *rejects) cell(kind importer.CellKind, text string) any {
	switch kind {
	case importer.CellBool:
		return text == "true"
	case importer.CellNumber:
		if f, err := strconv.ParseFloat(text, 64); err == nil && strconv.FormatFloat(f, 'f', -1, 64) == text {
			return f
		}
	case importer.CellTime:
		if day, err := time.Parse(time.DateOnly, text); err == nil && day.Year() > 1900 {
			return excelize.Cell{StyleID: r.day, Value: day}
		}
	default:
	}
	return excelize.Cell{StyleID: r.text, Value: text}
}

// Close writes the workbook.
func (r *rejects) Close() error {
	defer r.file.Close() //nolint:errcheck // what was written is checked
	if err := r.sheet.Flush(); err != nil {
		return wrap(err)
	}
	return wrap(r.file.Write(r.w))
}
