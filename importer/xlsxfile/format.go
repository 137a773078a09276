package xlsxfile

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// SettingSheet is the setting of a layout that names the sheet.
const SettingSheet = "sheet"

// Options of the format. The zero Options are safe.
type Options struct {
	// Zone is where the wall times of cells are meant, which know no zone. Nil
	// leaves them as texts without one, such as 2026-01-31 09:30:00. Workbooks
	// that exporter/xlsxfile wrote are in UTC unless it was told otherwise.
	Zone *time.Location
}

// Format reads Excel workbooks: the format "xlsx".
//
// The header is the first row that has at least half as many cells as the
// widest one of the first rows, if all of them are texts without an @. Rows
// above it are noted and passed over; if it is no header, the file has none.
//
// The workbook is read through [io.ReaderAt] where a source has it, such as
// [importer.File]; else it is read into memory. Shared texts are held in
// memory, at most 256 MiB. A part that unpacks to more than Limits.Bytes is
// refused, and so is one of more than 16 MiB that unpacks to more than 50 times
// its size, before it is unpacked if it says so; the same holds for all parts
// together. A sheet has at most 1,048,576 rows, empty ones included.
//
// Rejects are a workbook of one sheet, with the columns that the file has.
func Format(opts Options) importer.Format { return format{opts} }

type format struct{ opts Options }

func (format) Name() string { return "xlsx" }

func (f format) Detect(ctx context.Context, src importer.Source, limits importer.Limits) (*importer.Layout, error) {
	return f.DetectAs(ctx, src, limits, nil)
}

// DetectAs is Detect when it is known which sheet it is: see [importer.Choose].
func (f format) DetectAs(ctx context.Context, src importer.Source, limits importer.Limits, settings map[string]string) (*importer.Layout, error) {
	limits = limits.WithDefaults()
	b, err := openBook(ctx, src, limits)
	if err != nil {
		return nil, err
	}
	defer b.Close() //nolint:errcheck // it was only read
	filled, err := b.filled(ctx)
	if err != nil {
		return nil, err
	}
	if len(filled) == 0 {
		return nil, &audience.FieldError{Path: "file", Rule: "empty", Hint: "a sheet with something in it"}
	}
	layout := &importer.Layout{Format: f.Name(), Settings: map[string]string{SettingSheet: filled[0]}}
	if len(filled) > 1 {
		layout.Questions = append(layout.Questions, importer.Question{
			ID: SettingSheet, Text: "Several sheets of the workbook hold something. Which one holds the contacts?", Options: filled, Assumed: filled[0],
		})
	}
	if name, ok := settings[SettingSheet]; ok {
		layout.Settings[SettingSheet], layout.Questions = name, nil
	}
	if err := f.survey(ctx, b, layout); err != nil {
		return nil, err
	}
	return layout, nil
}

func (f format) Open(ctx context.Context, src importer.Source, layout *importer.Layout, limits importer.Limits) (importer.Table, error) {
	b, err := openBook(ctx, src, limits.WithDefaults())
	if err != nil {
		return nil, err
	}
	if b.sheet(layout.Settings[SettingSheet]) == nil {
		b.Close() //nolint:errcheck // it was only read
		return nil, &audience.NotFoundError{Kind: "sheet"}
	}
	return &table{book: b, layout: layout, opts: f.opts}, nil
}

func (format) Rejects(w io.Writer, layout *importer.Layout, secret []int) (importer.Rejects, error) {
	return newRejects(w, layout, secret)
}

func refuse(rule, hint string) error {
	return &audience.FieldError{Path: "file", Rule: rule, Hint: hint}
}

func tooLarge(rule, hint string, args ...any) error {
	return &audience.FieldError{Path: "file", Rule: rule, Hint: fmt.Sprintf(hint, args...), Limit: true}
}
