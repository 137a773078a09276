package xlsxfile

import (
	"archive/zip"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
)

// Options of an encoder. The zero Options are safe.
type Options struct {
	// Local is the zone in which instants are written; nil is UTC. A cell
	// knows no zone.
	Local *time.Location
	// CutLong cuts texts of more than 32,767 characters, which a cell cannot
	// hold, and counts them. Else they are an error.
	CutLong bool
	// RowsPerSheet is how many contacts a sheet holds before the next one
	// begins; default and most 1,048,575.
	RowsPerSheet int
	// TempDir is the folder for rows that wait; "" is the system's.
	TempDir string
}

// New makes an encoder that writes to w when the export ends. Whoever does not
// give it to [exporter.Contacts] closes it.
func New(w io.Writer, opts Options) exporter.Encoder {
	most := excelize.TotalRows - 1
	if opts.RowsPerSheet <= 0 || opts.RowsPerSheet > most {
		opts.RowsPerSheet = most
	}
	if opts.Local == nil {
		opts.Local = time.UTC
	}
	return &encoder{w: w, opts: opts}
}

type encoder struct {
	w       io.Writer
	opts    Options
	columns []exporter.Column
	file    *excelize.File
	styles  styles
	sheet   *excelize.StreamWriter
	sheets  int
	rows    int // of contacts, in the sheet
	all     int // of contacts
	cells   []any
	loss    exporter.Loss
}

// Begin makes the workbook and its first sheet.
func (e *encoder) Begin(columns []exporter.Column) error {
	if len(columns) > excelize.MaxColumns {
		return &audience.FieldError{Path: "columns", Rule: "max-items", Hint: fmt.Sprintf("at most %d columns", excelize.MaxColumns), Limit: true}
	}
	e.columns, e.cells = columns, make([]any, len(columns))
	e.file = excelize.NewFile(excelize.Options{TmpDir: e.opts.TempDir})
	// The library would hold the whole workbook in memory before it writes it.
	e.file.ZipWriter = func(io.Writer) excelize.ZipWriter { return zip.NewWriter(e.w) }
	var err error
	if e.styles, err = newStyles(e.file); err != nil {
		return wrap(err)
	}
	return e.nextSheet()
}

// nextSheet begins a sheet: widths, the fixed header, its row.
func (e *encoder) nextSheet() error {
	if err := e.endSheet(); err != nil {
		return err
	}
	e.sheets++
	e.rows = 0
	name := "Contacts"
	if e.sheets > 1 {
		name += " " + strconv.Itoa(e.sheets)
		if _, err := e.file.NewSheet(name); err != nil {
			return wrap(err)
		}
	} else if err := e.file.SetSheetName("Sheet1", name); err != nil {
		return wrap(err)
	}
	var err error
	if e.sheet, err = e.file.NewStreamWriter(name); err != nil {
		return wrap(err)
	}
	// Backwards, because the library writes the last one first and the format
	// wants them in order.
	for i, c := range slices.Backward(e.columns) {
		if err := e.sheet.SetColWidth(i+1, i+1, width(c)); err != nil {
			return wrap(err)
		}
		e.cells[i] = excelize.Cell{StyleID: e.styles.header, Value: e.text(header(c))}
	}
	if err := e.sheet.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return wrap(err)
	}
	return wrap(e.sheet.SetRow("A1", e.cells))
}

func header(c exporter.Column) string {
	if c.Custom {
		return c.Name + ":" + c.Type.String()
	}
	return c.Name
}

// width guesses what shows most values of a column and its header.
func width(c exporter.Column) float64 {
	const least, most = 10, 40
	w := len(header(c)) + 2
	switch {
	case c.Type == audience.TypeTimestamp:
		w = max(w, 20)
	case c.Type == audience.TypeStringList, !c.Custom && c.Name == "email":
		w = max(w, 30)
	case c.Type == audience.TypeString:
		w = max(w, 18)
	}
	return float64(min(max(w, least), most))
}

func (e *encoder) endSheet() error {
	if e.sheet == nil {
		return nil
	}
	return wrap(e.sheet.Flush())
}

// Encode writes a row.
func (e *encoder) Encode(row []audience.Value) error {
	if e.rows == e.opts.RowsPerSheet {
		if err := e.nextSheet(); err != nil {
			return err
		}
	}
	e.rows++
	e.all++
	for i, v := range row {
		cell, ok := e.cell(v)
		if !ok {
			return &audience.FieldError{
				Path: fmt.Sprintf("row %d, column %d", e.all, i+1), Rule: "max-length",
				Hint: fmt.Sprintf("a text of at most %d characters (UTF-16), or Options.CutLong", excelize.TotalCellChars), Limit: true,
			}
		}
		e.cells[i] = cell
	}
	return wrap(e.sheet.SetRow("A"+strconv.Itoa(e.rows+1), e.cells))
}

// End writes the workbook.
func (e *encoder) End() (exporter.Loss, error) {
	if err := e.endSheet(); err != nil {
		return e.loss, err
	}
	return e.loss, wrap(e.file.Write(e.w))
}

// Close removes what was collected.
func (e *encoder) Close() error {
	if e.file == nil {
		return nil
	}
	return wrap(e.file.Close())
}

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("write workbook: %w", err)
}
