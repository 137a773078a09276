package csvimport_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

// detect gives the layout of a file.
func detect(t testing.TB, format importer.Format, content string) *importer.Layout {
	t.Helper()
	layout, err := format.Detect(t.Context(), importer.Bytes("test.csv", []byte(content)), importer.Limits{})
	require.NoError(t, err)
	return layout
}

// rowsOf reads a file as its layout says.
func rowsOf(t testing.TB, src importer.Source, layout *importer.Layout, limits importer.Limits) ([]*importer.Row, []error, error) {
	t.Helper()
	table, err := csvimport.Format().Open(t.Context(), src, layout, limits)
	if err != nil {
		return nil, nil, err
	}
	defer func() { require.NoError(t, table.Close()) }()
	return collect(t.Context(), table)
}

func collect(ctx context.Context, table importer.Table) (rows []*importer.Row, bad []error, last error) {
	for row, err := range table.Rows(ctx) {
		var rowErr *importer.RowError
		if err != nil && !errors.As(err, &rowErr) {
			return rows, bad, err
		}
		rows, bad = append(rows, row), append(bad, err)
	}
	return rows, bad, nil
}

// shown gives rows as "line:cell|cell" or "line!rule@column".
func shown(t testing.TB, rows []*importer.Row, bad []error) []string {
	t.Helper()
	var out []string
	for i, row := range rows {
		at := strconv.Itoa(row.Line)
		if bad[i] == nil {
			out = append(out, at+":"+strings.Join(row.Cells, "|"))
			continue
		}
		var rowErr *importer.RowError
		var field *audience.FieldError
		require.ErrorAs(t, bad[i], &rowErr)
		require.ErrorAs(t, bad[i], &field)
		require.Equal(t, row.Line, rowErr.Line)
		require.Nil(t, row.Cells)
		out = append(out, at+"!"+field.Rule+"@"+strconv.Itoa(rowErr.Column))
	}
	return out
}

// read detects and reads a file.
func read(t testing.TB, format importer.Format, content string) (*importer.Layout, []string) {
	t.Helper()
	layout := detect(t, format, content)
	rows, bad, err := rowsOf(t, importer.Bytes("test.csv", []byte(content)), layout, importer.Limits{})
	require.NoError(t, err)
	return layout, shown(t, rows, bad)
}

// brief gives what matters of a layout in one line: settings that are not as
// RFC 4180 has them, the header's line, questions as id=assumed and notes.
func brief(layout *importer.Layout) string {
	var out []string
	for _, key := range []string{"encoding", "bom", "delimiter", "quote", "newline", "start", "footer"} {
		v := layout.Settings[key]
		usual := map[string]string{"encoding": "utf-8", "delimiter": ",", "quote": `"`, "newline": "lf"}[key]
		if v != usual {
			out = append(out, key+" "+v)
		}
	}
	out = append(out, "header "+strconv.Itoa(layout.HeaderLine))
	for _, q := range layout.Questions {
		out = append(out, q.ID+"? "+q.Assumed)
	}
	for _, n := range layout.Notes {
		s := n.Code
		if n.Column > 0 {
			s += "@" + strconv.Itoa(n.Column)
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}
