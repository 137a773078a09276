package csvimport

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// shape is what lies around the rows: lines above the header, and the header.
type shape struct {
	header  int // its line, 0: there is none
	first   int // the line of the first row, or of the header
	columns []string
	asks    []importer.Question
	notes   []importer.Note
}

// shapeOf finds the header. A file of nothing has none, which is an error.
func shapeOf(r *reading) (*shape, error) {
	at := r.preamble()
	if at == len(r.records) {
		return nil, fileError("empty", "a header row")
	}
	var asks []importer.Question
	if rec := r.records[at]; at > 0 && (rec.bad != nil || holdsAddress(rec.cells)) {
		// What seemed to be a title may be the header: a narrow one, or a bad one.
		above := r.records[at-1]
		narrow := above.bad == nil && len(above.cells) == r.width
		likely := above.bad != nil || narrow && slices.ContainsFunc(above.cells, isColumnName)
		if narrow {
			asks = append(asks, headerQuestion(above.line, likely))
		}
		if likely {
			at--
		}
	}
	rec := r.records[at]
	if rec.bad != nil {
		return nil, rec.bad
	}
	s := &shape{header: rec.line, first: rec.line, columns: slices.Clone(rec.cells), asks: asks}
	likely, certain := isHeader(rec.cells, r.records[at+1:])
	if !certain {
		s.asks = append(s.asks, headerQuestion(rec.line, likely))
	}
	if at > 0 {
		s.notes = append(s.notes, importer.Note{
			Code: "preamble", Line: r.records[0].line, Text: "lines above the header are no data, up to line " + strconv.Itoa(rec.line-1),
		})
	}
	if likely {
		s.notes = append(s.notes, headerNotes(rec.line, s.columns)...)
		return s, nil
	}
	s.noHeader(r)
	return s, nil
}

// noHeader makes of the header the first row of data.
func (s *shape) noHeader(r *reading) {
	if s.header = 0; len(s.notes) > 0 && s.notes[len(s.notes)-1].Code == "no-header" {
		return
	}
	s.columns = numbered(max(r.width, len(s.columns)))
	s.notes = slices.DeleteFunc(s.notes, func(n importer.Note) bool { return n.Column > 0 })
	s.notes = append(s.notes, importer.Note{Code: "no-header", Line: s.first, Text: "there is no header: the first row is data, and the columns are numbered"})
}

func headerQuestion(line int, likely bool) importer.Question {
	q := importer.Question{
		ID: setHeader, Options: []string{strconv.Itoa(line), wordNone}, Assumed: wordNone,
		Text: "Is line " + strconv.Itoa(line) + " the header, with a name for each column, or already data?",
	}
	if likely {
		q.Assumed = q.Options[0]
	}
	return q
}

// numbered names the columns of a file without a header.
func numbered(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = "column_" + strconv.Itoa(i+1)
	}
	return out
}

// headerNotes tells which columns have no name of their own.
func headerNotes(line int, columns []string) []importer.Note {
	var out []importer.Note
	first := make(map[string]int)
	for i, c := range columns {
		c = strings.TrimSpace(c)
		before, double := first[c]
		switch {
		case c == "":
			out = append(out, importer.Note{Code: "blank-header", Line: line, Column: i + 1, Text: "the column has no header"})
		case double:
			out = append(out, importer.Note{Code: "double-header", Line: line, Column: i + 1, Text: "the column has the same header as column " + strconv.Itoa(before)})
		default:
			first[c] = i + 1
		}
	}
	return out
}

// maxPreamble bounds the lines above a header.
const maxPreamble = 30

// preamble counts the rows at the beginning that are much narrower than most:
// titles, dates of the export. What holds an address is none.
func (r *reading) preamble() int {
	if r.width < 2 {
		return 0
	}
	for at, rec := range r.records {
		wide := rec.bad == nil && 2*filled(rec.cells) > r.width
		if wide || rec.bad == nil && holdsAddress(rec.cells) || at > maxPreamble {
			if at > maxPreamble {
				return 0
			}
			return at
		}
	}
	return 0
}

// filled tells how many cells there are up to the last that is not empty.
func filled(cells []string) int {
	n := len(cells)
	for n > 0 && strings.Trim(cells[n-1], " \t") == "" {
		n--
	}
	return n
}

func holdsAddress(cells []string) bool { return slices.ContainsFunc(cells, isAddress) }

// isAddress reports whether a cell is like an e-mail address, which no header
// is.
func isAddress(cell string) bool {
	local, domain, ok := strings.Cut(cell, "@")
	return ok && local != "" && !strings.HasSuffix(local, " ") && strings.Contains(domain, ".") && domain[0] != ' ' && domain[0] != '.'
}

