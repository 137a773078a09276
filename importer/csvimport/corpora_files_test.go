package csvimport

import (
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// TestCorpusFiles reads every CSV file of the corpora as detected. No panic,
// every line accounted for, every error with its place, and where encoding/csv
// reads a file without an error under the same delimiter, the same rows.
func TestCorpusFiles(t *testing.T) {
	for _, corpus := range []string{"csv-spectrum/csvs", "csvlint", "csvw", "frictionless", "papaparse", "../import-samples"} {
		files, err := filepath.Glob(filepath.Join(corpora(t, "csv-corpora", corpus), "*"))
		require.NoError(t, err)
		counts := make(tally)
		for _, file := range files {
			switch filepath.Ext(file) {
			case ".csv", ".tsv", ".txt", ".xlsx":
			default:
				continue
			}
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			counts[readFile(t, filepath.Base(file), content)]++
		}
		counts.log(t, corpus)
	}
}

// readFile gives what became of a file.
func readFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	src := importer.Bytes(name, content)
	layout, err := Format().Detect(t.Context(), src, importer.Limits{})
	switch {
	case errors.Is(err, audience.ErrUnsupported):
		return "no CSV, and refused as what they are"
	case err != nil:
		require.ErrorIs(t, err, audience.ErrInvalid, name)
		return "refused with an error that tells why"
	}
	table, err := Format().Open(t.Context(), src, layout, importer.Limits{})
	require.NoError(t, err, name)
	defer func() { require.NoError(t, table.Close()) }()
	var rows [][]string
	bad, next := 0, layout.HeaderLine+1
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text(content, layout.Settings[setEncoding]))), "\n")
	blank := func(from, to int) {
		for _, line := range lines[min(from-1, len(lines)):min(to-1, len(lines))] {
			require.Empty(t, strings.Trim(line, ",;|\" \t"), "%s: a line that nobody tells of", name)
		}
	}
	if layout.HeaderLine > 0 {
		next = layout.HeaderLine + linesOf(quotedHeader(layout))
	}
	for row, err := range table.Rows(t.Context()) {
		var rowErr *importer.RowError
		if err != nil {
			require.ErrorAs(t, err, &rowErr, name)
			require.Equal(t, row.Line, rowErr.Line)
			bad++
		} else {
			require.Len(t, row.Cells, len(layout.Columns))
			rows = append(rows, row.Cells)
		}
		if layout.HeaderLine > 0 {
			blank(next, row.Line)
		}
		next = row.Line + linesOf(string(row.Raw))
	}
	if layout.Settings[setFooter] == "" {
		blank(next, len(lines)+1)
	}
	require.Equal(t, int64(len(content)), table.Read())
	return compare(t, name, content, layout, rows, bad)
}

func linesOf(raw string) int {
	return 1 + strings.Count(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(raw), "\n")
}

// quotedHeader gives the header's cells, of which some may be on several lines.
func quotedHeader(layout *importer.Layout) string { return strings.Join(layout.Columns, "") }

func compare(t *testing.T, name string, content []byte, layout *importer.Layout, rows [][]string, bad int) string {
	t.Helper()
	asked := ""
	if len(layout.Questions) > 0 {
		asked = ", after questions"
	}
	if layout.Settings[setEncoding] != encUTF8 || !utf8.Valid(content) {
		return "of another encoding" + asked
	}
	delimiter, ok := delimiterNamed(layout.Settings[setDelimiter])
	require.True(t, ok)
	body := strings.TrimPrefix(string(content), "\ufeff")
	body = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(body)
	body = strings.Join(strings.SplitN(body, "\n", max(layout.HeaderLine, 1))[max(layout.HeaderLine, 1)-1:], "\n")
	r := csv.NewReader(strings.NewReader(body))
	r.Comma, r.FieldsPerRecord = rune(delimiter), -1
	want, err := r.ReadAll()
	if err != nil || bad > 0 {
		if bad > 0 {
			return badRows + asked
		}
		return "that encoding/csv does not read" + asked
	}
	if layout.HeaderLine > 0 {
		want = want[1:]
	}
	var expected [][]string
	for _, row := range want {
		for i, c := range row {
			row[i] = unguard(c)
		}
		rec := record{cells: row}
		if isBlank(&rec) {
			continue
		}
		fit(&rec, len(layout.Columns))
		expected = append(expected, rec.cells)
	}
	for _, row := range rows {
		for i, c := range row {
			row[i] = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(c)
		}
	}
	require.Len(t, rows, len(expected), name)
	for i := range rows {
		require.True(t, slices.Equal(expected[i], rows[i]), "%s, row %d", name, i+1)
	}
	return sameRecords + asked
}
