package importer_test

import (
	"context"
	"io"
	"strings"
	"testing/iotest"
)

// brokenSource is a file whose reading fails half way.
type brokenSource struct{}

func (brokenSource) Name() string { return "broken.csv" }

func (brokenSource) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader("email\na@exam"), iotest.ErrReader(io.ErrUnexpectedEOF))), nil
}
