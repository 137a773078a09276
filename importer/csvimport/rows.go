package csvimport

import (
	"context"
	"encoding"
	"encoding/csv"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/gocarina/gocsv"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// RowOptions are how [Rows] reads a file. The zero RowOptions detect it.
type RowOptions struct {
	Settings map[string]string // that are known, see [Format]
	Limits   importer.Limits
}

// Rows reads a file as values of a struct of the host's own. Each exported
// field names its column in a tag, csv:"name"; csv:"-" leaves it out, and
// csv:"name,omitempty" lets the column be missing. Headers are compared as they
// stand, else folded as field names are.
//
// A field is a string, a number, a bool or anything with UnmarshalCSV(string)
// error or UnmarshalText. Numbers are read as [importer.ParseValue] reads them,
// so that 01002 is an error and not 514; bools are true and false in any case;
// empty cells are 0 and false.
//
// A row that cannot be read is a [*importer.RowError] with a zero T, and reading
// goes on behind it. Any other error is the last: of the file, of T, or a
// question that the file leaves open and the settings do not answer.
func Rows[T any](ctx context.Context, src importer.Source, opts RowOptions) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		fields, err := structFields(reflect.TypeFor[T]())
		if err != nil {
			yield(zero, err)
			return
		}
		table, at, err := openRows(ctx, src, opts, fields)
		if err != nil {
			yield(zero, err)
			return
		}
		defer func() { _ = table.Close() }() // it was only read
		b := structBlock[T]{fields: fields, at: at}
		for row, err := range table.Rows(ctx) {
			if err != nil && !isRowError(err) {
				if b.flush(yield) {
					yield(zero, err)
				}
				return
			}
			b.add(row, err)
			if len(b.lines) == structRows && !b.flush(yield) {
				return
			}
		}
		b.flush(yield)
	}
}

// structField is a field of a struct and the column it is read from.
type structField struct {
	column   string
	typ      reflect.Type
	own      bool // it reads itself
	optional bool
}

