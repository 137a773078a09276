package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

func TestBuild(t *testing.T) {
	const text = "SELECT a FROM {contacts} WHERE b = ? AND c {in bigint} AND d = ?"
	tests := []struct {
		dialect Dialect
		want    string
		args    []any
	}{
		{Postgres, "SELECT a FROM x_contacts WHERE b = $1 AND c = ANY($2::bigint[]) AND d = $3", []any{"b", "{3,1,2}", "d"}},
		{MySQL, "SELECT a FROM x_contacts WHERE b = ? AND c IN (?,?,?,?) AND d = ?", []any{"b", int64(3), int64(1), int64(2), int64(2), "d"}},
	}
	for _, tt := range tests {
		t.Run(tt.dialect.String(), func(t *testing.T) {
			d, _ := dialectOf(tt.dialect)
			s := &Store{dialect: d, prefix: "x_"}
			st := &statement{name: "x", text: text}
			for range 2 {
				got, args := s.prepare(st, []any{"b", idList{3, 1, 2}, "d"})
				require.Equal(t, tt.want, got)
				require.Equal(t, tt.args, args)
			}
		})
	}
}

// TestKeyed holds that the arguments are in the same order in every dialect.
func TestKeyed(t *testing.T) {
	k := keyed{table: "tags", columns: "tag, contact", column: "contact", kind: "bigint", where: "audience = ? AND tag = ?"}
	for kind, want := range map[Dialect][2]string{
		Postgres: {
			"SELECT found.* FROM unnest($1::bigint[]) AS listed(item) CROSS JOIN LATERAL (SELECT tag, contact FROM ak_tags WHERE audience = $2 AND tag = $3 AND contact = listed.item LIMIT 1 FOR UPDATE) AS found",
			"DELETE FROM ak_tags WHERE ctid = ANY(ARRAY(SELECT found.ctid FROM unnest($1::bigint[]) AS listed(item) CROSS JOIN LATERAL (SELECT ctid FROM ak_tags WHERE audience = $2 AND tag = $3 AND contact = listed.item LIMIT 1) AS found))",
		},
		MySQL: {
			"SELECT tag, contact FROM ak_tags FORCE INDEX (PRIMARY) WHERE contact IN (?,?) AND audience = ? AND tag = ? ORDER BY contact FOR UPDATE",
			"DELETE r FROM (SELECT CAST(? AS SIGNED) AS item UNION ALL SELECT CAST(? AS SIGNED) AS item) AS listed STRAIGHT_JOIN ak_tags AS r FORCE INDEX (PRIMARY) ON r.contact = listed.item WHERE audience = ? AND tag = ?",
		},
		SQLite: {
			"SELECT tag, contact FROM ak_tags WHERE contact IN (?,?) AND audience = ? AND tag = ?",
			"DELETE FROM ak_tags WHERE contact IN (?,?) AND audience = ? AND tag = ?",
		},
	} {
		d, _ := dialectOf(kind)
		require.Equal(t, want[0], d.build("ak_", k.find(d, d.lock), []int{2}))
		require.Equal(t, want[1], d.build("ak_", k.remove(d), []int{2}))
	}
}

// pretended is a database that notes statements.
type pretended struct {
	texts []string
	args  [][]any
	sent  [][]any // args as they were when they came
	err   error
}

func (p *pretended) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	p.sent = append(p.sent, slices.Clone(args))
	p.texts, p.args = append(p.texts, query), append(p.args, args)
	return pretendedResult(0), p.err
}

func (p *pretended) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	p.texts, p.args = append(p.texts, query), append(p.args, args)
	return nil, p.err
}

type pretendedResult int64

func (pretendedResult) LastInsertId() (int64, error) { return 0, nil }

func (pretendedResult) RowsAffected() (int64, error) { return 1, nil }

func pretendedSession(d Dialect) (*session, *pretended) {
	dialect, _ := dialectOf(d)
	db := &pretended{}
	return &session{p: newPartition(&Store{dialect: dialect, prefix: "ak_"}, "main"), q: db}, db
}

func TestInsertSizes(t *testing.T) {
	in := &insertion{name: "x", table: "x", keys: []string{"a"}, columns: []column{{"a", intColumn}, {"b", bytesColumn}}}
	tests := []struct {
		name    string
		dialect Dialect
		rows    int
		bytes   int
		want    []int // rows of each statement
	}{
		{"none", MySQL, 0, 1, nil},
		{"powers of two", MySQL, 7, 1, []int{4, 2, 1}},
		{"at most so many", SQLite, 513, 1, []int{256, 256, 1}},
		{"arrays", Postgres, 10_001, 1, []int{10_000, 1}},
		{"large rows", MySQL, 6, 400_000, []int{2, 1, 2, 1}},
		{"rows larger than a statement", Postgres, 3, mostBytes + 1, []int{1, 1, 1}},
		{"large rows in arrays", Postgres, 6, 400_000, []int{3, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, db := pretendedSession(tt.dialect)
			body := make([]byte, tt.bytes)
			touched, err := s.insert(t.Context(), in, tt.rows, func(i int, values []any) { values[0], values[1] = int64(i), body })
			require.NoError(t, err)
			require.EqualValues(t, len(tt.want), touched)
			var got []int
			next := int64(0)
			for _, args := range db.args {
				if text, isArray := args[0].(string); isArray {
					got = append(got, 1+strings.Count(text, ","))
					next += int64(got[len(got)-1])
					continue
				}
				got = append(got, len(args)/2)
				for i := 0; i < len(args); i += 2 {
					require.Equal(t, next, args[i], "each row once, in order")
					next++
				}
			}
			require.Equal(t, tt.want, got)
		})
	}
}

