package csvimport

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/importer"
)

// BenchmarkRows reads the file as a table, beside bare encoding/csv.
func BenchmarkRows(b *testing.B) {
	content := benchFile()
	src := importer.Bytes("bench.csv", content)
	b.Run("format", func(b *testing.B) {
		layout, err := Format().Detect(b.Context(), src, importer.Limits{})
		require.NoError(b, err)
		require.Empty(b, layout.Questions)
		b.ReportAllocs()
		b.SetBytes(int64(len(content)))
		for b.Loop() {
			table, err := Format().Open(b.Context(), src, layout, importer.Limits{})
			require.NoError(b, err)
			rows := 0
			for _, err := range table.Rows(b.Context()) {
				if err != nil {
					b.Fatal(err)
				}
				rows++
			}
			require.Equal(b, benchRows, rows)
		}
		reportRows(b)
	})
	b.Run("encoding_csv", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(content)))
		for b.Loop() {
			r := csv.NewReader(bytes.NewReader(content))
			rows := 0
			for {
				if _, err := r.Read(); errors.Is(err, io.EOF) {
					break
				}
				rows++
			}
			require.Equal(b, benchRows+1, rows)
		}
		reportRows(b)
	})
}

// BenchmarkDetect is the pass that finds out how the file is written.
func BenchmarkDetect(b *testing.B) {
	content := benchFile()
	b.ReportAllocs()
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		_, err := Format().Detect(b.Context(), importer.Bytes("bench.csv", content), importer.Limits{})
		require.NoError(b, err)
	}
	reportRows(b)
}

// BenchmarkStructs is the file as values of a host's struct, through gocsv.
func BenchmarkStructs(b *testing.B) {
	type contact struct {
		ID     string `csv:"external_id"`
		Email  string `csv:"email"`
		First  string `csv:"first_name"`
		Last   string `csv:"last_name"`
		Tags   string `csv:"tags"`
		Born   string `csv:"created_at"`
		Age    int    `csv:"age"`
		Active bool   `csv:"active:bool"`
	}
	src := importer.Bytes("bench.csv", benchFile())
	b.ReportAllocs()
	for b.Loop() {
		rows := 0
		for _, err := range Rows[contact](b.Context(), src, RowOptions{}) {
			if err != nil {
				b.Fatal(err)
			}
			rows++
		}
		require.Equal(b, benchRows, rows)
	}
	reportRows(b)
}
