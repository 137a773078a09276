package pdfreport_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/pdfreport"
)

var created = time.Date(2026, 4, 1, 9, 30, 0, 0, time.UTC)

// sample has everything that a report can have.
func sample() exporter.Report {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := exporter.Report{
		Title: "Segments of the shop", Subtitle: "2026-01-01 to 2026-03-31",
		Facts: []exporter.Fact{{Label: "Segments", Value: "12"}, {Label: "Entered", Value: "1 203", Note: "all together"}},
		Charts: []exporter.Chart{
			{Title: "Members", Unit: "people", Series: []string{"newsletter", "vip"}},
			{Title: "Moves", Kind: exporter.Bar, Series: []string{"in", "out"}},
			{Title: "Sizes", Kind: exporter.Bar},
		},
		Tables: []exporter.Table{{Title: "Rows", Columns: []exporter.TableColumn{{Title: "segment"}, {Title: "members", Align: exporter.Right}}}},
	}
	for i := range 90 {
		at, f := day.AddDate(0, 0, i), float64(i)
		r.Charts[0].Points = append(r.Charts[0].Points, exporter.Point{At: at, Values: []float64{4000 + 30*f, 900 + 200*math.Sin(f/9)}})
		r.Charts[1].Points = append(r.Charts[1].Points, exporter.Point{At: at, Values: []float64{20 + 15*math.Sin(f/3), -15}})
	}
	for i := range 200 {
		name := fmt.Sprintf("segment %d", i)
		if i < 40 {
			r.Charts[2].Points = append(r.Charts[2].Points, exporter.Point{Label: name, Values: []float64{float64(i * 1000)}})
		}
		r.Tables[0].Rows = append(r.Tables[0].Rows, []string{name, strconv.Itoa(10_000 + i)})
	}
	return r
}

func TestWriteShowsEverything(t *testing.T) {
	pages, stats := write(t, sample(), pdfreport.Options{Author: "Audience team", Created: created})
	require.Greater(t, stats.Pages, 4)
	require.Zero(t, stats.Missing)
	require.Zero(t, stats.Cut)
	all := body(pages)
	for _, want := range []string{
		"Segments of the shop", "2026-01-01 to 2026-03-31", "1 203", "all together", // the beginning
		"people", "newsletter", "8\u00A0000", "2026-02", "segment 39", "39\u00A0000", "−20", // charts
	} {
		require.Contains(t, all, want)
	}
	for i, page := range pages {
		require.Contains(t, texts(page), fmt.Sprintf("%d / %d", i+1, stats.Pages))
		require.Contains(t, texts(page), "Audience team  ·  2026-04-01 09:30 UTC")
		require.Contains(t, texts(page), "Segments of the shop", "the title runs along")
	}
	for i := range 200 {
		require.Equal(t, 1, strings.Count(all, strconv.Itoa(10_000+i)), "each row once")
	}
	require.Greater(t, strings.Count(all, "members"), 2, "the head comes on every page of the table")
}

// TestWriteStaysOnThePage: texts begin within the margins, whatever they are.
func TestWriteStaysOnThePage(t *testing.T) {
	r := sample()
	long := strings.Repeat("word", 200)
	r.Title = long
	r.Facts = append(r.Facts, exporter.Fact{Label: long, Value: long, Note: long})
	r.Charts[0].Series[0], r.Charts[0].Unit, r.Charts[2].Points[0].Label = long, long, long
	wide := exporter.Table{Title: long}
	for range exporter.MaxTableColumns {
		wide.Columns = append(wide.Columns, exporter.TableColumn{Title: "a long title", Align: exporter.Right})
	}
	wide.Rows = [][]string{{long}, strings.Split(strings.Repeat("some text,", 24), ",")[:24]}
	r.Tables = append(r.Tables, wide)
	for _, landscape := range []bool{false, true} {
		pages, stats := write(t, r, pdfreport.Options{Paper: pdfreport.Letter, Landscape: landscape})
		width, height := 612.0, 792.0
		if landscape {
			width, height = height, width
		}
		for _, page := range pages {
			for _, p := range page {
				require.True(t, p.x >= 47.9 && p.x < width-47.9 && p.y > 36 && p.y < height-40, "%+v", p)
			}
		}
		require.Positive(t, stats.Cut)
	}
}

