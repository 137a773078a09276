package importer_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

const benchRows = 20_000

// shopFile is a file of contacts with quotes, lists and typed columns.
func shopFile() importer.Source {
	var b bytes.Buffer
	b.WriteString("external_id,email,first_name,last_name,tags,created_at,age,active:bool\n")
	for i := range benchRows {
		fmt.Fprintf(&b, "u%d,name%d@example.com,Jürgen,\"Doe, Jr.\",\"customer,vip,\"\"a, b\"\"\",2025-03-%02dT10:00:00Z,%d,true\n", i, i, 1+i%28, i%90)
	}
	return importer.Bytes("shop.csv", b.Bytes())
}

// vendorFile is a file in another program's shape, whose cells are not in our
// own forms.
func vendorFile() importer.Source {
	var b bytes.Buffer
	b.WriteString("EMAIL;LASTNAME;FIRSTNAME;SMS;EMAIL_BLACKLISTED;SMS_BLACKLISTED;ADDED_TIME;MODIFIED_TIME;REVENUE\n")
	for i := range benchRows {
		fmt.Fprintf(&b, "Name%d@Example.com;Durand;Zoé;3361111%d;%s;No;12-04-2022 09:30;13-04-2022 10:00;\"1,250.%02d\"\n", i, i, []string{"Yes", "No"}[i%2], i%100)
	}
	return importer.Bytes("brevo.csv", b.Bytes())
}

// distinctFile is a file in which no cell of a contact is that of another one: what
// reading remembers is of no use.
func distinctFile() importer.Source {
	var b bytes.Buffer
	b.WriteString("external_id,email,first_name,last_name,tags,created_at,age,active:bool\n")
	for i := range benchRows {
		fmt.Fprintf(&b, "u%d,name%d@example.com,Jürgen%d,\"Doe, Jr. %d\",\"customer,vip,\"\"a, b%d\"\"\",2025-03-%02dT%02d:%02d:%02dZ,%d,true\n",
			i, i, i, i, i, 1+i%28, i%24, i%60, i*7%60, i)
	}
	return importer.Bytes("distinct.csv", b.Bytes())
}

// cpu is the time that the process has used: on a busy machine it says more
// than the clock.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func reportRows(b *testing.B, since time.Duration) {
	spent := cpu(b) - since
	b.ReportMetric(float64(b.N)*benchRows/spent.Seconds(), "rows/cpu-s")
	b.ReportMetric(spent.Seconds()/float64(b.N)/benchRows*1e9, "cpu-ns/row")
}

// BenchmarkBareCSV reads the shop file with encoding/csv, to compare with.
func BenchmarkBareCSV(b *testing.B) {
	src := shopFile()
	b.ReportAllocs()
	start := cpu(b)
	for b.Loop() {
		in, err := src.Open(b.Context())
		require.NoError(b, err)
		r := csv.NewReader(in)
		rows := 0
		for {
			if _, err := r.Read(); errors.Is(err, io.EOF) {
				break
			}
			rows++
		}
		require.Equal(b, benchRows+1, rows)
	}
	reportRows(b, start)
}

// BenchmarkInspect finds out what is in a file.
func BenchmarkInspect(b *testing.B) {
	for name, src := range map[string]importer.Source{"shop": shopFile(), "brevo": vendorFile()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			start := cpu(b)
			for b.Loop() {
				require.Equal(b, benchRows, inspect(b, src, audience.Schema{}).Rows)
			}
			reportRows(b, start)
		})
	}
}

// BenchmarkContacts reads a file as typed and checked contacts, from the bytes
// on and, under rows, from the cells on.
func BenchmarkMappedContacts(b *testing.B) {
	for name, src := range map[string]importer.Source{"shop": shopFile(), "brevo": vendorFile(), "distinct": distinctFile()} {
		p := inspect(b, src, audience.Schema{})
		plan := planOf(p, nil)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			start := cpu(b)
			for b.Loop() {
				table, err := csvimport.Format().Open(b.Context(), src, p.Layout, importer.Limits{})
				require.NoError(b, err)
				countContacts(b, table, plan)
			}
			reportRows(b, start)
		})
		b.Run(name+"/recycled", func(b *testing.B) {
			b.ReportAllocs()
			start := cpu(b)
			for b.Loop() {
				table, err := csvimport.Format().Open(b.Context(), src, p.Layout, importer.Limits{})
				require.NoError(b, err)
				countRecycled(b, table, plan)
			}
			reportRows(b, start)
		})
		table, err := csvimport.Format().Open(b.Context(), src, p.Layout, importer.Limits{})
		require.NoError(b, err)
		var kept keptTable
		for row, err := range table.Rows(b.Context()) {
			require.NoError(b, err)
			kept = append(kept, row)
		}
		b.Run(name+"/rows", func(b *testing.B) {
			b.ReportAllocs()
			start := cpu(b)
			for b.Loop() {
				countContacts(b, kept, plan)
			}
			reportRows(b, start)
		})
	}
}

func countContacts(b *testing.B, table importer.Table, plan *importer.Plan) {
	rows := 0
	for _, err := range importer.ContactsOf(b.Context(), table, plan, audience.Schema{}, nil) {
		if err != nil {
			b.Fatal(err)
		}
		rows++
	}
	require.Equal(b, benchRows, rows)
}

// countRecycled gives contacts back batch by batch, as an import does.
func countRecycled(b *testing.B, table importer.Table, plan *importer.Plan) {
	const batch = 1_000
	rows := 0
	var room importer.ContactRoom
	var some []*importer.Contact
	for c, err := range importer.ContactsIn(b.Context(), table, plan, audience.Schema{}, &room) {
		if err != nil {
			b.Fatal(err)
		}
		rows++
		if some = append(some, c); len(some) == batch {
			for _, c := range some {
				room.GiveBack(c)
			}
			some = some[:0]
		}
	}
	require.Equal(b, benchRows, rows)
}

// keptTable is rows that were read already.
type keptTable []*importer.Row

func (k keptTable) Rows(context.Context) iter.Seq2[*importer.Row, error] {
	return func(yield func(*importer.Row, error) bool) {
		for _, row := range k {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func (keptTable) Read() int64  { return 0 }
func (keptTable) Close() error { return nil }
