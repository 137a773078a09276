package audiencekit_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDocsPackageComments wants one package comment in every package, which says what the package is.
func TestDocsPackageComments(t *testing.T) {
	tree := os.DirFS(".")
	packages, err := readPackages(tree)
	require.NoError(t, err)
	for dir, files := range packages {
		t.Run(dir, func(t *testing.T) {
			var documented []string
			for _, file := range files {
				source, err := fs.ReadFile(tree, file.name)
				require.NoError(t, err)
				parsed, err := parser.ParseFile(token.NewFileSet(), file.name, source, parser.PackageClauseOnly|parser.ParseComments)
				require.NoError(t, err)
				if parsed.Doc == nil {
					continue
				}
				documented = append(documented, file.name)
				if name := parsed.Name.Name; name != "main" {
					require.True(t, strings.HasPrefix(parsed.Doc.Text(), "Package "+name+" "), "%s: begin with \"Package %s\"", file.name, name)
				}
			}
			require.Len(t, documented, 1, "files with a package comment")
		})
	}
}

// TestDocsLinks follows the relative links of the Markdown files.
func TestDocsLinks(t *testing.T) {
	tree := os.DirFS(".")
	var documents []string
	require.NoError(t, walkModule(tree, func(name string) error {
		if path.Ext(name) == ".md" {
			documents = append(documents, name)
		}
		return nil
	}))
	require.Contains(t, documents, "CONTRIBUTING.md")
	for _, name := range documents {
		text, err := fs.ReadFile(tree, name)
		require.NoError(t, err)
		for _, target := range relativeLinks(string(text)) {
			_, err := fs.Stat(tree, path.Join(path.Dir(name), target))
			require.NoError(t, err, "%s links to %s", name, target)
		}
	}
}

func TestDocsRelativeLinks(t *testing.T) {
	got := relativeLinks("[a](b/c.md), ![d](e.png), [f](g.md#part), [h](#here), [i](https://example.org/j.md), [k](mailto:l)\n[m]: n.go\n[o]: http://example.org\n")
	slices.Sort(got)
	require.Equal(t, []string{"b/c.md", "e.png", "g.md", "n.go"}, got)
}

// relativeLinks returns the files that a Markdown text links to.
func relativeLinks(text string) []string {
	link := regexp.MustCompile(`(?m)\]\(([^)\s]+)[^)]*\)|^\[[^\]]+\]:\s*(\S+)`)
	var targets []string
	for _, match := range link.FindAllStringSubmatch(text, -1) {
		target, _, _ := strings.Cut(match[1]+match[2], "#")
		if target != "" && !strings.Contains(target, ":") {
			targets = append(targets, target)
		}
	}
	return targets
}