// TestWriteLongCell: a cell that is higher than a page goes on over pages and
// loses nothing.
func TestWriteLongCell(t *testing.T) {
	var lines []string
	for i := range 200 {
		lines = append(lines, fmt.Sprintf("line %d.", i))
	}
	r := exporter.Report{Tables: []exporter.Table{{Columns: []exporter.TableColumn{{Title: "a"}, {Title: "b"}}, Rows: [][]string{
		{"first", "row"}, {strings.Join(lines, "\n"), "beside"}, {"last", "row"},
	}}}}
	pages, stats := write(t, r, pdfreport.Options{})
	require.Greater(t, stats.Pages, 3)
	all := body(pages)
	for _, line := range lines {
		require.Equal(t, 1, strings.Count(all, line), line)
	}
	for _, page := range pages {
		require.Contains(t, texts(page), "a\nb\n", "the head comes again")
	}
	require.Contains(t, texts(pages[len(pages)-1]), "last")
}

func TestWriteOddReports(t *testing.T) {
	odd := math.NaN()
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	values := func(kind exporter.ChartKind, v ...float64) exporter.Chart {
		c := exporter.Chart{Kind: kind}
		for i, v := range v {
			c.Points = append(c.Points, exporter.Point{Label: fmt.Sprint("p", i), Values: []float64{v}})
		}
		return c
	}
	tests := []struct {
		name   string
		report exporter.Report
		want   string
	}{
		{"nothing", exporter.Report{}, "1 / 1"},
		{"a chart of nothing", exporter.Report{Charts: []exporter.Chart{{Title: "C"}}}, "C\nno data"},
		{"a chart of gaps", exporter.Report{Charts: []exporter.Chart{values(exporter.Line, odd, math.Inf(1), math.Inf(-1))}}, "no data"},
		{"a table without rows", exporter.Report{Tables: []exporter.Table{{Columns: make([]exporter.TableColumn, 1)}}}, "no data"},
		{"a table without columns", exporter.Report{Tables: []exporter.Table{{Title: "T", Rows: make([][]string, 3)}}}, "T"},
		{"one point", exporter.Report{Charts: []exporter.Chart{{Points: []exporter.Point{{At: day, Values: []float64{7}}}}}}, "2026-01-01"},
		{"zeros", exporter.Report{Charts: []exporter.Chart{values(exporter.Bar, 0, 0)}}, "p1"},
		{"zeros as lines", exporter.Report{Charts: []exporter.Chart{values(exporter.Line, 0, 0)}}, "p1"},
		{"alike", exporter.Report{Charts: []exporter.Chart{values(exporter.Line, -3, -3, odd, -3)}}, "p3"},
		{"nearly alike", exporter.Report{Charts: []exporter.Chart{values(exporter.Line, 1e15, 1e15-0.125)}}, "p1"},
		{"tiny", exporter.Report{Charts: []exporter.Chart{values(exporter.Line, 5e-324, 1e-323), values(exporter.Bar, -5e-324)}}, "p1"},
		{"huge", exporter.Report{Charts: []exporter.Chart{values(exporter.Bar, -1e15, 1e15)}}, "1\u00A0000\u00A0000\u00A0000\u00A0000\u00A0000"},
		{"lying bars of all kinds", exporter.Report{Charts: []exporter.Chart{func() exporter.Chart {
			c := values(exporter.Bar, odd, 0, -5, 1e15)
			c.Points[0].Label = strings.Repeat("long ", 50)
			return c
		}()}}, "−5"},
		{"ages apart", exporter.Report{Charts: []exporter.Chart{{Points: []exporter.Point{
			{At: time.Date(-9999, 1, 1, 0, 0, 0, 0, time.UTC), Values: []float64{1}}, {At: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), Values: []float64{2}},
		}}}}, "9999"},
		{"backwards", exporter.Report{Charts: []exporter.Chart{{Points: []exporter.Point{{At: day, Values: []float64{1}}, {At: day.AddDate(0, 0, -1), Values: []float64{2}}}}}}, "2025-12-31"},
		{"no number of pages is put in by a text", exporter.Report{Title: "{nb}"}, "{nb}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pages, stats := write(t, tt.report, pdfreport.Options{})
			require.Equal(t, 1, stats.Pages)
			require.Contains(t, body(pages), tt.want)
		})
	}
}

