package csvimport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/importer"
)

const benchRows = 20_000

// benchFile is a file of contacts with quotes, lists and typed columns.
func benchFile() []byte {
	var b bytes.Buffer
	b.WriteString("external_id,email,first_name,last_name,tags,created_at,age,active:bool\n")
	for i := range benchRows {
		fmt.Fprintf(&b, "u%d,name%d@example.com,Jürgen,\"Doe, Jr.\",\"customer,vip,\"\"a, b\"\"\",2025-03-%02dT10:00:00Z,%d,true\n", i, i, 1+i%28, i%90)
	}
	return b.Bytes()
}

func reportRows(b *testing.B) {
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/benchRows*1e9, "ns/row")
}

// BenchmarkRecords splits the file into cells.
func BenchmarkRecords(b *testing.B) {
	content := benchFile()
	b.ReportAllocs()
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		r := newReader(bytes.NewReader(content), importer.Limits{}.WithDefaults())
		require.NoError(b, r.skipMark())
		rows := 0
		for {
			if _, err := r.next(); errors.Is(err, io.EOF) {
				break
			}
			rows++
		}
		require.Equal(b, benchRows+1, rows)
	}
	reportRows(b)
}
