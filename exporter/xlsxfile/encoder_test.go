package xlsxfile_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/xlsxfile"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 123_456_000, time.UTC)

func open(t testing.TB, writes ...audience.ContactWrite) *store.Audience {
	t.Helper()
	aud, err := store.Open(t.Context(), memstore.New(), "main", store.Options{Clock: func() time.Time { return now }})
	require.NoError(t, err)
	_, err = aud.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Put(t.Context(), writes...)
		return err
	})
	require.NoError(t, err)
	return aud
}

func export(t testing.TB, aud *store.Audience, w io.Writer, opts xlsxfile.Options, columns ...string) (result exporter.Result, err error) {
	t.Helper()
	require.NoError(t, aud.View(t.Context(), func(r *store.Reader) error {
		result, err = exporter.Contacts(t.Context(), r, xlsxfile.New(w, opts), exporter.Everything("a test"), exporter.Options{Columns: columns})
		return nil
	}))
	return result, err
}

func read(t testing.TB, content []byte) *excelize.File {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(content))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

// TestCells: each type as itself, nothing a formula, what a cell cannot hold
// as text.
func TestCells(t *testing.T) {
	day, err := audience.ParseDate("2026-01-31")
	require.NoError(t, err)
	old, err := audience.ParseDate("1900-02-28")
	require.NoError(t, err)
	aud := open(t, audience.ContactWrite{
		Match: audience.Key("007"), FirstName: audience.NewPrivate("=1+1"), Phone: audience.NewPrivate("+48 500"), SetTags: []string{"a, b", "c"},
		Set: map[string]audience.Value{
			"int": audience.IntValue(-5), "big": audience.IntValue(1_000_000_000_000_000), "double": audience.DoubleValue(0.1), "bool": audience.BoolValue(true),
			"seen": audience.TimestampValue(now), "day": audience.DateValue(day), "old": audience.DateValue(old),
			"ancient": audience.TimestampValue(time.Date(1815, 12, 10, 0, 0, 0, 0, time.UTC)),
		},
	}, audience.ContactWrite{Match: audience.Key("u2")})
	var out bytes.Buffer
	columns := []string{"external_id", "email", "first_name", "phone", "tags", "int", "big", "double", "bool", "seen", "day", "old", "ancient"}
	result, err := export(t, aud, &out, xlsxfile.Options{}, columns...)
	require.NoError(t, err)
	require.Equal(t, 2, result.Written)
	f := read(t, out.Bytes())
	require.Equal(t, []string{"Contacts"}, f.GetSheetList())
	shown, err := f.GetRows("Contacts")
	require.NoError(t, err)
	require.Equal(t, []string{
		"external_id", "email", "first_name", "phone", "tags", "int:int", "big:int", "double:double", "bool:bool", "seen:timestamp", "day:date", "old:date", "ancient:timestamp",
	}, shown[0])
	require.Equal(t, []string{
		"007", "", "=1+1", "+48 500", `"a, b",c`, "-5", "1000000000000000", "0.1", "TRUE", "2026-03-01 12:00:00", "2026-01-31", "1900-02-28", "1815-12-10T00:00:00Z",
	}, shown[1])
	require.Equal(t, []string{"u2"}, shown[2])
	for i := range columns {
		cell, err := excelize.CoordinatesToCellName(i+1, 2)
		require.NoError(t, err)
		formula, err := f.GetCellFormula("Contacts", cell)
		require.NoError(t, err)
		require.Empty(t, formula, cell)
	}
	for cell, want := range map[string]excelize.CellType{
		"A2": excelize.CellTypeInlineString, "C2": excelize.CellTypeInlineString, "F2": excelize.CellTypeUnset, "G2": excelize.CellTypeInlineString,
		"H2": excelize.CellTypeUnset, "I2": excelize.CellTypeBool, "J2": excelize.CellTypeUnset, "K2": excelize.CellTypeUnset, "L2": excelize.CellTypeInlineString,
	} {
		got, err := f.GetCellType("Contacts", cell)
		require.NoError(t, err)
		require.Equal(t, want, got, cell)
	}
	panes, err := f.GetPanes("Contacts")
	require.NoError(t, err)
	require.True(t, panes.Freeze)
	require.Equal(t, 1, panes.YSplit)
}

