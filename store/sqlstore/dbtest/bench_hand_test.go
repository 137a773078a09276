package dbtest_test

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

// handTable is a table as the program written by hand knows it.
type handTable struct {
	name, columns, keys string
	kinds               string // a letter for each column: i for numbers, t for texts, j for JSON, b for bytes
}

func handTables() map[string]*handTable {
	out := map[string]*handTable{}
	for _, t := range []*handTable{
		{"ak_contacts", "audience, id, version, created_us, updated_us, attrs, body", "audience, id", "iiiiijb"},
		{"ak_identities", "audience, kind, ident, contact", "", "itti"},
		{"ak_tags", "audience, tag, contact", "", "iti"},
		{"ak_events", "audience, contact, id, type, at_us, revision, retracted, amount_prop, amount, more, body", "audience, contact, id", "iittiiiiiib"},
		{"ak_feed_parts", "audience, seq, part, changes", "", "iiib"},
		{"ak_mentions", "audience, contact, seq", "", "iii"},
	} {
		out[strings.TrimPrefix(t.name, "ak_")] = t
	}
	return out
}

// handCommit are the rows that one commit has brought.
type handCommit struct {
	idents                             map[string][]string // by kind: whom it is about
	ids                                []int64             // of those who are there already
	contacts, identities, tags, events [][]any
	at                                 int64
	changes                            []byte
	parts, mentions                    [][]any // their sequence is that of the commit
}

// readDone reads the rows that a job has written.
func readDone(b *testing.B, db *sql.DB, j job) []*handCommit {
	b.Helper()
	tables := handTables()
	out := make([]*handCommit, len(j.commits))
	feed := query(b, db, "iiib", "SELECT seq, at_us, contact, changes FROM ak_feed ORDER BY seq")
	bySeq := map[int64]*handCommit{}
	for i, row := range feed[len(feed)-len(out):] {
		out[i] = &handCommit{at: row[1].(int64), changes: row[3].([]byte), idents: map[string][]string{}}
		bySeq[row[0].(int64)] = out[i]
	}
	for _, name := range []string{"feed_parts", "mentions"} {
		t := tables[name]
		for _, row := range query(b, db, t.kinds, "SELECT "+t.columns+" FROM "+t.name+" ORDER BY audience, seq") {
			at := slices.Index(strings.Split(t.columns, ", "), "seq")
			if c := bySeq[row[at].(int64)]; c != nil && name == "mentions" {
				c.mentions = append(c.mentions, row)
			} else if c != nil {
				c.parts = append(c.parts, row)
			}
		}
	}
	identities := query(b, db, tables["identities"].kinds, "SELECT "+tables["identities"].columns+" FROM ak_identities ORDER BY kind, ident")
	if len(j.commits[0].events) > 0 {
		t := tables["events"]
		for _, row := range query(b, db, t.kinds, "SELECT "+t.columns+" FROM "+t.name+" ORDER BY contact, id") {
			index, err := strconv.Atoi(strings.TrimPrefix(row[2].(string), "event-"))
			require.NoError(b, err)
			c := out[index/j.size]
			c.events = append(c.events, row)
			c.about(row[1].(int64))
		}
		tellIdentities(out, identities)
		return out
	}
	t := tables["contacts"]
	byID := map[int64]*handCommit{}
	for i, row := range query(b, db, t.kinds, "SELECT "+t.columns+" FROM "+t.name+" ORDER BY id") {
		c := out[i/j.size]
		c.contacts = append(c.contacts, row)
		byID[row[1].(int64)] = c
		if j.before != nil {
			c.about(row[1].(int64))
		}
	}
	if j.before != nil {
		tellIdentities(out, identities)
		return out
	}
	g := tables["tags"]
	for _, row := range identities {
		c := byID[row[3].(int64)]
		c.identities = append(c.identities, row)
		c.idents[row[1].(string)] = append(c.idents[row[1].(string)], row[2].(string))
	}
	for _, row := range query(b, db, g.kinds, "SELECT "+g.columns+" FROM "+g.name+" ORDER BY tag, contact") {
		c := byID[row[2].(int64)]
		c.tags = append(c.tags, row)
	}
	return out
}

// about notes that a commit is about somebody who is there.
func (c *handCommit) about(id int64) {
	if n := len(c.ids); n == 0 || c.ids[n-1] != id { // rows come in the order of ids
		c.ids = append(c.ids, id)
	}
}

