package importer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/audiencekit/audiencekit/audience"
)

// Source is a file that can be read from its beginning more than once: types
// are found in one pass, rows written in another. Its content must not change
// in between; an import that notices fails.
type Source interface {
	// Name is for reports: the base name of a file.
	Name() string
	// Open starts at the beginning.
	Open(ctx context.Context) (io.ReadCloser, error)
}

// File is a regular file of the operating system. A pipe can be read only
// once: give it to [Spool].
func File(name string) Source { return osFile(name) }

// FS is a file of a file system, such as one that was embedded.
func FS(fsys fs.FS, name string) Source { return fsFile{fsys: fsys, name: name} }

// Bytes is a file in memory. The bytes must not be changed while it is used.
func Bytes(name string, content []byte) Source { return memory{name: name, content: content} }

// Spool reads everything there is into memory, at most limit bytes: more is
// [audience.ErrLimit].
func Spool(name string, r io.Reader, limit int64) (Source, error) {
	content, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(content)) > limit {
		return nil, &audience.FieldError{Path: "file", Rule: "max-bytes", Hint: fmt.Sprintf("at most %d bytes", limit), Limit: true}
	}
	return Bytes(name, content), nil
}

type osFile string

func (f osFile) Name() string { return filepath.Base(string(f)) }

func (f osFile) Open(context.Context) (io.ReadCloser, error) {
	info, err := os.Stat(string(f)) // first: opening a named pipe waits for its writer
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &audience.FieldError{Path: "file", Rule: "regular", Hint: "a regular file, which can be read twice"}
	}
	return os.Open(string(f))
}

type fsFile struct {
	fsys fs.FS
	name string
}

func (f fsFile) Name() string { return path.Base(f.name) }

func (f fsFile) Open(context.Context) (io.ReadCloser, error) { return f.fsys.Open(f.name) }

type memory struct {
	name    string
	content []byte
}

func (m memory) Name() string { return m.name }

func (m memory) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m.content)), nil
}
