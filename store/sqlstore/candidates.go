package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

var _ store.PredicateReader = (*reader)(nil)

// Candidates gives contacts for whom a predicate may be true.
//
// Of somebody with merged contacts, what is written under her own id does not
// tell the whole. Those are few, and come from a query of their own: they are
// candidates as long as the rest of the predicate does not exclude them.
func (r *reader) Candidates(
	ctx context.Context, p store.Predicate, at time.Time, after audience.ContactID, limit int,
) ([]store.Candidate, error) {
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
	if err != nil {
		return nil, wrap(err)
	}
	regular, err := r.candidates(ctx, "candidates", q.regular)
	if err != nil {
		return nil, err
	}
	irregular, err := r.candidates(ctx, "candidates with merged contacts", q.irregular)
	if err != nil {
		return nil, err
	}
	return joined(regular, irregular, limit), nil
}

// candidates runs a query, nil for nobody.
func (r *reader) candidates(ctx context.Context, name string, q *fragment) ([]store.Candidate, error) {
	if q == nil {
		return nil, nil
	}
	var out []store.Candidate
	text := r.p.store.dialect.build(r.p.store.prefix, q.text, nil)
	err := r.ask(ctx, name, text, q.args, func(row *sql.Rows) error {
		var id, certain int64
		err := row.Scan(&id, &certain)
		out = append(out, store.Candidate{ID: audience.ContactID(id), Certain: certain == 1})
		return err
	})
	return out, err
}

// joined puts the irregular candidates in order among the regular ones, and in
// their places.
func joined(regular, irregular []store.Candidate, limit int) []store.Candidate {
	if len(irregular) == 0 {
		return regular
	}
	out := make([]store.Candidate, 0, min(len(regular)+len(irregular), limit))
	for len(out) < limit && len(regular)+len(irregular) > 0 {
		switch {
		case len(irregular) == 0 || len(regular) > 0 && regular[0].ID < irregular[0].ID:
			out, regular = append(out, regular[0]), regular[1:]
			continue
		case len(regular) > 0 && regular[0].ID == irregular[0].ID:
			regular = regular[1:]
		}
		out, irregular = append(out, irregular[0]), irregular[1:]
	}
	return out
}

// rendered are the queries for a predicate: for those of whom their own rows
// tell the whole, and for all others. nil: nobody.
type rendered struct{ regular, irregular *fragment }

func (r *reader) render(p store.Predicate, at time.Time, after audience.ContactID, limit int, columns map[string]bool) (rendered, error) {
	s := r.p.store
	w := renderer{dialect: s.dialect, audience: r.p.id, at: audience.Micros(at), after: int64(after), columns: columns}
	own := w
	own.own = true
	w.collect(p)
	b, err := w.literal(p, true)
	switch {
	case err != nil:
		return rendered{}, err
	case b.upper.isAlways():
		return rendered{}, fmt.Errorf("%w: a predicate of which SQL can say nothing", audience.ErrUnsupported)
	}
	out := rendered{regular: w.query(b, limit)}
	if w.readsOrigins {
		if b, err = own.literal(p, true); err != nil {
			return rendered{}, err
		}
		out.irregular = own.query(within(allOf(w.irregular(), b.upper), never()), limit)
	}
	for _, q := range []*fragment{out.regular, out.irregular} {
		if q != nil && len(q.args) > s.dialect.mostParameters {
			return rendered{}, fmt.Errorf("%w: a predicate with more constants than a statement may have", audience.ErrUnsupported)
		}
	}
	return out, nil
}

// query gives the query for those in the upper bound, nil for nobody.
func (r *renderer) query(b bounds, limit int) *fragment {
	if b.upper.isNever() {
		return nil
	}
	certain := "1"
	switch {
	case b.given.isAlways():
	case b.given.isNever():
		certain = "0"
	default:
		certain = "CASE WHEN " + b.given.text + " THEN 1 ELSE 0 END"
	}
	var out strings.Builder
	args := slices.Clone(b.given.args)
	out.WriteString("SELECT c.id, " + certain + " FROM {contacts} c")
	for _, s := range r.sources {
		if strings.Contains(b.upper.text, s.alias+".") || strings.Contains(certain, s.alias+".") {
			args = append(args, s.write(r, &out)...)
		}
	}
	where := allOf(condition("c.audience = ?", r.audience), condition("c.id > ?", r.after), b.upper)
	out.WriteString(" WHERE " + where.text + " ORDER BY c.id LIMIT ?")
	q := condition(out.String(), append(append(args, where.args...), int64(limit))...)
	return &q
}

// irregular is about those who have merged contacts and, where it matters,
// those of whom standings by name are not kept.
func (r *renderer) irregular() fragment {
	text, args := "SELECT m.winner FROM {merges} m WHERE m.audience = ?", []any{r.audience}
	if r.readsNames {
		text += " UNION ALL SELECT s.contact FROM {standings} s WHERE s.audience = ? AND s.purpose = ? AND s.list = ?"
		args = append(args, r.audience, "", "")
	}
	return condition("c.id IN ("+text+")", args...)
}
