package csvimport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// look is what one pass over the bytes of a file shows. One byte in the last
// row can tell the encoding, so nothing less than all is looked at; what is
// kept of it does not depend on its size.
type look struct {
	head, tail []byte // its beginning and its end; the same if that is all
	size       int64
	continued  int64 // bytes of UTF-8 that belong to the character before them
	broken     int64 // sequences that are not UTF-8
}

// tailBytes is where rows that are no data are looked for.
const tailBytes = 32 << 10

// whole reports whether head is the whole file.
func (l *look) whole() bool { return l.size == int64(len(l.head)) }

func lookAt(ctx context.Context, src importer.Source, limits importer.Limits) (*look, error) {
	in, err := src.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", src.Name(), err)
	}
	defer in.Close()
	l := &look{}
	headBytes := limits.RecordBytes + bufferBytes
	buf := make([]byte, bufferBytes)
	kept := 0 // of the chunk before, at the start of buf: the beginning of a character
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := io.ReadFull(in, buf[kept:])
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return nil, err
		}
		chunk := buf[kept : kept+n]
		if l.size += int64(n); l.size > limits.Bytes {
			return nil, tooLarge(limits)
		}
		l.head = append(l.head, chunk[:min(n, headBytes-len(l.head))]...)
		if l.tail = append(l.tail, chunk...); len(l.tail) > tailBytes {
			l.tail = append(l.tail[:0], l.tail[len(l.tail)-tailBytes:]...)
		}
		kept = copy(buf, l.count(buf[:kept+n], end))
		if end {
			return l, nil
		}
	}
}

// count goes through the UTF-8 of p and gives what it leaves for the next time:
// the beginning of a character at the end.
func (l *look) count(p []byte, end bool) []byte {
	if utf8.Valid(p) {
		l.continued += int64(len(p) - utf8.RuneCount(p))
		return nil
	}
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		switch {
		case r != utf8.RuneError || n > 1:
			l.continued += int64(n - 1)
		case !end && len(p) < utf8.UTFMax && !utf8.FullRune(p):
			return p
		default:
			l.broken++
		}
		p = p[n:]
	}
	return nil
}

// refuse says what the file is when it is no text in cells.
func (l *look) refuse() error {
	begin := bytes.TrimLeft(bytes.TrimPrefix(l.head, []byte("\xef\xbb\xbf")), " \t\r\n")
	kind := ""
	for prefix, name := range map[string]string{
		"PK\x03\x04": "a zip archive or a workbook", "\xd0\xcf\x11\xe0": "an old workbook", "\x1f\x8b": "a compressed file", "%PDF": "a PDF",
		"BEGIN:VCARD": "a file of vCards", "<?xml": "XML", "<!DOCTYPE": "a web page", "<html": "a web page", "<HTML": "a web page",
		"\xff\xfe\x00\x00": "UTF-32, which is not read", "\x00\x00\xfe\xff": "UTF-32, which is not read",
	} {
		if bytes.HasPrefix(begin, []byte(prefix)) {
			kind = name
		}
	}
	if isJSON(begin) {
		kind = "JSON"
	}
	if kind == "" {
		return nil
	}
	return fmt.Errorf("not CSV: this is %s: %w", kind, audience.ErrUnsupported)
}

// isJSON reports whether text begins as JSON does and hardly a header.
func isJSON(begin []byte) bool {
	if len(begin) == 0 || begin[0] != '{' && begin[0] != '[' {
		return false
	}
	next := bytes.TrimLeft(begin[1:], " \t\r\n")
	if len(next) == 0 {
		return false
	}
	if begin[0] == '{' {
		return next[0] == '"' || next[0] == '}'
	}
	return next[0] == '{' || next[0] == '[' || next[0] == '"' || next[0] == ']'
}

// encoding says how the text is encoded, and what is to be asked about it.
func (l *look) encoding() (name string, mark bool, ask *importer.Question, note *importer.Note) {
	switch {
	case bytes.HasPrefix(l.head, []byte("\xef\xbb\xbf")):
		return encUTF8, true, nil, l.damage()
	case bytes.HasPrefix(l.head, []byte("\xff\xfe")):
		return encUTF16LE, true, nil, nil
	case bytes.HasPrefix(l.head, []byte("\xfe\xff")):
		return encUTF16BE, true, nil, nil
	case l.broken == 0 || l.broken <= l.continued:
		if name := utf16By(l.head); name != "" {
			return name, false, nil, nil
		}
		// Where there is UTF-8 beyond ASCII, the file is UTF-8: text in any other
		// encoding does not look like it by chance. Bytes that are not are damage.
		return encUTF8, false, nil, l.damage()
	}
	if name := utf16By(l.head); name != "" {
		return name, false, nil, nil
	}
	return encWindows, false, &importer.Question{
		ID:      setEncoding,
		Text:    "The text is not UTF-8, and nothing in it says what else it is. Do names with accents look right when it is read as Windows-1252 (Western Europe)? If not, save the file as UTF-8. Read as UTF-8, rows with such letters are rejected.",
		Options: []string{encWindows, encUTF8},
		Assumed: encWindows,
	}, nil
}

func (l *look) damage() *importer.Note {
	if l.broken == 0 {
		return nil
	}
	return &importer.Note{Code: "damaged-text", Text: fmt.Sprintf("%d characters are not UTF-8, as the rest of the file is; rows that have them are rejected", l.broken)}
}

// utf16By finds UTF-16 without a mark by its NULs: every second byte of ASCII,
// and delimiters and digits are ASCII in every language. "" is none.
func utf16By(head []byte) string {
	var little, big int
	units := min(len(head), 4<<10) / 2
	for i := range units {
		a, b := head[2*i], head[2*i+1]
		switch {
		case b == 0 && isText(a):
			little++
		case a == 0 && isText(b):
			big++
		}
	}
	const least = 3 // units of ten
	switch {
	case 10*little >= least*units && little > 10*big && units > 0:
		return encUTF16LE
	case 10*big >= least*units && big > 10*little && units > 0:
		return encUTF16BE
	}
	return ""
}

// isText reports whether a byte is one of ASCII text.
func isText(b byte) bool { return b >= ' ' && b < 0x7f || b == '\t' || b == '\n' || b == '\r' }
