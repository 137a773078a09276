package pdfreport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"
	"unicode/utf16"

	"codeberg.org/go-pdf/fpdf"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
)

// Paper is a size of pages, upright. The zero Paper is A4.
type Paper uint8

// The sizes.
const (
	A4 Paper = iota
	Letter
)

// Options of a document. The zero Options are a document of A4 pages without
// author and date, in the fonts inside.
type Options struct {
	Paper     Paper
	Landscape bool // pages lie, for wide tables
	Author    string
	// Created is when the document was made, shown in its own time zone. With
	// the zero Created there is no date.
	Created time.Time
	// Fonts are TrueType fonts (.ttf) for characters that the fonts inside do
	// not have; the first that has one is taken. Collections (.ttc), PostScript
	// outlines (.otf), fonts with colors and those whose licence forbids
	// embedding are refused. What is used of them goes into the document.
	Fonts [][]byte
}

// Stats say what became of a report.
type Stats struct {
	Pages   int
	Missing int // characters that no font has, shown as boxes
	Cut     int // labels that had no room, shown with an ellipsis; cells of tables are never cut
}

// MaxPages bounds a document.
const MaxPages = 2_000

// maxFonts bounds the fonts of a host.
const maxFonts = 16

// RenderError says that a document could not be made of what looked sound, in
// all likelihood because of one of the host's fonts. It is
// [audience.ErrInvalid].
type RenderError struct {
	Reason string // of the program, without anything of the report
}

func (e *RenderError) Error() string { return "pdf: " + e.Reason }

// Is answers the category.
func (e *RenderError) Is(target error) bool { return target == audience.ErrInvalid }

// Write writes a report as a PDF document. The same report and options give
// the same bytes. The document is made in memory; w gets it when it is whole,
// and nothing when there is an error. Write may be called concurrently.
//
// Errors: those of [exporter.Report.Check]; [audience.ErrInvalid] for a font
// that is refused; [audience.ErrLimit] for a document of more than [MaxPages]
// pages; [*RenderError]; w's.
func Write(w io.Writer, r exporter.Report, opts Options) (Stats, error) {
	if err := r.Check(); err != nil {
		return Stats{}, err
	}
	if err := opts.check(); err != nil {
		return Stats{}, err
	}
	var out bytes.Buffer
	stats, err := render(&out, &r, &opts)
	if err != nil {
		return Stats{}, err
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return Stats{}, err
	}
	return stats, nil
}

func (o *Options) check() error {
	switch {
	case o.Paper > Letter:
		return &audience.FieldError{Path: "paper", Rule: "value", Hint: "A4 or Letter"}
	case len(o.Author) > exporter.MaxReportText:
		return &audience.FieldError{Path: "author", Rule: "max-length", Hint: fmt.Sprintf("at most %d bytes", exporter.MaxReportText), Limit: true}
	case len(o.Fonts) > maxFonts:
		return &audience.FieldError{Path: "fonts", Rule: "max-items", Hint: fmt.Sprintf("at most %d fonts", maxFonts), Limit: true}
	}
	return nil
}

// render makes the document. A panic of the PDF library becomes an error: a
// host must not go down over a report.
func render(out *bytes.Buffer, r *exporter.Report, opts *Options) (stats Stats, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &RenderError{Reason: reason(p)}
		}
	}()
	f, err := loadFonts(opts.Fonts)
	if err != nil {
		return Stats{}, err
	}
	d := newDocument(f, r, opts)
	d.report(r)
	d.footers(opts)
	if d.err != nil {
		return Stats{}, d.err
	}
	if err := d.pdf.Output(out); err != nil {
		return Stats{}, &RenderError{Reason: "the PDF library refused the document"}
	}
	if opts.Created.IsZero() {
		dropDates(out.Bytes())
	}
	d.stats.Pages, d.stats.Missing = d.pdf.PageCount(), f.missing
	return d.stats, nil
}

// reason tells of a panic what holds nothing of the report: texts of the
// runtime name numbers and types.
func reason(p any) string {
	err, ok := p.(error)
	if !ok {
		return "the PDF library panicked"
	}
	var fault runtime.Error
	if !errors.As(err, &fault) {
		return "the PDF library panicked"
	}
	return "the PDF library panicked: " + fault.Error()
}

// newDocument begins a document, with what it says about itself.
func newDocument(f *fonts, r *exporter.Report, opts *Options) *document {
	size := "A4"
	if opts.Paper == Letter {
		size = "Letter"
	}
	orientation := "P"
	if opts.Landscape {
		orientation = "L"
	}
	pdf := fpdf.New(orientation, "pt", size, "")
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetCatalogSort(true) // or the order of maps would be seen in the bytes
	pdf.SetProducer("audiencekit", false)
	pdf.SetTitle(metadata(r.Title), false)
	pdf.SetAuthor(metadata(opts.Author), false)
	created := opts.Created
	if created.IsZero() {
		created = time.Unix(0, 0).UTC() // or the library would take the time of day; see dropDates
	}
	pdf.SetCreationDate(created)
	pdf.SetModificationDate(created)
	d := &document{pdf: pdf, fonts: f, running: f.clean(r.Title)}
	d.width, d.height = pdf.GetPageSize()
	return d
}

// metadata encodes a text as PDF wants it, emoji and all, which the library
// would garble.
func metadata(s string) string {
	if s == "" {
		return ""
	}
	b := []byte{0xFE, 0xFF}
	for _, unit := range utf16.Encode([]rune(s)) {
		b = append(b, byte(unit>>8), byte(unit))
	}
	return string(b)
}

// dropDates blanks the dates that the library always writes: a document would
// rather say nothing than that it is from 1970. They stand behind all pages
// and fonts, so that no text of a report is mistaken for them.
func dropDates(pdf []byte) {
	for _, date := range []string{"/CreationDate (D:19700101000000)", "/ModDate (D:19700101000000)"} {
		if at := bytes.LastIndex(pdf, []byte(date)); at >= 0 {
			copy(pdf[at:], bytes.Repeat([]byte{' '}, len(date)))
		}
	}
}
