package csvexport

import (
	"bytes"
	"io"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
)

// Profile says who reads the file.
type Profile uint8

// The profiles. Both are read back by csvimport without loss.
const (
	// Spreadsheet is for people: a byte order mark, so that Excel takes the
	// file for UTF-8, CRLF at the end of rows, and an apostrophe before cells
	// of text that a spreadsheet would run as a formula: those that begin with
	// = + - @, their full-width forms, TAB, CR or LF, also behind spaces and
	// apostrophes.
	//
	// The guard holds where the file is read as what it is, with the separator
	// that it has. A spreadsheet that is set to another one, such as ; in many
	// countries, makes cells of its own of what lies between them, formulas
	// among them, and quotes do not stop it: give Options.Comma what the readers'
	// spreadsheets are set to, or let them import the file instead of opening it.
	Spreadsheet Profile = iota
	// Machine is for programs: no mark, LF, and cells as they are but one kind:
	// what begins with an apostrophe and then like a formula gets one
	// apostrophe more, so that csvimport, which takes one off such cells, reads
	// the text as it was. Other readers see the apostrophe. For text to be
	// exact for any reader there is [exporter.NDJSON].
	Machine
)

// Options of an encoder. The zero Options are for spreadsheets, which is safe.
type Options struct {
	Profile Profile
	// Comma separates the cells: ',', ';' or '\t'; zero is ','. Spreadsheets
	// in countries that write 1,5 take ';'.
	Comma rune
	// DecimalComma writes doubles as 1,5, as spreadsheets in many countries
	// read them; only with another Comma than ','.
	DecimalComma bool
	// Local, if not nil, writes instants as 2026-03-01 13:00:00 in this zone,
	// which spreadsheets take for one. Fractions of seconds and the zone are lost:
	// nil, the default, writes RFC 3339 in UTC, exactly.
	Local *time.Location
}

func (o *Options) check() error {
	switch o.Comma {
	case 0:
		o.Comma = ','
	case ',', ';', '\t':
	default:
		return &audience.FieldError{Path: "comma", Rule: "unknown", Hint: "a comma, semicolon or TAB"}
	}
	if o.DecimalComma && o.Comma == ',' {
		return &audience.FieldError{Path: "comma", Rule: "decimal-comma", Hint: "a semicolon or TAB, so that numbers may hold commas"}
	}
	if o.Profile > Machine {
		return &audience.FieldError{Path: "profile", Rule: "unknown", Hint: "Spreadsheet or Machine"}
	}
	return nil
}

// New makes an encoder that writes to w. Options that do not go together are an
// [*audience.FieldError] of its Begin.
func New(w io.Writer, opts Options) exporter.Encoder {
	return &encoder{opts: opts, out: rows{w: w}}
}

// encoder writes contacts. Which columns there are is known at run time only, so
// there is no struct that gocsv could look into; the texts of values are appended
// to the file, without a string for each cell.
type encoder struct {
	opts Options
	out  rows
}

// Begin writes the header.
func (e *encoder) Begin(columns []exporter.Column) error {
	if err := e.opts.check(); err != nil {
		return err
	}
	if len(columns) == 0 {
		return &audience.FieldError{Path: "columns", Rule: "empty", Hint: "at least one column"}
	}
	numbers := make([]bool, len(columns))
	header := make([]string, len(columns))
	for i, c := range columns {
		numbers[i] = c.Type == audience.TypeInt || c.Type == audience.TypeDouble
		header[i] = c.Name
		if c.Custom {
			header[i] += ":" + c.Type.String()
		}
	}
	e.out.begin(e.opts, numbers)
	return e.out.header(header)
}

// Encode writes a row.
func (e *encoder) Encode(row []audience.Value) error {
	r := &e.out
	for i, v := range row {
		r.next(i)
		start := len(r.b)
		if text, ok := v.Str(); ok {
			r.b = append(r.b, text...)
		} else if !v.IsZero() {
			r.b = e.appendText(r.b, v)
		}
		r.finish(i, start)
	}
	return r.endRow()
}

// appendText appends what Reveal gives, as the options want it.
func (e *encoder) appendText(b []byte, v audience.Value) []byte {
	start := len(b)
	if at, ok := v.Timestamp(); ok && e.opts.Local != nil {
		return at.In(e.opts.Local).AppendFormat(b, time.DateTime)
	}
	b = v.AppendRevealed(b)
	if e.opts.DecimalComma && v.Type() == audience.TypeDouble {
		if point := bytes.IndexByte(b[start:], '.'); point >= 0 {
			b[start+point] = ','
		}
	}
	return b
}

// End writes what is left.
func (e *encoder) End() (exporter.Loss, error) {
	return exporter.Loss{}, e.out.flush()
}
