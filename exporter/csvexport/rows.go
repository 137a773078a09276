package csvexport

import (
	"bufio"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// rows writes rows for gocsv. encoding/csv is not used, because with CRLF at
// the end of rows it changes line ends within cells too.
type rows struct {
	w       *bufio.Writer
	profile Profile
	custom  [][]audience.Value // of the rows that are to come
	err     error
}

// mark writes the byte order mark.
func (r *rows) mark() {
	if r.profile == Spreadsheet {
		r.put("\ufeff")
	}
}

// Write writes the next row: the cells that gocsv has, then those of the
// custom fields.
func (r *rows) Write(cells []string) error {
	values := r.custom[0]
	r.custom = r.custom[1:]
	return r.write(cells, values)
}

func (r *rows) write(cells []string, values []audience.Value) error {
	for i, cell := range cells {
		if i > 0 {
			r.put(",")
		}
		r.cell(guard(cell, r.profile))
	}
	for _, v := range values {
		r.put(",")
		switch v.Type() {
		case audience.TypeInt, audience.TypeDouble: // -5 is a number, not a formula
			r.cell(v.Reveal())
		default:
			r.cell(guard(v.Reveal(), r.profile))
		}
	}
	if r.profile == Spreadsheet {
		r.put("\r")
	}
	r.put("\n")
	return r.err
}

// cell writes a cell, in quotes when it needs them.
func (r *rows) cell(s string) {
	if !strings.ContainsAny(s, ",\"\r\n") && strings.TrimSpace(s) == s {
		r.put(s)
		return
	}
	r.put(`"`)
	r.put(strings.ReplaceAll(s, `"`, `""`))
	r.put(`"`)
}

func (r *rows) put(s string) {
	if r.err == nil {
		_, r.err = r.w.WriteString(s)
	}
}

// Flush does nothing: the encoder flushes at the end.
func (r *rows) Flush() {}

// Error gives the first error of writing.
func (r *rows) Error() error { return r.err }

// guard puts an apostrophe before a cell that a spreadsheet would run, and,
// for any reader, before one that looks as if it had been guarded: taking one
// apostrophe off is exact then.
func guard(s string, p Profile) string {
	if !isFormula(s) || p == Machine && s[0] != '\'' {
		return s
	}
	return "'" + s
}

// isFormula reports whether a spreadsheet could run the cell, behind any
// apostrophes and spaces.
func isFormula(s string) bool {
	s = strings.TrimLeft(s, "' ")
	for _, begin := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(s, begin) {
			return true
		}
	}
	return false
}
