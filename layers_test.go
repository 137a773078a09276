package audiencekit_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

const modulePath = "github.com/audiencekit/audiencekit"

// layers says for each package what its production code may import besides the standard library: packages of this
// module by folder, foreign ones by import path (and everything below it). Arrows point down only; features never
// import each other. A package that is not here has no place yet: add its row together with it.
//
// Internal packages have the permissions of their owner unless they have a row. "testing" and "net/http/httptest"
// count as foreign.
func layers() map[string][]string {
	const (
		bitmaps    = "github.com/RoaringBitmap/roaring/v2"
		cel        = "cel.dev/cel-go"
		csv        = "github.com/gocarina/gocsv"
		domains    = "golang.org/x/net/idna"
		html       = "golang.org/x/net/html"
		testify    = "github.com/stretchr/testify"
		unicode    = "golang.org/x/text"
		everything = "..." // of this module
	)
	return map[string][]string{
		".": {},

		// Sums that the segment language and the store's predicates have to agree on to the bit.
		"internal/decimal": {},
		// What a misspelt name means, for hints in errors.
		"internal/nearest": {},

		"audience":              {domains, unicode},
		"audience/analytics":    {"audience"},
		"audience/audiencetest": {"audience", "testing"},
		"audience/dedupe":       {"audience"},

		"store":           {"audience", "internal/decimal"},
		"store/memstore":  {"audience", "store"},
		"store/sqlstore":  {"audience", "store"},
		"store/storetest": {"audience", "store", "testing", testify},

		"store/sqlstore/internal/rowcodec": {"audience", "store"},

		"segment":                     {"audience", "store"},
		"segment/internal/agenda":     {},
		"segment/internal/bitset":     {bitmaps},
		"segment/internal/celenv":     {"audience", "internal/decimal", "internal/nearest", cel},
		"segment/internal/checkpoint": {},
		"segment/internal/columns":    {"audience", "store", "segment/internal/celenv", "segment/internal/checkpoint"},
		"segment/internal/live":       {"audience", "store", "internal/decimal", "segment/internal/..."},
		"segment/internal/timeorder":  {},
		"segment/segmenttest":         {"audience", "store", "store/memstore", "segment", "testing", testify},

		"compliance": {"audience", "store"},
		// Whether a reader can see the way out of a message only a parser of HTML as browsers read it can tell.
		"compliance/mail": {"audience", "store", "compliance", html},
		"compliance/web":  {"audience", "store", "compliance"},

		"importer":           {"audience", "store"},
		"importer/csvimport": {"audience", "store", "importer", csv},

		"exporter":           {"audience", "store", "internal/nearest"},
		"exporter/csvexport": {"audience", "store", "exporter", csv},

		// The job is a package, since a nested module has a command for it too, with drivers.
		"examples/internal/quickstart": {everything},
		"examples/quickstart":          {"examples/internal/quickstart"},
	}
}

func TestLayers(t *testing.T) {
	violations, err := checkLayers(os.DirFS("."), layers())
	require.NoError(t, err)
	require.Empty(t, violations, "the table is in layers_test.go")
}

