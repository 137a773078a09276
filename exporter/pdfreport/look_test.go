package pdfreport_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/pdfreport"
)

func TestLook(t *testing.T) {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := exporter.Report{Title: "Segments of the shop", Subtitle: "2026-01-01 to 2026-03-31", Facts: []exporter.Fact{
		{"Segments", "12", ""}, {"Largest", "48 210", "newsletter readers"}, {"Entered", "1 203", "all segments together"}, {"Left", "877", "all segments together, which is a long note that has no room"},
		{"Łódź Ευρώπη Україна", "1 234 567 890 123 zł", "日本語 ☕"},
	}}
	line := exporter.Chart{Title: "Members at the end of the day", Unit: "members", Series: []string{"newsletter", "vip", "lapsed", "Zażółć gęślą jaźń"}}
	moves := exporter.Chart{Title: "Entered and left", Kind: exporter.Bar, Series: []string{"entered", "left"}}
	single := exporter.Chart{Title: "Revenue", Unit: "EUR"}
	for i := range 90 {
		at := day.AddDate(0, 0, i)
		f := float64(i)
		v := []float64{4000 + 30*f, 900 + 200*math.Sin(f/9), 2500 - 12*f, 1500 + 10*f}
		if i > 30 && i < 40 { v[1] = math.NaN() }
		line.Points = append(line.Points, exporter.Point{At: at, Values: v})
		moves.Points = append(moves.Points, exporter.Point{At: at, Values: []float64{20 + 15*math.Sin(f/3), -15 - 9*math.Cos(f/5)}})
		single.Points = append(single.Points, exporter.Point{At: at, Values: []float64{1e6 * (2 + math.Sin(f/7))}})
	}
	few := exporter.Chart{Title: "Members by country", Kind: exporter.Bar, Points: []exporter.Point{{Label: "PL", Values: []float64{120}}, {Label: "FR", Values: []float64{80}}, {Label: "JP", Values: []float64{-35}}}}
	sizes := exporter.Chart{Title: "Members", Kind: exporter.Bar}
	many := exporter.Table{Title: "Segments", Columns: []exporter.Column{{Title: "segment"}, {"members", exporter.Right}, {"at the beginning", exporter.Right}, {"entered", exporter.Right}, {"left", exporter.Right}, {"churn", exporter.Right}, {Title: "note"}}}
	for i := range 40 {
		name := fmt.Sprintf("segment-%d opened in the last %d days", i, i)
		if i == 3 { name = "averyveryveryveryveryveryveryverylongwordthathasnoplacetobreakatallandgoesonandonandonforever" }
		sizes.Points = append(sizes.Points, exporter.Point{Label: name, Values: []float64{float64(50000 / (i + 1))}})
		note := ""
		if i%7 == 0 { note = "a note that is longer than the column is wide, and so it goes on in the next line" }
		many.Rows = append(many.Rows, []string{name, fmt.Sprint(50000 / (i + 1)), "12", "345", "67", "12.5%", note})
	}
	r.Charts = []exporter.Chart{line, moves, single, few, sizes,
		{Title: "No data", Points: nil}, {Title: "One point", Points: []exporter.Point{{At: day, Values: []float64{5}}}},
		{Title: "Negative", Series: []string{"a", "b"}, Kind: exporter.Bar, Points: []exporter.Point{{Label: "first long label that does not fit in a slot of the bars", Values: []float64{-5, 10}}, {Label: "second long label that does not fit", Values: []float64{7, -123456}}}},
		{Title: "All the same", Points: []exporter.Point{{Label: "x", Values: []float64{5}}, {Label: "y", Values: []float64{5}}, {Label: "z", Values: []float64{5}}}},
		{Title: "Tiny", Unit: "%", Points: []exporter.Point{{Label: "x", Values: []float64{0.0001}}, {Label: "y", Values: []float64{0.00025}}, {Label: "z", Values: []float64{-0.00035}}}},
	}
	wide := exporter.Table{Title: "Wide"}
	row := []string{}
	for i := range 16 { wide.Columns = append(wide.Columns, exporter.Column{Title: fmt.Sprintf("column %d", i), Align: exporter.Align(i % 2)}); row = append(row, fmt.Sprintf("value %d", i*1000)) }
	wide.Rows = [][]string{row, row, row}
	r.Tables = []exporter.Table{many, wide, {Title: "Empty", Columns: []exporter.Column{{Title: "a"}, {Title: "b"}}},
		{Title: "Texts", Columns: []exporter.Column{{Title: "language"}, {Title: "text"}}, Rows: [][]string{
			{"Polish", "Zażółć gęślą jaźń"}, {"Greek", "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία"}, {"Ukrainian", "Їжак і ґанок: щастя"}, {"Hebrew", "שלום עולם (123) abc"}, {"Arabic", "مرحبا بالعالم"}, {"Japanese", "日本語のテキストは単語の間に空白がありません。だから、どこでも改行できます。日本語のテキストは単語の間に空白がありません。"}, {"Emoji", "Anna 😀 👨‍👩‍👧 ☕ ✓"}, {"combining", "e\u0301 Å n\u0303"}, {"control", "a\x00b\x1b[31mred\ttab\nnewline"}, {"long", strings.Repeat("lorem ipsum dolor ", 150)},
		}},
	}
	opts := pdfreport.Options{Author: "Audience team", Created: time.Date(2026, 4, 1, 9, 30, 0, 0, time.UTC)}
	if cjk, err := os.ReadFile("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf"); err == nil { opts.Fonts = append(opts.Fonts, cjk) }
	if dv, err := os.ReadFile("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"); err == nil { opts.Fonts = append(opts.Fonts, dv) }
	var b bytes.Buffer
	now := time.Now()
	stats, err := pdfreport.Write(&b, r, opts)
	require.NoError(t, err)
	t.Log(stats, b.Len(), time.Since(now))
	require.NoError(t, os.WriteFile("/tmp/pdflook/all.pdf", b.Bytes(), 0o644))
}