// tellIdentities notes by which identity each commit names those it is about:
// one of each, of the kind that the jobs use.
func tellIdentities(commits []*handCommit, identities [][]any) {
	const kind = "external"
	idents := map[int64]string{}
	for _, row := range identities {
		if strings.HasPrefix(row[1].(string), kind) || idents[row[3].(int64)] == "" {
			idents[row[3].(int64)] = row[1].(string) + "\x00" + row[2].(string)
		}
	}
	for _, c := range commits {
		for _, id := range c.ids {
			kind, ident, _ := strings.Cut(idents[id], "\x00")
			c.idents[kind] = append(c.idents[kind], ident)
		}
	}
}

// query reads rows whose columns are of the kinds.
func query(b testing.TB, db *sql.DB, kinds, text string) (out [][]any) {
	b.Helper()
	rows, err := db.QueryContext(b.Context(), text)
	require.NoError(b, err)
	defer rows.Close()
	for rows.Next() {
		numbers, texts, bytes, into := make([]sql.NullInt64, len(kinds)), make([]string, len(kinds)), make([][]byte, len(kinds)), make([]any, len(kinds))
		for i, kind := range kinds {
			into[i] = map[rune]any{'i': &numbers[i], 't': &texts[i], 'j': &texts[i], 'b': &bytes[i]}[kind]
		}
		require.NoError(b, rows.Scan(into...))
		row := make([]any, len(kinds))
		for i, kind := range kinds {
			switch kind {
			case 'i':
				if numbers[i].Valid {
					row[i] = numbers[i].Int64
				}
			case 'b':
				row[i] = bytes[i]
			default:
				row[i] = texts[i]
			}
		}
		out = append(out, row)
	}
	require.NoError(b, rows.Err())
	return out
}

// requireEqualRows holds that the program by hand has written the same.
func requireEqualRows(b testing.TB, one, other *sql.DB) {
	b.Helper()
	for _, t := range handTables() {
		count := "SELECT COUNT(*) FROM " + t.name
		require.Equal(b, query(b, one, "i", count), query(b, other, "i", count), t.name)
	}
	for _, of := range []string{
		"SELECT COUNT(*), COALESCE(SUM(version), 0), COALESCE(MAX(updated_us), 0) FROM ak_contacts",
		"SELECT COUNT(*), COALESCE(MAX(at_us), 0), COUNT(amount) FROM ak_events",
		"SELECT COUNT(*), SUM(LENGTH(changes)), SUM(parts) FROM ak_feed",
	} {
		require.Equal(b, query(b, one, "ttt", of), query(b, other, "ttt", of), of)
	}
}

// byHand writes the rows as somebody would who knows the database, in commits
// of the same size, of the same durability, into the same tables and indexes. It
// does what a program must do that is to be right beside others: in each commit
// it looks up who has the identities it brings, and locks and reads the rows of
// those who are there before it writes; events that are there are replaced. It
// does not do what the library does beyond that: it decides and checks nothing;
// it looks for no events, merges, suppressions, settings and earlier commits,
// and counts no events. Given rows that it has from another program it does not
// even encode them, which a program of that job has to: see encodedOneByOne.
func byHand(ctx context.Context, engine dbtest.Engine, db *sql.DB, commits iter.Seq[*handCommit], feed bool) error {
	h := &hand{engine: engine, db: db, prepared: map[string]*sql.Stmt{}}
	defer h.close()
	tables := handTables()
	for c := range commits {
		if err := h.commit(ctx, tables, c, feed); err != nil {
			return err
		}
	}
	return nil
}

// hand is the program written by hand.
type hand struct {
	engine   dbtest.Engine
	db       *sql.DB
	tx       *sql.Tx
	prepared map[string]*sql.Stmt
}

func (h *hand) close() {
	for _, s := range h.prepared {
		_ = s.Close()
	}
}

