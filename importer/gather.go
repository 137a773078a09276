package importer

import (
	"slices"
)

// settingLists names the columns that have several values in some record, as a
// list: in all of them the cells are lists then.
const settingLists = "lists"

// gather collects the values of one record in formats where a name may come
// more than once.
type gather struct {
	items [][]string // by column
	kinds []CellKind
	used  []int  // the columns that have something
	many  []bool // by column: it has several values in some record
}

func newGather(layout *Layout) *gather {
	g := &gather{}
	if layout == nil {
		return g
	}
	lists, _ := ParseList(layout.Settings[settingLists])
	g.grow(len(layout.Columns))
	for i, c := range layout.Columns {
		g.many[i] = slices.Contains(lists, c)
	}
	return g
}

func (g *gather) grow(columns int) {
	for len(g.items) < columns {
		g.items, g.kinds, g.many = append(g.items, nil), append(g.kinds, CellAbsent), append(g.many, false)
	}
}

// mention makes a column present, if only with nothing in it.
func (g *gather) mention(column int, kind CellKind) {
	g.grow(column + 1)
	if g.kinds[column] == CellAbsent {
		g.used = append(g.used, column)
	}
	g.kinds[column] = kind
}

// add gives a column one more value.
func (g *gather) add(column int, kind CellKind, text string) {
	g.mention(column, kind)
	g.items[column] = append(g.items[column], text)
}

// flush ends a record and fills in its row, if there is one.
func (g *gather) flush(row *Row, limits Limits) (column int, err error) {
	for _, c := range g.used {
		items, kind := g.items[c], g.kinds[c]
		g.items[c], g.kinds[c] = items[:0], CellAbsent
		if len(items) > 1 {
			g.many[c] = true
		}
		if row == nil {
			continue
		}
		text := ""
		switch {
		case g.many[c] || kind == CellList:
			text, kind = listText(items), CellList
		case len(items) == 1:
			text = items[0]
		}
		if len(text) > limits.CellBytes && err == nil {
			column, err = c+1, tooLongCell(limits)
		}
		row.Cells[c], row.Kinds[c] = text, kind
	}
	g.used = g.used[:0]
	return column, err
}

// lists gives the value of settingLists.
func (g *gather) lists(headers []string) string {
	var out []string
	for i, many := range g.many {
		if many {
			out = append(out, headers[i])
		}
	}
	return listText(out)
}

// listText writes items as [ParseList] reads them.
func listText(items []string) string {
	var b []byte
	for _, item := range items {
		b = appendItem(b, item, len(b) == 0)
	}
	return string(b)
}
