package xlsxfile_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/xlsxfile"
)

func kindLetters() map[importer.CellKind]string {
	return map[importer.CellKind]string{
		importer.CellText: "t:", importer.CellAbsent: "-", importer.CellString: "s:", importer.CellNumber: "n:",
		importer.CellBool: "b:", importer.CellList: "l:", importer.CellTime: "@",
	}
}

// workbook makes one of a sheet for each set of rows.
func workbook(t testing.TB, change func(f *excelize.File), sheets ...[][]any) []byte {
	t.Helper()
	f := excelize.NewFile()
	for i, rows := range sheets {
		name := fmt.Sprintf("Sheet%d", i+1)
		if i > 0 {
			_, err := f.NewSheet(name)
			require.NoError(t, err)
		}
		for at, row := range rows {
			require.NoError(t, f.SetSheetRow(name, fmt.Sprintf("A%d", at+1), &row))
		}
	}
	if change != nil {
		change(f)
	}
	var out bytes.Buffer
	require.NoError(t, f.Write(&out))
	require.NoError(t, f.Close())
	return out.Bytes()
}

func read(t testing.TB, f importer.Format, content []byte, limits importer.Limits) (*importer.Layout, []string) {
	t.Helper()
	src := importer.Bytes("test.xlsx", content)
	layout, err := f.Detect(t.Context(), src, limits)
	require.NoError(t, err)
	return layout, rowsOf(t, f, src, layout, limits)
}

func rowsOf(t testing.TB, f importer.Format, src importer.Source, layout *importer.Layout, limits importer.Limits) (out []string) {
	t.Helper()
	table, err := f.Open(t.Context(), src, layout, limits)
	require.NoError(t, err)
	for row, err := range table.Rows(t.Context()) {
		switch {
		case row == nil:
			out = append(out, "end: "+err.Error())
		case err != nil:
			out = append(out, err.Error())
		default:
			cells := make([]string, len(row.Cells))
			for i, c := range row.Cells {
				cells[i] = kindLetters()[row.Kind(i)] + c
			}
			out = append(out, fmt.Sprintf("%d %s", row.Line, strings.Join(cells, " | ")))
		}
	}
	require.NoError(t, table.Close())
	return out
}

// style gives cells a number format.
func style(t testing.TB, f *excelize.File, code string, cells ...string) {
	t.Helper()
	id, err := f.NewStyle(&excelize.Style{CustomNumFmt: &code})
	require.NoError(t, err)
	for _, c := range cells {
		require.NoError(t, f.SetCellStyle("Sheet1", c, c, id))
	}
}

func TestCells(t *testing.T) {
	noon := time.Date(2026, 1, 31, 12, 30, 5, 250_001_000, time.UTC)
	tests := []struct {
		name  string
		value any
		code  string // the number format
		want  string
	}{
		{"text", "=1+1 é😀", "", "s:=1+1 é😀"},
		{"digits as text", "007", "", "s:007"},
		{"escaped", "a_x000D_b", "", "s:a\rb"},
		{"escaped escape", "a_x005F_x000D_b _xyz_", "", "s:a_x000D_b _xyz_"},
		{"int", 42, "", "n:42"},
		{"long int", 9007199254740993, "", "n:9007199254740993"},
		{"double", 0.1, "", "n:0.1"},
		{"negative", -1.5, "#,##0.00", "n:-1.5"},
		{"percent", 0.25, "0%", "n:0.25"},
		{"true", true, "", "b:true"},
		{"false", false, "", "b:false"},
		{"date", 46053, "yyyy-mm-dd", "@2026-01-31"},
		{"local date", 46053, `[$-409]d\.m\.yy;@`, "@2026-01-31"},
		{"words in a format", 46053, `"on day "0`, "n:46053"},
		{"date and time", noon, "", "t:2026-01-31 12:30:05.25"},
		{"date in a time", 46053.5, "yyyy-mm-dd", "t:2026-01-31 12:00:00"},
		{"time", 0.25, "h:mm:ss", "t:06:00:00"},
		{"hours", 26.5, "[h]:mm", "n:26.5"},
		{"first day", 1, "yyyy-mm-dd", "@1900-01-01"},
		{"after the day that never was", 61, "yyyy-mm-dd", "@1900-03-01"},
		{"no day", -5, "yyyy-mm-dd", "n:-5"},
		{"beyond all days", 9e9, "yyyy-mm-dd", "n:9000000000"},
		{"red number", 5, "[Red]0.00", "n:5"},
		{"exponent", 5, "0.00E+00", "n:5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			content := workbook(t, func(f *excelize.File) {
				if tt.code != "" {
					style(t, f, tt.code, "B2")
				}
			}, [][]any{{"a", "b"}, {"x", tt.value}})
			_, rows := read(t, xlsxfile.Format(xlsxfile.Options{}), content, importer.Limits{})
			require.Equal(t, []string{"2 s:x | " + tt.want}, rows)
		})
	}
	content := workbook(t, nil, [][]any{{"a"}, {noon}})
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	_, rows := read(t, xlsxfile.Format(xlsxfile.Options{Zone: berlin}), content, importer.Limits{})
	require.Equal(t, []string{"2 @2026-01-31T11:30:05.25Z"}, rows)
}