// TestLayersCatchesViolations plants one violation of each kind in a small tree that is in order.
func TestLayersCatchesViolations(t *testing.T) {
	const internal = `"` + modulePath + `/`
	tests := []struct {
		name    string
		file    string
		imports string
		want    string // empty: allowed
	}{
		{name: "standard library", file: "audience/a.go", imports: `"net/http"`},
		{name: "one layer down", file: "store/a.go", imports: internal + `audience"`},
		{name: "own foreign module", file: "importer/csvimport/a.go", imports: `"github.com/gocarina/gocsv"`},
		{name: "package of an allowed foreign module", file: "audience/a.go", imports: `"golang.org/x/text/unicode/norm"`},
		{name: "own internals", file: "segment/a.go", imports: internal + `segment/internal/celenv"`},
		{name: "internals without a row", file: "segment/internal/plan/a.go", imports: internal + `store"`},
		{name: "testify in test support", file: "store/storetest/a.go", imports: `"github.com/stretchr/testify/require"`},
		{name: "testing in test support", file: "audience/audiencetest/a.go", imports: `"testing"`},
		{name: "example imports anything of ours", file: "examples/internal/quickstart/a.go", imports: internal + `exporter/csvexport"`},
		{name: "tests may import what they like", file: "audience/a_test.go", imports: internal + `segment"`},
		{name: "test data is not code", file: "audience/testdata/a.go", imports: internal + `segment"`},
		{name: "nested modules have their own rules", file: "store/sqlstore/dbtest/a.go", imports: `"github.com/jackc/pgx/v5"`},

		{name: "upwards", file: "audience/a.go", imports: internal + `store"`, want: "audience/a.go: audience may not import store"},
		{name: "feature imports feature", file: "compliance/a.go", imports: internal + `segment"`, want: "compliance may not import segment"},
		{name: "importer imports exporter", file: "importer/a.go", imports: internal + `exporter"`, want: "importer may not import exporter"},
		{name: "adapter in a feature", file: "segment/a.go", imports: internal + `store/memstore"`, want: "segment may not import store/memstore"},
		{name: "internals of another", file: "segment/segmenttest/a.go", imports: internal + `segment/internal/celenv"`, want: "segment/segmenttest may not import segment/internal/celenv"},
		{name: "internals upwards", file: "segment/internal/plan/a.go", imports: internal + `segment"`, want: "segment/internal/plan may not import segment"},
		{name: "cel outside celenv", file: "segment/a.go", imports: `"cel.dev/cel-go/cel"`, want: "segment may not import cel.dev/cel-go/cel"},
		{name: "cel in other internals", file: "segment/internal/plan/a.go", imports: `"cel.dev/cel-go/cel"`, want: "segment/internal/plan may not import cel.dev"},
		{name: "columns that know what decides", file: "segment/internal/columns/a.go", imports: internal + `segment/internal/live"`, want: "columns may not import segment/internal/live"},
		{name: "store in celenv", file: "segment/internal/celenv/a.go", imports: internal + `store"`, want: "celenv may not import store"},
		{name: "roaring outside bitset", file: "segment/a.go", imports: `"github.com/RoaringBitmap/roaring/v2"`, want: "segment may not import github.com/RoaringBitmap"},
		{name: "gocsv outside the csv packages", file: "importer/a.go", imports: `"github.com/gocarina/gocsv"`, want: "importer may not import github.com/gocarina"},
		{name: "driver", file: "store/sqlstore/a.go", imports: `"modernc.org/sqlite"`, want: "store/sqlstore may not import modernc.org/sqlite"},
		{name: "driver for its side effects", file: "store/sqlstore/a.go", imports: `_ "github.com/lib/pq"`, want: "store/sqlstore may not import github.com/lib/pq"},
		{name: "foreign package beside an allowed one", file: "audience/a.go", imports: `"golang.org/x/net/html"`, want: "audience may not import golang.org/x/net/html"},
		{name: "path with an allowed beginning", file: "audience/a.go", imports: `"golang.org/x/textual"`, want: "audience may not import golang.org/x/textual"},
		{name: "testify in production", file: "store/a.go", imports: `"github.com/stretchr/testify/require"`, want: "store may not import github.com/stretchr"},
		{name: "testing in production", file: "store/a.go", imports: `"testing"`, want: "store may not import testing"},
		{name: "testing's packages in production", file: "store/a.go", imports: `"testing/fstest"`, want: "store may not import testing/fstest"},
		{name: "test server in production", file: "importer/a.go", imports: `"net/http/httptest"`, want: "importer may not import net/http/httptest"},
		{name: "downwards into a package of its own", file: "compliance/a.go", imports: internal + `compliance/web"`, want: "compliance may not import compliance/web"},
		{name: "foreign module in an example", file: "examples/internal/quickstart/a.go", imports: `"cel.dev/cel-go/cel"`, want: "examples/internal/quickstart may not import cel.dev"},
		{name: "cgo", file: "store/sqlstore/a.go", imports: `"C"`, want: "store/sqlstore may not import C"},
		{name: "behind a build tag", file: "audience/a_plan9.go", imports: internal + `store"`, want: "audience may not import store"},
		{name: "unknown package", file: "newsletter/a.go", imports: `"fmt"`, want: "newsletter: no row"},
		{name: "unknown package of tests only", file: "newsletter/a_test.go", imports: `"fmt"`, want: "newsletter: no row"},
		{name: "unknown package below a known one", file: "store/redisstore/a.go", imports: `"fmt"`, want: "store/redisstore: no row"},
		{name: "unknown internals", file: "internal/util/a.go", imports: `"fmt"`, want: "internal/util: no row"},
		{name: "the root imports a package", file: "a.go", imports: internal + `audience"`, want: "a.go: . may not import audience"},
		{name: "a module of another name", file: "segment/a.go", imports: `"` + modulePath + `x/store"`, want: "segment may not import " + modulePath + "x/store"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree := soundTree()
			tree[tt.file] = goFile("import " + tt.imports)
			violations, err := checkLayers(tree, layers())
			require.NoError(t, err)
			if tt.want == "" {
				require.Empty(t, violations)
				return
			}
			require.Len(t, violations, 1)
			require.Contains(t, violations[0], tt.want)
		})
	}

	t.Run("unreadable file", func(t *testing.T) {
		tree := soundTree()
		tree["store/a.go"] = goFile("import (")
		_, err := checkLayers(tree, layers())
		require.ErrorContains(t, err, "store/a.go")
	})
}

