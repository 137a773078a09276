package exporter

import (
	"fmt"
	"math"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Report is a document of figures, to be read by people: facts at the top,
// then charts, then tables. It is a plain value that anybody fills, such as
// [SegmentReport]; [Report.WriteText] and the package pdfreport write it. The
// zero Report is an empty document.
//
// Texts are shown as they are: who puts names and addresses in makes a
// document of personal data. Bytes that are no UTF-8 and control characters
// are replaced where they are shown.
type Report struct {
	Title    string
	Subtitle string // such as the period
	Facts    []Fact
	Charts   []Chart
	Tables   []Table
}

// Fact is one figure that stands alone.
type Fact struct {
	Label string
	Value string // with its unit
	Note  string // in smaller print, such as what it was before
}

// Chart shows how values run. Points share the axis, each has a value for each
// series; points with fewer values leave gaps.
type Chart struct {
	Title  string
	Kind   ChartKind
	Unit   string   // of all values; empty for numbers of something that the title says
	Series []string // names; none stands for one series without a name
	Points []Point
}

// ChartKind is how a chart is drawn. The zero ChartKind is Line.
type ChartKind uint8

// The kinds of charts.
const (
	Line ChartKind = iota // values joined by lines
	Bar                   // a bar from zero for each value
)

// Point is one place on the axis of a chart.
type Point struct {
	// Label names the place. When it is empty At does, in its own time zone.
	Label string
	// At, in charts of which every point has one later than the point before,
	// places the point in proportion.
	At time.Time
	// Values are those of the series, in their order. NaN and infinities are
	// gaps; others lie between -1e15 and 1e15.
	Values []float64
}

// Table has columns and rows. Rows with fewer cells than columns end in empty
// ones.
type Table struct {
	Title   string
	Columns []TableColumn
	Rows    [][]string
}

// TableColumn is the head of a column.
type TableColumn struct {
	Title string
	Align Align
}

// Align is where cells stand in their column. The zero Align is Left.
type Align uint8

// The alignments.
const (
	Left Align = iota
	Right
)

// Bounds of a report, so that nobody waits hours for a document that nobody
// reads.
const (
	MaxReportFacts  = 200
	MaxReportCharts = 100
	MaxReportTables = 100
	MaxChartSeries  = 12
	MaxChartPoints  = 5_000
	MaxTableColumns = 24
	MaxReportRows   = 50_000  // of all tables together
	MaxReportText   = 4_096   // bytes of one text
	MaxReportBytes  = 8 << 20 // of all texts together
	MaxReportPoints = 50_000  // of all charts together
)

// maxChartValue is where whole numbers begin to lose digits.
const maxChartValue = 1e15

// Check says whether the report is within its bounds and its rows and points
// fit their tables and charts. Whoever writes a report calls it first.
//
// An error is an [*audience.FieldError] and names the place, never the text.
func (r Report) Check() error {
	c := reportCheck{}
	c.most("facts", len(r.Facts), MaxReportFacts)
	c.most("charts", len(r.Charts), MaxReportCharts)
	c.most("tables", len(r.Tables), MaxReportTables)
	c.text("title", r.Title)
	c.text("subtitle", r.Subtitle)
	for i := 0; i < len(r.Facts) && c.err == nil; i++ {
		at := fmt.Sprintf("facts[%d]", i)
		c.text(at, r.Facts[i].Label)
		c.text(at, r.Facts[i].Value)
		c.text(at, r.Facts[i].Note)
	}
	points := 0
	for i := 0; i < len(r.Charts) && c.err == nil; i++ {
		points += len(r.Charts[i].Points)
		c.most("charts", points, MaxReportPoints)
		c.chart(fmt.Sprintf("charts[%d]", i), &r.Charts[i])
	}
	rows := 0
	for i := 0; i < len(r.Tables) && c.err == nil; i++ {
		rows += len(r.Tables[i].Rows)
		c.most("tables", rows, MaxReportRows)
		c.table(fmt.Sprintf("tables[%d]", i), &r.Tables[i])
	}
	return c.err
}

// reportCheck keeps the first error.
type reportCheck struct {
	bytes int
	err   error
}

func (c *reportCheck) refuse(e audience.FieldError) {
	if c.err == nil {
		c.err = &e
	}
}

func (c *reportCheck) most(at string, n, most int) {
	if n > most {
		c.refuse(audience.FieldError{Path: at, Rule: "max-items", Hint: fmt.Sprintf("at most %d items", most), Limit: true})
	}
}

func (c *reportCheck) text(at, s string) {
	if len(s) > MaxReportText {
		c.refuse(audience.FieldError{Path: at, Rule: "max-length", Hint: fmt.Sprintf("texts of at most %d bytes", MaxReportText), Limit: true})
	}
	if c.bytes += len(s); c.bytes > MaxReportBytes {
		c.refuse(audience.FieldError{Path: at, Rule: "max-bytes", Hint: fmt.Sprintf("at most %d bytes of text in a report", MaxReportBytes), Limit: true})
	}
}

func (c *reportCheck) chart(at string, chart *Chart) {
	c.text(at, chart.Title)
	c.text(at, chart.Unit)
	if chart.Kind > Bar {
		c.refuse(audience.FieldError{Path: at + ".kind", Rule: "value", Hint: "Line or Bar"})
	}
	c.most(at+".series", len(chart.Series), MaxChartSeries)
	c.most(at+".points", len(chart.Points), MaxChartPoints)
	for _, name := range chart.Series {
		c.text(at+".series", name)
	}
	series := max(len(chart.Series), 1)
	for i := 0; i < len(chart.Points) && c.err == nil; i++ {
		p := &chart.Points[i]
		if len(p.Values) > series {
			c.refuse(audience.FieldError{Path: fmt.Sprintf("%s.points[%d]", at, i), Rule: "values", Hint: "no more values than series"})
		}
		c.text(at+".points", p.Label)
		for _, v := range p.Values {
			if math.Abs(v) > maxChartValue && !math.IsInf(v, 0) {
				c.refuse(audience.FieldError{Path: fmt.Sprintf("%s.points[%d]", at, i), Rule: "range", Hint: "values between -1e15 and 1e15", Limit: true})
			}
		}
	}
}

func (c *reportCheck) table(at string, table *Table) {
	c.text(at, table.Title)
	c.most(at+".columns", len(table.Columns), MaxTableColumns)
	for i := range table.Columns {
		c.text(at+".columns", table.Columns[i].Title)
		if table.Columns[i].Align > Right {
			c.refuse(audience.FieldError{Path: fmt.Sprintf("%s.columns[%d]", at, i), Rule: "value", Hint: "Left or Right"})
		}
	}
	for i := 0; i < len(table.Rows) && c.err == nil; i++ {
		row := table.Rows[i]
		if len(row) > len(table.Columns) {
			c.refuse(audience.FieldError{Path: fmt.Sprintf("%s.rows[%d]", at, i), Rule: "cells", Hint: "no more cells than columns"})
		}
		for _, cell := range row {
			if len(cell) > MaxReportText || c.bytes+len(cell) > MaxReportBytes {
				c.text(fmt.Sprintf("%s.rows[%d]", at, i), cell)
				return
			}
			c.bytes += len(cell)
		}
	}
}
