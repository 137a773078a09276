package importer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"slices"
)

// NDJSON is the format "ndjson": one JSON object a line, in UTF-8. Empty lines
// are passed over. A line that is no object costs itself alone.
//
// Members within members become columns with both names, such as fields.city.
// Strings, numbers and booleans keep their kind; null is empty; an array of them
// is a list, any other array its JSON text. The columns are those of all lines.
// A name that comes twice in a record makes it bad.
//
// Our own exports get the headers that they have in CSV, without the types of
// custom fields, which lines do not tell.
//
// Rejects are the lines as they came, with [ReasonColumn] as their last
// member. Above a line that cannot be read as an object stands one with the
// reason alone, which is passed over when the file is read.
func NDJSON() Format { return ndjsonFormat{} }

type ndjsonFormat struct{}

func (ndjsonFormat) Name() string { return "ndjson" }

// Detect wants an object at the beginning, and that half of the first lines
// are one.
func (f ndjsonFormat) Detect(ctx context.Context, src Source, limits Limits) (*Layout, error) {
	limits = limits.WithDefaults()
	r, err := openNDJSON(ctx, src, nil, limits, true)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	const sample = 10
	good, seen := 0, 0
	err = r.survey(ctx, func(rec record, bad error) error {
		switch {
		case seen == 0 && (rec.bad != nil || !bytes.HasPrefix(rec.text, []byte("{"))):
			return unsupported("the first line is no JSON object")
		case bad == nil:
			good++
		}
		if seen++; seen == sample && 2*good < seen {
			return unsupported("more than half of the first lines are no JSON objects")
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case good == 0, 2*good < seen:
		return nil, unsupported("more than half of the lines are no JSON objects")
	}
	return &Layout{Format: f.Name(), Columns: ownHeaders(r.names(), nil), HeaderLine: r.first}, nil
}

func (f ndjsonFormat) Open(ctx context.Context, src Source, layout *Layout, limits Limits) (Table, error) {
	return openNDJSON(ctx, src, layout, limits.WithDefaults(), false)
}

func (ndjsonFormat) Rejects(w io.Writer, layout *Layout, secret []int) (Rejects, error) {
	return newJSONRejects(w, layout, secret, jsonLines)
}

func openNDJSON(ctx context.Context, src Source, layout *Layout, limits Limits, open bool) (*ndjsonTable, error) {
	w, err := openWindow(ctx, src, limits)
	if err != nil {
		return nil, err
	}
	t := &ndjsonTable{window: w}
	t.jsonRows = newJSONRows(layout, limits, open)
	return t, nil
}

// ndjsonTable reads lines.
type ndjsonTable struct {
	*window
	jsonRows
}

func (t *ndjsonTable) Rows(ctx context.Context) iter.Seq2[*Row, error] {
	return rowsOf(ctx, t, t.width, t.limits)
}

func (t *ndjsonTable) survey(ctx context.Context, each func(record, error) error) error {
	return t.jsonRows.survey(ctx, t.next, each)
}

// next gives the next line that is not blank.
func (t *ndjsonTable) next() (record, error) {
	for {
		rec, err := t.nextLine()
		if err != nil {
			return rec, err
		}
		rec.text = bytes.Trim(rec.text, " \t\r")
		if len(rec.text) > 0 || rec.bad != nil {
			return rec, nil
		}
	}
}

// nextLine gives the next line. Of one that is too long nothing is kept.
func (t *ndjsonTable) nextLine() (record, error) {
	rec := record{line: t.line}
	for searched := 0; ; {
		b := t.bytes()
		if at := bytes.IndexByte(b[searched:], '\n'); at >= 0 {
			rec.text = b[:searched+at]
			break
		}
		if len(b) > t.limits.RecordBytes {
			rec.bad = tooLong(t.limits)
			rec.bytes += int64(len(b))
			t.take(len(b))
			b = nil
		}
		searched = len(b)
		if !t.fill() {
			if err := t.failure(); err != nil {
				return rec, err
			}
			if len(t.bytes()) == 0 && rec.bad == nil {
				return rec, io.EOF
			}
			rec.text = t.bytes()
			break
		}
	}
	if len(rec.text) > t.limits.RecordBytes {
		rec.bad = tooLong(t.limits)
	}
	n := len(rec.text)
	if len(t.bytes()) > n {
		n++ // the line end
	}
	rec.bytes += int64(n)
	t.take(n)
	if rec.bad != nil {
		rec.text = nil
	}
	return rec, nil
}

// jsonRows reads JSON objects as rows of one file.
type jsonRows struct {
	parse  jsonRecord
	width  int
	limits Limits
	first  int // where the first record stands
}

func newJSONRows(layout *Layout, limits Limits, open bool) jsonRows {
	var headers []string
	if layout != nil {
		headers = layout.Columns
	}
	p := newPaths(slices.Clip(headers), limits, open)
	if !open {
		p.alias()
	}
	return jsonRows{parse: jsonRecord{paths: p, limits: limits}, width: len(headers), limits: limits}
}

// fields reads an object into a row.
func (j *jsonRows) fields(rec record, row *Row) (column int, err error) {
	row.Raw = bytes.Clone(rec.text)
	column, err = j.parse.read(row.Raw, row)
	if err == nil && j.onlyReason(row) {
		err = noRowError{}
	}
	return column + 1, err
}

// onlyReason reports whether the record is a reason that stands above a
// rejected record.
func (j *jsonRows) onlyReason(row *Row) bool {
	at, ok := j.parse.paths.columns[ReasonColumn]
	if !ok || row.Kinds[at] == CellAbsent {
		return false
	}
	for i, kind := range row.Kinds {
		if kind != CellAbsent && i != at {
			return false
		}
	}
	return true
}

// names gives the columns that were found.
func (j *jsonRows) names() []string { return j.parse.paths.headers }

// survey finds the columns of all records. each is told about every one.
func (j *jsonRows) survey(ctx context.Context, next func() (record, error), each func(rec record, bad error) error) error {
	const often = 1024
	for n := 0; ; n++ {
		if n%often == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		rec, err := next()
		if errors.Is(err, io.EOF) {
			return j.parse.paths.empty(j.parse.paths.root)
		}
		if err != nil {
			return err
		}
		if n == j.limits.Rows {
			return tooManyRows(j.limits)
		}
		if j.first == 0 {
			j.first = rec.line
		}
		bad := rec.bad
		if bad == nil {
			_, bad = j.parse.read(rec.text, nil)
		}
		if fatal, ok := errors.AsType[*fileError](bad); ok {
			return fatal.error
		}
		if err := each(rec, bad); err != nil {
			return err
		}
	}
}