// TestInsertShared holds that what all rows have alike is sent once, in front
// of them, with every statement.
func TestInsertShared(t *testing.T) {
	in := &insertion{name: "x", table: "x", columns: []column{{"a", intColumn}, {"b", intColumn}, {"c", jsonColumn}}, same: 2}
	for kind, want := range map[Dialect][]struct {
		text string
		args []any
	}{
		Postgres: {{"INSERT INTO ak_x (a, b, c) SELECT $1::bigint, $2::bigint, c2::jsonb FROM unnest($3::text[]) AS r(c2)", []any{int64(7), int64(8), `{"0","1","2"}`}}},
		MySQL: {
			{"INSERT INTO ak_x (a, b, c) VALUES (?, ?, ?), (?, ?, ?)", []any{int64(7), int64(8), "0", int64(7), int64(8), "1"}},
			{"INSERT INTO ak_x (a, b, c) VALUES (?, ?, ?)", []any{int64(7), int64(8), "2"}},
		},
		SQLite: {
			{"INSERT INTO ak_x (a, b, c) VALUES (?1, ?2, ?), (?1, ?2, ?)", []any{int64(7), int64(8), "0", "1"}},
			{"INSERT INTO ak_x (a, b, c) VALUES (?, ?, ?)", []any{int64(7), int64(8), "2"}},
		},
	} {
		t.Run(kind.String(), func(t *testing.T) {
			s, db := pretendedSession(kind)
			_, err := s.insert(t.Context(), in, 3, func(i int, values []any) { values[0], values[1], values[2] = int64(7), int64(8), strconv.Itoa(i) })
			require.NoError(t, err)
			require.Len(t, db.texts, len(want))
			for i, w := range want {
				require.Equal(t, w.text, db.texts[i])
				require.Equal(t, w.args, db.sent[i])
			}
		})
	}
}

// TestBroken holds that nothing is sent after a statement failed: MySQL has
// undone the transaction after a deadlock, and would commit what follows by
// itself.
func TestBroken(t *testing.T) {
	s, db := pretendedSession(MySQL)
	db.err = &mysqlError{1213}
	st := &statement{name: "x", text: "DELETE FROM {x}"}
	_, err := s.exec(t.Context(), st)
	require.ErrorIs(t, err, audience.ErrRetryable)
	db.err = nil
	_, again := s.exec(t.Context(), st)
	require.Equal(t, err, again)
	require.Equal(t, err, s.query(t.Context(), st, nil))
	_, again = s.insert(t.Context(), &insertion{name: "y", table: "y", keys: []string{"a"}, columns: []column{{"a", intColumn}}}, 1, func(_ int, values []any) { values[0] = int64(1) })
	require.Equal(t, err, again)
	require.Len(t, db.texts, 1)

	w := newWriter(s)
	require.Equal(t, err, w.lost(), "whatever the function says, it begins again")
	s.broken = errors.New("x")
	require.NoError(t, w.lost())
	require.ErrorIs(t, w.doom("x"), audience.ErrRetryable)
	require.ErrorIs(t, w.lost(), audience.ErrRetryable)
	require.ErrorIs(t, w.enterWrite(t.Context()), audience.ErrRetryable)
}

// TestCatalog lists every statement in every dialect.
func TestCatalog(t *testing.T) {
	tables := make(map[string]bool)
	for _, m := range migrationsOf(t, SQLite) {
		for _, st := range m.statements {
			if name, ok := strings.CutPrefix(st, "CREATE TABLE {"); ok {
				tables[name[:strings.IndexByte(name, '}')]] = true
			}
		}
	}
	for _, kind := range []Dialect{Postgres, MySQL, SQLite} {
		d, _ := dialectOf(kind)
		all := newStatements(d)
		names := make(map[string]bool)
		for _, st := range all.statements {
			require.NotEmpty(t, st.name)
			require.False(t, names[st.name+st.text], "%s: %q is there twice", kind, st.name)
			names[st.name+st.text] = true
			require.NotZero(t, st.key, st.name)
			for rest := st.text; strings.Contains(rest, "{"); {
				_, rest, _ = strings.Cut(rest, "{")
				name, after, ok := strings.Cut(rest, "}")
				require.True(t, ok, st.name)
				rest = after
				if first, _, isList := strings.Cut(name, " "); !isList {
					require.True(t, tables[first] || first == "joined", "%s: %q names no table", st.name, name)
				}
			}
		}
		for _, in := range all.insertions {
			require.False(t, names[in.name], "%s: %q is there twice", kind, in.name)
			names[in.name] = true
			require.NotZero(t, in.key, in.name)
			require.True(t, tables[in.table], in.name)
			require.NotEmpty(t, in.keys, in.name)
		}
		require.Greater(t, len(names), 20)
	}
}
