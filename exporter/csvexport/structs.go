package csvexport

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gocarina/gocsv"

	"github.com/audiencekit/audiencekit/audience"
)

// Rows writes values of a struct of the host's own, such as orders or a report,
// with a header above them, in the form that csvimport.Rows reads. Each exported
// field names its column in a tag, csv:"name"; csv:"-" leaves it out, and an
// option behind the name, csv:"name,omitempty", is for reading.
//
// A field is a string, a number, a bool or anything with MarshalCSV() (string,
// error) or MarshalText. An [audience.Address] or [audience.Private] writes its
// mask: what leaves in clear is a string. Options.Local is for contacts;
// times of structs write themselves, and with it nothing is written.
//
// It gives how many values were written, in the order in which they came, and
// stops at the first error: that of values, of w, or an [*audience.FieldError] that
// names column and number of a value that cannot be written. It never shows what
// stands there. No gate is asked: what a host's own structs hold is the host's
// to judge.
func Rows[T any](w io.Writer, values iter.Seq2[T, error], opts Options) (int, error) {
	if err := opts.check(); err != nil {
		return 0, err
	}
	if opts.Local != nil {
		return 0, &audience.FieldError{Path: "local", Rule: "unknown", Hint: "no zone: times of structs write themselves"}
	}
	out, err := newStructs(w, reflect.TypeFor[T](), opts)
	if err != nil {
		return 0, err
	}
	batch := make([]T, 0, structRows)
	for v, err := range values {
		if err != nil {
			return out.written, errors.Join(err, out.write(batch), out.flush())
		}
		if batch = append(batch, v); len(batch) < structRows {
			continue
		}
		if err := out.write(batch); err != nil {
			return out.written, err
		}
		batch = batch[:0]
	}
	if err := out.write(batch); err != nil {
		return out.written, err
	}
	return out.written, out.flush()
}

// structRows is how many values go through gocsv at once.
const structRows = 256

// structs writes what gocsv makes of structs.
type structs struct {
	rows
	columns []string
	decimal []bool // by column: its decimal point becomes a comma
	written int
}

// newStructs writes the header, without gocsv: how it names columns is a
// setting of the whole process.
func newStructs(w io.Writer, t reflect.Type, opts Options) (*structs, error) {
	if gocsv.TagName != "csv" || gocsv.TagSeparator != "," {
		return nil, &audience.FieldError{Path: "gocsv", Rule: "setting", Hint: "gocsv's own TagName and TagSeparator: this process has changed them, and tags would not be found"}
	}
	if t.Kind() != reflect.Struct {
		return nil, &audience.FieldError{Path: "row", Rule: "type", Hint: "a struct with csv tags"}
	}
	s := &structs{rows: rows{w: w}}
	var numbers []bool
	for f := range t.Fields() {
		tag, tagged := f.Tag.Lookup("csv")
		if tag == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		name, option, _ := strings.Cut(tag, ",")
		kind := f.Type.Kind()
		own, plain := writesItself(f.Type)
		switch {
		case !tagged || f.Anonymous || name == "" || option != "" && option != "omitempty":
			return nil, &audience.FieldError{Path: "row." + f.Name, Rule: "tag", Hint: `a tag csv:"name", csv:"name,omitempty" or csv:"-"`}
		case !own && !plain:
			return nil, &audience.FieldError{Path: "row." + f.Name, Rule: "type", Hint: "a string, a number or a bool without a String method, or a type with MarshalText"}
		case slices.Contains(s.columns, name):
			return nil, &audience.FieldError{Path: "row." + f.Name, Rule: "double", Hint: "a column of its own"}
		}
		s.columns = append(s.columns, name)
		numbers = append(numbers, !own && kind != reflect.String)
		s.decimal = append(s.decimal, !own && opts.DecimalComma && (kind == reflect.Float32 || kind == reflect.Float64))
	}
	if len(s.columns) == 0 {
		return nil, &audience.FieldError{Path: "row", Rule: "tag", Hint: "a struct with csv tags"}
	}
	s.begin(opts, numbers)
	return s, s.header(s.columns)
}

// writesItself reports how a field is written: by its own method, or as plain text.
// gocsv also takes a String method, which csvimport.Rows would not undo.
func writesItself(t reflect.Type) (own, plain bool) {
	v := reflect.New(t).Interface()
	_, isText := v.(encoding.TextMarshaler)
	_, isCSV := v.(gocsv.TypeMarshaller)
	if isText || isCSV {
		return true, false
	}
	_, isNamed := v.(fmt.Stringer)
	k := t.Kind()
	return false, !isNamed && (k == reflect.String || k == reflect.Bool || k >= reflect.Int && k <= reflect.Uint64 || k == reflect.Float32 || k == reflect.Float64)
}

// write lets gocsv write a batch, a slice of structs. Errors of the methods of
// fields may show what they hold and are not passed on.
func (s *structs) write(batch any) error {
	err := gocsv.MarshalCSVWithoutHeaders(batch, s)
	if _, ours := errors.AsType[*audience.FieldError](err); err == nil || ours {
		return err
	}
	if s.err != nil {
		return fmt.Errorf("write rows: %w", s.err)
	}
	return s.refuse("row", "text", "a value whose fields can be written")
}

func (s *structs) refuse(column, rule, hint string) error {
	return &audience.FieldError{Path: column, Rule: rule, Hint: hint + "; this is value " + strconv.Itoa(s.written+1)}
}

// Write writes the next row, which gocsv uses again. It refuses text that no
// reader of ours takes.
func (s *structs) Write(cells []string) error {
	for i, text := range cells {
		switch {
		case !utf8.ValidString(text):
			return s.refuse(s.columns[i], "utf8", "valid UTF-8")
		case strings.IndexByte(text, 0) >= 0:
			return s.refuse(s.columns[i], "nul", "text without NUL")
		case s.decimal[i]:
			cells[i] = strings.Replace(text, ".", ",", 1)
		}
	}
	err := s.rows.Write(cells)
	if err == nil {
		s.written++
	}
	return err
}
