package csvimport

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/importer"
)

// FuzzReader: what encoding/csv finds well-formed we read as the same rows
// (but for CR, which it treats in its own way, and guards). Of any other file
// every line is accounted for, in order, and every row is bounded.
func FuzzReader(f *testing.F) {
	for _, s := range []string{
		"a,b\n\"c\nd\",\"e\"\"f\"\n", "\n\n,\n", "\"\"", "a,\"", "\"a\"b\nc", "'=1,''", "a\r\rb\r\n\"c\r\nd\"\r", strings.Repeat("x,", 30), "\"\n\n\n\n\n\n\n\n\"\n",
		strings.Repeat(strings.Repeat("y", 30)+",", 10),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
			t.Skip("UTF-16 is refused as a whole")
		}
		requireAccounted(t, text)
		if strings.ContainsAny(text, "\r\x00") || !utf8.ValidString(text) || strings.HasPrefix(text, "\ufeff") {
			return
		}
		r := csv.NewReader(strings.NewReader(text))
		r.FieldsPerRecord = -1
		want, err := r.ReadAll()
		if err != nil {
			return
		}
		for _, row := range want {
			for i := range row {
				row[i] = unguard(row[i])
			}
		}
		got, bad := cellsOf(t, []byte(text))
		require.Zero(t, bad)
		require.Equal(t, want, got)
	})
}

// requireAccounted reads a file with small limits.
func requireAccounted(t *testing.T, text string) {
	t.Helper()
	limits := importer.Limits{RecordBytes: 200, RecordLines: 4, CellBytes: 50, Columns: 20}.WithDefaults()
	r := newReader(strings.NewReader(text), limits)
	require.NoError(t, r.skipMark())
	var size int64
	line, lines := 0, strings.Count(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), "\n")+1
	for {
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		require.Greater(t, rec.line, line, "rows come in order of their lines")
		line = rec.line
		require.LessOrEqual(t, line, lines)
		require.NotEqual(t, rec.bad == nil, rec.cells == nil, "a row is good or bad")
		require.LessOrEqual(t, len(rec.cells), limits.Columns)
		require.LessOrEqual(t, len(strings.Join(rec.cells, "")), limits.RecordBytes)
		require.Positive(t, rec.bytes)
		size += rec.bytes
	}
	require.LessOrEqual(t, size, int64(len(text)))
}
