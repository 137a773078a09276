package pdfreport

import (
	"strings"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/exporter"
)

// grid is a table with the places of its columns.
type grid struct {
	align  []exporter.Align
	rows   [][]string // clean
	head   [][]string // lines of each head
	x      []float64  // left edges
	widths []float64  // of the texts, without padding
	cell   style
	title  style   // of the head
	pad    float64 // on both sides of a text
}

// maxWholeLines is how many lines of a row stay on one page. With the highest
// head it is less than half of one.
const maxWholeLines = 14

const rowPad = 3.5 // above and below a text

// table draws a table whose head comes again on every page.
func (d *document) table(t *exporter.Table) {
	if len(t.Columns) == 0 {
		if t.Title != "" {
			d.heading(t.Title, 0)
		}
		return
	}
	g := d.grid(t)
	follows := d.headHeight(g) + g.rowHeight(1)
	if len(g.rows) > 0 {
		_, most := d.wrapRow(g, g.rows[0])
		follows += g.rowHeight(min(most, maxWholeLines))
	}
	d.heading(t.Title, follows)
	d.tableHead(g)
	if len(g.rows) == 0 {
		d.text(margin+g.pad, d.y+rowPad, noData, style{9, false, muted})
		d.y += g.rowHeight(1)
	}
	for _, row := range g.rows {
		if d.err != nil {
			return
		}
		d.row(g, row)
	}
}

func (g *grid) rowHeight(lines int) float64 { return float64(lines)*g.cell.leading() + 2*rowPad }

// wrapRow gives the lines of each cell and how many the highest one has.
func (d *document) wrapRow(g *grid, row []string) (cells [][]string, most int) {
	most = 1
	for i, cell := range row {
		lines := d.fonts.wrap(cell, g.cell, g.widths[i])
		cells = append(cells, lines)
		most = max(most, len(lines))
	}
	return cells, most
}

// row draws a row. One that is higher than what is left goes onto the next
// page; one of many lines goes on over pages.
func (d *document) row(g *grid, row []string) {
	cells, most := d.wrapRow(g, row)
	if d.y+g.rowHeight(min(most, maxWholeLines)) > d.bottom() {
		d.tablePage(g)
	}
	lead := g.cell.leading()
	for from := 0; from < most && d.err == nil; {
		fits := int((d.bottom() - d.y - 2*rowPad) / lead)
		to := min(most, from+max(fits, 1))
		for i, lines := range cells {
			for n := from; n < min(to, len(lines)); n++ {
				d.cell(g, i, d.y+rowPad+float64(n-from)*lead, lines[n], g.cell)
			}
		}
		d.y += g.rowHeight(to - from)
		d.rule(margin, d.width-margin, d.y, hairline, 0.5)
		if from = to; from < most {
			d.tablePage(g)
		}
	}
}

func (d *document) tablePage(g *grid) {
	d.newPage()
	d.tableHead(g)
}

func (d *document) cell(g *grid, column int, y float64, line string, st style) {
	if g.align[column] == exporter.Right {
		d.textRight(g.x[column]+g.pad+g.widths[column], y, line, st)
		return
	}
	d.text(g.x[column]+g.pad, y, line, st)
}

func (d *document) headHeight(g *grid) float64 {
	lines := 0
	for _, head := range g.head {
		lines = max(lines, len(head))
	}
	return float64(lines)*g.title.leading() + 2*rowPad
}

func (d *document) tableHead(g *grid) {
	if d.err != nil {
		return
	}
	height := d.headHeight(g)
	for i, lines := range g.head {
		top := d.y + height - rowPad - float64(len(lines))*g.title.leading() // heads stand on the rule
		for n, line := range lines {
			d.cell(g, i, top+float64(n)*g.title.leading(), line, g.title)
		}
	}
	d.y += height
	d.rule(margin, d.width-margin, d.y, axis, 0.8)
}

// grid shares the width among the columns: each gets what its texts want or,
// when that is too much, at least what its longest word needs; the rest in
// proportion to what is wanted.
func (d *document) grid(t *exporter.Table) *grid {
	n := len(t.Columns)
	g := &grid{cell: cellStyle(), title: headStyle(), pad: 6}
	if n > 8 {
		g.cell.size = max(6, 9-float64(n-8)*0.4)
		g.title.size = g.cell.size - 0.5
		g.pad = 3
	}
	titles := make([]string, n)
	want, least := make([]float64, n), make([]float64, n)
	for i, column := range t.Columns {
		titles[i] = d.fonts.clean(column.Title)
		g.align = append(g.align, column.Align)
		d.measure(titles[i], g.title, &want[i], &least[i])
	}
	for _, row := range t.Rows {
		clean := make([]string, len(row))
		for i, cell := range row {
			clean[i] = d.fonts.clean(cell)
			d.measure(clean[i], g.cell, &want[i], &least[i])
		}
		g.rows = append(g.rows, clean)
	}
	g.widths = share(d.inner()-2*g.pad*float64(n), want, least)
	x := margin
	for i, width := range g.widths {
		g.x = append(g.x, x)
		x += width + 2*g.pad
		head := d.fonts.wrap(titles[i], g.title, width)
		if len(head) > maxHeadLines {
			head = append(head[:maxHeadLines-1], "…")
			d.stats.Cut++
		}
		g.head = append(g.head, head)
	}
	return g
}

// maxHeadLines bounds the head, which comes again on every page.
const maxHeadLines = 6

// measure raises what a column wants and needs at least by a text.
func (d *document) measure(s string, st style, want, least *float64) {
	const (
		wide = 260.0 // no text wants more
		word = 90.0  // longer words are broken
	)
	if utf8.RuneCountInString(s) > 400 { // long texts need not be measured to want much
		*want, *least = max(*want, wide), max(*least, word)
		return
	}
	for line := range strings.Lines(s) {
		*want = max(*want, min(d.fonts.width(line, st)+0.1, wide))
	}
	for part := range strings.FieldsSeq(s) {
		*least = max(*least, min(d.fonts.width(part, st)+0.1, word))
	}
}

// share shares a width out. Every column gets some.
func share(all float64, want, least []float64) []float64 {
	n := float64(len(want))
	widths := make([]float64, len(want))
	wanted, needed := 0.0, 0.0
	for i := range want {
		want[i] = max(want[i], least[i], 8)
		least[i] = max(least[i], 8)
		wanted += want[i]
		needed += least[i]
	}
	for i := range widths {
		switch {
		case wanted <= all:
			widths[i] = want[i] + (all-wanted)*(0.5*want[i]/wanted+0.5/n)
		case needed <= all:
			widths[i] = least[i] + (all-needed)*(want[i]-least[i])/max(wanted-needed, 1)
		default:
			widths[i] = all * least[i] / needed
		}
	}
	return widths
}
