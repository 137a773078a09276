package xlsxfile

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// Bounds of what a workbook is made of.
const (
	maxEntries = 10_000  // files in the archive
	maxSheets  = 1000    // of a workbook
	maxStrings = 1 << 28 // bytes of shared texts
	maxRow     = 1 << 20 // which is the last one of every program
	// maxRatio is how often a part, and all that is read of a workbook, may be
	// larger than it is packed. Sheets have up to 30: the names of their cells differ.
	maxRatio  = 50
	freeRatio = 1 << 24 // bytes up to which the ratio does not matter
)

// book is an open workbook.
type book struct {
	in       io.Closer
	at       *countingReader
	zip      *zip.Reader
	size     int64  // of the archive
	unpacked uint64 // bytes, in one pass over the workbook
	limits   importer.Limits
	sheets   []sheet
	strings  []string
	texts    string       // the part with them
	formats  []dateFormat // by style
	from     int          // days that the calendar begins later: the 1904 system
}

// sheet is one of the tables.
type sheet struct {
	name   string
	file   *zip.File
	hidden bool
}

// countingReader counts what is read of the file.
type countingReader struct {
	io.ReaderAt
	n int64
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.n += int64(n)
	return n, err
}

// openBook reads everything but the sheets.
func openBook(ctx context.Context, src importer.Source, limits importer.Limits) (*book, error) {
	in, err := src.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", src.Name(), err)
	}
	b := &book{in: in, limits: limits}
	if err := b.open(in); err != nil {
		in.Close()
		return nil, err
	}
	return b, nil
}

func (b *book) open(in io.Reader) error {
	at, size, err := b.readerAt(in)
	if err != nil {
		return err
	}
	b.at, b.size = &countingReader{ReaderAt: at}, size
	if b.zip, err = zip.NewReader(b.at, size); err != nil {
		return notArchive(at)
	}
	if len(b.zip.File) > maxEntries {
		return tooLarge("max-entries", "at most %d files in the archive", maxEntries)
	}
	return b.parts()
}

// notArchive is the error of a file that is no archive, or not a whole one.
func notArchive(at io.ReaderAt) error {
	begin := make([]byte, len("PK\x03\x04"))
	_, _ = at.ReadAt(begin, 0) // what is not there is no beginning
	switch string(begin) {
	case "PK\x03\x04":
		return refuse("zip", "a whole archive: this one is cut off or damaged")
	case "\xd0\xcf\x11\xe0":
		return unsupported("a workbook with a password, or of the old form .xls; save it as .xlsx without one")
	}
	return unsupported("no workbook")
}

func unsupported(why string) error { return fmt.Errorf("%w: %s", audience.ErrUnsupported, why) }

// readerAt gives random access, which archives need.
func (b *book) readerAt(in io.Reader) (io.ReaderAt, int64, error) {
	limit := b.limits.Bytes
	tooMuch := tooLarge("max-bytes", "at most %d bytes", limit)
	if at, ok := in.(interface {
		io.ReaderAt
		io.Seeker
	}); ok {
		size, err := at.Seek(0, io.SeekEnd)
		if err == nil && size > limit {
			err = tooMuch
		}
		return at, size, err
	}
	begin := make([]byte, len("PK\x03\x04"))
	n, err := io.ReadFull(in, begin)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, 0, err
	}
	if begin = begin[:n]; string(begin) != "PK\x03\x04" { // a large file of another format is not read whole
		return nil, 0, notArchive(bytes.NewReader(begin))
	}
	content, err := io.ReadAll(io.LimitReader(in, limit))
	if err != nil {
		return nil, 0, err
	}
	content = append(begin, content...)
	if int64(len(content)) > limit {
		return nil, 0, tooMuch
	}
	return bytes.NewReader(content), int64(len(content)), nil
}

// Close closes the file.
func (b *book) Close() error { return b.in.Close() }

