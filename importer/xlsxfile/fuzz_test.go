package xlsxfile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/xlsxfile"
)

// FuzzSheet puts any XML into a workbook: it is read or refused, and reading
// gives what looking at it promised.
func FuzzSheet(f *testing.F) {
	content := workbook(f, nil, [][]any{{"a", "b"}, {"x", 1}})
	f.Add(`<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row><row><c><v>1</v></c></row></sheetData>`)
	f.Add(`<row r="7"><c r="C7" s="1"><v>46053.5</v></c><c t="s"><v>1</v></c><c t="e"><v>#N/A</v></c></row>`)
	f.Fuzz(func(t *testing.T, data string) {
		content := replacePart(t, content, "xl/worksheets/sheet1.xml", func(string) string { return "<worksheet>" + data + "</worksheet>" })
		fm, src := xlsxfile.Format(xlsxfile.Options{}), importer.Bytes("x", content)
		layout, err := fm.Detect(t.Context(), src, importer.Limits{})
		if err != nil {
			return
		}
		table, err := fm.Open(t.Context(), src, layout, importer.Limits{})
		require.NoError(t, err)
		defer table.Close() //nolint:errcheck // it was only read
		for row, err := range table.Rows(t.Context()) {
			require.NoError(t, err)
			require.Len(t, row.Cells, len(layout.Columns))
			require.Greater(t, row.Line, layout.HeaderLine)
		}
	})
}

// FuzzWorkbook changes bytes of the archive.
func FuzzWorkbook(f *testing.F) {
	f.Add(workbook(f, nil, [][]any{{"a", "b"}, {"x", 1}}))
	f.Fuzz(func(t *testing.T, content []byte) {
		fm, src := xlsxfile.Format(xlsxfile.Options{}), importer.Bytes("x", content)
		layout, err := fm.Detect(t.Context(), src, importer.Limits{})
		if err != nil {
			return
		}
		rowsOf(t, fm, src, layout, importer.Limits{})
	})
}
