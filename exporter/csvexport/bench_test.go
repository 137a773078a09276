//go:build unix

package csvexport_test

import (
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/csvexport"
	"github.com/audiencekit/audiencekit/store"
)

// cpuTime is how long processors have worked for this process: on a machine
// that others use too, the clock says nothing.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const benchContacts = 20_000

func benchAudience(b *testing.B) *store.Audience {
	b.Helper()
	aud := open(b)
	for start := 0; start < benchContacts; start += 10_000 {
		writes := make([]audience.ContactWrite, 10_000)
		for i := range writes {
			n := start + i
			writes[i] = audience.ContactWrite{
				Match: audience.Key(fmt.Sprint("u", n)), Email: audience.MustAddress(fmt.Sprintf("name%d@example.com", n)),
				FirstName: audience.NewPrivate("Jürgen"), LastName: audience.NewPrivate("Doe, Jr."),
				SetTags: []string{"customer", "vip", "a, b"}, CreatedAt: now.Add(-time.Duration(n) * time.Minute),
				Set: map[string]audience.Value{"age": audience.IntValue(int64(n % 90)), "active": audience.BoolValue(true)},
			}
		}
		put(b, aud, writes...)
	}
	return aud
}

// rowsOf keeps rows, to measure an encoder without the store.
type rowsOf struct {
	columns []exporter.Column
	rows    [][]audience.Value
}

func (r *rowsOf) Begin(columns []exporter.Column) error {
	r.columns = columns
	return nil
}

func (r *rowsOf) Encode(row []audience.Value) error {
	r.rows = append(r.rows, append([]audience.Value{}, row...))
	return nil
}

func (r *rowsOf) End() (exporter.Loss, error) { return exporter.Loss{}, nil }

func encoders() map[string]func(io.Writer) exporter.Encoder {
	return map[string]func(io.Writer) exporter.Encoder{
		"csv": func(w io.Writer) exporter.Encoder { return csvexport.New(w, csvexport.Options{}) },
		"csv-machine": func(w io.Writer) exporter.Encoder {
			return csvexport.New(w, csvexport.Options{Profile: csvexport.Machine})
		},
		"ndjson": exporter.NDJSON,
		"json":   exporter.JSON,
		"xml":    exporter.XML,
		"vcard":  exporter.VCard,
	}
}

func reportRows(b *testing.B, before time.Duration) {
	b.Helper()
	b.ReportMetric(float64(b.N)*benchContacts/(cpuTime(b)-before).Seconds(), "rows/cpu-s")
}

// BenchmarkEncoder writes 20,000 rows of ten columns, which are in memory.
func BenchmarkEncoder(b *testing.B) {
	var kept rowsOf
	exportTo(b, benchAudience(b), &kept)
	for name, encoder := range encoders() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				enc := encoder(io.Discard)
				require.NoError(b, enc.Begin(kept.columns))
				for _, row := range kept.rows {
					if err := enc.Encode(row); err != nil {
						b.Fatal(err)
					}
				}
				_, err := enc.End()
				require.NoError(b, err)
			}
			reportRows(b, before)
		})
	}
}

// BenchmarkContacts is a whole export: read from memory, judged, encoded.
func BenchmarkContacts(b *testing.B) {
	aud := benchAudience(b)
	for name, encoder := range encoders() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				exportTo(b, aud, encoder(io.Discard))
			}
			reportRows(b, before)
		})
	}
}

func exportTo(b *testing.B, aud *store.Audience, enc exporter.Encoder) {
	b.Helper()
	require.NoError(b, aud.View(b.Context(), func(r *store.Reader) error {
		result, err := exporter.Contacts(b.Context(), r, enc, exporter.Everything("a benchmark"), exporter.Options{})
		require.Equal(b, benchContacts, result.Written)
		return err
	}))
}
