package exporter_test

import (
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
)

func text(t *testing.T, r exporter.Report) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, r.WriteText(&b))
	return b.String()
}

// TestReportBounds: what is too large, or does not fit its table or chart, is
// refused by place before anything is written.
func TestReportBounds(t *testing.T) {
	const secret = "jane@example.com"
	long := strings.Repeat(secret, 1+exporter.MaxReportText/len(secret))
	columns := func(n int) []exporter.TableColumn { return make([]exporter.TableColumn, n) }
	points := func(n int) []exporter.Point { return make([]exporter.Point, n) }
	tests := []struct {
		name   string
		report exporter.Report
		want   string
		limit  bool
	}{
		{"title", exporter.Report{Title: long}, "title: max-length", true},
		{"subtitle", exporter.Report{Subtitle: long}, "subtitle: max-length", true},
		{"facts", exporter.Report{Facts: make([]exporter.Fact, exporter.MaxReportFacts+1)}, "facts: max-items", true},
		{"fact", exporter.Report{Facts: []exporter.Fact{{}, {Note: long}}}, "facts[1]: max-length", true},
		{"charts", exporter.Report{Charts: make([]exporter.Chart, exporter.MaxReportCharts+1)}, "charts: max-items", true},
		{"points", exporter.Report{Charts: []exporter.Chart{{Points: points(exporter.MaxChartPoints + 1)}}}, "charts[0].points: max-items", true},
		{"points of all charts", exporter.Report{Charts: slices.Repeat([]exporter.Chart{{Points: points(exporter.MaxChartPoints)}}, 11)}, "charts: max-items", true},
		{"series", exporter.Report{Charts: []exporter.Chart{{Series: make([]string, exporter.MaxChartSeries+1)}}}, "charts[0].series: max-items", true},
		{"kind", exporter.Report{Charts: []exporter.Chart{{Kind: 2}}}, "charts[0].kind: value", false},
		{"values", exporter.Report{Charts: []exporter.Chart{{}, {Points: []exporter.Point{{Values: []float64{1, 2}}}}}}, "charts[1].points[0]: values", false},
		{"value", exporter.Report{Charts: []exporter.Chart{{Points: []exporter.Point{{Values: []float64{-1e16}}}}}}, "charts[0].points[0]: range", true},
		{"label", exporter.Report{Charts: []exporter.Chart{{Points: []exporter.Point{{Label: long}}}}}, "charts[0].points: max-length", true},
		{"tables", exporter.Report{Tables: make([]exporter.Table, exporter.MaxReportTables+1)}, "tables: max-items", true},
		{"columns", exporter.Report{Tables: []exporter.Table{{Columns: columns(exporter.MaxTableColumns + 1)}}}, "tables[0].columns: max-items", true},
		{"column", exporter.Report{Tables: []exporter.Table{{Columns: []exporter.TableColumn{{Title: long}}}}}, "tables[0].columns: max-length", true},
		{"align", exporter.Report{Tables: []exporter.Table{{Columns: []exporter.TableColumn{{}, {Align: 2}}}}}, "tables[0].columns[1]: value", false},
		{"rows", exporter.Report{Tables: []exporter.Table{{Rows: make([][]string, exporter.MaxReportRows)}, {Rows: make([][]string, 1)}}}, "tables: max-items", true},
		{"cells", exporter.Report{Tables: []exporter.Table{{Columns: columns(1), Rows: [][]string{{"a"}, {"b", secret}}}}}, "tables[0].rows[1]: cells", false},
		{"cell", exporter.Report{Tables: []exporter.Table{{Columns: columns(1), Rows: [][]string{{long}}}}}, "tables[0].rows[0]: max-length", true},
		{"bytes", exporter.Report{Tables: []exporter.Table{{Columns: columns(24), Rows: full(24, 100)}}}, "max-bytes", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			err := tt.report.WriteText(&b)
			require.ErrorContains(t, err, tt.want)
			require.ErrorIs(t, err, audience.ErrInvalid)
			require.Equal(t, tt.limit, errors.Is(err, audience.ErrLimit))
			require.NotContains(t, err.Error(), "jane")
			require.Empty(t, b.String())
		})
	}
}

