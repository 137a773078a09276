package exporter_test

import (
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/csvexport"
)

// TestMemoryDoesNotGrow: no encoder keeps what it has written.
func TestMemoryDoesNotGrow(t *testing.T) {
	columns := []exporter.Column{{Name: "email", Type: audience.TypeString}, {Name: "tags", Type: audience.TypeStringList}, {Name: "n", Type: audience.TypeInt, Custom: true}}
	row := []audience.Value{audience.StringValue("name@example.com"), audience.StringListValue("a", "b, c"), audience.IntValue(1_000_000)}
	held := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	template := func(w io.Writer) exporter.Encoder {
		enc, err := exporter.Template(t.Context(), w, "{{.email}} {{json .tags}}\n", exporter.TemplateLimits{})
		require.NoError(t, err)
		return enc
	}
	for name, encoder := range map[string]func(io.Writer) exporter.Encoder{
		"ndjson": exporter.NDJSON, "json": exporter.JSON, "xml": exporter.XML, "vcard": exporter.VCard, "template": template,
		"csv": func(w io.Writer) exporter.Encoder { return csvexport.New(w, csvexport.Options{}) },
	} {
		t.Run(name, func(t *testing.T) {
			enc := encoder(io.Discard)
			require.NoError(t, enc.Begin(columns))
			write := func(rows int) {
				for range rows {
					if err := enc.Encode(row); err != nil {
						t.Fatal(err)
					}
				}
			}
			write(10_000)
			before := held()
			write(50_000)
			require.Less(t, held()-before, int64(200_000), "50,000 rows are some megabytes")
			_, err := enc.End()
			require.NoError(t, err)
		})
	}
}
