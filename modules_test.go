package audiencekit_test

import (
	"bufio"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestModules holds modules.txt, which the Makefile and the release run by, against the go.mod files of the tree.
func TestModules(t *testing.T) {
	tree := os.DirFS(".")
	listed := listedModules(t, tree)

	var found []string
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == ".git" {
			return fs.SkipDir
		}
		if path.Base(name) == "go.mod" {
			found = append(found, path.Dir(name))
		}
		require.NotEqual(t, "go.work", path.Base(name), "a workspace hides what hosts get")
		return err
	})
	require.NoError(t, err)
	require.ElementsMatch(t, found, listed)

	for _, dir := range listed {
		t.Run(dir, func(t *testing.T) {
			directives := readLines(t, tree, path.Join(dir, "go.mod"))
			require.Contains(t, directives, "module "+path.Join(modulePath, dir))
			require.True(t, slices.ContainsFunc(directives, func(line string) bool {
				return line == "go 1.26" || strings.HasPrefix(line, "go 1.26.")
			}), "one Go version for all modules")
			for _, line := range directives {
				require.False(t, strings.HasPrefix(line, "tool "), "tools are run by the Makefile, a host must not see them")
				require.False(t, strings.HasPrefix(line, "toolchain "), "the host picks its toolchain")
			}
			replace := "replace " + modulePath + " => " + strings.TrimSuffix(strings.Repeat("../", 1+strings.Count(dir, "/")), "/")
			if dir == "." {
				require.NotContains(t, strings.Join(directives, "\n"), "replace ", "the root is what hosts get")
			} else {
				require.Contains(t, directives, replace)
			}
		})
	}
}

// listedModules returns the folders that modules.txt names.
func listedModules(t *testing.T, tree fs.FS) []string {
	t.Helper()
	var dirs []string
	for _, line := range readLines(t, tree, "modules.txt") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		require.Len(t, fields, 2, "modules.txt: %q: want a folder and yes or no", line)
		require.Contains(t, []string{"yes", "no"}, fields[1], "modules.txt: %q", line)
		dirs = append(dirs, fields[0])
	}
	return dirs
}

// readLines returns the lines of a file that are not blank.
func readLines(t *testing.T, tree fs.FS, name string) []string {
	t.Helper()
	file, err := tree.Open(name)
	require.NoError(t, err)
	defer file.Close()
	var lines []string
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		if line := strings.TrimSpace(scanner.Text()); line != "" {
			lines = append(lines, line)
		}
	}
	require.NoError(t, scanner.Err())
	return lines
}