// TestInstantsKeepMilliseconds: the number of a cell gives the instant back,
// in the zone asked for; what is finer is counted.
func TestInstantsKeepMilliseconds(t *testing.T) {
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	require.NoError(t, err)
	for _, at := range []time.Time{now, time.Date(7621, 1, 17, 5, 9, 8, 868_000_000, time.UTC), time.Date(1900, 3, 1, 0, 0, 0, 1_000_000, time.UTC), time.Date(9999, 6, 6, 23, 59, 59, 999_000_000, time.UTC)} {
		var out bytes.Buffer
		result, err := export(t, open(t, audience.ContactWrite{Match: audience.Key("u1"), Set: map[string]audience.Value{"at": audience.TimestampValue(at)}}), &out, xlsxfile.Options{Local: warsaw}, "at")
		require.NoError(t, err)
		require.Equal(t, at.Round(time.Millisecond) != at, result.Rounded == 1)
		text, err := read(t, out.Bytes()).GetCellValue("Contacts", "A2", excelize.Options{RawCellValue: true})
		require.NoError(t, err)
		days, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		whole := int(days)
		wall := time.Date(1899, 12, 30+whole, 0, 0, 0, 0, time.UTC).Add(time.Duration((days - float64(whole)) * 24 * float64(time.Hour))).Round(time.Millisecond)
		local := at.In(warsaw)
		_, offset := local.Zone()
		require.Equal(t, at.Round(time.Millisecond), wall.Add(-time.Duration(offset)*time.Second))
	}
}

// TestDoublesKeep15Digits: as programs do, and it is said.
func TestDoublesKeep15Digits(t *testing.T) {
	for f, want := range map[float64]string{0.1: "0.1", 0.1 + 0.2: "0.3", 1.0 / 3: "0.333333333333333", 2.0 / 3: "0.666666666666667", 1e300: "1E+300", -5: "-5"} {
		var out bytes.Buffer
		result, err := export(t, open(t, audience.ContactWrite{Match: audience.Key("u1"), Set: map[string]audience.Value{"f": audience.DoubleValue(f)}}), &out, xlsxfile.Options{}, "f")
		require.NoError(t, err)
		text, err := read(t, out.Bytes()).GetCellValue("Contacts", "A2", excelize.Options{RawCellValue: true})
		require.NoError(t, err)
		got, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		expected, err := strconv.ParseFloat(want, 64)
		require.NoError(t, err)
		require.Equal(t, expected, got) //nolint:testifylint // to the bit
		require.Equal(t, expected != f, result.Rounded == 1)
	}
}

func TestLongTexts(t *testing.T) {
	long := strings.Repeat("é", 32_766) + "😀" // one unit of UTF-16 too long
	aud := open(t, audience.ContactWrite{Match: audience.Key("u1"), FirstName: audience.NewPrivate("x")}, audience.ContactWrite{Match: audience.Key("u2"), FirstName: audience.NewPrivate(long[2:]), LastName: audience.NewPrivate(long)})
	folder := t.TempDir()
	var out bytes.Buffer
	_, err := export(t, aud, &out, xlsxfile.Options{TempDir: folder}, "external_id", "first_name", "last_name")
	require.ErrorIs(t, err, audience.ErrLimit)
	require.ErrorContains(t, err, "row 2, column 3: max-length")
	require.NotContains(t, err.Error(), "é")
	require.Zero(t, out.Len())

	result, err := export(t, aud, &out, xlsxfile.Options{CutLong: true}, "external_id", "first_name", "last_name")
	require.NoError(t, err)
	require.Equal(t, exporter.Loss{Cut: 1}, result.Loss)
	f := read(t, out.Bytes())
	whole, err := f.GetCellValue("Contacts", "B3")
	require.NoError(t, err)
	require.Equal(t, long[2:], whole)
	cut, err := f.GetCellValue("Contacts", "C3")
	require.NoError(t, err)
	require.Equal(t, strings.TrimSuffix(long, "😀"), cut, "no half character")
}

