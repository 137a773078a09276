package sqlstore

import (
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// migrationFiles has the migrations of all dialects, each a file of statements
// that end with a semicolon at the end of a line. A file that was released is
// never changed.
//
//go:embed migrations
var migrationFiles embed.FS

// migration leads from the version before it to its own.
type migration struct {
	version    int
	name       string
	statements []string // with {tables}
}

// migrations reads the migrations of the store's dialect, in order from
// version 1.
func (s *Store) migrations(files fs.FS) ([]migration, error) {
	folder := "migrations/" + s.dialect.kind.String()
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, wrap(err)
	}
	var out []migration
	for i, entry := range entries {
		name := entry.Name()
		digits, _, _ := strings.Cut(name, "_")
		version, err := strconv.Atoi(digits)
		if err != nil || version != i+1 {
			return nil, wrap(fmt.Errorf("the migration %s is not number %d", name, i+1))
		}
		text, err := fs.ReadFile(files, folder+"/"+name)
		if err != nil {
			return nil, wrap(err)
		}
		out = append(out, migration{version: version, name: name, statements: splitStatements(string(text))})
	}
	return out, nil
}

// splitStatements cuts a text where a semicolon ends a line.
func splitStatements(text string) []string {
	var out []string
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n")+"\n", ";\n") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
