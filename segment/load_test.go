package segment_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestLoad(t *testing.T) {
	defs, err := segment.Load(fstest.MapFS{
		"vip.cel":           file("// Very Important\ncontact.age > 3\n"),
		"a.cel":             file("contact.age > 1"),
		"a_b-9.cel":         file("// not a title\u0007, but\ta line\r\ntrue"),
		"9lives.cel":        file("\ufeff//Nine\r\ntrue\r\n"),
		"later.cel":         file("\n\n  /// Comes later  \ntrue"),
		"second.cel":        file("true // no title"),
		"empty.cel":         file(""),
		".hidden.cel":       file("not ours"),
		"readme.md":         file("not ours"),
		"cel":               file("not ours"),
		"below/nested.cel":  file("not ours"),
		"folder.cel/in.cel": file("not ours"),
	})
	require.NoError(t, err)
	require.Equal(t, []segment.Definition{
		{Name: "9lives", Title: "Nine", Source: "//Nine\ntrue\n", File: "9lives.cel"},
		{Name: "a", Source: "contact.age > 1", File: "a.cel"},
		{Name: "a_b-9", Title: "not a title, but a line", Source: "// not a title\u0007, but\ta line\ntrue", File: "a_b-9.cel"},
		{Name: "empty", File: "empty.cel"},
		{Name: "later", Title: "Comes later", Source: "\n\n  /// Comes later  \ntrue", File: "later.cel"},
		{Name: "second", Source: "true // no title", File: "second.cel"},
		{Name: "vip", Title: "Very Important", Source: "// Very Important\ncontact.age > 3\n", File: "vip.cel"},
	}, defs)
}

func TestLoadNothing(t *testing.T) {
	defs, err := segment.Load(fstest.MapFS{"readme.md": file("")})
	require.NoError(t, err)
	require.Empty(t, defs)
}

// TestLoadFollowsLinks: mounted configuration is a folder of links to files.
func TestLoadFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "vip.cel"), []byte("true"), 0o600))
	if err := os.Symlink(filepath.Join("data", "vip.cel"), filepath.Join(dir, "vip.cel")); err != nil {
		t.Skip("no links here")
	}
	defs, err := segment.Load(os.DirFS(dir))
	require.NoError(t, err)
	require.Equal(t, []segment.Definition{{Name: "vip", Source: "true", File: "vip.cel"}}, defs)
}

func TestLoadRefuses(t *testing.T) {
	tests := []struct {
		name, file, text string
		want             segment.CompileError
	}{
		{"upper case", "VIP.cel", "", segment.CompileError{File: "VIP.cel", Line: 1, Rule: "name"}},
		{"no name but a hyphen", "-.cel", "", segment.CompileError{File: "-.cel", Line: 1, Rule: "name"}},
		{"upper-case extension", "vip.CEL", "", segment.CompileError{File: "vip.CEL", Line: 1, Rule: "name"}},
		{"blank in name", "a b.cel", "", segment.CompileError{File: "a b.cel", Line: 1, Rule: "name"}},
		{"not ASCII", "über.cel", "", segment.CompileError{File: "über.cel", Line: 1, Rule: "name"}},
		{"control in name", "a\x1b[2J.cel", "", segment.CompileError{File: "a\ufffd[2J.cel", Line: 1, Rule: "name"}},
		{"long name", strings.Repeat("n", 201) + ".cel", "", segment.CompileError{File: strings.Repeat("n", 200) + "...", Line: 1, Rule: "name"}},
		{"long file", "a.cel", strings.Repeat(" ", 64<<10) + "1", segment.CompileError{Segment: "a", File: "a.cel", Line: 1, Rule: "limit"}},
		{"Latin-1", "a.cel", "true\n// caf\xe9\n", segment.CompileError{Segment: "a", File: "a.cel", Line: 2, Rule: "utf8"}},
		{"UTF-16", "a.cel", "\xff\xfet\x00", segment.CompileError{Segment: "a", File: "a.cel", Line: 1, Rule: "utf8"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defs, err := segment.Load(fstest.MapFS{tt.file: file(tt.text), "good.cel": file("true")})
			require.Equal(t, []segment.Definition{{Name: "good", Source: "true", File: "good.cel"}}, defs)

			var set *segment.SetError
			require.ErrorAs(t, err, &set)
			require.Len(t, set.Errors, 1)
			got := *set.Errors[0]
			require.NotEmpty(t, got.Message)
			require.NotEmpty(t, got.Hint)
			require.Equal(t, fmt.Sprintf("%s:%d:1: %s (%s)", tt.want.File, tt.want.Line, got.Message, got.Hint), err.Error())
			tt.want.Column, tt.want.Message, tt.want.Hint = 1, got.Message, got.Hint
			require.Equal(t, tt.want, got)
			require.ErrorIs(t, err, audience.ErrInvalid)
			require.Equal(t, tt.want.Rule == "limit", errors.Is(err, audience.ErrLimit))
		})
	}
}