func (b *book) file(name string) *zip.File {
	for _, f := range b.zip.File {
		if strings.EqualFold(strings.TrimPrefix(f.Name, "/"), name) {
			return f
		}
	}
	return nil
}

// part unpacks one file of the archive within bounds. One that says of itself
// that it goes beyond them is not unpacked at all.
func (b *book) part(f *zip.File) (*boundedReader, error) {
	const around = 1 << 24 // what is not read row by row
	r := &boundedReader{book: b, packed: f.CompressedSize64, until: around}
	if err := r.check(f.UncompressedSize64); err != nil {
		return nil, err
	}
	in, err := f.Open()
	if err != nil {
		return nil, refuse("zip", "an archive that can be unpacked, without a password")
	}
	r.ReadCloser = in
	return r, nil
}

// boundedReader refuses archives that unpack to much more than they are.
type boundedReader struct {
	io.ReadCloser
	book      *book
	packed, n uint64
	until     uint64 // it may be read up to there
}

// allow lets one more row or text be read, with what is around its cells.
func (r *boundedReader) allow() {
	const markup = 4
	r.until = r.n + markup*uint64(r.book.limits.RecordBytes)
}

func (r *boundedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.n += uint64(n)
	r.book.unpacked += uint64(n)
	if r.n > r.until {
		return 0, tooLarge("max-bytes", "rows and texts of at most %d bytes", r.book.limits.RecordBytes)
	}
	if err := r.check(r.n); err != nil {
		return 0, err
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, refuse("zip", "a whole archive: this one is cut off or damaged")
	}
	return n, err
}

// check reports why a part may not be so large, or nil. Parts may lie about
// their size, and several may be the same bytes of the archive, so that all
// together are bounded by its size too.
func (r *boundedReader) check(size uint64) error {
	switch {
	case size > uint64(r.book.limits.Bytes):
		return tooLarge("max-bytes", "parts that unpack to at most %d bytes", r.book.limits.Bytes)
	case size > freeRatio && size/maxRatio > r.packed, r.book.unpacked > freeRatio+maxRatio*uint64(r.book.size):
		return tooLarge("zip-ratio", "parts that unpack to at most %d times their size", maxRatio)
	}
	return nil
}

// eachElement reads a part element by element. Names are without namespaces.
func (b *book) eachElement(f *zip.File, begin func(d *xml.Decoder, e xml.StartElement) error) error {
	if f == nil {
		return nil
	}
	in, err := b.part(f)
	if err != nil {
		return err
	}
	defer in.Close()
	d := xml.NewDecoder(in)
	for texts := f == b.file(b.texts); ; {
		if texts {
			in.allow()
		}
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return badXML(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			if err := begin(d, e); err != nil {
				return badXML(err)
			}
		}
	}
}

// badXML is the error of a part that cannot be read; nothing that stands there
// is in it.
func badXML(err error) error {
	if _, ok := errors.AsType[*xml.SyntaxError](err); ok || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse("xml", "a workbook whose parts are well-formed XML")
	}
	return err
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// relations gives the targets of a part's relations by id, and by the last
// word of their type.
func (b *book) relations(of string) (byID, byType map[string]string, err error) {
	byID, byType = make(map[string]string), make(map[string]string)
	dir, name := path.Split(of)
	err = b.eachElement(b.file(dir+"_rels/"+name+".rels"), func(_ *xml.Decoder, e xml.StartElement) error {
		if e.Name.Local != "Relationship" || len(byID) > maxEntries {
			return nil
		}
		target := attribute(e, "Target")
		if strings.HasPrefix(target, "/") {
			target = target[1:]
		} else {
			target = path.Join(dir, target)
		}
		byID[attribute(e, "Id")] = target
		byType[path.Base(attribute(e, "Type"))] = target
		return nil
	})
	return byID, byType, err
}