// TestHostileTexts come back as they are, but for characters that XML cannot
// hold.
func TestHostileTexts(t *testing.T) {
	var writes []audience.ContactWrite
	var want []string
	replaced := 0
	texts := []string{"_x0041_", "_x005F_x0041_", "a\r\nb", " x ", "\ttab", "&amp;<b>", "\x01\x0b\x1f", "\ufffe\uffff", "\ufffd"}
	for _, h := range audiencetest.Hostile() {
		texts = append(texts, h.Text)
	}
	for i, text := range texts {
		if audience.StringValue(text).Check("x", audience.Limits{}) != nil || text == "" || len(text) > 32_767 {
			continue
		}
		writes = append(writes, audience.ContactWrite{Match: audience.Key(fmt.Sprint("u", i)), Set: map[string]audience.Value{"text": audience.StringValue(text)}})
		want = append(want, strings.Map(func(r rune) rune {
			if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
				replaced++
				return 0xFFFD
			}
			return r
		}, text))
	}
	var out bytes.Buffer
	result, err := export(t, open(t, writes...), &out, xlsxfile.Options{}, "text")
	require.NoError(t, err)
	require.Equal(t, exporter.Loss{Replaced: replaced}, result.Loss)
	require.Positive(t, replaced)
	f := read(t, out.Bytes())
	for i := range want {
		got, err := f.GetCellValue("Contacts", fmt.Sprint("A", i+2))
		require.NoError(t, err)
		require.Equal(t, want[i], got)
	}
}

// TestSheets: when one is full the next one begins, with a header of its own.
func TestSheets(t *testing.T) {
	var writes []audience.ContactWrite
	for i := range 5 {
		writes = append(writes, audience.ContactWrite{Match: audience.Key(fmt.Sprint("u", i+1))})
	}
	var out bytes.Buffer
	_, err := export(t, open(t, writes...), &out, xlsxfile.Options{RowsPerSheet: 2}, "external_id")
	require.NoError(t, err)
	f := read(t, out.Bytes())
	require.Equal(t, []string{"Contacts", "Contacts 2", "Contacts 3"}, f.GetSheetList())
	for i, want := range [][][]string{{{"external_id"}, {"u1"}, {"u2"}}, {{"external_id"}, {"u3"}, {"u4"}}, {{"external_id"}, {"u5"}}} {
		rows, err := f.GetRows(f.GetSheetList()[i])
		require.NoError(t, err)
		require.Equal(t, want, rows)
	}
	out.Reset()
	_, err = export(t, open(t), &out, xlsxfile.Options{}, "external_id")
	require.NoError(t, err)
	rows, err := read(t, out.Bytes()).GetRows("Contacts")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"external_id"}}, rows, "nobody is a header alone")
}

// many exports contacts whose rows do not fit into memory's share, to w.
func many(t *testing.T, w io.Writer, folder string) error {
	t.Helper()
	enc := xlsxfile.New(w, xlsxfile.Options{TempDir: folder})
	closer, ok := enc.(io.Closer)
	require.True(t, ok)
	defer func() { require.NoError(t, closer.Close()) }()
	require.NoError(t, enc.Begin([]exporter.Column{{Name: "note", Type: audience.TypeString, Custom: true}}))
	note := []audience.Value{audience.StringValue(strings.Repeat("long ", 200))}
	for range 20_000 {
		require.NoError(t, enc.Encode(note))
	}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 1, "rows wait in a file")
	info, err := entries[0].Info()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = enc.End()
	return err
}

