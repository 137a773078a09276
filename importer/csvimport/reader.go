package csvimport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// record is one row of a file.
type record struct {
	line       int // where it begins
	bytes      int64
	raw        []byte // as it stands there, without its line end; nil if it is longer than a row may be
	cells      []string
	bad        *importer.RowError // why there are no cells
	afterBlank bool               // an empty line stands before it
}

// reader splits a file into records. Every record is bounded, and a record
// that is not well-formed costs only the line on which it begins: a quote that
// is never closed does not swallow the rest of the file.
type reader struct {
	src       io.Reader
	limits    importer.Limits
	delimiter byte
	quote     byte      // 0: cells have no quotes
	ends      [256]bool // bytes at which a cell without quotes ends, or is wrong
	width     int       // cells of the header, 0 before it was read

	buf        []byte // never written again where it was read: raw rows are parts of it
	start, end int    // of what is not read yet
	eof        bool
	line       int // of start
	read       int64
	cells      []cell // of the record at start, reused
	doubled    bool   // one of them holds doubled quotes
	scratch    []byte
	texts      []string // for the cells of the rows to come
}

// cell is where a cell stands within a record, without its quotes.
type cell struct {
	from, to int
	doubled  bool // it holds doubled quotes
}

// newReader reads cells between commas, with double quotes.
func newReader(src io.Reader, limits importer.Limits) *reader {
	return newDialectReader(src, limits, ',', '"')
}

func newDialectReader(src io.Reader, limits importer.Limits, delimiter, quote byte) *reader {
	r := &reader{src: src, limits: limits, delimiter: delimiter, quote: quote, line: 1}
	r.ends[delimiter], r.ends['\n'], r.ends['\r'] = true, true, true
	if quote != 0 {
		r.ends[quote] = true
	}
	return r
}

// skipMark passes over a byte order mark, and refuses those of other encodings.
func (r *reader) skipMark() error {
	if err := r.fill(); err != nil {
		return err
	}
	head := r.buf[:r.end]
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return fileError("encoding", "UTF-8; this is UTF-16: save it as \"CSV UTF-8\"")
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		r.start = 3
	}
	return nil
}

// bufferBytes is how much is read at once.
const bufferBytes = 64 << 10

// fill reads more, as much as there is room for: what is scanned again must
// not be much more than what is new.
func (r *reader) fill() error {
	rest := r.buf[r.start:r.end]
	size := bufferBytes
	for len(rest) > size/2 {
		size *= 2
	}
	buf := make([]byte, size)
	r.start, r.end = 0, copy(buf, rest)
	r.buf = buf
	n, err := io.ReadFull(r.src, r.buf[r.end:])
	r.end += n
	r.read += int64(n)
	switch {
	case r.read > r.limits.Bytes:
		return tooLarge(r.limits)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		r.eof = true
		return nil
	}
	return err
}

func tooLarge(limits importer.Limits) error {
	return &audience.FieldError{Path: "file", Rule: "max-bytes", Hint: fmt.Sprintf("at most %d bytes", limits.Bytes), Limit: true}
}

// next gives the next record, [io.EOF] after the last. Lines of nothing are
// passed over.
func (r *reader) next() (record, error) {
	for blank := false; ; blank = true {
		blank = r.skipEmpty() || blank
		if r.start == r.end && !r.eof {
			if err := r.fill(); err != nil {
				return record{}, err
			}
		}
		if r.start == r.end {
			return record{}, io.EOF
		}
		s := r.scan()
		for s.more && !r.eof && r.end-r.start <= r.limits.RecordBytes {
			if err := r.fill(); err != nil {
				return record{}, err
			}
			s = r.scan()
		}
		endless := s.more && !r.eof
		s.resync = s.resync || endless
		if endless || s.length-s.ending > r.limits.RecordBytes {
			s.refuse(0, "max-bytes", fmt.Sprintf("a row of at most %d bytes; is a quote not closed?", r.limits.RecordBytes), true)
		}
		rec, err := r.take(&s)
		if err != nil || rec.cells != nil || rec.bad != nil {
			rec.afterBlank = blank
			return rec, err
		}
	}
}

// skipEmpty passes over empty lines, as far as the buffer shows them.
func (r *reader) skipEmpty() bool {
	from := r.start
	for r.start < r.end {
		switch {
		case r.buf[r.start] == '\n':
		case r.buf[r.start] == '\r' && r.start+1 < r.end:
			if r.buf[r.start+1] == '\n' {
				r.start++
			}
		default:
			return r.start > from
		}
		r.start++
		r.line++
	}
	return r.start > from
}

