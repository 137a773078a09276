package csvimport_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

// BenchmarkImport brings contacts with a status, then events, into an empty
// memory store: all passes and the commits.
func BenchmarkImport(b *testing.B) {
	const rows = 10_000
	var contacts, events bytes.Buffer
	contacts.WriteString("external_id,email,first_name,tags,status,age\n")
	events.WriteString("external_id,type,time,value\n")
	for i := range rows {
		fmt.Fprintf(&contacts, "u%d,name%d@example.com,Ann,\"a,b\",subscribed,%d\n", i, i, i%90)
		fmt.Fprintf(&events, "u%d,purchase,2026-01-%02d,%d.50\n", i, 1+i%28, i)
	}
	b.Run("contacts", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			report, err := runContacts(b.Context(), open(b, audience.Schema{}), importer.Bytes("c.csv", contacts.Bytes()), attested())
			require.NoError(b, err)
			require.Equal(b, rows, report.Created)
		}
		b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("events", func(b *testing.B) {
		aud := open(b, audience.Schema{})
		_, err := runContacts(b.Context(), aud, importer.Bytes("c.csv", contacts.Bytes()), importer.Options{})
		require.NoError(b, err)
		created := 0
		b.ReportAllocs()
		for b.Loop() {
			report, err := csvimport.Events(b.Context(), aud, importer.Bytes("e.csv", events.Bytes()), importer.Options{})
			require.NoError(b, err)
			created += report.Created
		}
		require.Equal(b, rows, created, "the first time they are new")
		b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
	})
}
