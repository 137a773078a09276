package pdfreport_test

import (
	"fmt"
	"io"
	"testing"

	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/pdfreport"
)

// BenchmarkWrite: a document of everything, and tables of many rows.
func BenchmarkWrite(b *testing.B) {
	b.Run("sample", func(b *testing.B) { bench(b, sample()) })
	for _, rows := range []int{1_000, exporter.MaxReportRows} {
		t := exporter.Table{Columns: make([]exporter.TableColumn, 6)}
		for i := range rows {
			t.Rows = append(t.Rows, []string{fmt.Sprint("segment ", i), "opened", "12 345", "Łódź", "0.5%", "2026-03-01"})
		}
		b.Run(fmt.Sprint("rows=", rows), func(b *testing.B) { bench(b, exporter.Report{Title: "T", Tables: []exporter.Table{t}}) })
	}
}

func bench(b *testing.B, r exporter.Report) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pdfreport.Write(io.Discard, r, pdfreport.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
