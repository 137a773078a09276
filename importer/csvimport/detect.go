package csvimport

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/audiencekit/audiencekit/importer"
)

// Format reads CSV as an import's table. It finds out how a file is written;
// what it cannot be sure of it asks, see [importer.Layout].
//
// The settings of its layouts, all of them text:
//
//	encoding   utf-8, utf-16le, utf-16be, windows-1252 (also for ISO-8859-1)
//	bom        yes: the file begins with a byte order mark
//	delimiter  tab, or the character: , ; | or another one of ASCII punctuation
//	quote      " or ' or none
//	newline    lf, crlf or cr: how its first line ends; all are read
//	header     the line of the header or none, instead of the layout's HeaderLine
//	start      in a file without a header: the line of the first row, if not 1
//	footer     how many rows at the end are none, if they look like that:
//	           one cell of several words, or a total
//
// A row may have fewer cells than there are columns, and more if these are
// empty. Rows of empty cells are passed over. Spaces between quotes and
// delimiters do not count. Apostrophes that guard a cell against being run as a
// formula are taken off.
//
// Settings that are known are given with [importer.Choose]: they are not
// detected, and not asked. One that does not exist is an error of Detect.
func Format() importer.Format { return format{} }

type format struct{ known map[string]string }

// Name is "csv".
func (f format) Name() string { return "csv" }

// DetectAs is Detect with settings that are known: see [importer.Choose].
func (format) DetectAs(ctx context.Context, src importer.Source, limits importer.Limits, settings map[string]string) (*importer.Layout, error) {
	return format{known: settings}.Detect(ctx, src, limits)
}

// Detect reads the file once, in memory that does not depend on its size.
func (f format) Detect(ctx context.Context, src importer.Source, limits importer.Limits) (*importer.Layout, error) {
	limits = limits.WithDefaults()
	d := dialect{start: 1}
	if err := d.apply(f.known); err != nil {
		return nil, err
	}
	l, err := lookAt(ctx, src, limits)
	if err != nil {
		return nil, err
	}
	if err := l.refuse(); err != nil {
		return nil, err
	}
	out := &importer.Layout{Format: f.Name()}
	f.detectEncoding(&d, l, out)
	s := sample{text: bytes.TrimPrefix(text(l.head, d.encoding), []byte("\xef\xbb\xbf")), whole: l.whole(), line: 1, limits: limits}
	if f.known[setNewline] == "" {
		d.newline = newlineOf(s.text)
	}
	s.hint(&d)
	s.skipTo(max(d.header, d.start))
	best, err := f.detectCells(&d, &s, out)
	if err != nil {
		return nil, err
	}
	if err := f.detectShape(&d, best, out); err != nil {
		return nil, err
	}
	f.detectFooter(&d, l, limits, out)
	out.Settings = d.settings()
	return out, nil
}

func (f format) detectEncoding(d *dialect, l *look, out *importer.Layout) {
	name, mark, ask, note := l.encoding()
	d.mark = mark
	if f.known[setEncoding] != "" {
		return
	}
	d.encoding = name
	if ask != nil {
		out.Questions = append(out.Questions, *ask)
	}
	if note != nil {
		out.Notes = append(out.Notes, *note)
	}
}

func (f format) detectCells(d *dialect, s *sample, out *importer.Layout) (*reading, error) {
	var quote *byte
	if f.known[setQuote] != "" {
		quote = &d.quote
	}
	best, asks, err := s.best(d.delimiter, quote)
	if err != nil {
		return nil, err
	}
	d.delimiter, d.quote = best.delimiter, best.quote
	out.Questions = append(out.Questions, asks...)
	return best, nil
}

func (f format) detectShape(d *dialect, best *reading, out *importer.Layout) error {
	if d.header > 0 || f.known[setStart] != "" {
		return f.knownShape(d, best, out)
	}
	shape, err := shapeOf(best)
	if err != nil {
		return err
	}
	if f.known[setHeader] == wordNone {
		shape.noHeader(best)
		shape.asks = nil
	}
	d.header, d.start = shape.header, shape.first
	out.HeaderLine, out.Columns = shape.header, shape.columns
	out.Questions = append(out.Questions, shape.asks...)
	out.Notes = append(out.Notes, shape.notes...)
	return nil
}

// knownShape takes the first row there is as what it is said to be.
func (f format) knownShape(d *dialect, best *reading, out *importer.Layout) error {
	switch {
	case len(best.records) == 0:
		return fileError("empty", "a header row")
	case d.header == 0:
		out.Columns = numbered(max(best.width, len(best.records[0].cells)))
		return nil
	case best.records[0].bad != nil:
		return best.records[0].bad
	}
	d.header = best.records[0].line
	out.HeaderLine, out.Columns = d.header, best.records[0].cells
	out.Notes = append(out.Notes, headerNotes(d.header, out.Columns)...)
	return nil
}

func (f format) detectFooter(d *dialect, l *look, limits importer.Limits, out *importer.Layout) {
	if f.known[setFooter] != "" {
		return
	}
	tail := l.tail
	if (l.size-int64(len(tail)))%2 != 0 { // half a unit of UTF-16
		tail = tail[1:]
	}
	if d.footer = footer(text(tail, d.encoding), d, limits, len(out.Columns)); d.footer > 0 {
		out.Notes = append(out.Notes, importer.Note{Code: "footer", Text: fmt.Sprintf("%d rows at the end are no data", d.footer)})
	}
}

// hint takes the line that tells Excel the delimiter, such as sep=; on its own.
func (s *sample) hint(d *dialect) {
	end := bytes.IndexAny(s.text, "\r\n")
	if end < 0 {
		return
	}
	said, ok := strings.CutPrefix(strings.ToLower(strings.Trim(string(s.text[:end]), `"`)), "sep=")
	delimiter, valid := delimiterNamed(said)
	if !ok || !valid {
		return
	}
	if d.delimiter == 0 {
		d.delimiter = delimiter
	}
	s.skipTo(2)
}

// skipTo moves to a line.
func (s *sample) skipTo(line int) {
	for s.line < line && len(s.text) > 0 {
		end := bytes.IndexAny(s.text, "\r\n")
		if end < 0 {
			s.text = nil
			return
		}
		if s.text[end] == '\r' && end+1 < len(s.text) && s.text[end+1] == '\n' {
			end++
		}
		s.text = s.text[end+1:]
		s.line++
	}
}

func newlineOf(text []byte) string {
	end := bytes.IndexAny(text, "\r\n")
	switch {
	case end < 0 || text[end] == '\n':
		return wordLF
	case end+1 < len(text) && text[end+1] == '\n':
		return wordCRLF
	default:
		return wordCR
	}
}