func TestLoadBounds(t *testing.T) {
	fsys := fstest.MapFS{
		strings.Repeat("n", 200) + ".cel": file("\ufeff" + strings.Repeat(" ", 64<<10-3)), // exactly the most
	}
	defs, err := segment.Load(fsys)
	require.NoError(t, err)
	require.Len(t, defs, 1)

	for i := range 10_000 {
		fsys[fmt.Sprintf("%d.cel", i)] = file("true")
	}
	defs, err = segment.Load(fsys)
	require.ErrorIs(t, err, audience.ErrLimit)
	require.Empty(t, defs)
}

// TestLoadFails: what cannot be read is not a segment that is not there.
func TestLoadFails(t *testing.T) {
	_, err := segment.Load(os.DirFS(filepath.Join(t.TempDir(), "missing")))
	require.ErrorIs(t, err, fs.ErrNotExist)

	for _, fail := range []string{"stat", "open", "read"} {
		t.Run(fail, func(t *testing.T) {
			defs, err := segment.Load(failingFS{fstest.MapFS{"a.cel": file("true"), "b.cel": file("true")}, fail})
			require.ErrorIs(t, err, errDisk)
			require.NotErrorIs(t, err, audience.ErrInvalid)
			require.ErrorContains(t, err, "b.cel")
			require.Empty(t, defs)
		})
	}
}

var errDisk = errors.New("disk on fire")

// failingFS fails at one step with b.cel.
type failingFS struct {
	fstest.MapFS
	step string
}

func (f failingFS) fail(step, name string) error {
	if name == "b.cel" && step == f.step {
		return &fs.PathError{Op: step, Path: name, Err: errDisk}
	}
	return nil
}

func (f failingFS) Stat(name string) (fs.FileInfo, error) {
	if err := f.fail("stat", name); err != nil {
		return nil, err
	}
	return f.MapFS.Stat(name)
}

func (f failingFS) Open(name string) (fs.File, error) {
	if err := f.fail("open", name); err != nil {
		return nil, err
	}
	opened, err := f.MapFS.Open(name)
	return failingFile{opened, f.fail("read", name)}, err
}

type failingFile struct {
	fs.File
	err error
}

func (f failingFile) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return f.File.Read(p)
}

func FuzzLoad(f *testing.F) {
	f.Add("vip", []byte("// Title\r\ntrue"))
	f.Add("a-b_9", []byte("\ufeff\n//\u0085\ttitle\u200e\n\r\n"))
	f.Add("A", []byte("\xff\xfe"))
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		fileName := name + ".cel"
		if !fs.ValidPath(fileName) || strings.Contains(fileName, "/") || strings.HasPrefix(fileName, ".") {
			t.Skip()
		}
		defs, err := segment.Load(fstest.MapFS{fileName: &fstest.MapFile{Data: text}})
		if err != nil {
			require.ErrorIs(t, err, audience.ErrInvalid)
			require.Empty(t, defs)
			require.False(t, strings.ContainsFunc(err.Error(), unicode.IsControl))
			return
		}
		require.Len(t, defs, 1)
		def := defs[0]
		require.Equal(t, name, def.Name)
		require.Regexp(t, `^[a-z0-9][a-z0-9_-]{0,199}$`, def.Name)
		require.True(t, utf8.ValidString(def.Source))
		require.False(t, strings.ContainsFunc(def.Title, unicode.IsControl))
		require.Equal(t, strings.Count(string(text), "\n"), strings.Count(def.Source, "\n"), "errors name lines of the file")
		require.NotContains(t, def.Source, "\r\n")
	})
}