// TestWriteAlike: the same report and options give the same bytes, side by
// side too.
func TestWriteAlike(t *testing.T) {
	r := sample()
	document := func(opts pdfreport.Options) []byte {
		var b bytes.Buffer
		_, err := pdfreport.Write(&b, r, opts)
		require.NoError(t, err)
		return b.Bytes()
	}
	first := document(pdfreport.Options{Created: created})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			var b bytes.Buffer
			_, err := pdfreport.Write(&b, r, pdfreport.Options{Created: created})
			require.NoError(t, err)
			require.Equal(t, first, b.Bytes())
		})
	}
	all.Wait()
	require.NotEqual(t, first, document(pdfreport.Options{Created: created.Add(time.Minute)}))
	require.Contains(t, string(first), "/CreationDate (D:20260401093000)")
	none := document(pdfreport.Options{})
	require.NotContains(t, string(none), "Date (D:", "better no date than a wrong one")
	require.Equal(t, none, document(pdfreport.Options{}))
}

// TestWriteSaysWhatItIs: title and author are in the document's description,
// emoji and brackets and all.
func TestWriteSaysWhatItIs(t *testing.T) {
	var b bytes.Buffer
	_, err := pdfreport.Write(&b, exporter.Report{Title: "a)😀"}, pdfreport.Options{Author: "Zoë"})
	require.NoError(t, err)
	require.Contains(t, b.String(), "/Title (\xFE\xFF\x00a\x00\\)\xD8\x3D\xDE\x00)")
	require.Contains(t, b.String(), "/Author (\xFE\xFF\x00Z\x00o\x00\xEB)")
}

func TestWriteRefuses(t *testing.T) {
	narrow := exporter.Table{Columns: make([]exporter.TableColumn, 1)}
	for range 3_000 {
		narrow.Rows = append(narrow.Rows, []string{strings.Repeat("\n", 100)})
	}
	tests := []struct {
		name   string
		report exporter.Report
		opts   pdfreport.Options
		want   string
		limit  bool
	}{
		{"100,000 rows", exporter.Report{Tables: []exporter.Table{{Rows: make([][]string, 100_000)}}}, pdfreport.Options{}, "tables: max-items", true},
		{"too many pages", exporter.Report{Tables: []exporter.Table{narrow}}, pdfreport.Options{}, "report: max-pages", true},
		{"paper", exporter.Report{}, pdfreport.Options{Paper: 2}, "paper: value", false},
		{"author", exporter.Report{}, pdfreport.Options{Author: strings.Repeat("x", exporter.MaxReportText+1)}, "author: max-length", true},
		{"fonts", exporter.Report{}, pdfreport.Options{Fonts: make([][]byte, 17)}, "fonts: max-items", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			_, err := pdfreport.Write(&b, tt.report, tt.opts)
			require.ErrorContains(t, err, tt.want)
			require.ErrorIs(t, err, audience.ErrInvalid)
			require.Equal(t, tt.limit, errors.Is(err, audience.ErrLimit))
			require.Zero(t, b.Len(), "nothing is written")
		})
	}
	_, err := pdfreport.Write(failing{}, exporter.Report{}, pdfreport.Options{})
	require.ErrorIs(t, err, io.ErrShortWrite)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