// TestNothingStays: the file of waiting rows goes, also when writing fails.
func TestNothingStays(t *testing.T) {
	errDisk := errors.New("disk full")
	for name, w := range map[string]io.Writer{"written": io.Discard, "failed": failing{errDisk}} {
		folder := t.TempDir()
		err := many(t, w, folder)
		if name == "failed" {
			require.ErrorIs(t, err, errDisk)
		} else {
			require.NoError(t, err)
		}
		entries, readErr := os.ReadDir(folder)
		require.NoError(t, readErr)
		require.Empty(t, entries)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// TestWorkbookIsStreamed: it reaches the writer piece by piece.
func TestWorkbookIsStreamed(t *testing.T) {
	var out pieces
	require.NoError(t, many(t, &out, t.TempDir()))
	require.Greater(t, out.n, 3)
	_, err := zip.NewReader(bytes.NewReader(out.all), int64(len(out.all)))
	require.NoError(t, err)
}

type pieces struct {
	n   int
	all []byte
}

func (p *pieces) Write(b []byte) (int, error) {
	p.n++
	p.all = append(p.all, b...)
	return len(b), nil
}

func BenchmarkEncoder(b *testing.B) {
	row := []audience.Value{
		audience.StringValue("u1"), audience.StringValue("name1@example.com"), audience.StringValue("Jürgen"), audience.StringListValue("a", "b"),
		audience.TimestampValue(now), audience.IntValue(30), audience.BoolValue(true),
	}
	columns := make([]exporter.Column, len(row))
	for i, v := range row {
		columns[i] = exporter.Column{Name: fmt.Sprint("c", i), Type: v.Type(), Custom: true}
	}
	b.ReportAllocs()
	const rows = 10_000
	for b.Loop() {
		enc := xlsxfile.New(io.Discard, xlsxfile.Options{})
		require.NoError(b, enc.Begin(columns))
		for range rows {
			if err := enc.Encode(row); err != nil {
				b.Fatal(err)
			}
		}
		_, err := enc.End()
		require.NoError(b, err)
		require.NoError(b, enc.(io.Closer).Close())
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
}

// TestLastInstants: the last day that programs know, and what the zone or
// rounding would move beyond it.
func TestLastInstants(t *testing.T) {
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		at   time.Time
		zone *time.Location
		want string
	}{
		"last":     {time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), nil, "9999-12-31 23:59:59"},
		"zone":     {time.Date(9999, 12, 31, 23, 30, 0, 0, time.UTC), warsaw, "9999-12-31T23:30:00Z"},
		"rounding": {time.Date(9999, 12, 31, 23, 59, 59, 999_900_000, time.UTC), nil, "9999-12-31T23:59:59.9999Z"},
	} {
		var out bytes.Buffer
		result, err := export(t, open(t, audience.ContactWrite{Match: audience.Key("u1"), Set: map[string]audience.Value{"at": audience.TimestampValue(tt.at)}}), &out, xlsxfile.Options{Local: tt.zone}, "at")
		require.NoError(t, err)
		require.Zero(t, result.Rounded)
		got, err := read(t, out.Bytes()).GetCellValue("Contacts", "A2")
		require.NoError(t, err)
		require.Equal(t, tt.want, got, name)
	}
}

// TestWidthsInOrder: spreadsheets may refuse a sheet that tells its columns in
// another order.
func TestWidthsInOrder(t *testing.T) {
	var out bytes.Buffer
	_, err := export(t, open(t), &out, xlsxfile.Options{}, "external_id", "email", "created_at")
	require.NoError(t, err)
	archive, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	require.NoError(t, err)
	sheet, err := archive.Open("xl/worksheets/sheet1.xml")
	require.NoError(t, err)
	content, err := io.ReadAll(sheet)
	require.NoError(t, err)
	var columns []string
	for _, column := range regexp.MustCompile(`<col min="(\d+)"`).FindAllSubmatch(content, -1) {
		columns = append(columns, string(column[1]))
	}
	require.Equal(t, []string{"1", "2", "3"}, columns)
}
