package sqlstore

import (
	"slices"
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/store"
)

// plan is what has to hold of a contact, and where to begin. Databases know
// nothing of how many contacts an aggregate leaves, so the order is ours:
//
//   - of an aggregate that has to hold only the contacts whom it leaves are
//     joined, not all who have events;
//   - where there is one that leaves few, a query begins with it, and any other
//     is worked out for those who are left, through the events of each;
//   - that there is an event in a window is a semi-join, with which databases
//     begin or end as they see fit;
//   - where somebody is named, everything is asked of her.
type plan struct {
	conditions []fragment // all of them hold
	few        []bool     // of each: it is true of few contacts, as far as one can tell; nil: of none
	named      bool       // one names a contact
	picked     bool       // one is that a field has a value
}

// conjuncts gives the predicates that have to be true together.
func conjuncts(out []store.Predicate, p store.Predicate) []store.Predicate {
	switch p := p.(type) {
	case store.And:
		for _, part := range p {
			out = conjuncts(out, part)
		}
		return out
	case store.IsTrue:
		return conjuncts(out, p.Part)
	default:
		return append(out, p)
	}
}

func planOf(parts []store.Predicate, all []bounds) plan {
	out := plan{few: make([]bool, len(parts))}
	for i, p := range parts {
		out.conditions = append(out.conditions, all[i].upper)
		switch p := p.(type) {
		case store.CompareCount:
			out.few[i] = p.N > 1 && isAbove(p.Op) || p.N == 1 && p.Op == store.Greater
		case store.CompareSum:
			out.few[i] = p.Value > 0 && isAbove(p.Op)
		case store.Compare:
			kind := p.Feature.Kind
			out.named = out.named || p.Op == store.Equal && (kind == store.FeatureID || kind == store.FeatureEmail || kind == store.FeaturePhone)
			out.picked = out.picked || p.Op == store.Equal && kind == store.FeatureField
		default:
		}
	}
	return out
}

// isAbove reports whether what is less than the constant does not do.
func isAbove(o store.CompareOp) bool {
	return o == store.Greater || o == store.GreaterOrEqual || o == store.Equal
}

// needed is a source of events with a row for everybody whom a plan is about.
type needed struct {
	source     *source
	conditions []fragment // on it, all of which hold
	few        bool
	read       bool // elsewhere in the query
}

// isRow: it is only that there is an event.
func (n *needed) isRow() bool {
	return !slices.ContainsFunc(n.conditions, func(f fragment) bool { return !f.row })
}

// holds is what has to hold of the row, that there is one aside.
func (n *needed) holds() fragment {
	some := slices.DeleteFunc(slices.Clone(n.conditions), func(f fragment) bool { return f.row })
	if len(some) == 0 {
		return n.source.matched()
	}
	return allOf(some...)
}

// split gives the sources of events that have a row, and what else has to hold.
func (p *plan) split(certain string) (sources []*needed, rest []fragment) {
	for i, f := range p.conditions {
		if f.of == nil || f.of.query == nil {
			rest = append(rest, f)
			continue
		}
		k := slices.IndexFunc(sources, func(n *needed) bool { return n.source == f.of })
		if k < 0 {
			k = len(sources)
			sources = append(sources, &needed{source: f.of, read: f.of.readBy(certain)})
		}
		n := sources[k]
		n.conditions, n.few = append(n.conditions, f), n.few || p.few != nil && p.few[i]
	}
	for _, n := range sources {
		n.read = n.read || slices.ContainsFunc(rest, func(f fragment) bool { return n.source.readBy(f.text) })
	}
	return sources, rest
}

func (s *source) readBy(text string) bool { return strings.Contains(text, s.alias+".") }

// first chooses with which source to begin, nil: the database does.
func (p *plan) first(sources []*needed) *needed {
	if p.named || p.picked {
		return nil
	}
	var out *needed
	for _, n := range sources {
		if !n.isRow() && (out == nil || n.few && !out.few) {
			out = n
		}
	}
	return out
}

// query gives the query for those in the upper bound, nil for nobody.
func (r *renderer) query(p plan, b bounds, limit int) *fragment {
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
	sources, rest := p.split(certain)
	first := p.first(sources)
	each := p.named || first != nil && first.few
	from, where := r.tables(sources, first, each)
	where = append(rest, where...)
	base := (*source)(nil)
	if first == nil && !each {
		base = baseOf(sources, certain, where)
	}
	if base != nil {
		from, where = r.onlyOf(base, from, where)
	} else {
		where = append([]fragment{condition("c.audience = ?", r.audience), condition("c.id > ?", r.after)}, where...)
	}
	args := append(slices.Clone(b.given.args), from.args...)
	var text strings.Builder
	text.WriteString(from.text)
	conditions := allOf(where...)
	for _, s := range r.sources {
		if s == base || slices.ContainsFunc(sources, func(n *needed) bool { return n.source == s }) {
			continue
		}
		if s.readBy(conditions.text) || s.readBy(certain) {
			args = append(args, s.write(r, &text)...)
		}
	}
	q := condition("SELECT c.id, "+certain+" FROM "+text.String()+" WHERE "+conditions.text+" ORDER BY c.id LIMIT ?",
		append(append(args, conditions.args...), int64(limit))...)
	if base != nil {
		q.text = strings.ReplaceAll(q.text, "c.id", base.alias+".contact")
	}
	return &q
}

// contactsTable is what a query reads contacts from.
const contactsTable = "{contacts} c"

