package sqlstore

import (
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestSplitStatements(t *testing.T) {
	require.Equal(t, []string{"CREATE TABLE a (\n\tb int\n)", "INSERT INTO a VALUES (';')", "SELECT 1"},
		splitStatements("CREATE TABLE a (\n\tb int\n);\r\nINSERT INTO a VALUES (';');\n\n\nSELECT 1"))
	require.Empty(t, splitStatements("\n;\n"))
}

func migrationsOf(t *testing.T, d Dialect) []migration {
	t.Helper()
	dialect, ok := dialectOf(d)
	require.True(t, ok)
	all, err := (&Store{dialect: dialect}).migrations(migrationFiles)
	require.NoError(t, err)
	return all
}

// TestMigrationsAreAlike holds that the dialects have the same versions and
// the same tables with the same columns.
func TestMigrationsAreAlike(t *testing.T) {
	table := regexp.MustCompile(`(?s)^CREATE TABLE \{(\w+)\} \((.*)\)[^)]*$`)
	column := regexp.MustCompile(`(?m)^\t([a-z_]+) `)
	shape := func(d Dialect) (out []string) {
		for _, m := range migrationsOf(t, d) {
			out = append(out, m.name)
			for _, st := range m.statements {
				if parts := table.FindStringSubmatch(st); parts != nil {
					names := []string{parts[1] + ":"}
					for _, c := range column.FindAllStringSubmatch(parts[2], -1) {
						names = append(names, c[1])
					}
					out = append(out, strings.Join(names, " "))
				}
			}
		}
		return out
	}
	want := shape(Postgres)
	require.Greater(t, len(want), 10)
	require.Contains(t, want, "tags: audience tag contact")
	for _, d := range []Dialect{MySQL, SQLite} {
		require.Equal(t, want, shape(d), d)
	}
}

// TestMigrationsNameTables holds that every table and index is named with the
// prefix.
func TestMigrationsNameTables(t *testing.T) {
	named := regexp.MustCompile(`^(CREATE TABLE|CREATE INDEX|ALTER TABLE|DROP TABLE|DROP INDEX|CREATE UNIQUE INDEX|UPDATE|INSERT INTO|DELETE FROM) \{`)
	for _, d := range []Dialect{Postgres, MySQL, SQLite} {
		for _, m := range migrationsOf(t, d) {
			for _, st := range m.statements {
				require.Regexp(t, named, st, "%s %s", d, m.name)
				require.NotContains(t, st, "?", "%s %s: a question mark is a parameter", d, m.name)
				require.Equal(t, strings.Count(st, "{"), strings.Count(st, "}"))
			}
		}
	}
}

func TestMigrationNumbers(t *testing.T) {
	dialect, _ := dialectOf(SQLite)
	s := &Store{dialect: dialect}
	for name, files := range map[string][]string{
		"a gap":       {"0001_a.sql", "0003_c.sql"},
		"no number":   {"first.sql"},
		"twice":       {"0001_a.sql", "0001_b.sql"},
		"from zero":   {"0000_a.sql"},
		"a dead file": {"0001_a.sql", "notes.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := make(fstest.MapFS)
			for _, f := range files {
				folder["migrations/sqlite/"+f] = &fstest.MapFile{Data: []byte("SELECT 1;\n")}
			}
			_, err := s.migrations(folder)
			require.Error(t, err)
		})
	}
}
