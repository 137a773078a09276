package csvexport

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"time"

	"github.com/gocarina/gocsv"

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

type encoder struct {
	opts    Options
	out     rows
	columns int
	texts   []string      // of the cells of a batch, row by row
	batch   reflect.Value // a slice of structs, as gocsv wants it, whose fields lead to texts
	filled  int           // rows of the batch
	made    []byte        // the texts of values that are no text, one behind the other
	spans   []span        // where they stand in made, and in texts
}

// span is a text within many: one allocation for the batch instead of one for
// each number and instant.
type span struct{ cell, start, end int }

// cell is a field of the struct that gocsv writes. It is a pointer, which
// gocsv handles without a copy for each cell.
type cell struct{ text *string }

// MarshalCSV gives the text to gocsv.
func (c cell) MarshalCSV() (string, error) { return *c.text, nil }

// batchCells is how many cells gocsv gets at once, if it can be that few.
const batchCells = 8192

// Begin writes the header, without gocsv: how it names columns is a setting of
// the whole process.
func (e *encoder) Begin(columns []exporter.Column) error {
	if err := e.opts.check(); err != nil {
		return err
	}
	if len(columns) == 0 {
		return &audience.FieldError{Path: "columns", Rule: "empty", Hint: "at least one column"}
	}
	e.columns = len(columns)
	e.out.begin(e.opts, columns)
	header := make([]string, len(columns))
	for i, c := range columns {
		header[i] = c.Name
		if c.Custom {
			header[i] += ":" + c.Type.String()
		}
	}
	e.prepare(max(1, batchCells/len(columns)))
	return e.out.header(header)
}

// prepare makes a batch. How many columns there are is known only now, so the
// type of its structs is made of as many fields.
func (e *encoder) prepare(size int) {
	fields := make([]reflect.StructField, e.columns)
	for i := range fields {
		fields[i] = reflect.StructField{Name: "C" + strconv.Itoa(i), Type: reflect.TypeFor[cell]()}
	}
	e.texts = make([]string, size*e.columns)
	e.batch = reflect.MakeSlice(reflect.SliceOf(reflect.StructOf(fields)), size, size)
	for i := range e.texts {
		e.batch.Index(i / e.columns).Field(i % e.columns).Set(reflect.ValueOf(cell{&e.texts[i]}))
	}
}

// Encode adds a row to the batch.
func (e *encoder) Encode(row []audience.Value) error {
	first := e.filled * e.columns
	for i, v := range row {
		if text, ok := v.Str(); ok || v.IsZero() {
			e.texts[first+i] = text
			continue
		}
		start := len(e.made)
		e.made = e.appendText(e.made, v)
		e.spans = append(e.spans, span{first + i, start, len(e.made)})
	}
	if e.filled++; e.filled < e.batch.Len() {
		return nil
	}
	return e.write()
}

// appendText appends what Reveal gives, as the options want it.
func (e *encoder) appendText(b []byte, v audience.Value) []byte {
	switch v.Type() {
	case audience.TypeInt:
		n, _ := v.Int()
		return strconv.AppendInt(b, n, 10)
	case audience.TypeDouble:
		f, _ := v.Double()
		start := len(b)
		b = strconv.AppendFloat(b, f, 'g', -1, 64)
		if point := bytes.IndexByte(b[start:], '.'); point >= 0 && e.opts.DecimalComma {
			b[start+point] = ','
		}
		return b
	case audience.TypeTimestamp:
		at, _ := v.Timestamp()
		if e.opts.Local != nil {
			return at.In(e.opts.Local).AppendFormat(b, time.DateTime)
		}
		return at.AppendFormat(b, time.RFC3339Nano)
	default:
		return append(b, v.Reveal()...)
	}
}

// write lets gocsv write the batch.
func (e *encoder) write() error {
	made := string(e.made)
	for _, s := range e.spans {
		e.texts[s.cell] = made[s.start:s.end]
	}
	batch := e.batch.Slice(0, e.filled).Interface()
	e.filled, e.made, e.spans = 0, e.made[:0], e.spans[:0]
	if err := gocsv.MarshalCSVWithoutHeaders(batch, &e.out); err != nil {
		return fmt.Errorf("write contacts: %w", err)
	}
	return nil
}

// End writes what is left.
func (e *encoder) End() (exporter.Loss, error) {
	if e.filled > 0 {
		if err := e.write(); err != nil {
			return exporter.Loss{}, err
		}
	}
	return exporter.Loss{}, e.out.flush()
}
