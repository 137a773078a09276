package importer

import "context"

// Choose gives a format that takes settings as they are instead of asking about
// them: which sheet of a workbook, which member of a JSON file ("member"),
// which element of an XML file ("record") holds the contacts. Other answers
// than those that were assumed change which columns a file has, so that it has
// to be inspected again, with the format that Choose gives. Formats without
// such questions stay what they are.
func Choose(f Format, settings map[string]string) Format {
	if c, ok := f.(chooser); ok {
		return chosen{Format: f, detect: c.DetectAs, settings: settings}
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