func TestFormulasErrorsAndRichText(t *testing.T) {
	content := workbook(t, func(f *excelize.File) {
		require.NoError(t, f.SetCellFormula("Sheet1", "A2", "=1+1"))
		require.NoError(t, f.SetCellRichText("Sheet1", "B2", []excelize.RichTextRun{{Text: "a "}, {Text: "b", Font: &excelize.Font{Bold: true}}}))
	}, [][]any{{"a", "b", "c"}, {nil, nil, "x"}})
	content = replacePart(t, content, "xl/worksheets/sheet1.xml", func(s string) string {
		s = strings.Replace(s, "</f>", "</f><v>2</v>", 1)
		return strings.Replace(s, `<c r="C2" t="s"><v>3</v></c>`, `<c r="C2" t="e"><v>#N/A</v></c>`, 1)
	})
	layout, rows := read(t, xlsxfile.Format(xlsxfile.Options{}), content, importer.Limits{})
	require.Len(t, rows, 1)
	require.Equal(t, []string{"2 s:2 | s:a b | t:"}, rows)
	require.Equal(t, "error-cells", layout.Notes[0].Code)
}

// replacePart changes a file of the archive.
func replacePart(t testing.TB, content []byte, name string, change func(string) string) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	require.NoError(t, err)
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range in.File {
		part, err := f.Open()
		require.NoError(t, err)
		text, err := io.ReadAll(part)
		require.NoError(t, err)
		if f.Name == name {
			text = []byte(change(string(text)))
		}
		to, err := w.Create(f.Name)
		require.NoError(t, err)
		_, err = to.Write(text)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func TestLayouts(t *testing.T) {
	tests := []struct {
		name    string
		rows    [][]any
		columns []string
		line    int
		notes   int
		want    []string
	}{
		{"plain", [][]any{{"email", "n"}, {"a@example.com", 1}}, []string{"email", "n"}, 1, 0, []string{"2 s:a@example.com | n:1"}},
		{"title above", [][]any{{"Report"}, nil, {"email", "n", "z"}, {"a@example.com", 1, nil}}, []string{"email", "n", "z"}, 3, 1, []string{"4 s:a@example.com | n:1 | t:"}},
		{"no header", [][]any{{"a@example.com", 1}, {"b@example.com", 2}}, []string{"column_1", "column_2"}, 0, 0, []string{"1 s:a@example.com | n:1", "2 s:b@example.com | n:2"}},
		{"blank rows and columns", [][]any{nil, {nil, "email", nil, "n"}, nil, {nil, "a@example.com"}, {}, {nil, nil, nil, 2}}, []string{"", "email", "", "n"}, 2, 0, []string{"4 t: | s:a@example.com | t: | t:", "6 t: | t: | t: | n:2"}},
		{"wider than the header", [][]any{{"email"}, {"a@example.com", "x", "y"}, {"b@example.com"}}, []string{"column_1", "column_2", "column_3"}, 0, 0, []string{"1 s:email | t: | t:", "2 s:a@example.com | s:x | s:y", "3 s:b@example.com | t: | t:"}},
		{"alike", [][]any{{"a", "a"}, {"1", "2"}}, []string{"a", "a"}, 1, 0, []string{"2 s:1 | s:2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layout, rows := read(t, xlsxfile.Format(xlsxfile.Options{}), workbook(t, nil, tt.rows), importer.Limits{})
			require.Equal(t, tt.columns, layout.Columns)
			require.Equal(t, tt.line, layout.HeaderLine)
			require.Len(t, layout.Notes, tt.notes)
			require.Equal(t, tt.want, rows)
		})
	}
}

func TestSheets(t *testing.T) {
	content := workbook(t, func(f *excelize.File) {
		require.NoError(t, f.SetSheetVisible("Sheet2", false))
		_, err := f.NewSheet("Empty")
		require.NoError(t, err)
		require.NoError(t, f.MergeCell("Sheet3", "A2", "B2"))
	}, [][]any{}, [][]any{{"a"}, {1}}, [][]any{{"b", "c"}, {2, nil}})
	f := xlsxfile.Format(xlsxfile.Options{})
	layout, rows := read(t, f, content, importer.Limits{})
	require.Len(t, layout.Questions, 1)
	require.Equal(t, []string{"Sheet3", "Sheet2"}, layout.Questions[0].Options, "hidden ones last, empty ones not at all")
	require.Equal(t, []string{"2 n:2 | t:"}, rows)

	src := importer.Bytes("test.xlsx", content)
	again, err := importer.Choose(f, map[string]string{xlsxfile.SettingSheet: "Sheet2"}).Detect(t.Context(), src, importer.Limits{})
	require.NoError(t, err)
	require.Empty(t, again.Questions)
	require.Equal(t, []string{"2 n:1"}, rowsOf(t, f, src, again, importer.Limits{}))

	again.Settings[xlsxfile.SettingSheet] = "Sheet3"
	require.Equal(t, []string{"end: sheet conflict: the header is another one than when the file was looked at; look at it again"}, rowsOf(t, f, src, again, importer.Limits{}), "another sheet has other columns")
	again.Settings[xlsxfile.SettingSheet] = "gone"
	_, err = f.Open(t.Context(), src, again, importer.Limits{})
	require.ErrorIs(t, err, audience.ErrNotFound)
}

func TestDates1904(t *testing.T) {
	content := workbook(t, func(f *excelize.File) {
		on := true
		require.NoError(t, f.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &on}))
		style(t, f, "yyyy-mm-dd", "A2")
	}, [][]any{{"a"}, {44591}})
	_, rows := read(t, xlsxfile.Format(xlsxfile.Options{}), content, importer.Limits{})
	require.Equal(t, []string{"2 @2026-01-31"}, rows)
}

