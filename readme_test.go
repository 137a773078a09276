package audiencekit_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	// What snippets import is imported here too, so that the result of a test is not taken for that of a changed package.
	_ "github.com/audiencekit/audiencekit/exporter/csvexport"
	_ "github.com/audiencekit/audiencekit/importer/csvimport"
	_ "github.com/audiencekit/audiencekit/segment"
	_ "github.com/audiencekit/audiencekit/store/memstore"
	_ "github.com/audiencekit/audiencekit/store/sqlstore"
)

// TestDocsReadmeExample holds the code of the README against the example that
// compiles and runs.
func TestDocsReadmeExample(t *testing.T) {
	source, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	snippets := readmeSnippets(t)
	_, compiled, _ := strings.Cut(string(source), "// README begins here.\n")
	compiled, _, _ = strings.Cut(compiled, "\t// README ends here.")
	compiled = strings.ReplaceAll("\n"+compiled, "\n\t", "\n")
	require.Equal(t, strings.TrimSpace(compiled), strings.TrimSpace(snippets[0].code))
}

// snippetFrame is what fragments stand in: whatever they speak of without
// declaring it.
const snippetFrame = `package readme

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"

	"` + modulePath + `/audience"
	"` + modulePath + `/exporter"
	"` + modulePath + `/exporter/csvexport"
	"` + modulePath + `/importer"
	"` + modulePath + `/importer/csvimport"
	"` + modulePath + `/segment"
	"` + modulePath + `/store"
	"` + modulePath + `/store/memstore"
	"` + modulePath + `/store/sqlstore"
)

func fragment(ctx context.Context, check func(error), aud *store.Audience, keys audience.Keys, engine *segment.Engine) {
	{
%s
	}
}
`

// TestDocsReadmeCompiles type-checks every piece of Go in the README: files as
// they are, fragments in the frame. What is declared or imported and not used is
// no fault of a fragment.
func TestDocsReadmeCompiles(t *testing.T) {
	snippets := readmeSnippets(t)
	require.GreaterOrEqual(t, len(snippets), 4)
	check := newSnippetChecker(t)
	for _, s := range snippets {
		t.Run("line "+strconv.Itoa(s.line), func(t *testing.T) {
			require.NoError(t, check(s), "README.md")
		})
	}
}

// TestDocsSnippetChecker plants what a snippet may say wrong.
func TestDocsSnippetChecker(t *testing.T) {
	check := newSnippetChecker(t)
	tests := []struct {
		name, code, want string // want is empty: it compiles
	}{
		{"fragment", "fmt.Println(aud.Now())", ""},
		{"not used", "report := aud.Now()", ""},
		{"own names", "ctx := context.Background()\n_, err := aud.Put(ctx, audience.ContactWrite{})\ncheck(err)", ""},
		{"file", "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println() }", ""},
		{"no such name", "check(nil)\naud.Nonsense()", "README.md:8: aud.Nonsense undefined"},
		{"type", "check(aud.Now())", "README.md:7: cannot use aud.Now()"},
		{"never declared", "check(err)", "README.md:7: undefined: err"},
		{"syntax", "check(nil", "README.md:7: missing ',' before newline"},
		{"file that lacks an import", "package main\n\nfunc main() { fmt.Println() }", "README.md:9: undefined: fmt"},
		{"file with a needless import", "package main\n\nimport \"fmt\"\n", "README.md:9: \"fmt\" imported and not used"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := check(snippet{line: 6, code: tt.code})
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// snippet is a piece of Go in a document.
type snippet struct {
	line int // of the fence in front of it
	code string
}

// readmeSnippets gives the Go of README.md, in order.
func readmeSnippets(t *testing.T) []snippet {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	fence := regexp.MustCompile("(?ms)^```go\n(.*?)^```$")
	var out []snippet
	for _, at := range fence.FindAllSubmatchIndex(readme, -1) {
		out = append(out, snippet{line: 1 + bytes.Count(readme[:at[0]], []byte("\n")), code: string(readme[at[2]:at[3]])})
	}
	require.Len(t, out, strings.Count(string(readme), "```go"), "every piece of Go is found")
	return out
}

// newSnippetChecker gives a function that type-checks a snippet against the
// packages as they are.
func newSnippetChecker(t *testing.T) func(snippet) error {
	t.Helper()
	fset := token.NewFileSet()
	packages := importer.ForCompiler(fset, "gc", exportData(t, frameImports(t)))
	return func(s snippet) error {
		whole := strings.HasPrefix(s.code, "package ")
		// Errors name the line of the README.
		source := fmt.Sprintf("//line README.md:%d\n%s", s.line+1, s.code)
		if !whole {
			source = fmt.Sprintf(snippetFrame, source)
		}
		file, err := parser.ParseFile(fset, "frame.go", source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		var found []error
		config := types.Config{Importer: packages, Error: func(err error) {
			if fault, ok := errors.AsType[types.Error](err); whole || !ok || !fault.Soft {
				found = append(found, shortPosition(err))
			}
		}}
		_, _ = config.Check("readme", fset, []*ast.File{file}, nil) // its error is the first of those found, or soft
		return errors.Join(found...)
	}
}

// shortPosition leaves the column out, which is that of the frame.
func shortPosition(err error) error {
	fault, ok := errors.AsType[types.Error](err)
	if !ok {
		return err
	}
	at := fault.Fset.Position(fault.Pos)
	return fmt.Errorf("%s:%d: %s", filepath.Base(at.Filename), at.Line, fault.Msg)
}

func frameImports(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "frame.go", fmt.Sprintf(snippetFrame, ""), parser.ImportsOnly)
	require.NoError(t, err)
	var paths []string
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		require.NoError(t, err)
		paths = append(paths, imported)
	}
	return paths
}

// exportData gives what the compiler says of packages and of what they import.
func exportData(t *testing.T, packages []string) importer.Lookup {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", // go test puts its own first
		append([]string{"list", "-export", "-deps", "-f", "{{if .Export}}{{.ImportPath}} {{.Export}}{{end}}"}, packages...)...)
	var complaints bytes.Buffer
	list.Stderr = &complaints
	out, err := list.Output()
	require.NoError(t, err, complaints.String())
	files := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[path] = file
	}
	return func(path string) (io.ReadCloser, error) {
		file, ok := files[path]
		if !ok {
			return nil, fmt.Errorf("%s: no package that snippets may import; see the frame", path)
		}
		return os.Open(file)
	}
}
