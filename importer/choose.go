package importer

import (
	"context"
	"maps"
)

// Choose gives a format that takes settings as they are instead of asking about
// them: how a CSV file is written (its package names them), which sheet of a
// workbook, which member of a JSON file ("member"), which element of an XML file
// ("record") holds the contacts. Other answers
// than those that were assumed change which columns a file has, so that it has
// to be inspected again, with the format that Choose gives or with
// [InspectOptions.Answers]. Formats without such questions stay what they are.
func Choose(f Format, settings map[string]string) Format {
	if c, ok := f.(chooser); ok {
		return chosen{Format: f, detect: c.DetectAs, settings: maps.Clone(settings)}
	}
	return f
}

// chooser is what Choose looks for.
type chooser interface {
	DetectAs(ctx context.Context, src Source, limits Limits, settings map[string]string) (*Layout, error)
}

type chosen struct {
	Format
	detect   func(ctx context.Context, src Source, limits Limits, settings map[string]string) (*Layout, error)
	settings map[string]string
}

func (c chosen) Detect(ctx context.Context, src Source, limits Limits) (*Layout, error) {
	return c.detect(ctx, src, limits, c.settings)
}

// DetectAs takes further settings, which come before those of c.
func (c chosen) DetectAs(ctx context.Context, src Source, limits Limits, settings map[string]string) (*Layout, error) {
	all := make(map[string]string, len(c.settings)+len(settings))
	maps.Copy(all, c.settings)
	maps.Copy(all, settings)
	return c.detect(ctx, src, limits, all)
}

// detectAnswered detects how a file is written, and once more as long as one
// of the answers says that it is written in another way than it seems.
func detectAnswered(ctx context.Context, src Source, opts *InspectOptions, limits Limits) (Format, *Layout, error) {
	format, layout, err := detect(ctx, src, opts.Formats, limits)
	settings := make(map[string]string)
	for err == nil {
		before := len(settings)
		for _, q := range layout.Questions {
			if answer, ok := opts.Answers[q.ID]; ok && answer != q.Assumed {
				settings[q.ID] = answer
			}
		}
		if len(settings) == before {
			break
		}
		layout, err = Choose(format, settings).Detect(ctx, src, limits)
	}
	return format, layout, err
}
