package sqlstore

import (
	"strconv"
	"strings"
)

// source is something joined to the contact c, at most one row for each. Where
// a condition can be true only with a row, the database turns the outer join
// into an inner one and may begin there.
type source struct {
	alias string
	key   string
	table string // or a query, in brackets
	on    string // besides that it is of the contact
	args  []any  // of on
	query *eventQuery
}

// mostSources is how many sources a query has: databases join some sixty
// tables, and think about the order of more than a few for long.
const mostSources = 24

// join gives a source, the one there is when the same was joined before; false
// when there are too many.
func (r *renderer) join(key string, build func() source) (*source, bool) {
	for _, s := range r.sources {
		if s.key == key {
			return s, true
		}
	}
	if len(r.sources) == mostSources {
		return nil, false
	}
	s := build()
	s.key, s.alias = key, "j"+strconv.Itoa(len(r.sources))
	r.sources = append(r.sources, &s)
	return &s, true
}

// joinTable joins rows of a table that has one for the contact and the values.
func (r *renderer) joinTable(table string, columns []string, values ...string) (*source, bool) {
	return r.join(table+"\x00"+strings.Join(values, "\x00"), func() source {
		s := source{table: "{" + table + "}", args: []any{r.audience}}
		s.on = " AND #.audience = ?"
		for i, c := range columns {
			s.on += " AND #." + c + " = ?"
			s.args = append(s.args, values[i])
		}
		return s
	})
}

// matched is about those who have a row, unmatched about all others.
func (s *source) matched() fragment {
	f := s.condition(s.alias + ".contact IS NOT NULL")
	f.row = true
	return f
}
func (s *source) unmatched() fragment { return condition(s.alias + ".contact IS NULL") }

// exists and lacks are that where nothing else of the row matters. SQLite does
// better without a join.
func (s *source) exists(r *renderer) fragment {
	if r.dialect.kind != SQLite {
		return s.matched()
	}
	rows := s.rows(r)
	f := condition("c.id IN (SELECT "+rows.text+")", rows.args...)
	if s.query != nil {
		f.of, f.row = s, true
	}
	return f
}

func (s *source) lacks(r *renderer) fragment {
	if r.dialect.kind != SQLite {
		return s.unmatched()
	}
	rows := s.rows(r)
	return condition("c.id NOT IN (SELECT "+rows.text+")", rows.args...)
}

func (s *source) rows(r *renderer) fragment {
	if s.query != nil {
		rows := s.query.rows(r)
		return condition("e.contact"+rows.text, rows.args...)
	}
	return condition("r.contact FROM "+s.table+" r WHERE "+strings.TrimPrefix(strings.ReplaceAll(s.on, "#", "r"), " AND "), s.args...)
}

// is compares a column of the source.
func (s *source) is(column, comparison string, args ...any) fragment {
	return s.condition(s.alias+"."+column+" "+comparison, args...)
}

// condition is one on columns of the source that no contact without a row
// fulfills.
func (s *source) condition(text string, args ...any) fragment {
	f := condition(text, args...)
	f.of = s
	return f
}

// write writes an outer join.
func (s *source) write(r *renderer, b *strings.Builder) []any {
	table, args := s.table, []any(nil)
	if s.query != nil {
		table, args = s.query.build(r)
	}
	b.WriteString(" LEFT JOIN " + table + " " + s.alias + " ON " + s.alias + ".contact = c.id" + strings.ReplaceAll(s.on, "#", s.alias))
	return append(args, s.args...)
}
