package dbtest_test

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store/sqlstore"
	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

// explaining asks a database for plans.
type explaining struct {
	t      *testing.T
	db     *sql.DB
	engine dbtest.Engine
}

// fill puts rows into every table: one audience has everything, and there are
// many others. The statistics are those of these rows.
func (e explaining) fill() {
	e.t.Helper()
	for _, table := range []struct{ name, columns, row string }{
		{"audiences", "name", "'a%1'"},
		{"heads", "audience, incarnation", "%1, %b"},
		{"counters", "audience, kind, next", "%1, 1, 1"},
		{"contacts", "audience, id, version, created_us, updated_us, attrs, body", "1, %1, 1, 1, 1, '{}', %b"},
		{"tags", "audience, tag, contact", "1, 't%2', %1"},
		{"identities", "audience, kind, ident, contact", "1, 'email', 'x%1', %1"},
		{"events", "audience, contact, id, type, at_us, revision, retracted, amount_prop, amount, more, body", "1, %1, 'x%1', 't%2', %1, 1, 0, 0, NULL, 0, %b"},
		{"members", "audience, contact, list, at_us, body", "1, %1, 't%2', 1, %b"},
		{"ledger", "audience, contact, seq, body", "1, %3, %1, %b"},
		{"standings", "audience, contact, purpose, list, status, since_us, until_us", "1, %1, 'marketing', '', 1, 0, 9"},
		{"suppressions", "audience, key_id, sum, reason, body", "1, 'k%2', %b, 1, %b"},
		{"records", "audience, namespace, name, version, expires_us, contact, value", "1, 't%2', 'x%1', 1, NULL, %3, %b"},
		{"merges", "audience, loser, winner, number, body", "1, %1, %3, %1, %b"},
		{"feed", "audience, number, at_us, contact, parts, changes", "1, %4, %1, %1, 0, %b"},
		{"feed_parts", "audience, seq, part, changes", "1, %3, %1, %b"},
		{"mentions", "audience, contact, seq", "1, %1, %3"},
	} {
		const atOnce = 1_000
		for from := 1; from <= plannedRows; from += atOnce {
			rows := make([]string, atOnce)
			for k := range rows {
				i := from + k
				number := i
				if i > plannedRows-10 { // not numbered yet
					number = 0
				}
				rows[k] = "(" + e.row(table.row, i, i%7, (i+1)/2, number) + ")"
			}
			_, err := e.db.ExecContext(e.t.Context(), "INSERT INTO ak_"+table.name+" ("+table.columns+") VALUES "+strings.Join(rows, ", "))
			require.NoError(e.t, err, table.name)
		}
		statement := map[dbtest.Engine]string{dbtest.Postgres: "ANALYZE ", dbtest.MySQL: "ANALYZE TABLE ", dbtest.SQLite: "ANALYZE "}[e.engine]
		drain(e.t, e.db, statement+"ak_"+table.name)
	}
}

// row puts numbers in the places of a row: %1 to %4 as they are, and as many
// bytes in the place of %b.
func (e explaining) row(row string, numbers ...int) string {
	for i, n := range numbers {
		row = strings.ReplaceAll(row, "%"+strconv.Itoa(i+1), strconv.Itoa(n))
	}
	bytes := "x'%08d'"
	if e.engine == dbtest.Postgres {
		bytes = `'\x%08d'`
	}
	return strings.ReplaceAll(row, "%b", fmt.Sprintf(bytes, numbers[0]))
}

// plans gives the plan of a statement: in PostgreSQL also the one that is made
// once for all values.
func (e explaining) plans(st sqlstore.Statement, items int) []plan {
	e.t.Helper()
	text, values := e.values(st, items)
	conn, err := e.db.Conn(e.t.Context())
	require.NoError(e.t, err)
	defer func() { require.NoError(e.t, conn.Close()) }()
	switch e.engine {
	case dbtest.SQLite:
		return []plan{e.explain(conn, "EXPLAIN QUERY PLAN "+text)}
	case dbtest.MySQL:
		return []plan{e.explain(conn, "EXPLAIN "+text)}
	default:
	}
	out := []plan{e.explain(conn, "EXPLAIN "+text)}
	for _, statement := range []string{"SET plan_cache_mode = force_generic_plan", "PREPARE p AS " + st.Text} {
		_, err := conn.ExecContext(e.t.Context(), statement)
		require.NoError(e.t, err, "%s: %s", st.Name, statement)
	}
	if len(values) > 0 {
		out = append(out, e.explain(conn, "EXPLAIN EXECUTE p("+strings.Join(values, ", ")+")"))
	}
	for _, statement := range []string{"DEALLOCATE p", "RESET plan_cache_mode"} {
		_, err := conn.ExecContext(e.t.Context(), statement)
		require.NoError(e.t, err)
	}
	return out
}