func archive(t testing.TB, parts map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, text := range parts {
		to, err := w.Create(name)
		require.NoError(t, err)
		_, err = io.WriteString(to, text)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func TestHostile(t *testing.T) {
	good := workbook(t, nil, [][]any{{"a", "b"}, {"secret", 1}})
	sheet := func(change func(string) string) []byte {
		return replacePart(t, good, "xl/worksheets/sheet1.xml", change)
	}
	var columns []any
	for i := range 2000 {
		columns = append(columns, fmt.Sprint("c", i))
	}
	many := make(map[string]string)
	for i := range 10_001 {
		many[fmt.Sprint("f", i)] = ""
	}
	tests := []struct {
		name    string
		content []byte
		want    error
		message string
	}{
		{"empty", nil, audience.ErrUnsupported, ""},
		{"CSV", []byte("email,name\n"), audience.ErrUnsupported, ""},
		{"old workbook", []byte("\xd0\xcf\x11\xe0xxxxxxxxxxxx"), audience.ErrUnsupported, "save it as .xlsx"},
		{"other archive", archive(t, map[string]string{"a.csv": "x"}), audience.ErrUnsupported, "no workbook"},
		{"cut off", good[:len(good)/2], audience.ErrInvalid, "cut off or damaged"},
		{"many files", archive(t, many), audience.ErrLimit, "at most 10000 files"},
		{"columns", workbook(t, nil, [][]any{columns}), audience.ErrLimit, "at most 1000 columns"},
		{"a far column", sheet(func(s string) string { return strings.ReplaceAll(s, `r="B2"`, `r="ZZZZZZ2"`) }), audience.ErrLimit, "at most 1000 columns"},
		{"bomb", sheet(func(s string) string {
			return strings.Replace(s, "</sheetData>", strings.Repeat("<row><c><v>1</v></c></row>", 700_000)+"</sheetData>", 1)
		}), audience.ErrLimit, "at most 50 times their size"},
		{"a far row", sheet(func(s string) string { return strings.Replace(s, `<row r="2"`, `<row r="1048577"`, 1) }), audience.ErrLimit, "at most 1048576 rows in a sheet"},
		{"large cell", sheet(func(s string) string {
			return strings.Replace(s, "</sheetData>", `<row><c t="inlineStr"><is><t>`+strings.Repeat("x", 8<<20)+"</t></is></c></row></sheetData>", 1)
		}), audience.ErrLimit, "rows and texts of at most 1048576 bytes"},
		{"large text", replacePart(t, good, "xl/sharedStrings.xml", func(s string) string {
			return strings.Replace(s, "secret", strings.Repeat("x", 8<<20), 1)
		}), audience.ErrLimit, "rows and texts of at most 1048576 bytes"},
		{"truncated sheet", sheet(func(s string) string { return s[:strings.Index(s, `<row r="2"`)] }), audience.ErrInvalid, "well-formed XML, behind row 1"},
		{"sheet cut within a row", sheet(func(s string) string { return s[:strings.Index(s, "</sheetData>")-8] }), audience.ErrInvalid, "well-formed XML"},
		{"rows out of order", sheet(func(s string) string { return strings.Replace(s, `<row r="2"`, `<row r="0"`, 1) }), audience.ErrInvalid, "rows in ascending order"},
		{"cells out of order", sheet(func(s string) string { return strings.ReplaceAll(s, `r="B2"`, `r="A2"`) }), audience.ErrInvalid, "cells in ascending order"},
		{"no such text", sheet(func(s string) string { return strings.ReplaceAll(s, "<v>2</v>", "<v>99</v>") }), audience.ErrInvalid, "shared texts that are there"},
		{"nothing", workbook(t, nil, [][]any{}), audience.ErrInvalid, "a sheet with something in it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := xlsxfile.Format(xlsxfile.Options{}).Detect(t.Context(), importer.Bytes("x", tt.content), importer.Limits{})
			require.ErrorIs(t, err, tt.want)
			require.ErrorContains(t, err, tt.message)
			require.NotContains(t, err.Error(), "secret")
		})
	}
	_, err := xlsxfile.Format(xlsxfile.Options{}).Detect(t.Context(), importer.Bytes("x", good), importer.Limits{Rows: 1})
	require.ErrorIs(t, err, audience.ErrLimit)
	_, err = xlsxfile.Format(xlsxfile.Options{}).Detect(t.Context(), importer.Bytes("x", good), importer.Limits{Bytes: 1000})
	require.ErrorIs(t, err, audience.ErrLimit)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = xlsxfile.Format(xlsxfile.Options{}).Detect(ctx, importer.Bytes("x", good), importer.Limits{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestLongCell(t *testing.T) {
	content := workbook(t, nil, [][]any{{"a"}, {strings.Repeat("x", 100)}, {"y"}})
	_, rows := read(t, xlsxfile.Format(xlsxfile.Options{}), content, importer.Limits{CellBytes: 50})
	require.Equal(t, []string{"line 2, column 1: row: max-cell: at most 50 bytes in one cell", "3 s:y"}, rows)
}

// failing is a source that cannot be read whole.
type failing struct {
	importer.Source
	content []byte
}

func (f failing) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(bytes.NewReader(f.content), errReader{})), nil
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("gone") }

func TestSources(t *testing.T) {
	content := workbook(t, nil, [][]any{{"a"}, {1}})
	name := filepath.Join(t.TempDir(), "x.xlsx")
	require.NoError(t, os.WriteFile(name, content, 0o600))
	f := xlsxfile.Format(xlsxfile.Options{})
	layout, want := read(t, f, content, importer.Limits{})
	require.Equal(t, want, rowsOf(t, f, importer.File(name), layout, importer.Limits{}))
	for _, n := range []int{0, 3, 100} {
		_, err := f.Detect(t.Context(), failing{importer.Bytes("x", nil), content[:n]}, importer.Limits{})
		require.EqualError(t, err, "gone")
	}
}

func TestRejects(t *testing.T) {
	content := workbook(t, func(f *excelize.File) { style(t, f, "yyyy-mm-dd", "C2") },
		[][]any{{"email", "password", "day", "n", "ok", "id"}, {"=a@example.com", "secret", 46053, 1.5, true, 1234567890123456789}, {"b@example.com"}})
	f := xlsxfile.Format(xlsxfile.Options{})
	layout, want := read(t, f, content, importer.Limits{})
	table, err := f.Open(t.Context(), importer.Bytes("x", content), layout, importer.Limits{})
	require.NoError(t, err)
	defer table.Close() //nolint:errcheck // it was only read
	var out bytes.Buffer
	rejects, err := f.Rejects(&out, layout, []int{1})
	require.NoError(t, err)
	for row, err := range table.Rows(t.Context()) {
		require.NoError(t, err)
		require.NoError(t, rejects.Reject(row, "why"))
	}
	require.NoError(t, rejects.Close())
	again, rows := read(t, f, out.Bytes(), importer.Limits{})
	require.Equal(t, append(layout.Columns, importer.ReasonColumn), again.Columns)
	require.Equal(t, strings.Replace(strings.Replace(want[0], "s:secret", "t:", 1), "n:1234567890123456789", "s:1234567890123456789", 1)+" | s:why", rows[0])
	require.Equal(t, want[1]+" | s:why", rows[1])
}

// TestCorpora reads workbooks that other programs made.
func TestCorpora(t *testing.T) {
	root := os.Getenv("AUDIENCEKIT_CORPORA")
	if root == "" {
		t.Skip("set AUDIENCEKIT_CORPORA to the folder of corpora")
	}
	content, err := os.ReadFile(filepath.Join(root, "csv-corpora", "csvlint", "spreadsheet.xlsx"))
	require.NoError(t, err)
	layout, rows := read(t, xlsxfile.Format(xlsxfile.Options{}), content, importer.Limits{})
	require.Equal(t, []string{"a", "b", "c"}, layout.Columns)
	require.Empty(t, rows)
}