// full gives rows of the longest texts.
func full(columns, rows int) [][]string {
	out := make([][]string, rows)
	for i := range out {
		for range columns {
			out[i] = append(out[i], strings.Repeat("x", exporter.MaxReportText))
		}
	}
	return out
}

func TestReportText(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name   string
		report exporter.Report
		want   []string
	}{
		{"nothing", exporter.Report{}, nil},
		{"a table alone", exporter.Report{Tables: []exporter.Table{{Columns: []exporter.TableColumn{{}, {Align: exporter.Right}}, Rows: [][]string{{"a", "10"}, {"bcd"}, {}, {"e", "1"}}}}}, []string{
			"a    10",
			"bcd",
			"",
			"e     1",
		}},
		{"gaps, zeros and small values", exporter.Report{Charts: []exporter.Chart{{Unit: "%", Points: []exporter.Point{
			{At: day, Values: []float64{math.NaN()}},
			{At: day.Add(90 * time.Minute), Values: []float64{math.Inf(-1)}},
			{Label: "zero", Values: []float64{math.Copysign(0, -1)}},
			{Label: "none"},
			{Label: "small", Values: []float64{0.1 + 0.2}},
			{Label: "tiny", Values: []float64{2.5e-9}},
			{Label: "less", Values: []float64{-0.15}},
			{Label: "most", Values: []float64{1e15}},
		}}}}, []string{
			"(%)",
			"---",
			"2026-03-01              -",
			"2026-03-01 01:30        -",
			"zero                    0",
			"none",
			"small                 0.3",
			"tiny              2.5e-09",
			"less                -0.15",
			"most                1e+15  ########################################",
		}},
		{"several series", exporter.Report{Charts: []exporter.Chart{{Title: "Moves", Series: []string{"in", "out"}, Points: []exporter.Point{
			{Label: "a", Values: []float64{1, -2}}, {Label: "b", Values: []float64{3}},
		}}}}, []string{
			"Moves",
			"-----",
			"   in  out",
			"a   1   -2",
			"b   3",
		}},
		{"no points", exporter.Report{Title: "T", Charts: []exporter.Chart{{Title: "C"}}}, []string{"T", "=", "", "C", "-"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Split(text(t, tt.report), "\n")
			require.Equal(t, append(tt.want, ""), got)
		})
	}
}

// TestReportTextSteersNothing: what a contact calls herself moves no cursor.
func TestReportTextSteersNothing(t *testing.T) {
	evil := "a\x1b[31m\x00\r\n\tb\u202Ec\u009Bd\xff\u2028e"
	got := text(t, exporter.Report{
		Title: evil, Subtitle: evil, Facts: []exporter.Fact{{Label: evil, Value: evil, Note: evil}},
		Charts: []exporter.Chart{{Title: evil, Unit: evil, Series: []string{evil}, Points: []exporter.Point{{Label: evil, Values: []float64{1}}}}},
		Tables: []exporter.Table{{Title: evil, Columns: []exporter.TableColumn{{Title: evil}}, Rows: [][]string{{evil}}}},
	})
	require.True(t, utf8.ValidString(got))
	for _, r := range strings.ReplaceAll(got, "\n", "") {
		require.False(t, unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028', "%U", r)
	}
	require.Equal(t, 15, strings.Count(got, "\n"), "no text brings lines of its own")
}

// TestReportTextLongCell: one long cell does not make all rows as long.
func TestReportTextLongCell(t *testing.T) {
	rows := slices.Repeat([][]string{{"a", "b"}}, 1_000)
	rows[0] = []string{strings.Repeat("x", exporter.MaxReportText), "b"}
	got := text(t, exporter.Report{Tables: []exporter.Table{{Columns: make([]exporter.TableColumn, 2), Rows: rows}}})
	require.Less(t, len(got), exporter.MaxReportText+1_000*80)
	require.Contains(t, got, "xx  b\n")
}

func TestReportTextFailingWriter(t *testing.T) {
	r := exporter.Report{Title: "T"}
	require.ErrorIs(t, r.WriteText(failing{}), io.ErrShortWrite)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
