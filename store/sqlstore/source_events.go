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

// eventWindow is a filter in the terms of the table.
type eventWindow struct {
	types       textList // sorted, each once, all storable
	from, until *int64
}

func windowOf(f *store.EventFilter) eventWindow {
	w := eventWindow{from: edgeOf(f.From), until: edgeOf(f.Until)}
	for _, t := range f.Types {
		if isStorable(t) {
			w.types = append(w.types, t)
		}
	}
	slices.Sort(w.types)
	w.types = slices.Compact(w.types)
	return w
}

// isEmpty reports whether nothing can be chosen.
func (w *eventWindow) isEmpty() bool {
	return len(w.types) == 0 || w.from != nil && w.until != nil && *w.from >= *w.until
}

func (w *eventWindow) key() string {
	edge := func(us *int64) string {
		if us == nil {
			return "-"
		}
		return strconv.FormatInt(*us, 10)
	}
	return "events\x00" + edge(w.from) + "\x00" + edge(w.until) + "\x00" + strings.Join(w.types, "\x00")
}

// events joins the events of a window.
func (r *renderer) events(w eventWindow) (*source, bool) {
	return r.join(w.key(), func() source { return source{query: &eventQuery{window: w}} })
}

// column gives the name of a column that adds something up.
func (q *eventQuery) column(value string, args ...any) string {
	for i, v := range q.values {
		if v.text == value && slices.Equal(v.args, args) {
			return q.names[i]
		}
	}
	name := "v" + strconv.Itoa(len(q.names))
	q.names = append(q.names, name)
	q.values = append(q.values, condition(value, args...))
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
	b.WriteString(" FROM {events} e WHERE e.audience = ?")
	args = append(args, r.audience)
	if len(q.window.types) == 1 {
		b.WriteString(" AND e.type = ?")
		args = append(args, q.window.types[0])
	} else {
		text, types := r.dialect.membership(q.window.types, true, true)
		b.WriteString(" AND e.type " + text)
		args = append(args, types...)
	}
	if q.window.from != nil {
		b.WriteString(" AND e.at_us >= ?")
		args = append(args, *q.window.from)
	}
	if q.window.until != nil {
		b.WriteString(" AND e.at_us < ?")
		args = append(args, *q.window.until)
	}
	b.WriteString(" AND e.retracted = 0")
	if r.after > 0 {
		b.WriteString(" AND e.contact > ?")
		args = append(args, r.after)
	}
	b.WriteString(" GROUP BY e.contact)")
	return b.String(), args
}
