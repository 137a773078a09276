package sqlstore

import (
	"slices"
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/store"
)

// eventQuery adds up events of each contact: a row for everybody who has one
// that is chosen. It is one pass over a range of the index on types and times.
type eventQuery struct {
	window eventWindow
	names  []string // of the columns
	values []fragment
}

// column gives the name of a column that adds something up.
func (q *eventQuery) column(value fragment) string {
	for i, v := range q.values {
		if v.text == value.text && slices.Equal(v.args, value.args) {
			return q.names[i]
		}
	}
	name := "v" + strconv.Itoa(len(q.names))
	q.names = append(q.names, name)
	q.values = append(q.values, value)
	return name
}

func (q *eventQuery) build(r *renderer) (string, []any) {
	var b strings.Builder
	var args []any
	b.WriteString("(SELECT e.contact")
	for i, v := range q.values {
		b.WriteString(", " + v.text + " AS " + q.names[i])
		args = append(args, v.args...)
	}
	rows := q.rows(r)
	b.WriteString(rows.text + " GROUP BY e.contact)")
	return b.String(), append(args, rows.args...)
}

// rows chooses the events.
func (q *eventQuery) rows(r *renderer) fragment {
	parts := []fragment{condition("e.audience = ?", r.audience), r.typeAmong(q.window.types), q.window.times(nil), condition("e.retracted = 0")}
	if r.after > 0 {
		parts = append(parts, condition("e.contact > ?", r.after))
	}
	where := allOf(parts...)
	return condition(" FROM {events} e WHERE "+where.text, where.args...)
}

func (r *renderer) typeAmong(types textList) fragment {
	if len(types) == 1 {
		return condition("e.type = ?", types[0])
	}
	text, args := r.dialect.membership(types, true, true)
	return condition("e.type "+text, args...)
}

// eventsOf are the events of a window, as a source has them.
type eventsOf struct {
	*source
	// chosen are those among the events of the source.
	chosen fragment
}

// events joins the events of a window. What has no beginning is read in one
// pass for the whole predicate, and with it other windows that lie inside;
// any other window is a part of the index of its own, which may be small.
func (r *renderer) events(w eventWindow) (eventsOf, bool) {
	if !w.inside(&r.wide) {
		s, ok := r.join(w.key(), func() source { return source{query: &eventQuery{window: w}} })
		return eventsOf{source: s, chosen: always()}, ok
	}
	s, ok := r.join(r.wide.key(), func() source { return source{query: &eventQuery{window: r.wide}} })
	chosen := w.times(&r.wide)
	if len(w.types) < len(r.wide.types) {
		chosen = allOf(r.typeAmong(w.types), chosen)
	}
	return eventsOf{source: s, chosen: chosen}, ok
}

// add gives a column that adds up a value of the chosen events.
func (e eventsOf) add(function, value, otherwise string) string {
	f := condition(function + "(" + value + ")")
	if !e.chosen.isAlways() {
		f = condition(function+"(CASE WHEN "+e.chosen.text+" THEN "+value+otherwise+" END)", e.chosen.args...)
	}
	return e.alias + "." + e.query.column(f)
}

func (e eventsOf) count() string {
	if e.chosen.isAlways() {
		return e.alias + "." + e.query.column(condition("COUNT(*)"))
	}
	return e.add("SUM", "1", " ELSE 0")
}

// some is about those who have such an event, none about the others.
func (e eventsOf) some(r *renderer) fragment {
	if e.chosen.isAlways() {
		return e.exists(r)
	}
	return condition(e.count() + " > 0")
}

func (e eventsOf) none(r *renderer) fragment {
	if e.chosen.isAlways() {
		return e.lacks(r)
	}
	return anyOf(e.unmatched(), condition(e.count()+" = 0"))
}

// collect finds the types of windows without a beginning, and how far these
// reach together.
func (r *renderer) collect(p store.Predicate) {
	switch p := p.(type) {
	case store.And:
		for _, part := range p {
			r.collect(part)
		}
	case store.Or:
		for _, part := range p {
			r.collect(part)
		}
	case store.Not:
		r.collect(p.Part)
	case store.IsTrue:
		r.collect(p.Part)
	case store.CompareCount:
		r.widen(&p.Events)
	case store.CompareSum:
		r.widen(&p.Events)
	case store.CompareAvg:
		r.widen(&p.Events)
	case store.CompareRate:
		r.widen(&p.Of)
		r.widen(&p.Over)
	case store.CompareEdge:
		if op, _ := sqlOf(p.Op); !p.Last || op == "" || op[0] != '>' { // those look for one event after it
			r.widen(&p.Events)
		}
	default:
	}
}

func (r *renderer) widen(f *store.EventFilter) {
	w := windowOf(f)
	if w.from != nil || w.isEmpty() {
		return
	}
	if len(r.wide.types) == 0 {
		r.wide.until = w.until
	} else if r.wide.until != nil && (w.until == nil || *w.until > *r.wide.until) {
		r.wide.until = w.until
	}
	r.wide.types = append(r.wide.types, w.types...)
	slices.Sort(r.wide.types)
	r.wide.types = slices.Compact(r.wide.types)
}
