package pdfreport_test

import (
	"bytes"
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/pdfreport"
)

// A report becomes a document. exporter.SegmentReport makes one of segments.
func ExampleWrite() {
	report := exporter.Report{
		Title: "Newsletter",
		Facts: []exporter.Fact{{Label: "Sent", Value: "1 200"}, {Label: "Opened", Value: "41%", Note: "38% in February"}},
		Charts: []exporter.Chart{{
			Title: "Opened", Kind: exporter.Bar, Unit: "%",
			Points: []exporter.Point{{Label: "week 10", Values: []float64{40}}, {Label: "week 11", Values: []float64{42.5}}},
		}},
		Tables: []exporter.Table{{
			Title:   "Readers",
			Columns: []exporter.TableColumn{{Title: "name"}, {Title: "opened", Align: exporter.Right}},
			Rows:    [][]string{{"Łucja", "12"}, {"Anna 😀", "7"}},
		}},
	}
	var document bytes.Buffer // or a file
	stats, err := pdfreport.Write(&document, report, pdfreport.Options{
		Author:  "The shop",
		Created: time.Date(2026, 4, 1, 9, 30, 0, 0, time.UTC), // the clock's, in a program
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(stats.Pages, "page,", stats.Missing, "character without a font:", document.Len() > 0)
	// Output: 1 page, 1 character without a font: true
}
