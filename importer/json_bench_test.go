package importer_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/importer"
)

const benchRecords = 20_000

// benchNDJSON are contacts as our own exports write them.
func benchNDJSON() []byte {
	var b bytes.Buffer
	for i := range benchRecords {
		fmt.Fprintf(&b, `{"external_id":"u%d","email":"name%d@example.com","first_name":"Jürgen","last_name":"Doe, \"Jr.\"","tags":["customer","vip"],`+
			`"status":"subscribed","created_at":"2025-03-%02dT10:00:00Z","fields":{"age":%d,"active":true}}`+"\n", i, i, 1+i%28, i%90)
	}
	return b.Bytes()
}

func benchTable(b *testing.B, f importer.Format, content []byte) {
	src := importer.Bytes("bench", content)
	layout, err := f.Detect(b.Context(), src, importer.Limits{})
	require.NoError(b, err)
	b.ReportAllocs()
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		table, err := f.Open(b.Context(), src, layout, importer.Limits{})
		require.NoError(b, err)
		n := 0
		for _, err := range table.Rows(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		require.Equal(b, benchRecords, n)
	}
	b.ReportMetric(float64(b.N)*benchRecords/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkNDJSONRows(b *testing.B) { benchTable(b, importer.NDJSON(), benchNDJSON()) }

func BenchmarkJSONRows(b *testing.B) {
	lines := bytes.ReplaceAll(bytes.TrimSpace(benchNDJSON()), []byte("\n"), []byte(",\n"))
	benchTable(b, importer.JSON(), append(append([]byte(`{"contacts":[`), lines...), "]}"...))
}