// parts reads what is around the sheets.
func (b *book) parts() error {
	_, root, err := b.relations("")
	if err != nil {
		return err
	}
	main := root["officeDocument"]
	if main == "" {
		main = "xl/workbook.xml"
	}
	if b.file(main) == nil {
		return unsupported("an archive that is no workbook")
	}
	byID, byType, err := b.relations(main)
	if err != nil {
		return err
	}
	if err := b.readSheets(main, byID); err != nil {
		return err
	}
	if err := b.readStyles(b.file(byType["styles"])); err != nil {
		return err
	}
	b.texts = byType["sharedStrings"]
	return b.readStrings(b.file(b.texts))
}

func (b *book) readSheets(main string, byID map[string]string) error {
	return b.eachElement(b.file(main), func(_ *xml.Decoder, e xml.StartElement) error {
		switch e.Name.Local {
		case "workbookPr":
			if v := attribute(e, "date1904"); v == "1" || v == "true" {
				b.from = days1904
			}
		case "sheet":
			if len(b.sheets) == maxSheets {
				return tooLarge("max-sheets", "at most %d sheets", maxSheets)
			}
			if f := b.file(byID[attribute(e, "id")]); f != nil {
				b.sheets = append(b.sheets, sheet{name: attribute(e, "name"), file: f, hidden: attribute(e, "state") != "" && attribute(e, "state") != "visible"})
			}
		}
		return nil
	})
}

// readStrings reads the texts that cells share.
func (b *book) readStrings(f *zip.File) error {
	total := 0
	return b.eachElement(f, func(d *xml.Decoder, e xml.StartElement) error {
		if e.Name.Local != "si" {
			return nil
		}
		text, err := readText(d)
		if err != nil {
			return err
		}
		const overhead = 16
		if total += len(text) + overhead; total > maxStrings {
			return tooLarge("max-strings", "at most %d bytes of texts", maxStrings)
		}
		b.strings = append(b.strings, text)
		return nil
	})
}

// readText gives the text within an element, of rich text all runs, without
// phonetic hints, and goes behind its end.
func readText(d *xml.Decoder) (string, error) {
	var text []byte
	depth, inText, hints := 1, 0, 0
	for depth > 0 {
		token, err := d.Token()
		if err != nil {
			return "", eofIs(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			switch {
			case t.Name.Local == "rPh" || hints > 0:
				hints++
			case t.Name.Local == "t":
				inText = depth
			}
		case xml.EndElement:
			if inText == depth {
				inText = 0
			}
			if hints > 0 {
				hints--
			}
			depth--
		case xml.CharData:
			if inText > 0 {
				text = append(text, t...)
			}
		}
	}
	return unescapeX(string(text)), nil
}

// eofIs makes an error of an end within something.
func eofIs(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// unescapeX reads _x000D_, which is how texts hold characters that XML cannot.
func unescapeX(text string) string {
	if !strings.Contains(text, "_x") {
		return text
	}
	const size = len("_x000D_")
	var b strings.Builder
	for i := 0; i < len(text); {
		var code rune
		if i+size <= len(text) && text[i] == '_' && text[i+1] == 'x' && text[i+size-1] == '_' && isHex(text[i+2:i+size-1]) {
			_, _ = fmt.Sscanf(text[i+2:i+size-1], "%04x", &code)
			b.WriteRune(code)
			i += size
			continue
		}
		b.WriteByte(text[i])
		i++
	}
	return b.String()
}

func isHex(s string) bool {
	for i := range len(s) {
		c := s[i] | ' '
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// sheet gives the sheet of a name.
func (b *book) sheet(name string) *sheet {
	for i := range b.sheets {
		if b.sheets[i].name == name {
			return &b.sheets[i]
		}
	}
	return nil
}

// filled names the sheets that hold something, hidden ones last.
func (b *book) filled(ctx context.Context) (names []string, err error) {
	for _, hidden := range []bool{false, true} {
		for i := range b.sheets {
			s := &b.sheets[i]
			if s.hidden != hidden {
				continue
			}
			err := b.rows(ctx, s, func(int, []cell) (bool, error) {
				names = append(names, s.name)
				return false, nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return names, nil
}