func (e explaining) explain(conn *sql.Conn, text string) plan {
	e.t.Helper()
	rows, err := conn.QueryContext(context.WithoutCancel(e.t.Context()), text)
	require.NoError(e.t, err, text)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(e.t, err)
	out := plan{engine: e.engine}
	for rows.Next() {
		row, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		require.NoError(e.t, rows.Scan(into...))
		texts := make([]string, len(row))
		for i, s := range row {
			texts[i] = s.String
		}
		out.rows = append(out.rows, texts)
	}
	require.NoError(e.t, rows.Err())
	return out
}

// values writes values of rows that are there in the places of parameters: a
// plan is made for values.
func (e explaining) values(st sqlstore.Statement, items int) (text string, values []string) {
	e.t.Helper()
	var b strings.Builder
	last := 0
	for n, at := range regexp.MustCompile(`\?|\$\d+(::\w+\[\])?`).FindAllStringIndex(st.Text, -1) {
		before, mark := st.Text[:at[0]], st.Text[at[0]:at[1]]
		value := listedValue(before, st.Text[at[1]:], n)
		if value == "" {
			value = valueOf(before, mark, n, items)
		}
		require.NotEmpty(e.t, value, "%s: a value for what stands behind %q", st.Name, before)
		values = append(values, value)
		_, kind, isArray := strings.Cut(mark, "::")
		b.WriteString(st.Text[last:at[0]] + value)
		if isArray {
			b.WriteString("::" + kind)
		}
		last = at[1]
	}
	return b.String() + st.Text[last:], values
}

// listedValue gives the n-th value where the statement names it behind: one of
// a list to join with, or a column of that. Texts are listed as bytes.
func listedValue(before, after string, n int) string {
	if strings.HasSuffix(before, "CAST(") {
		if strings.HasPrefix(after, " AS SIGNED") {
			return strconv.Itoa(9_000 + n*17)
		}
		return "'x" + strconv.Itoa(9_000+n*17) + "'"
	}
	named := regexp.MustCompile(`^ AS (\w+)`).FindStringSubmatch(after)
	if named == nil {
		return ""
	}
	return columnValue(named[1], before, n)
}

// valueOf gives the n-th value, which stands behind some text.
func valueOf(before, mark string, n, items int) string {
	_, kind, isArray := strings.Cut(mark, "::")
	if isArray {
		all := make([]string, items)
		for i := range all {
			all[i] = strconv.Itoa(1 + i*17)
			if kind != "bigint[]" {
				all[i] = "x" + all[i]
			}
		}
		return "'{" + strings.Join(all, ",") + "}'"
	}
	for _, place := range []*regexp.Regexp{
		regexp.MustCompile(`(LIMIT|OFFSET|WHEN|THEN) $`),
		regexp.MustCompile(`(COUNT)\(\*\) > $`),
		regexp.MustCompile(`\((\w+), (?:\w+, )*\w+\) > \($`),
		regexp.MustCompile(`\(\w+, (\w+)(?:, \w+)*\) > \(\S+ $`),
		regexp.MustCompile(`\(\w+, \w+, (\w+)\) > \(\S+ \S+ $`),
		regexp.MustCompile(`\((\w+), \w+\) IN \((?:VALUES )?(?:\(\?, \?\), )*\($`),
		regexp.MustCompile(`\(\w+, (\w+)\) IN \((?:VALUES )?(?:\(\?, \?\), )*\(\?, $`),
		regexp.MustCompile(`(\w+) IN \((?:\?,? ?)*$`),
		regexp.MustCompile(`(\w+)(?: \+ 0)? (?:=|<>|<|>|<=|>=) $`),
	} {
		if m := place.FindStringSubmatch(before); m != nil {
			return columnValue(m[1], before, n)
		}
	}
	if strings.HasSuffix(before, " ELSE ") {
		return "1"
	}
	return ""
}

// columnValue gives the value of a column; what is called kind or id is a
// number in one table and a text in others.
func columnValue(column, before string, n int) string {
	number := strconv.Itoa(9_000 + n*17)
	switch column {
	case "kind":
		if strings.Contains(before, "ak_counters") {
			return "1"
		}
		return "'email'"
	case "id":
		if strings.Contains(before, "ak_events") {
			return "'x" + number + "'"
		}
		return number
	case "audience", "reason", "retracted", "revision":
		return "1"
	case "LIMIT", "OFFSET", "COUNT":
		return "500"
	case "WHEN", "THEN", "contact", "loser", "winner", "seq", "number", "at_us", "last_us", "trimmed", "next", "parts", "expires_us":
		return number
	case "type", "tag", "list", "namespace":
		return "'t3'"
	case "key_id":
		return "'k3'"
	case "ident", "name", "sum", "body", "changes", "incarnation":
		return "'x" + number + "'"
	default:
		return ""
	}
}
