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
	marks  []fragment // what is worked out of each event: m0, m1 and so on
	values []string   // what is added up of these: v0, v1 and so on
}

// mark gives the name of something that is worked out of each event, under
// which it can be added up as often as one likes.
func (q *eventQuery) mark(value fragment) string {
	i := slices.IndexFunc(q.marks, func(v fragment) bool { return v.text == value.text && slices.Equal(v.args, value.args) })
	if i < 0 {
		i = len(q.marks)
		q.marks = append(q.marks, value)
	}
	return "m" + strconv.Itoa(i)
}

// column gives the name of a column that adds something up.
func (q *eventQuery) column(value string) string {
	i := slices.Index(q.values, value)
	if i < 0 {
		i = len(q.values)
		q.values = append(q.values, value)
	}
	return "v" + strconv.Itoa(i)
}

func (q *eventQuery) build(r *renderer) (string, []any) {
	var b strings.Builder
	var args []any
	b.WriteString("(SELECT contact")
	for i, v := range q.values {
		b.WriteString(", " + v + " AS v" + strconv.Itoa(i))
	}
	b.WriteString(" FROM (SELECT e.contact, e.at_us")
	for i, m := range q.marks {
		b.WriteString(", " + m.text + " AS m" + strconv.Itoa(i))
		args = append(args, m.args...)
	}
	rows := q.rows(r)
	b.WriteString(rows.text + ") e GROUP BY contact)")
	return b.String(), append(args, rows.args...)
}

// rows chooses the events.
func (q *eventQuery) rows(r *renderer) fragment {
	where := q.chosen(r)
	return condition(" FROM {events} e WHERE "+where.text, where.args...)
}

func (q *eventQuery) chosen(r *renderer) fragment {
	parts := []fragment{condition("e.audience = ?", r.audience), r.typeAmong(q.window.types), q.window.times(nil), condition("e.retracted = 0")}
	if r.after > 0 {
		parts = append(parts, condition("e.contact > ?", r.after))
	}
	return allOf(parts...)
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
// pass for all conditions that share types, and with it other windows that lie
// inside; any other window is a part of the index of its own, which may be small.
func (r *renderer) events(w eventWindow) (eventsOf, bool) {
	i := slices.IndexFunc(r.wide, func(wide eventWindow) bool { return w.inside(&wide) })
	if i < 0 {
		s, ok := r.join(w.key(), func() source { return source{query: &eventQuery{window: w}} })
		return eventsOf{source: s, chosen: always()}, ok
	}
	wide := &r.wide[i]
	s, ok := r.join(wide.key(), func() source { return source{query: &eventQuery{window: *wide}} })
	chosen := w.times(wide)
	if len(w.types) < len(wide.types) {
		chosen = allOf(r.typeAmong(w.types), chosen)
	}
	return eventsOf{source: s, chosen: chosen}, ok
}

func (e eventsOf) column(value string) string { return e.alias + "." + e.query.column(value) }

// when marks the chosen events for which something holds with a value.
func (e eventsOf) when(holds fragment, value string) string {
	f := allOf(e.chosen, holds)
	return e.query.mark(condition("CASE WHEN "+f.text+" THEN "+value+" END", f.args...))
}

func (e eventsOf) count() string {
	if e.chosen.isAlways() {
		return e.column("COUNT(*)")
	}
	return e.column("COUNT(" + e.when(always(), "1") + ")")
}

// edge gives the time of the first or the last, MIN or MAX.
func (e eventsOf) edge(function string) string {
	if e.chosen.isAlways() {
		return e.column(function + "(at_us)")
	}
	return e.column(function + "(" + e.when(always(), "e.at_us") + ")")
}

// some is about those who have such an event, none about the others.
func (e eventsOf) some(r *renderer) fragment {
	if e.chosen.isAlways() {
		return e.exists(r)
	}
	return e.condition(e.count() + " > 0")
}

func (e eventsOf) none(r *renderer) fragment {
	if e.chosen.isAlways() {
		return e.lacks(r)
	}
	return anyOf(e.unmatched(), condition(e.count()+" = 0"))
}

// collect finds the types of windows without a beginning, and how far these
// reach together: of each condition that has to hold, and of several when they
// share types. What they share is read once; what they do not is read apart,
// so that one of them can keep others from being read.
func (r *renderer) collect(all []store.Predicate) {
	for _, p := range all {
		var w eventWindow
		w.collect(p)
		if w.isEmpty() {
			continue
		}
		apart := r.wide[:0:0]
		for _, other := range r.wide {
			if w.shares(&other) {
				w.widen(other)
			} else {
				apart = append(apart, other)
			}
		}
		r.wide = append(apart, w)
	}
}

func (w *eventWindow) collect(p store.Predicate) {
	switch p := p.(type) {
	case store.And:
		for _, part := range p {
			w.collect(part)
		}
	case store.Or:
		for _, part := range p {
			w.collect(part)
		}
	case store.Not:
		w.collect(p.Part)
	case store.IsTrue:
		w.collect(p.Part)
	case store.CompareCount:
		w.widen(windowOf(&p.Events))
	case store.CompareSum:
		w.widen(windowOf(&p.Events))
	case store.CompareAvg:
		w.widen(windowOf(&p.Events))
	case store.CompareRate:
		w.widen(windowOf(&p.Of))
		w.widen(windowOf(&p.Over))
	case store.CompareEdge:
		if op, _ := sqlOf(p.Op); !p.Last || op == "" || op[0] != '>' { // those look for one event after it
			w.widen(windowOf(&p.Events))
		}
	default:
	}
}

// widen widens a window without a beginning by another one.
func (w *eventWindow) widen(other eventWindow) {
	if other.from != nil || other.isEmpty() {
		return
	}
	if len(w.types) == 0 {
		w.until = other.until
	} else if w.until != nil && (other.until == nil || *other.until > *w.until) {
		w.until = other.until
	}
	w.types = slices.Concat(w.types, other.types)
	slices.Sort(w.types)
	w.types = slices.Compact(w.types)
}

// shares reports whether there is a type in both.
func (w *eventWindow) shares(other *eventWindow) bool {
	return slices.ContainsFunc(w.types, func(t string) bool { return slices.Contains(other.types, t) })
}
