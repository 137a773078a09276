package sqlstore

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// ExplainCandidates gives the database's plan for [reader.Candidates], a line
// for each of its rows and nothing of the constants but what the database
// shows of them. It is for people and tests: roles have it besides their
// interfaces.
func (r *reader) ExplainCandidates(
	ctx context.Context, p store.Predicate, at time.Time, after audience.ContactID, limit int,
) ([]string, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	columns, err := r.generatedColumns(ctx)
	if err != nil {
		return nil, err
	}
	q, err := r.render(p, at, after, limit, columns)
	if err != nil || q.regular == nil {
		return nil, wrap(err)
	}
	explain := "EXPLAIN "
	if r.p.store.dialect.kind == SQLite {
		explain = "EXPLAIN QUERY PLAN "
	}
	var out []string
	text := r.p.store.dialect.build(r.p.store.prefix, explain+q.regular.text, nil)
	err = r.ask(ctx, "explain candidates", text, q.regular.args, func(row *sql.Rows) error {
		line, err := lineOf(row)
		out = append(out, line)
		return err
	})
	return out, err
}

// lineOf gives the columns of a row as one text.
func lineOf(row *sql.Rows) (string, error) {
	columns, err := row.Columns()
	if err != nil {
		return "", err
	}
	values := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	if err := row.Scan(into...); err != nil {
		return "", err
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.String
	}
	return strings.Join(texts, " | "), nil
}
