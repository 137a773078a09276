package exporter

import (
	"bufio"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// WriteText writes the report as plain text for terminals, mails and tests.
// Charts become tables of their points, with bars when there is one series.
// Columns are lined up by characters; those that a terminal shows two cells
// wide stand out, and cells of more than 60 push away what is behind them. Nothing in a text can steer a terminal.
//
// Errors are those of [Report.Check], before anything is written, and w's.
func (r Report) WriteText(w io.Writer) error {
	if err := r.Check(); err != nil {
		return err
	}
	t := &textWriter{out: bufio.NewWriter(w)}
	t.heading(r.Title, "=")
	if r.Subtitle != "" {
		t.line(plain(r.Subtitle))
	}
	t.facts(r.Facts)
	for i := range r.Charts {
		t.table(chartTable(&r.Charts[i]))
	}
	for i := range r.Tables {
		t.table(r.Tables[i])
	}
	return t.out.Flush()
}

type textWriter struct {
	out     *bufio.Writer // keeps its first error for Flush
	written bool
}

// line writes one line without the spaces at its end.
func (t *textWriter) line(s string) {
	t.written = true
	_, _ = t.out.WriteString(strings.TrimRight(s, " ") + "\n")
}

// part begins a part of the report behind an empty line.
func (t *textWriter) part() {
	if t.written {
		t.line("")
	}
}

func (t *textWriter) heading(title, underline string) {
	if title = plain(title); title != "" {
		t.line(title)
		t.line(strings.Repeat(underline, utf8.RuneCountInString(title)))
	}
}

func (t *textWriter) facts(facts []Fact) {
	if len(facts) == 0 {
		return
	}
	t.part()
	labels, values := 0, 0
	for _, f := range facts {
		labels = max(labels, utf8.RuneCountInString(plain(f.Label)))
		values = max(values, utf8.RuneCountInString(plain(f.Value)))
	}
	for _, f := range facts {
		t.line(pad(plain(f.Label), labels, Left) + "  " + pad(plain(f.Value), values, Right) + "  " + plain(f.Note))
	}
}

// widestColumn is how wide a column gets: one long cell is no reason to fill
// up all the others.
const widestColumn = 60

func (t *textWriter) table(table Table) {
	t.part()
	t.heading(table.Title, "-")
	widths := make([]int, len(table.Columns))
	head := make([]string, len(table.Columns))
	for i, c := range table.Columns {
		head[i] = plain(c.Title)
		widths[i] = utf8.RuneCountInString(head[i])
	}
	for _, row := range table.Rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(plain(cell)))
		}
	}
	for i := range widths {
		widths[i] = min(widths[i], widestColumn)
	}
	write := func(cells []string) {
		var b strings.Builder
		for i, width := range widths {
			cell := ""
			if i < len(cells) {
				cell = plain(cells[i])
			}
			if i > 0 {
				b.WriteString("  ")
			}
			b.WriteString(pad(cell, width, table.Columns[i].Align))
		}
		t.line(b.String())
	}
	if strings.Join(head, "") != "" {
		write(head)
	}
	for _, row := range table.Rows {
		write(row)
	}
}

// chartTable gives the points of a chart as a table.
func chartTable(c *Chart) Table {
	table := Table{Title: c.Title, Columns: []TableColumn{{}}}
	if c.Unit != "" {
		table.Title = strings.TrimSpace(c.Title + " (" + c.Unit + ")")
	}
	series := max(len(c.Series), 1)
	for i := range series {
		column := TableColumn{Align: Right}
		if i < len(c.Series) {
			column.Title = c.Series[i]
		}
		table.Columns = append(table.Columns, column)
	}
	most := 0.0
	for _, p := range c.Points {
		for _, v := range p.Values {
			if !math.IsInf(v, 0) && !math.IsNaN(v) {
				most = max(most, math.Abs(v))
			}
		}
	}
	if series == 1 {
		table.Columns = append(table.Columns, TableColumn{})
	}
	for _, p := range c.Points {
		row := []string{p.Name()}
		for _, v := range p.Values {
			row = append(row, chartNumber(v))
		}
		if series == 1 && len(p.Values) == 1 {
			row = append(row, textBar(p.Values[0], most))
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}

// textBar draws a value in proportion to the largest one.
func textBar(v, most float64) string {
	const width = 40
	share := math.Round(width * math.Abs(v) / most)
	switch {
	case !(share >= 1 && share <= width): // NaN too
		return ""
	case v < 0:
		return strings.Repeat("-", int(share))
	}
	return strings.Repeat("#", int(share))
}

// Name gives the point's label or else its instant: a day when it is midnight,
// with the time of day when it is not.
func (p Point) Name() string {
	switch {
	case p.Label != "" || p.At.IsZero():
		return p.Label
	case p.At.Equal(time.Date(p.At.Year(), p.At.Month(), p.At.Day(), 0, 0, 0, 0, p.At.Location())):
		return p.At.Format(time.DateOnly)
	}
	return p.At.Format("2006-01-02 15:04")
}

// chartNumber writes a value with up to four decimals; a gap is a dash.
func chartNumber(v float64) string {
	const decimals = 1e4
	switch {
	case math.IsNaN(v), math.IsInf(v, 0):
		return "-"
	case v == 0: // -0 too
		return "0"
	case math.Abs(v) < 1/decimals || math.Abs(v) > maxChartValue/decimals:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strconv.FormatFloat(math.Round(v*decimals)/decimals, 'f', -1, 64)
}

// plain makes a text one line that steers no terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return utf8.RuneError
		}
		return r
	}, s)
}

func pad(s string, width int, align Align) string {
	space := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
	if align == Right {
		return space + s
	}
	return s + space
}