// checkLayers reads every Go file itself: a test that asked `go list` would be served from go's test cache after the
// code changed.
func checkLayers(tree fs.FS, table map[string][]string) ([]string, error) {
	packages, err := readPackages(tree)
	if err != nil {
		return nil, err
	}
	var violations []string
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		allowed, known := permissions(table, dir)
		if !known {
			violations = append(violations, dir+": no row in the table of layers")
			continue
		}
		for _, file := range packages[dir] {
			for _, imported := range file.imports {
				if !mayImport(dir, allowed, imported) {
					violations = append(violations, fmt.Sprintf("%s: %s may not import %s",
						file.name, dir, strings.TrimPrefix(imported, modulePath+"/")))
				}
			}
		}
	}
	return violations, nil
}

// permissions returns the row of a package; internal packages without one get that of their owner.
func permissions(table map[string][]string, dir string) (allowed []string, known bool) {
	if row, ok := table[dir]; ok {
		return row, true
	}
	owner, _, _ := strings.Cut(dir, "/internal/")
	row, ok := table[owner]
	if !ok {
		return nil, false
	}
	return append(slices.Clone(row), owner+"/internal/..."), true
}

// mayImport judges one import of the package in dir.
func mayImport(dir string, allowed []string, imported string) bool {
	if ours, found := strings.CutPrefix(imported, modulePath+"/"); found {
		return strings.HasPrefix(ours, dir+"/internal/") || slices.ContainsFunc(allowed, func(pattern string) bool {
			beginning, wild := strings.CutSuffix(pattern, "...")
			return ours == pattern || wild && strings.HasPrefix(ours, beginning)
		})
	}
	return isStandard(imported) || slices.ContainsFunc(allowed, func(foreign string) bool {
		return imported == foreign || strings.HasPrefix(imported, foreign+"/")
	})
}

// isStandard reports whether every package may import the path: standard library, neither cgo nor test support.
func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".") && first != "C" && first != "testing" && imported != "net/http/httptest"
}

// sourceFile is a file of production code and the paths it imports.
type sourceFile struct {
	name    string
	imports []string
}

// readPackages returns the production files of each folder of the module that has Go files, be they tests alone.
func readPackages(tree fs.FS) (map[string][]sourceFile, error) {
	packages := map[string][]sourceFile{}
	err := walkModule(tree, func(name string) error {
		if path.Ext(name) != ".go" {
			return nil
		}
		files := packages[path.Dir(name)]
		if !strings.HasSuffix(name, "_test.go") {
			file, err := readImports(tree, name)
			if err != nil {
				return err
			}
			files = append(files, file)
		}
		packages[path.Dir(name)] = files
		return nil
	})
	return packages, err
}

func readImports(tree fs.FS, name string) (sourceFile, error) {
	source, err := fs.ReadFile(tree, name)
	if err != nil {
		return sourceFile{}, err
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
	if err != nil {
		return sourceFile{}, err
	}
	file := sourceFile{name: name}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return sourceFile{}, fmt.Errorf("%s: %w", name, err)
		}
		file.imports = append(file.imports, imported)
	}
	return file, nil
}

// walkModule visits the files of the module. Like go's own "./..." it leaves out nested modules and test data.
func walkModule(tree fs.FS, visit func(name string) error) error {
	return fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !entry.IsDir():
			return visit(name)
		case name != "." && isOutside(tree, name):
			return fs.SkipDir
		}
		return nil
	})
}

// isOutside reports whether a folder is no part of the module's packages.
func isOutside(tree fs.FS, dir string) bool {
	base := path.Base(dir)
	if base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := fs.Stat(tree, path.Join(dir, "go.mod"))
	return err == nil
}

// soundTree is a small module in order: one file in every package of the table, and a nested module.
func soundTree() fstest.MapFS {
	tree := fstest.MapFS{
		"store/sqlstore/dbtest/go.mod": {Data: []byte("module " + modulePath + "/store/sqlstore/dbtest\n")},
	}
	for dir := range layers() {
		tree[path.Join(dir, "doc.go")] = goFile("")
	}
	return tree
}

func goFile(body string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("package p\n\n" + body + "\n")}
}
