package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Candidates gives contacts for whom a predicate may be true.
func (r *reader) Candidates(
	ctx context.Context, p store.Predicate, at time.Time, after audience.ContactID, limit int,
) ([]store.Candidate, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	q, err := r.render(p, at, after, limit)
	if err != nil || q == nil {
		return nil, wrap(err)
	}
	var out []store.Candidate
	text := r.p.store.dialect.build(r.p.store.prefix, q.text, nil)
	err = r.ask(ctx, "candidates", text, q.args, func(row *sql.Rows) error {
		var id, certain int64
		err := row.Scan(&id, &certain)
		out = append(out, store.Candidate{ID: audience.ContactID(id), Certain: certain == 1})
		return err
	})
	return out, err
}

// render gives the query for a predicate, nil when nobody matches.
func (r *reader) render(p store.Predicate, at time.Time, after audience.ContactID, limit int) (*fragment, error) {
	s := r.p.store
	columns := s.generated.known()
	w := &renderer{dialect: s.dialect, audience: r.p.id, at: audience.Micros(at), after: int64(after), columns: columns}
	b, err := w.literal(p, true)
	switch {
	case err != nil:
		return nil, err
	case b.upper.isNever():
		return nil, nil
	case b.upper.isAlways():
		return nil, fmt.Errorf("%w: a predicate that restricts nothing in SQL", audience.ErrUnsupported)
	}
	q := w.query(b, limit)
	if w.readsOrigins {
		own := &renderer{dialect: s.dialect, audience: r.p.id, after: int64(after), own: true, columns: columns}
		merged, err := own.literal(p, true)
		if err != nil {
			return nil, err
		}
		q = w.united(b, own, merged.upper, limit)
	}
	if len(q.args) > s.dialect.mostParameters {
		return nil, fmt.Errorf("%w: a predicate with more constants than a statement may have", audience.ErrUnsupported)
	}
	return &q, nil
}

// query gives the query for those in the upper bound.
func (r *renderer) query(b bounds, limit int) fragment {
	certain := "1"
	switch {
	case b.given.isAlways():
	case b.given.isNever():
		certain = "0"
	default:
		certain = "CASE WHEN " + b.given.text + " THEN 1 ELSE 0 END"
	}
	var out strings.Builder
	args := append([]any{}, b.given.args...)
	out.WriteString("SELECT c.id AS id, " + certain + " AS certain FROM {contacts} c")
	for _, s := range r.sources {
		if strings.Contains(b.upper.text, s.alias+".") || strings.Contains(certain, s.alias+".") {
			args = append(args, s.write(r, &out)...)
		}
	}
	where := allOf(condition("c.audience = ?", r.audience), condition("c.id > ?", r.after), b.upper)
	out.WriteString(" WHERE " + where.text + " ORDER BY c.id LIMIT ?")
	return condition(out.String(), append(append(args, where.args...), int64(limit))...)
}

// united gives the query where leaves read what may be written under several
// contacts: it asks for whom that is not so, and adds the others, of whom it
// says as little as is known.
func (r *renderer) united(b bounds, own *renderer, others fragment, limit int) fragment {
	irregular := r.irregular()
	b.upper = allOf(b.upper, irregular.complementExists())
	regular := r.query(b, limit)
	if others.isNever() {
		return regular
	}
	rest := own.query(within(allOf(irregular.among(), others), never()), limit)
	return condition("SELECT id, certain FROM ("+regular.text+") a UNION ALL SELECT id, certain FROM ("+rest.text+") b ORDER BY id LIMIT ?",
		append(append(regular.args, rest.args...), int64(limit))...)
}

// irregulars are those of whom their own rows do not tell the whole.
type irregulars []irregularRows

type irregularRows struct {
	contact, from string
	args          []any
}

// irregular gives those who have merged contacts and, where it matters, those
// of whom standings by name are not kept.
func (r *renderer) irregular() irregulars {
	out := irregulars{{contact: "m.winner", from: "{merges} m WHERE m.audience = ?", args: []any{r.audience}}}
	if r.readsNames {
		out = append(out, irregularRows{
			contact: "s.contact", from: "{standings} s WHERE s.audience = ? AND s.purpose = ? AND s.list = ?", args: []any{r.audience, "", ""},
		})
	}
	return out
}

func (l irregulars) complementExists() fragment {
	var out []fragment
	for _, rows := range l {
		out = append(out, condition("NOT EXISTS (SELECT 1 FROM "+rows.from+" AND "+rows.contact+" = c.id)", rows.args...))
	}
	return allOf(out...)
}

func (l irregulars) among() fragment {
	text, args := "", []any(nil)
	for i, rows := range l {
		if i > 0 {
			text += " UNION ALL "
		}
		text += "SELECT " + rows.contact + " FROM " + rows.from
		args = append(args, rows.args...)
	}
	return condition("c.id IN ("+text+")", args...)
}
