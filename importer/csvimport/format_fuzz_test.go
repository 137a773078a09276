package csvimport_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

func seedFiles() []string {
	const plain = "email,name\na@example.com,Zoë\nb@example.com,\"B\"\"B\n\"\n"
	return []string{
		"", plain, "\ufeff" + plain, encoded(plain, binary.LittleEndian), encoded("\ufeff"+plain, binary.BigEndian), strings.ReplaceAll(plain, "ë", "\xeb"),
		strings.ReplaceAll(plain, ",", ";"), strings.ReplaceAll(plain, ",", "\t"), strings.ReplaceAll(plain, "\n", "\r"), "sep=;\r\na;b\r\n1;2\r\n",
		"Title,,\n\nemail,name,x\na,A,1\n", "email,name\na,A\n\nAll rights reserved\nby us\n", "a,b\n1,\"2\n3,4\n5,6\"7\n", "'a','b'\n'1','2'\n", "a\tb\n1\t2\"\n3\t4\"\n",
		"x,y\n1,2,3\n,,\n \n'=1,''=2\n", "a:b\n1:2\n", "email,import_reason\na@b.c,\"old\"\n", "a,b\n\x00,\xff\n", strings.Repeat("x,", 30) + "\n",
	}
}

// FuzzFormat: of any file Detect gives a typed error or a layout, and reading
// goes through it row by row, in order. Rejected rows come back: what could be
// read has the same cells in the file of rejected rows, and what could not
// costs no other row there.
func FuzzFormat(f *testing.F) {
	for _, s := range seedFiles() {
		f.Add([]byte(s))
	}
	limits := importer.Limits{Rows: 100, Columns: 20, CellBytes: 100, RecordBytes: 400, RecordLines: 4}
	f.Fuzz(func(t *testing.T, content []byte) {
		src := importer.Bytes("f.csv", content)
		layout, err := csvimport.Format().Detect(t.Context(), src, limits)
		if err != nil {
			if !isUnsupported(err) {
				requireTyped(t, err)
			}
			return
		}
		require.NotEmpty(t, layout.Columns)
		require.LessOrEqual(t, len(layout.Columns), limits.Columns)
		rows, bad, err := rowsOf(t, src, layout, limits)
		if err != nil {
			require.ErrorIs(t, err, audience.ErrLimit)
		}
		line := layout.HeaderLine
		for i, row := range rows {
			require.Greater(t, row.Line, line)
			line = row.Line
			require.Positive(t, row.Bytes)
			require.LessOrEqual(t, len(row.Raw), limits.RecordBytes)
			require.Equal(t, bad[i] == nil, row.Cells != nil)
			if bad[i] == nil {
				require.Len(t, row.Cells, len(layout.Columns))
			}
		}
		requireComesBack(t, layout, rows, bad)
	})
}

func requireComesBack(t *testing.T, layout *importer.Layout, rows []*importer.Row, bad []error) {
	t.Helper()
	var out bytes.Buffer
	rejects, err := csvimport.Format().Rejects(&out, layout, nil)
	require.NoError(t, err)
	for _, row := range rows {
		require.NoError(t, rejects.Reject(row, "why, \"so\""))
	}
	require.NoError(t, rejects.Close())
	known := maps.Clone(layout.Settings)
	known["header"], known["footer"], known["encoding"] = "1", "0", "utf-8"
	delete(known, "start")
	again, err := importer.Choose(csvimport.Format(), known).Detect(t.Context(), importer.Bytes("r.csv", out.Bytes()), importer.Limits{})
	require.NoError(t, err)
	back, badBack, err := rowsOf(t, importer.Bytes("r.csv", out.Bytes()), again, importer.Limits{})
	require.NoError(t, err)
	require.Len(t, back, len(rows), "%q", out.String())
	for i, row := range rows {
		if bad[i] == nil {
			require.NoError(t, badBack[i])
			reason := len(layout.Columns)
			for j, c := range layout.Columns {
				if c == importer.ReasonColumn {
					reason = j
				}
			}
			for j, c := range row.Cells {
				if j != reason {
					require.Equal(t, c, back[i].Cells[j])
				}
			}
			require.Contains(t, back[i].Cells[reason], "why")
		}
	}
}

func isUnsupported(err error) bool { return errors.Is(err, audience.ErrUnsupported) }

// FuzzSettings: a layout comes from outside.
func FuzzSettings(f *testing.F) {
	f.Add("encoding", "utf-8", "delimiter", ";", 1, "a;b\n1;2\n")
	f.Add("start", "2", "quote", "none", 0, "a;b\n1;2\n")
	f.Add("header", "none", "footer", "3", 2, "a;b\n1;2\n")
	f.Fuzz(func(t *testing.T, key1, value1, key2, value2 string, header int, content string) {
		layout := &importer.Layout{Settings: map[string]string{key1: value1, key2: value2}, Columns: []string{"a", "b"}, HeaderLine: header}
		_, _, err := rowsOf(t, importer.Bytes("f.csv", []byte(content)), layout, importer.Limits{Rows: 50})
		requireTyped(t, err)
	})
}
