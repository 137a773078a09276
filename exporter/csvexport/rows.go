package csvexport

import (
	"bytes"
	"io"
	"slices"
	"unicode/utf8"
)

// rows writes rows of cells. encoding/csv is not used, because with CRLF at the
// end of rows it changes line ends within cells too, and because it wants a
// string for each cell. A cell is appended as it is and then finished where it
// stands.
type rows struct {
	w       io.Writer
	b       []byte
	profile Profile
	comma   byte
	end     string    // of a row
	numbers []bool    // by column: -5 is a number there, not a formula
	special [256]bool // bytes for which a cell has to stand in quotes
	err     error
}

// enough is how much is collected before it is written.
const enough = 32 << 10

// begin is told how to write, and which columns hold numbers, and writes the
// byte order mark.
func (r *rows) begin(opts Options, numbers []bool) {
	r.profile, r.comma, r.end, r.numbers = opts.Profile, byte(opts.Comma), "\n", numbers
	for _, c := range []byte{r.comma, '"', '\r', '\n'} {
		r.special[c] = true
	}
	if r.profile == Spreadsheet {
		r.end = "\r\n"
		r.b = append(r.b, "\ufeff"...)
	}
}

// header writes the names of the columns, which may look like formulas
// whatever stands below them.
func (r *rows) header(names []string) error {
	for i, name := range names {
		r.next(i)
		start := len(r.b)
		r.b = append(r.b, name...)
		r.guard(start)
		r.quote(start)
	}
	return r.endRow()
}

// Write writes the next row.
func (r *rows) Write(cells []string) error {
	for i, text := range cells {
		r.next(i)
		start := len(r.b)
		r.b = append(r.b, text...)
		r.finish(i, start)
	}
	return r.endRow()
}

// next begins the cell of a column.
func (r *rows) next(column int) {
	if column > 0 {
		r.b = append(r.b, r.comma)
	}
}

// finish ends the cell of a column, the text of which begins at start.
func (r *rows) finish(column, start int) {
	if !r.numbers[column] {
		r.guard(start)
	}
	r.quote(start)
}

// endRow ends the row, and writes what was collected when it is enough.
func (r *rows) endRow() error {
	r.b = append(r.b, r.end...)
	if len(r.b) >= enough {
		return r.flush()
	}
	return r.err
}

func (r *rows) flush() error {
	if r.err == nil {
		_, r.err = r.w.Write(r.b)
		r.b = r.b[:0]
	}
	return r.err
}

// Flush does nothing: who writes rows flushes at the end.
func (r *rows) Flush() {}

// Error gives the first error of writing.
func (r *rows) Error() error { return r.err }

// quote puts the cell that begins at start in quotes, when it needs them, and
// doubles those within it.
func (r *rows) quote(start int) {
	cell := r.b[start:]
	if !r.needsQuotes(cell) {
		return
	}
	doubled := bytes.Count(cell, []byte{'"'})
	from := len(r.b)
	r.b = slices.Grow(r.b, doubled+2)[:from+doubled+2]
	to := len(r.b) - 1
	r.b[to] = '"'
	for doubled > 0 { // from the end, so that nothing is written over what was not moved yet
		from--
		to--
		if r.b[to] = r.b[from]; r.b[from] == '"' {
			to--
			r.b[to] = '"'
			doubled--
		}
	}
	copy(r.b[start+1:to], r.b[start:from])
	r.b[start] = '"'
}

// needsQuotes reports whether the cell would not come back as it is without
// quotes. Spaces at its ends would be lost in some readers, a line of nothing
// would be no row, and \. alone ends the data of some databases.
func (r *rows) needsQuotes(cell []byte) bool {
	if len(cell) == 0 {
		return len(r.numbers) == 1
	}
	for _, c := range cell {
		if r.special[c] {
			return true
		}
	}
	first, last := cell[0], cell[len(cell)-1]
	return (first <= ' ' || last <= ' ' || first >= utf8.RuneSelf || last >= utf8.RuneSelf) && len(bytes.TrimSpace(cell)) != len(cell) ||
		string(cell) == `\.`
}

// guard puts an apostrophe before a cell that a spreadsheet would run, and, for
// any reader, before one that looks as if it had been guarded: taking one
// apostrophe off is exact then.
func (r *rows) guard(start int) {
	cell := r.b[start:]
	if len(cell) == 0 || !isFormula(cell) || r.profile == Machine && cell[0] != '\'' {
		return
	}
	r.b = slices.Insert(r.b, start, '\'')
}

// isFormula reports whether a spreadsheet could run the cell, which is not
// empty, behind any apostrophes and spaces.
func isFormula(cell []byte) bool {
	if c := cell[0]; c >= 'A' && c <= 'z' || c >= '0' && c <= '9' {
		return false // as most cells
	}
	cell = bytes.TrimLeft(cell, "' ")
	if len(cell) == 0 {
		return false
	}
	switch cell[0] {
	case '=', '+', '-', '@', '\t', '\r', '\n':
		return true
	case 0xEF: // the first byte of what is below
		for _, begin := range []string{"＝", "＋", "－", "＠"} {
			if bytes.HasPrefix(cell, []byte(begin)) {
				return true
			}
		}
	}
	return false
}