// take makes the record that was scanned and moves on behind it. Of an empty
// line it is the zero record.
func (r *reader) take(s *scan) (record, error) {
	rec := record{line: r.line}
	if s.why == nil && s.lines > 1 && r.width > 0 && len(r.cells) != r.width {
		// A quote that was opened by mistake and closed by the next one.
		s.refuse(0, "quote", "as many cells as the header has; is a quote not closed?", false)
		s.resync = true
	}
	if s.why != nil {
		rec.bad = &importer.RowError{Line: r.line, Column: s.column, Err: s.why}
		if s.resync {
			err := r.skipLine(&rec)
			return rec, err
		}
	} else if s.length > s.ending {
		rec.cells, rec.bad = r.cellTexts(s.length - s.ending)
	}
	rec.raw = r.rawLine(s.length - s.ending)
	rec.bytes = int64(s.length)
	r.start += s.length
	r.line += s.lines
	return rec, nil
}

// skipTo moves to a line, whatever stands above it.
func (r *reader) skipTo(line int) error {
	for r.line < line && (r.start < r.end || !r.eof) {
		var above record
		if err := r.skipLine(&above); err != nil {
			return err
		}
	}
	return nil
}

// rawLine gives the first n bytes of what is not read yet.
func (r *reader) rawLine(n int) []byte {
	if n > r.limits.RecordBytes {
		return nil
	}
	return r.buf[r.start : r.start+n : r.start+n]
}

// skipLine moves behind the first line of what is not read yet.
func (r *reader) skipLine(rec *record) error {
	for {
		rest := r.buf[r.start:r.end]
		if i := bytes.IndexAny(rest, "\r\n"); i >= 0 && (i+1 < len(rest) || rest[i] == '\n' || r.eof) {
			if rec.bytes == 0 {
				rec.raw = r.rawLine(i)
			}
			n := i + 1
			if rest[i] == '\r' && n < len(rest) && rest[n] == '\n' {
				n++
			}
			rec.bytes += int64(n)
			r.start += n
			r.line++
			return nil
		}
		if r.eof {
			if rec.bytes == 0 {
				rec.raw = r.rawLine(len(rest))
			}
			rec.bytes += int64(len(rest))
			r.start = r.end
			return nil
		}
		if keep := bytes.HasSuffix(rest, []byte("\r")); len(rest) > 0 {
			drop := len(rest)
			if keep {
				drop--
			}
			rec.bytes += int64(drop)
			r.start += drop
		}
		if err := r.fill(); err != nil {
			return err
		}
	}
}

// cellTexts gives the cells of the record in the first n bytes, or why one of
// them cannot be used. Cells are parts of one string for each row, so that one
// that is kept does not keep more.
func (r *reader) cellTexts(n int) ([]string, *importer.RowError) {
	text := r.unquoted(r.buf[r.start : r.start+n])
	sound := utf8.ValidString(text) && strings.IndexByte(text, 0) < 0
	out := r.takeTexts(len(r.cells))
	for i, c := range r.cells {
		s := text[c.from:c.to]
		if len(s) > r.limits.CellBytes {
			hint := fmt.Sprintf("at most %d bytes", r.limits.CellBytes)
			return nil, r.badCell(i, &audience.FieldError{Path: "cell", Rule: "max-bytes", Hint: hint, Limit: true})
		}
		if !sound && !utf8.ValidString(s) {
			return nil, r.badCell(i, &audience.FieldError{Path: "cell", Rule: "utf8", Hint: "text in the encoding of the file: save it as \"CSV UTF-8\""})
		}
		if !sound && strings.IndexByte(s, 0) >= 0 {
			return nil, r.badCell(i, &audience.FieldError{Path: "cell", Rule: "nul", Hint: "text without NUL"})
		}
		if s != "" && s[0] == '\'' {
			s = unguard(s)
		}
		out[i] = s
	}
	return out, nil
}

// unquoted gives the text of a row in which the cells are as they mean, and
// moves them to where they are in it.
func (r *reader) unquoted(row []byte) string {
	if !r.doubled {
		return string(row)
	}
	out := r.scratch[:0]
	for i, c := range r.cells {
		from := len(out)
		text := row[c.from:c.to]
		for c.doubled {
			at := bytes.IndexByte(text, r.quote)
			if at < 0 {
				break
			}
			out = append(out, text[:at+1]...)
			text = text[at+2:]
		}
		out = append(out, text...)
		r.cells[i] = cell{from: from, to: len(out)}
	}
	r.scratch = out
	return string(out)
}

// takeTexts gives room for the cells of a row, up to its width.
func (r *reader) takeTexts(cells int) []string {
	const rows = 64
	n := max(cells, r.width)
	if len(r.texts) < n {
		r.texts = make([]string, rows*n)
	}
	out := r.texts[:cells:n]
	r.texts = r.texts[n:]
	return out
}

func (r *reader) badCell(i int, err error) *importer.RowError {
	return &importer.RowError{Line: r.line, Column: i + 1, Err: err}
}

func fileError(rule, hint string) error {
	return &audience.FieldError{Path: "file", Rule: rule, Hint: hint}
}

// unguard takes off the apostrophe that an export put before a cell so that a
// spreadsheet would not run it. It is exact: an export puts one also before
// cells that begin with apostrophes and then like a formula.
func unguard(s string) string {
	if s == "" || s[0] != '\'' || !isFormula(s[1:]) {
		return s
	}
	return s[1:]
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
