package csvimport

import (
	"bufio"
	"bytes"
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/importer"
)

// rejects writes rejected rows so that they can be mended and imported again:
// in the dialect of their file but in UTF-8, with a mark when their file had
// one or was not UTF-8, so that spreadsheets do not take it for something else.
type rejects struct {
	w       *bufio.Writer
	dialect dialect
	columns []string
	secret  []int
	reason  int // where the file has the reasons of an earlier import, -1: nowhere
	limits  importer.Limits
	err     error
}

// Rejects writes the header at once. Lines above it are left out, and a file
// without a header gets one.
func (f format) Rejects(w io.Writer, layout *importer.Layout, secret []int) (importer.Rejects, error) {
	d, err := dialectOf(layout)
	if err != nil {
		return nil, err
	}
	r := &rejects{
		w: bufio.NewWriter(w), dialect: d, columns: layout.Columns, secret: secret,
		reason: slices.Index(layout.Columns, importer.ReasonColumn), limits: importer.Limits{}.WithDefaults(),
	}
	// Raw rows are bounded where they were read.
	r.limits.RecordBytes, r.limits.CellBytes, r.limits.RecordLines, r.limits.Columns = 1<<30, 1<<30, 1<<30, 1<<30
	if d.mark || d.encoding != encUTF8 {
		r.put("\ufeff")
	}
	for i, c := range r.columns {
		r.cell(i, c)
	}
	if r.reason < 0 {
		r.cell(len(r.columns), importer.ReasonColumn)
	}
	r.endRow()
	return r, r.err
}

// Reject writes a row as it stood there and the reason behind it. From its
// cells it is written anew where there are secrets, which are left out, or
// where the reason would come into another column. A row that was not divided
// into cells is left empty if it could hold a secret, or is too long to be
// kept: the reason tells its line.
func (r *rejects) Reject(row *importer.Row, reason string) error {
	reason = cmp.Or(reason, "rejected")
	switch {
	case row.Cells == nil && row.Raw != nil && len(r.secret) == 0:
		r.put(string(row.Raw))
		if r.reason < 0 {
			r.why(reason)
		}
	case row.Cells == nil:
		r.cells(make([]string, len(r.columns)), reason)
	case len(r.secret) > 0 || r.reason >= 0 || !r.raw(row, reason):
		r.cells(row.Cells, reason)
	}
	r.endRow()
	return r.err
}

// raw writes a row that stands well as it is.
func (r *rejects) raw(row *importer.Row, reason string) bool {
	rec, err := newDialectReader(bytes.NewReader(row.Raw), r.limits, r.dialect.delimiter, r.dialect.quote).next()
	if err != nil || rec.bad != nil || len(rec.cells) > len(r.columns) || len(rec.raw) != len(row.Raw) {
		return false
	}
	r.put(string(row.Raw))
	for i := len(rec.cells); i < len(r.columns); i++ {
		r.cell(i, "")
	}
	r.why(reason)
	return true
}

// cells writes a row anew.
func (r *rejects) cells(cells []string, reason string) {
	for i := range r.columns {
		switch {
		case i == r.reason:
			r.separate(i)
			r.quoted(reason)
		case i >= len(cells) || slices.Contains(r.secret, i):
			r.cell(i, "")
		default:
			r.cell(i, cells[i])
		}
	}
	if r.reason < 0 {
		r.why(reason)
	}
}

// cell writes one cell, guarded again if a spreadsheet would run it.
func (r *rejects) cell(index int, s string) {
	r.separate(index)
	if isFormula(s) {
		s = "'" + s
	}
	if strings.ContainsAny(s, r.special()) || strings.Trim(s, " \t") != s {
		r.quoted(s)
		return
	}
	r.put(s)
}

// why writes the reason behind all cells. It is in quotes always: where a row
// has a quote too many, the next one ends what that opened.
func (r *rejects) why(reason string) {
	r.separate(1)
	r.quoted(reason)
}

func (r *rejects) separate(index int) {
	if index > 0 {
		r.put(string(rune(r.dialect.delimiter)))
	}
}

// special are the characters of which a cell may hold none outside quotes.
func (r *rejects) special() string {
	return string([]byte{'\r', '\n', r.dialect.delimiter, cmp.Or(r.dialect.quote, '\n')})
}

// quoted writes a cell in quotes; where there are none it becomes one line
// without delimiters.
func (r *rejects) quoted(s string) {
	if r.dialect.quote == 0 {
		for _, c := range r.special() {
			s = strings.ReplaceAll(s, string(c), " ")
		}
		r.put(s)
		return
	}
	quote := string(rune(r.dialect.quote))
	r.put(quote)
	r.put(strings.ReplaceAll(s, quote, quote+quote))
	r.put(quote)
}

func (r *rejects) endRow() {
	if r.dialect.newline == wordCRLF {
		r.put("\r")
	}
	r.put("\n")
}

func (r *rejects) put(s string) {
	if r.err == nil {
		_, r.err = r.w.WriteString(s)
	}
}

// Close writes what is left.
func (r *rejects) Close() error {
	if r.err == nil {
		r.err = r.w.Flush()
	}
	return r.err
}