func (h *hand) commit(ctx context.Context, tables map[string]*handTable, c *handCommit, feed bool) (err error) {
	if h.tx, err = h.db.BeginTx(ctx, nil); err != nil {
		return err
	}
	defer func() { _ = h.tx.Rollback() }()
	if err := h.look(ctx, c); err != nil {
		return err
	}
	for _, part := range []struct {
		table string
		rows  [][]any
	}{{"contacts", c.contacts}, {"identities", c.identities}, {"tags", c.tags}, {"events", c.events}} {
		if err := h.insert(ctx, tables[part.table], part.rows); err != nil {
			return err
		}
	}
	if feed {
		if err := h.feed(ctx, tables, c); err != nil {
			return err
		}
	}
	return h.tx.Commit()
}

// look finds out who is there, and locks them.
func (h *hand) look(ctx context.Context, c *handCommit) error {
	found := 0
	for kind, idents := range c.idents {
		n, err := find(ctx, h, "text", "SELECT ident, contact FROM ak_identities WHERE audience = 1 AND kind = '"+kind+"' AND ident", "", idents)
		if found += n; err != nil {
			return err
		}
	}
	if len(c.ids) > 0 && found != len(c.ids) {
		return fmt.Errorf("%d of %d are there", found, len(c.ids))
	}
	columns := "id, version"
	if len(c.contacts) > 0 { // to be changed
		columns = "id, body"
	}
	_, err := find(ctx, h, "bigint", "SELECT "+columns+" FROM ak_contacts WHERE audience = 1 AND id", " FOR UPDATE", c.ids)
	return err
}

// find reads the rows of a list of keys, each two columns, by what is fast in
// the database.
func find[T any](ctx context.Context, h *hand, kind, text, lock string, keys []T) (found int, err error) {
	for part := range slices.Chunk(keys, 1_000) {
		n := 0
		if h.engine == dbtest.Postgres {
			listed := "SELECT found.* FROM unnest($1::" + kind + "[]) AS listed(item) CROSS JOIN LATERAL (" + text + " = listed.item LIMIT 1" + lock + ") AS found"
			n, err = countRows(h.tx.QueryContext(ctx, listed, part))
		} else {
			listed := text + " IN (" + strings.TrimSuffix(strings.Repeat("?,", len(part)), ",") + ")"
			if h.engine == dbtest.MySQL {
				listed += lock
			}
			n, err = h.ask(ctx, listed, argsOf(part))
		}
		if found += n; err != nil {
			return found, err
		}
	}
	return found, nil
}

func argsOf[T any](part []T) []any {
	args := make([]any, len(part))
	for i := range part {
		args[i] = part[i]
	}
	return args
}

// ask runs a prepared query in the transaction and reads all it gives.
func (h *hand) ask(ctx context.Context, text string, args []any) (int, error) {
	stmt, err := h.prepare(ctx, text)
	if err != nil {
		return 0, err
	}
	own := h.tx.StmtContext(ctx, stmt)
	defer func() { _ = own.Close() }()
	return countRows(own.QueryContext(ctx, args...))
}

// countRows reads all rows of two columns.
func countRows(rows *sql.Rows, err error) (n int, _ error) {
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var one, other sql.RawBytes
		if err := rows.Scan(&one, &other); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}

// feed tells of the commit.
func (h *hand) feed(ctx context.Context, tables map[string]*handTable, c *handCommit) error {
	var seq int64
	const insert = "INSERT INTO ak_feed (audience, at_us, contact, parts, changes"
	contact := int64(0)
	args := []any{int64(1), c.at, contact, int64(len(c.parts)), c.changes}
	switch h.engine {
	case dbtest.Postgres:
		if err := h.tx.QueryRowContext(ctx, insert+") VALUES ($1, $2, $3, $4, $5) RETURNING seq", args...).Scan(&seq); err != nil {
			return err
		}
	case dbtest.MySQL:
		res, err := h.tx.ExecContext(ctx, insert+") VALUES (?, ?, ?, ?, ?)", args...)
		if err != nil {
			return err
		}
		if seq, err = res.LastInsertId(); err != nil {
			return err
		}
	default:
		var number int64
		if err := h.tx.QueryRowContext(ctx, "UPDATE ak_heads SET number = number + 1, last_us = ? WHERE audience = 1 RETURNING number", c.at).Scan(&number); err != nil {
			return err
		}
		res, err := h.tx.ExecContext(ctx, insert+", number) VALUES (?, ?, ?, ?, ?, ?)", append(args, number)...)
		if err != nil {
			return err
		}
		if seq, err = res.LastInsertId(); err != nil {
			return err
		}
	}
	for name, rows := range map[string][][]any{"feed_parts": c.parts, "mentions": c.mentions} {
		at := slices.Index(strings.Split(tables[name].columns, ", "), "seq")
		of := make([][]any, len(rows))
		for i, row := range rows {
			of[i] = slices.Clone(row)
			of[i][at] = seq
		}
		if err := h.insert(ctx, tables[name], of); err != nil {
			return err
		}
	}
	return nil
}