// baseOf gives a table that has a row for everybody whom a query is about and
// can stand in the place of the contacts, of which nothing is read then; nil:
// there is none. Who has events is a contact, or was one until she was merged
// into another: of who is deleted they are removed in the same transaction.
func baseOf(sources []*needed, certain string, where []fragment) *source {
	readsContact := func(text string) bool { return strings.Count(text, "c.") > strings.Count(text, "c.id") }
	if len(sources) == 0 || readsContact(certain) || slices.ContainsFunc(where, func(f fragment) bool { return readsContact(f.text) }) {
		return nil
	}
	i := slices.IndexFunc(where, func(f fragment) bool { return f.of != nil && f.of.query == nil })
	if i < 0 {
		return nil
	}
	return where[i].of
}

// onlyOf puts a table in the place of the contacts.
func (r *renderer) onlyOf(base *source, from fragment, where []fragment) (fragment, []fragment) {
	from.text = strings.Replace(from.text, contactsTable, base.table+" "+base.alias, 1)
	own := condition(strings.TrimPrefix(strings.ReplaceAll(base.on, "#", base.alias), " AND "), base.args...)
	merged := condition("NOT EXISTS (SELECT 1 FROM {merges} m WHERE m.audience = ? AND m.loser = c.id)", r.audience)
	return from, append([]fragment{own, condition("c.id > ?", r.after)}, append(where, merged)...)
}

// tables writes the contacts and what is joined to them of sources that have a
// row, first of all the one to begin with; and gives as conditions what is not
// joined. each: what remains are few contacts, to be looked at one by one.
func (r *renderer) tables(sources []*needed, first *needed, each bool) (from fragment, where []fragment) {
	from.text = contactsTable
	if first != nil {
		rows := first.rows(r)
		from = condition(rows.text+" "+r.dialect.then()+" "+contactsTable+" ON c.id = "+first.source.alias+".contact", rows.args...)
	}
	var members []*source
	for _, n := range sources {
		switch {
		case n == first:
		case !n.read && each && (first == nil || r.dialect.kind != SQLite || !n.isRow()):
			where = append(where, n.ofEach(r))
		case !n.read && n.isRow():
			members = append(members, n.source)
		default:
			rows := n.rows(r)
			from.text += " JOIN " + rows.text + " ON " + n.source.alias + ".contact = c.id"
			from.args = append(from.args, rows.args...)
		}
	}
	return from, append(where, r.among(members)...)
}

// among is about those who have a row in each of some sources. SQLite makes a
// list of every subquery and looks up whom the first one has before it asks the
// next; so there the next is asked when the first is made. The others have joins
// for it, of which they choose the order only while it is not nested.
func (r *renderer) among(sources []*source) []fragment {
	var out []fragment
	for _, s := range slices.Backward(sources) {
		rows := s.rows(r)
		if r.dialect.kind == SQLite && len(out) > 0 {
			rows = condition(rows.text+" AND "+strings.Replace(out[0].text, "c.id", "e.contact", 1), append(rows.args, out[0].args...)...)
			out = nil
		}
		out = append(out, condition("c.id IN (SELECT "+rows.text+")", rows.args...))
	}
	slices.Reverse(out)
	return out
}

// then joins a table that is to be read after what stands before it.
func (d *dialect) then() string {
	switch d.kind {
	case MySQL:
		return "STRAIGHT_JOIN"
	case SQLite:
		return "CROSS JOIN"
	default:
		return "JOIN" // it knows how many there are as well as we do
	}
}

// rows are those that the conditions leave.
func (n *needed) rows(r *renderer) fragment {
	alias := n.source.alias
	text, args := n.source.query.build(r)
	where := n.holds()
	where.text = strings.ReplaceAll(where.text, "c.id", alias+".contact") // nobody else is in sight there
	return condition("(SELECT "+alias+".* FROM "+text+" "+alias+" WHERE "+where.text+") "+alias, append(args, where.args...)...)
}

// ofEach has them worked out from the events of a contact, by the primary key.
func (n *needed) ofEach(r *renderer) fragment {
	q := n.source.query
	where := q.chosen(r)
	text := where.text
	if r.dialect.kind == SQLite { // which would go through all events of the type for each contact
		text = strings.NewReplacer("e.type", "+e.type", "e.at_us", "+e.at_us").Replace(text)
	}
	text = "EXISTS (SELECT 1 FROM {events} e" + r.dialect.force("PRIMARY") + " WHERE e.contact = c.id AND " + text
	if n.isRow() {
		return condition(text+")", where.args...)
	}
	having := q.inline(n.source.alias, n.holds())
	return condition(text+" GROUP BY e.contact HAVING "+having.text+")", append(where.args, having.args...)...)
}

// inline writes a condition on columns of the query as one on its events.
func (q *eventQuery) inline(alias string, f fragment) fragment {
	f.text = strings.ReplaceAll(f.text, alias+".contact", "e.contact")
	return expand(f, alias+".v", func(i int) fragment {
		return expand(condition(q.values[i]), "m", func(i int) fragment { return q.marks[i] })
	})
}

// expand puts fragments in the places of names, each a prefix and a number.
func expand(f fragment, prefix string, named func(i int) fragment) fragment {
	var b strings.Builder
	var args []any
	text, given := f.text, f.args
	for i := 0; i < len(text); {
		if text[i] == '?' {
			args, given = append(args, given[0]), given[1:]
		}
		n := i + len(prefix)
		end := n
		if strings.HasPrefix(text[i:], prefix) {
			for end < len(text) && text[end] >= '0' && text[end] <= '9' {
				end++
			}
		}
		number, err := strconv.Atoi(text[min(n, end, len(text)):min(end, len(text))])
		if err != nil {
			b.WriteByte(text[i])
			i++
			continue
		}
		part := named(number)
		b.WriteString("(" + part.text + ")")
		args = append(args, part.args...)
		i = end
	}
	return condition(b.String(), args...)
}