// isHeader weighs whether cells are names of columns, and whether that is sure:
// an address is never one; what stands above addresses, or is a name that
// columns have, is. For the rest it has to be asked.
func isHeader(cells []string, below []record) (likely, certain bool) {
	if holdsAddress(cells) {
		return false, true
	}
	rows := 0
	kinds := make([]cellKinds, len(cells))
	for _, rec := range below {
		if rec.bad != nil {
			continue
		}
		rows++
		for i, c := range rec.cells[:min(len(rec.cells), len(cells))] {
			kinds[i].add(c)
		}
	}
	if rows == 0 {
		data := slices.ContainsFunc(cells, isDigits)
		return !data, !data
	}
	against := false
	for i, c := range cells {
		switch {
		case kinds[i].addresses > 0 && !kinds[i].others(kinds[i].addresses), isColumnName(c) && kinds[i].others(kinds[i].names):
			return true, true
		case isDigits(c) && kinds[i].digits > 0 && !kinds[i].others(kinds[i].digits):
			against = true
		}
	}
	return !against, false
}

// cellKinds counts what stands in a column.
type cellKinds struct{ all, addresses, digits, names int }

func (k *cellKinds) add(cell string) {
	if cell = strings.Trim(cell, " \t"); cell == "" {
		return
	}
	k.all++
	switch {
	case isAddress(cell):
		k.addresses++
	case isDigits(cell):
		k.digits++
	case isColumnName(cell): // or like one: codes have underscores too
		k.names++
	}
}

// others reports whether most cells are not of the kind that n are, or there
// are none.
func (k *cellKinds) others(n int) bool { return 2*n < k.all || k.all == 0 }

// isDigits reports whether a cell is a number, a day, a phone: more digits than
// letters.
func isDigits(cell string) bool {
	digits, letters := 0, 0
	for _, r := range cell {
		switch {
		case unicode.IsDigit(r):
			digits++
		case unicode.IsLetter(r):
			letters++
		}
	}
	return digits > letters
}

// isColumnName reports whether a cell is surely a name of a column: written as
// programs write names, or with a word that columns of people have.
func isColumnName(cell string) bool {
	name, kind, typed := strings.Cut(cell, ":")
	if _, err := audience.ParseType(kind); typed && err == nil {
		return true
	}
	if strings.Contains(name, "_") && utf8.RuneCountInString(name) < 64 && strings.IndexFunc(name, notInName) < 0 && !isDigits(name) {
		return true
	}
	words := strings.FieldsFunc(strings.ToLower(cell), func(r rune) bool { return !unicode.IsLetter(r) })
	return len(words) > 0 && len(words) <= 6 && slices.ContainsFunc(words, func(w string) bool { return slices.Contains(columnWords(), w) })
}

func notInName(r rune) bool {
	return r != '_' && (r > unicode.MaxASCII || !isAlnum(byte(r)))
}

// columnWords are words of headers that are hardly words of data.
func columnWords() []string {
	return []string{
		"email", "mail", "name", "firstname", "lastname", "id", "uuid", "phone", "mobile", "telephone", "date", "datetime", "time", "timestamp",
		"tags", "tag", "status", "address", "zip", "postcode", "city", "country", "gender", "birthday", "created", "updated", "type", "value",
		"nom", "prénom", "courriel", "vorname", "nachname", "datum", "telefon", "nombre", "correo", "imię", "nazwisko", "namn", "epost",
	}
}

// isFooter reports whether a row at the end is none, in a table of several
// columns: one cell of several words behind an empty line or another such row,
// or a total.
func isFooter(cells []string) bool {
	if holdsAddress(cells) {
		return false
	}
	first := ""
	for _, c := range cells {
		if first = strings.Trim(c, " \t:"); first != "" {
			break
		}
	}
	if filled(cells) == 1 && cells[0] != "" {
		return strings.Contains(first, " ")
	}
	return slices.Contains([]string{"total", "totals", "grand total", "sum", "summe", "gesamt"}, strings.ToLower(first))
}

// footer counts the rows at the end of the text of a file that seem to be none.
func footer(text []byte, d *dialect, limits importer.Limits, columns int) int {
	if columns < 2 {
		return 0
	}
	lines := strings.Split(strings.TrimRight(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text)), "\n"), "\n")
	block := 0 // lines since the last empty one
	for block < len(lines) && strings.Trim(lines[len(lines)-1-block], " \t") != "" {
		block++
	}
	if block == len(lines) || block > maxFooter {
		block = 1 // a total follows the rows at once
	}
	s := sample{text: []byte(strings.Join(lines[len(lines)-block:], "\n")), whole: true, line: 1, limits: limits}
	r, err := s.read(d.delimiter, d.quote)
	if err != nil {
		return 0
	}
	alone := block > 1 || len(lines) > 1 && lines[len(lines)-2] == ""
	n := 0
	for _, rec := range slices.Backward(r.records) {
		if rec.bad != nil || !isFooter(rec.cells) || !alone && filled(rec.cells) == 1 {
			return n
		}
		n++
	}
	return n
}