// insert inserts or replaces rows by what is fast in the database: arrays in
// PostgreSQL, many rows in one prepared statement elsewhere.
func (h *hand) insert(ctx context.Context, t *handTable, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	if h.engine == dbtest.Postgres {
		_, err := h.tx.ExecContext(ctx, t.unnest(), t.slices(rows)...)
		return err
	}
	most := 200
	if h.engine == dbtest.MySQL {
		most = 1_000
	}
	if t.name == "ak_feed_parts" {
		most = 1
	}
	for part := range slices.Chunk(rows, most) {
		stmt, err := h.prepare(ctx, t.values(h.engine, len(part)))
		if err != nil {
			return err
		}
		if err := h.run(ctx, stmt, slices.Concat(part...)); err != nil {
			return err
		}
	}
	return nil
}

// run runs a prepared statement in the transaction.
func (h *hand) run(ctx context.Context, stmt *sql.Stmt, args []any) error {
	own := h.tx.StmtContext(ctx, stmt)
	defer func() { _ = own.Close() }()
	_, err := own.ExecContext(ctx, args...)
	return err
}

func (h *hand) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if s := h.prepared[text]; s != nil {
		return s, nil
	}
	s, err := h.db.PrepareContext(ctx, text)
	h.prepared[text] = s
	return s, err
}

func (t *handTable) values(engine dbtest.Engine, n int) string {
	one := "(" + strings.TrimSuffix(strings.Repeat("?,", len(t.kinds)), ",") + "),"
	return "INSERT INTO " + t.name + " (" + t.columns + ") VALUES " + strings.TrimSuffix(strings.Repeat(one, n), ",") + t.conflict(engine)
}

func (t *handTable) unnest() string {
	var params, names, cast []string
	for i, kind := range t.kinds {
		name := "c" + strconv.Itoa(i)
		params = append(params, fmt.Sprintf("$%d::%s[]", i+1, map[rune]string{'i': "bigint", 't': "text", 'j': "text", 'b': "bytea"}[kind]))
		names = append(names, name)
		if kind == 'j' {
			name += "::jsonb"
		}
		cast = append(cast, name)
	}
	return "INSERT INTO " + t.name + " (" + t.columns + ") SELECT " + strings.Join(cast, ",") +
		" FROM unnest(" + strings.Join(params, ",") + ") AS r(" + strings.Join(names, ",") + ")" + t.conflict(dbtest.Postgres)
}

func (t *handTable) conflict(engine dbtest.Engine) string {
	if t.keys == "" {
		return ""
	}
	keys := strings.Split(t.keys, ", ")
	var sets []string
	for column := range strings.SplitSeq(t.columns, ", ") {
		switch {
		case slices.Contains(keys, column):
		case engine == dbtest.MySQL:
			sets = append(sets, column+"=VALUES("+column+")")
		default:
			sets = append(sets, column+"=excluded."+column)
		}
	}
	if engine == dbtest.MySQL {
		return " ON DUPLICATE KEY UPDATE " + strings.Join(sets, ",")
	}
	return " ON CONFLICT (" + t.keys + ") DO UPDATE SET " + strings.Join(sets, ",")
}

// slices gives the columns of rows.
func (t *handTable) slices(rows [][]any) []any {
	args := make([]any, len(t.kinds))
	for k, kind := range t.kinds {
		switch kind {
		case 'i':
			column := make([]*int64, len(rows))
			for i, row := range rows {
				if n, ok := row[k].(int64); ok {
					column[i] = &n
				}
			}
			args[k] = column
		case 'b':
			column := make([][]byte, len(rows))
			for i, row := range rows {
				column[i] = row[k].([]byte)
			}
			args[k] = column
		default:
			column := make([]string, len(rows))
			for i, row := range rows {
				column[i] = row[k].(string)
			}
			args[k] = column
		}
	}
	return args
}
