package csvexport

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
)

// rows writes rows for gocsv. encoding/csv is not used, because with CRLF at
// the end of rows it changes line ends within cells too.
type rows struct {
	w       io.Writer
	b       []byte
	profile Profile
	comma   byte
	end     string // of a row
	numbers []bool // by column: -5 is a number there, not a formula
	err     error
}

// enough is how much is collected before it is written.
const enough = 32 << 10

// begin is told how to write, and writes the byte order mark.
func (r *rows) begin(opts Options, columns []exporter.Column) {
	r.profile, r.comma, r.end = opts.Profile, byte(opts.Comma), "\n"
	for _, c := range columns {
		r.numbers = append(r.numbers, c.Type == audience.TypeInt || c.Type == audience.TypeDouble)
	}
	if r.profile == Spreadsheet {
		r.end = "\r\n"
		r.b = append(r.b, "\ufeff"...)
	}
}

func (r *rows) header(names []string) error {
	for i, name := range names {
		r.cell(i, guard(name, r.profile))
	}
	r.b = append(r.b, r.end...)
	return r.err
}

// Write writes the next row.
func (r *rows) Write(cells []string) error {
	for i, text := range cells {
		if !r.numbers[i] {
			text = guard(text, r.profile)
		}
		r.cell(i, text)
	}
	r.b = append(r.b, r.end...)
	if len(r.b) >= enough {
		return r.flush()
	}
	return r.err
}

// cell writes a cell, in quotes when it needs them.
func (r *rows) cell(column int, s string) {
	if column > 0 {
		r.b = append(r.b, r.comma)
	}
	if !r.needsQuotes(s) && (s != "" || len(r.numbers) > 1) { // an empty line would be no row
		r.b = append(r.b, s...)
		return
	}
	r.b = append(r.b, '"')
	for {
		part, rest, more := strings.Cut(s, `"`)
		r.b = append(r.b, part...)
		if !more {
			break
		}
		r.b = append(r.b, `""`...)
		s = rest
	}
	r.b = append(r.b, '"')
}

// needsQuotes reports whether the cell would not come back as it is without
// quotes. Spaces at its ends would be lost in some readers.
func (r *rows) needsQuotes(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c == r.comma || c == '"' || c == '\n' || c == '\r' {
			return true
		}
	}
	first, last := s[0], s[len(s)-1]
	return (first <= ' ' || last <= ' ' || first >= utf8.RuneSelf || last >= utf8.RuneSelf) && strings.TrimSpace(s) != s
}

func (r *rows) flush() error {
	if r.err == nil {
		_, r.err = r.w.Write(r.b)
		r.b = r.b[:0]
	}
	return r.err
}

// Flush does nothing: the encoder flushes at the end.
func (r *rows) Flush() {}

// Error gives the first error of writing.
func (r *rows) Error() error { return r.err }

// guard puts an apostrophe before a cell that a spreadsheet would run, and,
// for any reader, before one that looks as if it had been guarded: taking one
// apostrophe off is exact then.
func guard(s string, p Profile) string {
	if s == "" || !isFormula(s) || p == Machine && s[0] != '\'' {
		return s
	}
	return "'" + s
}

// isFormula reports whether a spreadsheet could run the cell, which is not
// empty, behind any apostrophes and spaces.
func isFormula(s string) bool {
	if c := s[0]; c >= 'A' && c <= 'z' || c >= '0' && c <= '9' {
		return false // as most cells
	}
	s = strings.TrimLeft(s, "' ")
	if s == "" {
		return false
	}
	switch s[0] {
	case '=', '+', '-', '@', '\t', '\r', '\n':
		return true
	case 0xEF: // the first byte of what is below
		for _, begin := range []string{"＝", "＋", "－", "＠"} {
			if strings.HasPrefix(s, begin) {
				return true
			}
		}
	}
	return false
}
