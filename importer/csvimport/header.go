package csvimport

import (
	"fmt"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// The columns that are known by name.
const (
	colEmail      = "email"
	colExternalID = "external_id"
	colType       = "type"
	colTime       = "time"
	colID         = "id"
)

// column is one column that is read.
type column struct {
	index  int // in the row, from 0
	name   string
	custom bool          // a custom field or a property
	typ    audience.Type // of a custom one: what the header says, then what counts; zero: inferred
}

// header is the first row, understood.
type header struct {
	line    int
	width   int
	columns []column
	notices []*importer.RowError // columns that are not read, and why
}

// layout says what kind of rows a file has.
type layout struct {
	known    []string
	required [][]string                                      // of each group one must be there
	check    func(name string, limits audience.Limits) error // of a custom column
}

func eventLayout() layout {
	return layout{
		known:    []string{colEmail, colExternalID, colType, colTime, colID},
		required: [][]string{{colEmail, colExternalID}, {colType}, {colTime}},
		check:    func(name string, limits audience.Limits) error { return audience.CheckPropName("column", name, limits) },
	}
}

// parse understands a header row. Until its columns are known to be headers
// nothing of it is shown: a file without a header begins with somebody's data.
func (l layout) parse(rec record, limits audience.Limits) (*header, error) {
	h := &header{line: rec.line, width: len(rec.cells)}
	for i, cell := range rec.cells {
		c, err := l.column(i, cell, limits)
		if first := slices.IndexFunc(h.columns, func(o column) bool { return o.name == c.name }); err == nil && first >= 0 {
			err = doubleError(h.columns[first].index + 1)
		}
		if err != nil {
			h.notice(i, err)
			continue
		}
		h.columns = append(h.columns, c)
		if _, kind, ok := strings.Cut(cell, ":"); ok && c.typ == 0 && kind != "" {
			h.notice(i, typeError(c.name))
		}
	}
	for _, group := range l.required {
		if !slices.ContainsFunc(group, h.has) {
			return nil, &importer.RowError{Line: rec.line, Err: &audience.FieldError{
				Path: "header", Rule: "column", Hint: "a header row with a column " + strings.Join(group, " or ") + ", and commas between the cells",
			}}
		}
	}
	return h, nil
}

func doubleError(first int) error {
	hint := fmt.Sprintf("a name of its own; it has that of column %d, which is read instead", first)
	return &audience.FieldError{Path: "header", Rule: "double", Hint: hint}
}

func typeError(name string) error {
	const hint = "behind the colon one of string, int, double, bool, timestamp, date, list; the column is read without a type"
	return &audience.FieldError{Path: "header." + name, Rule: "type", Hint: hint}
}

func (l layout) column(index int, text string, limits audience.Limits) (column, error) {
	c := column{index: index, name: audience.FoldFieldName(text)}
	if at := strings.LastIndexByte(text, ':'); at >= 0 {
		if t, err := audience.ParseType(strings.ToLower(strings.TrimSpace(text[at+1:]))); err == nil {
			c.typ, c.name = t, audience.FoldFieldName(text[:at])
		}
	}
	if slices.Contains(l.known, c.name) {
		return c, nil
	}
	c.custom = true
	if c.name == "" {
		return c, &audience.FieldError{Path: "header", Rule: "empty", Hint: "a name with letters a to z or digits"}
	}
	return c, l.check(c.name, limits)
}

func (h *header) notice(index int, err error) {
	h.notices = append(h.notices, &importer.RowError{Line: h.line, Column: index + 1, Err: err})
}

func (h *header) has(name string) bool {
	return slices.ContainsFunc(h.columns, func(c column) bool { return c.name == name })
}

// indexOf gives where a known column stands, -1 when there is none.
func (h *header) indexOf(name string) int {
	for _, c := range h.columns {
		if c.name == name {
			return c.index
		}
	}
	return -1
}

// custom gives the custom columns, in order.
func (h *header) custom() []column {
	var out []column
	for _, c := range h.columns {
		if c.custom {
			out = append(out, c)
		}
	}
	return out
}
