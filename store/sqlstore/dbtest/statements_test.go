package dbtest_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store/sqlstore"
	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

// plannedRows is how many rows each table has while plans are looked at.
const plannedRows = 20_000

// allowed reports whether a statement may read all rows of an audience, or
// says so and does not.
func allowed(name string, e dbtest.Engine) bool {
	switch name {
	case "count contacts": // of an audience
		return true
	case "parts of no commit", "mentions of no commit": // the check of the whole store
		return true
	case "highest contact id": // SQLite reads the last row and does not tell
		return e == dbtest.SQLite
	default:
		return false
	}
}

// TestStatementsUseIndexes explains every statement of the adapter that reads,
// changes or removes rows, on tables that have many, with lists of several
// lengths. Each has to go by an index, and by more of it than the audience.
func TestStatementsUseIndexes(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		source := d.Fresh(t)
		s := source.Store(t, d.Engine)
		e := explaining{t: t, db: source.Open(t), engine: d.Engine}
		e.fill()
		looked := 0
		excused := make(map[string]bool)
		for _, items := range []int{1, 16} { // for many more, going through so few rows is right
			for _, st := range s.Statements(items) {
				if strings.HasPrefix(st.Text, "INSERT") || !strings.Contains(st.Text, " ak_") || strings.Contains(st.Text, "SAVEPOINT") {
					continue // it adds rows, or is about none
				}
				looked++
				for _, plan := range e.plans(st, items) {
					faults := plan.faults()
					if len(faults) > 0 && allowed(st.Name, d.Engine) {
						excused[st.Name] = true
					} else if len(faults) > 0 {
						t.Errorf("%s, %d items: %s\n%s\n%s", st.Name, items, strings.Join(faults, "; "), st.Text, plan)
					}
				}
			}
		}
		require.Greater(t, looked, 100)
		require.NotEmpty(t, excused)
		t.Logf("%d statements; excused: %s", looked, strings.Join(slices.Sorted(maps.Keys(excused)), ", "))
		e.holdsFaults()
	})
}

// holdsFaults holds that plans without an index are found.
func (e explaining) holdsFaults() {
	for name, text := range map[string]string{
		"no index":     "SELECT contact FROM ak_ledger WHERE body = ?",
		"the audience": "SELECT contact FROM ak_ledger WHERE audience = ? AND seq = ?",
		"one of two":   "SELECT l.contact FROM ak_contacts c JOIN ak_ledger l ON l.seq = c.version WHERE c.audience = ? AND c.id = ?",
		"removing":     "DELETE FROM ak_events WHERE audience = ? AND revision = ?",
	} {
		if e.engine == dbtest.Postgres {
			for i := 1; strings.Contains(text, "?"); i++ {
				text = strings.Replace(text, "?", fmt.Sprintf("$%d", i), 1)
			}
		}
		for _, plan := range e.plans(sqlstore.Statement{Name: name, Text: text}, 1) {
			require.NotEmpty(e.t, plan.faults(), "%s\n%s", name, plan)
		}
	}
}

// plan is what a database says it would do, a row for each line.
type plan struct {
	engine dbtest.Engine
	rows   [][]string
}

func (p plan) String() string {
	var lines []string
	for _, row := range p.rows {
		lines = append(lines, strings.Join(row, " | "))
	}
	return strings.Join(lines, "\n")
}

// faults says where a plan reads a table without an index, or by its audience
// alone.
func (p plan) faults() (out []string) {
	switch p.engine {
	case dbtest.Postgres:
		return p.faultsOfPostgres()
	case dbtest.MySQL:
		return p.faultsOfMySQL()
	default:
		return p.faultsOfSQLite()
	}
}

func (p plan) faultsOfPostgres() (out []string) {
	byIndex := regexp.MustCompile(`Index (Only )?Scan`)
	audienceOnly := regexp.MustCompile(`Index Cond: \(audience = [^ ]+\)$`)
	for i, row := range p.rows {
		line := strings.TrimSpace(row[0])
		switch {
		case strings.Contains(line, "Seq Scan on ak_"):
			out = append(out, line)
		case byIndex.MatchString(line):
			if i+1 == len(p.rows) || !strings.Contains(p.rows[i+1][0], "Index Cond: ") {
				out = append(out, "the whole index: "+line)
			} else if cond := p.rows[i+1][0]; audienceOnly.MatchString(cond) && !oneOfAudience(line) {
				out = append(out, "by audience alone: "+line)
			}
		}
	}
	return out
}

// oneOfAudience says of a line that it is about a table that has one row for
// each audience.
func oneOfAudience(line string) bool {
	return strings.Contains(line, "ak_heads") || strings.Contains(line, " h USING PRIMARY KEY")
}

func (p plan) faultsOfMySQL() (out []string) {
	for _, row := range p.rows {
		table, access, key, length := row[2], row[3], row[5], row[6]
		line := strings.Join(row, " | ")
		switch {
		case table == "" || strings.HasPrefix(table, "<"):
		case access == "ALL" || access == "index" || key == "":
			out = append(out, line)
		case length == "4" && table != "ak_heads" && table != "h" && access != "const": // an integer: the audience
			out = append(out, "by audience alone: "+line)
		case access == "ref" && strings.Contains(row[9], "Using index condition"):
			out = append(out, "through rows of the index that do not matter: "+line)
		}
	}
	return out
}

func (p plan) faultsOfSQLite() (out []string) {
	all := p.String()
	for _, row := range p.rows {
		line := row[len(row)-1]
		words := strings.Fields(line)
		switch {
		case len(words) < 2:
		case words[0] == "SCAN" && words[1] != "CONSTANT" && !strings.HasSuffix(words[1], "-ROW") &&
			!strings.Contains(all, "MATERIALIZE "+words[1]) && !strings.Contains(all, "CO-ROUTINE "+words[1]):
			out = append(out, line)
		case words[0] == "SEARCH" && strings.HasSuffix(line, " (audience=?)") && !oneOfAudience(line):
			out = append(out, "by audience alone: "+line)
		}
	}
	return out
}
