package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
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
	parts := conjuncts(nil, p)
	w.collect(parts)
	all, err := w.literals(parts)
	b := allBounds(all)
	switch {
	case err != nil:
		return rendered{}, err
	case b.upper.isAlways():
		return rendered{}, fmt.Errorf("%w: a predicate of which SQL can say nothing", audience.ErrUnsupported)
	}
	out := rendered{regular: w.query(planOf(parts, all), b, limit)}
	if w.readsOrigins {
		if b, err = own.literal(p, true); err != nil {
			return rendered{}, err
		}
		b = within(allOf(w.irregular(), b.upper), never())
		out.irregular = own.query(plan{conditions: []fragment{b.upper}}, b, limit)
	}
	for _, q := range []*fragment{out.regular, out.irregular} {
		if q != nil && len(q.args) > s.dialect.mostParameters {
			return rendered{}, fmt.Errorf("%w: a predicate with more constants than a statement may have", audience.ErrUnsupported)
		}
	}
	return out, nil
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