// structFields gives the fields that are read. gocsv would read more kinds of
// them, and numbers in its own way: octal, cut, or with a comma for a point.
func structFields(t reflect.Type) ([]structField, error) {
	if gocsv.TagName != "csv" || gocsv.TagSeparator != "," {
		return nil, &audience.FieldError{Path: "gocsv", Rule: "setting", Hint: "gocsv's own TagName and TagSeparator: this process has changed them, and tags would not be found"}
	}
	if t.Kind() != reflect.Struct {
		return nil, &audience.FieldError{Path: "row", Rule: "type", Hint: "a struct with csv tags"}
	}
	var out []structField
	for f := range t.Fields() {
		tag, tagged := f.Tag.Lookup("csv")
		if tag == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		name, option, _ := strings.Cut(tag, ",")
		s := structField{column: name, typ: f.Type, own: readsItself(f.Type), optional: option == "omitempty"}
		switch {
		case !tagged || f.Anonymous || name == "" || option != "" && !s.optional:
			return nil, &audience.FieldError{Path: "row." + f.Name, Rule: "tag", Hint: `a tag csv:"name", csv:"name,omitempty" or csv:"-"`}
		case !s.own && !isPlain(f.Type.Kind()):
			return nil, &audience.FieldError{Path: "row." + f.Name, Rule: "type", Hint: "a string, a number, a bool, or a type with UnmarshalText"}
		case slices.ContainsFunc(out, func(o structField) bool { return o.column == name }):
			return nil, &audience.FieldError{Path: "row." + f.Name, Rule: "double", Hint: "a column of its own"}
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, &audience.FieldError{Path: "row", Rule: "tag", Hint: "a struct with csv tags"}
	}
	return out, nil
}

func isPlain(k reflect.Kind) bool {
	return k == reflect.String || k == reflect.Bool || k >= reflect.Int && k <= reflect.Uint64 || k == reflect.Float32 || k == reflect.Float64
}

func readsItself(t reflect.Type) bool {
	v := reflect.New(t).Interface()
	_, isText := v.(encoding.TextUnmarshaler)
	_, isCSV := v.(gocsv.TypeUnmarshaller)
	return isText || isCSV
}

// openRows finds the columns of the fields: -1 for one that is missing.
func openRows(ctx context.Context, src importer.Source, opts RowOptions, fields []structField) (importer.Table, []int, error) {
	f := format{known: opts.Settings}
	layout, err := f.Detect(ctx, src, opts.Limits)
	if err != nil {
		return nil, nil, err
	}
	for _, q := range layout.Questions {
		return nil, nil, &audience.FieldError{Path: "settings." + q.ID, Rule: "question", Hint: "one of " + strings.Join(q.Options, " or ") + ": " + q.Text}
	}
	at := make([]int, len(fields))
	for i, field := range fields {
		at[i], err = columnFor(field.column, layout.Columns)
		if err != nil {
			return nil, nil, err
		}
		if at[i] < 0 && !field.optional {
			return nil, nil, &audience.FieldError{Path: "header." + field.column, Rule: "column", Hint: "a column of this name, or omitempty in its tag"}
		}
	}
	table, err := f.Open(ctx, src, layout, opts.Limits)
	return table, at, err
}

// columnFor finds the column of a name.
func columnFor(name string, columns []string) (int, error) {
	for _, same := range []func(string) bool{
		func(c string) bool { return strings.TrimSpace(c) == name },
		func(c string) bool {
			folded := audience.FoldFieldName(name)
			return folded != "" && audience.FoldFieldName(c) == folded
		},
	} {
		at := slices.IndexFunc(columns, same)
		if at < 0 {
			continue
		}
		if slices.ContainsFunc(columns[at+1:], same) {
			return 0, &audience.FieldError{Path: "header." + name, Rule: "double", Hint: "one column of this name"}
		}
		return at, nil
	}
	return -1, nil
}

// structRows is how many rows go through gocsv at once.
const structRows = 256

// structBlock is a run of rows, good and bad.
type structBlock[T any] struct {
	fields []structField
	at     []int
	lines  []structLine
	cells  [][]string // of the good ones
}

type structLine struct {
	line int
	bad  error
}

// add takes a row, and refuses cells that gocsv would read in its own way.
func (b *structBlock[T]) add(row *importer.Row, err error) {
	if err != nil {
		b.lines = append(b.lines, structLine{row.Line, err})
		return
	}
	cells := arrange(row.Cells, b.at)
	for i, f := range b.fields {
		if f.own || f.typ.Kind() == reflect.String {
			continue
		}
		cells[i] = strings.ToLower(strings.Trim(cells[i], " \t"))
		if hint := f.check(cells[i]); hint != "" {
			b.lines = append(b.lines, structLine{row.Line, b.refuse(row.Line, i, hint)})
			return
		}
	}
	b.lines = append(b.lines, structLine{row.Line, nil})
	b.cells = append(b.cells, cells)
}

func (b *structBlock[T]) refuse(line, field int, hint string) error {
	return &importer.RowError{Line: line, Column: b.at[field] + 1, Err: &audience.FieldError{Path: b.fields[field].column, Rule: "type", Hint: hint}}
}

// check gives a hint what is expected, "" for a cell that gocsv reads as we do.
func (f *structField) check(cell string) string {
	if cell == "" {
		return ""
	}
	k := f.typ.Kind()
	kind := audience.TypeInt
	switch k {
	case reflect.Bool:
		kind = audience.TypeBool
	case reflect.Float32, reflect.Float64:
		kind = audience.TypeDouble
	default:
	}
	_, err := importer.ParseValue(kind, cell, f.column, audience.Calendar{})
	if field, ok := errors.AsType[*audience.FieldError](err); ok {
		return field.Hint
	}
	switch {
	case k == reflect.Bool:
		return ""
	case kind == audience.TypeDouble:
		_, err = strconv.ParseFloat(cell, f.typ.Bits())
	case k >= reflect.Uint && k <= reflect.Uint64:
		_, err = strconv.ParseUint(cell, 10, f.typ.Bits())
	default:
		_, err = strconv.ParseInt(cell, 10, f.typ.Bits())
	}
	if err != nil {
		return "a number that " + k.String() + " holds"
	}
	return ""
}

// flush lets gocsv make values of the rows. It stops at a value that it cannot
// make: that row is refused, and the rest tried again.
func (b *structBlock[T]) flush(yield func(T, error) bool) bool {
	names := make([]string, len(b.fields))
	for i, f := range b.fields {
		names[i] = f.column
	}
	var zero T
	var made []T
	failed := -1 // the position behind made of the row that cannot be made
	column := 0
	for _, line := range b.lines {
		if line.bad != nil {
			if !yield(zero, line.bad) {
				return false
			}
			continue
		}
		if len(made) == 0 && failed < 0 {
			var err error
			if made, failed, column, err = unmarshal[T](names, b.cells); err != nil {
				yield(zero, err)
				return false
			}
		}
		b.cells = b.cells[1:]
		if failed == 0 {
			failed = -1
			if !yield(zero, b.refuse(line.line, column, "a value that the field's type reads")) {
				return false
			}
			continue
		}
		failed--
		value := made[0]
		made = made[1:]
		if !yield(value, nil) {
			return false
		}
	}
	b.lines, b.cells = b.lines[:0], nil
	return true
}

// unmarshal makes values of the rows up to the first that it cannot make, and
// gives the position of that one and its column; -1 if there is none.
func unmarshal[T any](names []string, rows [][]string) (made []T, failed, column int, err error) {
	t := append(table{names}, rows...)
	err = gocsv.UnmarshalCSV(&t, &made)
	var parse *csv.ParseError
	switch {
	case err == nil:
		return made, -1, 0, nil
	case errors.As(err, &parse) && parse.Line >= 2 && parse.Line-2 < len(rows) && parse.Column >= 1 && parse.Column <= len(names):
		return made[:parse.Line-2], parse.Line - 2, parse.Column - 1, nil
	default:
		return nil, 0, 0, fmt.Errorf("read rows: %w", &audience.FieldError{Path: "row", Rule: "type", Hint: "a struct that gocsv reads"})
	}
}

func isRowError(err error) bool {
	_, ok := errors.AsType[*importer.RowError](err)
	return ok
}
