package importer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// kindLetters are printed in front of cells.
func kindLetters() map[importer.CellKind]string {
	return map[importer.CellKind]string{
		importer.CellText: "t:", importer.CellAbsent: "-", importer.CellString: "s:", importer.CellNumber: "n:",
		importer.CellBool: "b:", importer.CellList: "l:", importer.CellTime: "@",
	}
}

// rowsIn gives the layout of a file and its rows as text, with their lines; the
// error that ends it, if any, is the last.
func rowsIn(t testing.TB, f importer.Format, src importer.Source) (*importer.Layout, []string) {
	t.Helper()
	layout, err := f.Detect(t.Context(), src, importer.Limits{})
	require.NoError(t, err)
	return layout, rowsAs(t, f, src, layout)
}

func rowsAs(t testing.TB, f importer.Format, src importer.Source, layout *importer.Layout) (out []string) {
	t.Helper()
	table, err := f.Open(t.Context(), src, layout, importer.Limits{})
	require.NoError(t, err)
	for row, err := range table.Rows(t.Context()) {
		if row == nil {
			out = append(out, "end: "+err.Error())
			continue
		}
		require.Len(t, row.Cells, len(layout.Columns))
		if err != nil {
			var bad *importer.RowError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, row.Line, bad.Line)
			out = append(out, err.Error())
			continue
		}
		cells := make([]string, len(row.Cells))
		for i, c := range row.Cells {
			cells[i] = kindLetters()[row.Kind(i)] + c
		}
		out = append(out, fmt.Sprintf("%d %s", row.Line, strings.Join(cells, " | ")))
	}
	require.NoError(t, table.Close())
	return out
}

func text(s string) importer.Source { return importer.Bytes("test", []byte(s)) }

func TestJSONRecords(t *testing.T) {
	tests := []struct {
		name    string
		record  string
		columns []string
		want    string
	}{
		{"kinds", `{"s":"x","n":-1.50e+3,"t":true,"f":false,"e":""}`, []string{"s", "n", "t", "f", "e"}, "1 s:x | n:-1.50e+3 | b:true | b:false | s:"},
		{"numbers as they stand", `{"id":9007199254740993,"z":0.10,"i":0}`, []string{"id", "z", "i"}, "1 n:9007199254740993 | n:0.10 | n:0"},
		{"null is empty", `{"a":null,"b":1}`, []string{"b", "a"}, "1 n:1 | t:"},
		{"members within members", `{"a":{"b":{"c":1},"d":"x"},"e":2}`, []string{"a.b.c", "a.d", "e"}, "1 n:1 | s:x | n:2"},
		{"null for members", `{"a":{"b":1},"c":null}`, []string{"a.b", "c"}, "1 n:1 | t:"},
		{"lists", `{"tags":["a","b, c","d \"e\""," f",""],"n":[1,true,null],"none":[]}`, []string{"tags", "n", "none"}, `1 l:a,"b, c","d ""e"""," f","" | l:1,true | l:`},
		{"lists of others", `{"a":[{"x": 1}, [2]],"b":1}`, []string{"a", "b"}, `1 s:[{"x": 1}, [2]] | n:1`},
		{"escapes", `{"\u00e9\"":"\u00e9\n\t\/\\\ud83d\ude00"}`, []string{`é"`}, "1 s:é\n\t/\\😀"},
		{"spaces", " {\t\"a\" : 1 , \"b\" : [ 1 , 2 ] } ", []string{"a", "b"}, "1 n:1 | l:1,2"},
		{"empty names", `{"":1,"a":{"":2}}`, []string{"", "a."}, "1 n:1 | n:2"},
		{"nothing", `{}`, nil, "1 "},
		{"twice", `{"a":1,"b":2,"a":3}`, []string{"a", "b"}, "line 1, column 1: row: duplicate: each name once in a record"},
		{"twice by path", `{"a":{"b":1},"a.b":3}`, []string{"a.b"}, "line 1, column 1: row: duplicate: each name once in a record"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, f := range []importer.Format{importer.NDJSON(), importer.JSON()} {
				content := tt.record
				if f.Name() == "json" {
					content = "[" + content + "]"
				}
				layout, rows := rowsIn(t, f, text(content))
				require.Equal(t, tt.columns, layout.Columns)
				require.Equal(t, []string{tt.want}, rows)
			}
		})
	}
}

// TestJSONBadRecords: a bad record costs itself alone, and nothing of what it
// says is in the error.
func TestJSONBadRecords(t *testing.T) {
	tests := []struct{ name, record, want string }{
		{"word", `{"a":secret}`, "column 1: row: json: a value, at byte 6 of the record"},
		{"half a word", `{"a":tru}`, "column 1: row: json: true, false, null, a number, a string, an array or an object, at byte 6 of the record"},
		{"leading zero", `{"a":007}`, "row: json: a comma or } behind the value, at byte 7 of the record"},
		{"no digit", `{"a":-}`, "column 1: row: json: a digit, at byte 7 of the record"},
		{"no fraction", `{"a":1.}`, "column 1: row: json: a digit behind the point, at byte 8 of the record"},
		{"no exponent", `{"a":1e}`, "column 1: row: json: a digit in the exponent, at byte 8 of the record"},
		{"not a number", `{"a":NaN}`, "column 1: row: json: a value, at byte 6 of the record"},
		{"no colon", `{"a" 1}`, "row: json: a colon behind the name, at byte 6 of the record"},
		{"trailing comma", `{"a":1,}`, "row: json: a name in double quotes, at byte 8 of the record"},
		{"two objects", `{"a":1} {"a":2}`, "row: json: nothing behind the object, at byte 9 of the record"},
		{"array", `[1]`, "row: json: an object between { and }, at byte 1 of the record"},
		{"half a pair", `{"a":"\ud83d"}`, `column 1: row: json: escapes that JSON has, such as \n and \u00e9, and surrogates in pairs, at byte 14 of the record`},
		{"unknown escape", `{"a":"\x41"}`, `column 1: row: json: escapes that JSON has, such as \n and \u00e9, and surrogates in pairs, at byte 12 of the record`},
		{"control character", "{\"a\":\"\x01\"}", "column 1: row: json: no control characters in strings, at byte 7 of the record"},
		{"Latin-1", "{\"a\":\"J\xfcrgen\"}", "column 1: row: utf8: valid UTF-8; save the file as UTF-8 and import it again"},
		{"deep objects", `{"a":` + strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat("}", 41), "row: max-depth: at most 32 levels within each other"},
		{"deep arrays", `{"a":` + strings.Repeat(`[`, 40) + strings.Repeat("]", 40) + `}`, "column 1: row: max-depth: at most 32 levels within each other"},
		{"comma missing", `{"a":[1 2]}`, "column 1: row: json: a comma or ] behind the item, at byte 9 of the record"},
		{"item missing", `{"a":[1,]}`, "column 1: row: json: a value, at byte 9 of the record"},
		{"bad within an array", `{"a":[{"b":}]}`, "column 1: row: json: a value, at byte 12 of the record"},
		{"long cell", `{"a":"` + strings.Repeat("x", 70_000) + `"}`, "column 1: row: max-cell: at most 65536 bytes in one value"},
		{"long record", `{"a":"` + strings.Repeat("x", 2<<20) + `"}`, "row: max-bytes: at most 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, f := range []importer.Format{importer.NDJSON(), importer.JSON()} {
				parts := []string{`{"a":"good"}`, tt.record, `{"a":"too"}`, `{"a":1}`}
				content := strings.Join(parts, "\n")
				if f.Name() == "json" {
					content = "[" + strings.Join(parts, ",\n") + "]"
				}
				if f.Name() == "json" && tt.name == "two objects" {
					continue // it is no element
				}
				_, rows := rowsIn(t, f, text(content))
				sep := ": "
				if strings.HasPrefix(tt.want, "column") {
					sep = ", "
				}
				require.Equal(t, []string{"1 s:good", "line 2" + sep + tt.want, "3 s:too", "4 n:1"}, rows)
			}
		})
	}
}

func TestNDJSONLines(t *testing.T) {
	tests := []struct {
		name, content string
		want          []string
	}{
		{"line ends", "{\"a\":1}\r\n\n  \r\n{\"a\":2}\n{\"a\":3}", []string{"1 n:1", "4 n:2", "5 n:3"}},
		{"mark", "\ufeff{\"a\":1}\n", []string{"1 n:1"}},
		{"absent", "{\"a\":1}\n{\"b\":2}\n{}\n", []string{"1 n:1 | -", "2 - | n:2", "3 - | -"}},
		{"broken over two lines", "{\"a\":1}\n{\"a\":\n2}\n{\"a\":4}\n{\"a\":5}\n", []string{
			"1 n:1", "line 2: row: json: a value, at byte 6 of the record", "line 3: row: json: an object between { and }, at byte 1 of the record", "4 n:4", "5 n:5",
		}},
		{"stray quote", "{\"a\":1}\n{\"a\":\"2}\n{\"a\":3}\n", []string{"1 n:1", "line 2, column 1: row: json: a closing quote, at byte 9 of the record", "3 n:3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, rows := rowsIn(t, importer.NDJSON(), text(tt.content))
			require.Equal(t, tt.want, rows)
		})
	}
}

func TestJSONShapes(t *testing.T) {
	tests := []struct {
		name, content string
		member        string
		questions     int
		want          []string
	}{
		{"array", "[\n{\"a\":1},\n{\"a\":2}\n]\n", "", 0, []string{"2 n:1", "3 n:2"}},
		{"empty array", "[]", "", 0, nil},
		{"envelope", "{\"audiencekit\":1,\"at\":\"x\",\"contacts\":[\n{\"a\":1},\n{\"a\":2}\n],\n\"more\":{\"a\":[{\"b\":1}]}}", "contacts", 0, []string{"2 n:1", "3 n:2"}},
		{"data", `{"count":1,"data":[{"a":1}]}`, "data", 0, []string{"1 n:1"}},
		{"escaped member", `{"d\u0061ta":[{"a":1}]}`, "data", 0, []string{"1 n:1"}},
		{"two arrays", `{"links":[{"href":"x"}],"contacts":[{"a":1}],"plain":[1,2]}`, "contacts", 1, []string{"1 n:1"}},
		{"several in a line", `[{"a":1},{"a":2},3,{"a":4}]`, "", 0, []string{"1 n:1", "1 n:2", "line 1: row: json: an object between { and }, at byte 1 of the record", "1 n:4"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layout, rows := rowsIn(t, importer.JSON(), text(tt.content))
			require.Equal(t, tt.member, layout.Settings["member"])
			require.Len(t, layout.Questions, tt.questions)
			require.Equal(t, tt.want, rows)
		})
	}
}

// TestChoose: an answer that changes the columns is given when the file is
// looked at again.
func TestChoose(t *testing.T) {
	tests := []struct {
		name     string
		format   importer.Format
		content  string
		settings map[string]string
		want     []string
	}{
		{"member", importer.JSON(), `{"links":[{"href":"x"}],"contacts":[{"a":1}]}`, map[string]string{"member": "links"}, []string{"1 s:x"}},
		{"record", importer.XML(), "<r><p><a>1</a></p><q><b>2</b></q><p/><q/></r>", map[string]string{"record": "r/q"}, []string{"1 t:2", "1 -"}},
		{"no question", importer.NDJSON(), `{"a":1}`, map[string]string{"member": "x"}, []string{"1 n:1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layout, rows := rowsIn(t, importer.Choose(tt.format, tt.settings), text(tt.content))
			require.Empty(t, layout.Questions)
			require.Equal(t, tt.want, rows)
		})
	}
}

// TestJSONBroken: what stands in front of the break is good, and the error says
// where it is.
func TestJSONBroken(t *testing.T) {
	tests := []struct{ name, content, want string }{
		{"quote", "[{\"a\":1},\n{\"a\":\"x},\n{\"a\":3}]", "file: json: a closing quote before the line ends, at line 2, byte 20 of the file"},
		{"bracket", "[{\"a\":1},\n{\"a\":[1},\n{\"a\":3}]", "file: json: brackets in pairs, at line 2, byte 18 of the file"},
		{"end", "[{\"a\":1},\n{\"a\":", "file: json: more: the file ends within a value, at line 2, byte 16 of the file"},
		{"no end", "[{\"a\":1}\n", "file: json: more: the file ends too early, at line 2, byte 10 of the file"},
		{"comma", "[{\"a\":1}\n{\"a\":2}]", "file: json: a comma or ] behind the record, at line 2, byte 10 of the file"},
		{"trailing comma", "[{\"a\":1},\n]", "file: json: brackets in pairs, at line 2, byte 11 of the file"},
		{"behind", "[{\"a\":1}]\n x", "file: json: nothing behind the end of the JSON text, at line 2, byte 12 of the file"},
		{"envelope", "{\"data\":[{\"a\":1}],\n2}", "file: json: a name in double quotes, at line 2, byte 20 of the file"},
		{"envelope without end", "{\"data\":[{\"a\":1}]\n", "file: json: more: the file ends too early, at line 2, byte 19 of the file"},
		{"bottomless", "[{\"a\":1},\n" + strings.Repeat("[", 2_000_000), "file: json: not so many objects and arrays within each other, at line 2, byte 1035 of the file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layout, rows := rowsIn(t, importer.JSON(), text(tt.content))
			require.Equal(t, []string{"a"}, layout.Columns)
			require.Equal(t, []string{"1 n:1", "end: " + tt.want}, rows)
			require.Len(t, layout.Notes, 1)
			require.Equal(t, "broken", layout.Notes[0].Code)
		})
	}
}

func TestJSONIsNot(t *testing.T) {
	tests := []struct {
		name, content string
		json, ndjson  bool
	}{
		{"array", `[{"a":1}]`, true, false},
		{"array over lines", "[\n{\"a\":1},\n{\"a\":2}\n]", true, false},
		{"lines", "{\"a\":1}\n{\"a\":2}", false, true},
		{"lines with arrays", "{\"a\":[{\"b\":1}]}\n{\"a\":[{\"b\":2}]}", false, true},
		{"one line", `{"a":1}`, false, true},
		{"CSV", "email,name\na@example.com,x\n", false, false},
		{"empty", "", false, false},
		{"blank", " \n ", false, false},
		{"plain values", `[1,2]`, false, false},
		{"word", `null`, false, false},
		{"UTF-16", "\xff\xfe[\x00]\x00", false, false},
		{"UTF-16 without mark", "[\x00]\x00", false, false},
		{"one bracket", "{", false, false},
		{"XML", "<a/>", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for f, want := range map[importer.Format]bool{importer.JSON(): tt.json, importer.NDJSON(): tt.ndjson} {
				_, err := f.Detect(t.Context(), text(tt.content), importer.Limits{})
				if want {
					require.NoError(t, err)
					continue
				}
				require.ErrorIs(t, err, audience.ErrUnsupported, f.Name())
			}
		})
	}
}

func TestJSONLimits(t *testing.T) {
	wide := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, ",\"c%d\":1", i)
		}
		return "{" + b.String()[1:] + "}"
	}
	tests := []struct {
		name, record string
		limits       importer.Limits
	}{
		{"columns", wide(100_000), importer.Limits{RecordBytes: 4 << 20}},
		{"names", `{"` + strings.Repeat("x", 2000) + `":1}`, importer.Limits{}},
		{"bytes", wide(10), importer.Limits{Bytes: 20}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, f := range []importer.Format{importer.NDJSON(), importer.JSON()} {
				content := tt.record
				if f.Name() == "json" {
					content = "[" + content + "]"
				}
				_, err := f.Detect(t.Context(), text(content), tt.limits)
				if tt.name == "names" {
					require.Error(t, err) // no record is good
					continue
				}
				require.ErrorIs(t, err, audience.ErrLimit)
			}
		})
	}
	_, err := importer.NDJSON().Detect(t.Context(), text("{\"a\":1}\n{\"a\":1}\n{\"a\":1}"), importer.Limits{Rows: 2})
	require.ErrorIs(t, err, audience.ErrLimit)
}

// endless gives the same bytes again and again.
type endless struct {
	importer.Source
	begin, again string
	size         int64
}

func (e endless) Name() string { return "endless" }

func (e endless) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader(e.begin), io.LimitReader(&repeat{e.again, 0}, e.size))), nil
}

type repeat struct {
	text string
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}

// TestJSONLongRecord reads a record of 200 MB in little memory and goes on
// behind it.
func TestJSONLongRecord(t *testing.T) {
	for _, f := range []importer.Format{importer.NDJSON(), importer.JSON()} {
		begin := "{\"a\":1}\n{\"a\":\""
		if f.Name() == "json" {
			begin = "[{\"a\":1},{\"a\":\""
		}
		src := endless{begin: begin, again: strings.Repeat("x", 4096), size: 200 << 20}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		table, err := f.Open(t.Context(), src, &importer.Layout{Columns: []string{"a"}}, importer.Limits{})
		require.NoError(t, err)
		var last error
		for _, err := range table.Rows(t.Context()) {
			last = err
		}
		require.Error(t, last)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(10<<20))
	}
}

// TestJSONFaultySources: however a file comes, the rows are the same.
func TestJSONFaultySources(t *testing.T) {
	lines := "{\"a\":\"x\\u00e9\",\"b\":[1,2]}\n\n{\"b\":[]}\n{broken}\n{\"a\":{\"c\":null}}\n{\"a\":1}\n{\"a\":1}\n"
	array := "{\"n\":1,\"data\" : [ " + strings.ReplaceAll(strings.Trim(strings.ReplaceAll(lines, "\n\n", "\n"), "\n"), "\n", " ,\n") + " ] , \"x\":[2] } "
	for f, content := range map[importer.Format]string{importer.NDJSON(): lines, importer.JSON(): array} {
		layout, want := rowsIn(t, f, text(content))
		require.Len(t, want, 6)
		for name, wrap := range map[string]func(io.Reader) io.Reader{"bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "end with data": iotest.DataErrReader} {
			src := wrapped{text(content), wrap}
			again, rows := rowsIn(t, f, src)
			require.Equal(t, layout, again, name)
			require.Equal(t, want, rows, name)
		}
		for at := range len(content) {
			src := wrapped{text(content), func(r io.Reader) io.Reader {
				return io.MultiReader(io.LimitReader(r, int64(at)), iotest.ErrReader(io.ErrUnexpectedEOF))
			}}
			_, err := f.Detect(t.Context(), src, importer.Limits{})
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%s at %d", f.Name(), at)
			if at < len("\ufeff") {
				continue
			}
			rows := rowsAs(t, f, src, layout)
			require.Equal(t, "end: unexpected EOF", rows[len(rows)-1])
			require.Equal(t, want[:len(rows)-1], rows[:len(rows)-1])
		}
	}
}

type wrapped struct {
	importer.Source
	wrap func(io.Reader) io.Reader
}

func (w wrapped) Open(ctx context.Context) (io.ReadCloser, error) {
	in, err := w.Source.Open(ctx)
	return io.NopCloser(w.wrap(in)), err
}

func TestJSONCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for f, content := range map[importer.Format]string{importer.NDJSON(): "{}\n", importer.JSON(): `{"data":[{"a":1}]}`} {
		_, err := f.Detect(ctx, text(content), importer.Limits{})
		require.ErrorIs(t, err, context.Canceled, f.Name())
	}
}

// TestJSONRejects: what is rejected comes back in the form it had, and can be
// read again.
func TestJSONRejects(t *testing.T) {
	lines := []string{
		`{"email":"x","n":{"city":"\u00e9","token":"s1"},"list":["s2"]}`,
		`{"email":"broken}`,
		`{}`,
		`{"email":"y","import_reason":"before","n":{"token":{}}}`,
		`{"list":[{"token":"s3"}],"email":"z" }`,
		`{"email":"y","email":"z"}`,
	}
	tests := []struct {
		name   string
		format importer.Format
		begin  string
		join   string
		end    string
	}{
		{"ndjson", importer.NDJSON(), "", "\n", "\n"},
		{"json", importer.JSON(), "[\n", ",\n", "\n]\n"},
		{"envelope", importer.JSON(), "{\"contacts\":[\n", ",\n", "\n]}\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := append([]string{}, lines...)
			if tt.format.Name() == "json" {
				in[1] = `{"email":broken}`
			}
			src := text(tt.begin + strings.Join(in, tt.join) + tt.end)
			out, layout := rejectAll(t, tt.format, src, nil)
			want := []string{
				`{"email":"x","n":{"city":"\u00e9","token":"s1"},"list":["s2"],"import_reason":"why"}`,
				`{"import_reason":"why"}`,
				in[1],
				`{"import_reason":"why"}`,
				`{"email":"y","import_reason":"why","n":{"token":{}}}`,
				`{"list":[{"token":"s3"}],"email":"z" ,"import_reason":"why"}`,
				`{"email":"y","email":"z","import_reason":"why"}`,
			}
			require.Equal(t, tt.begin+strings.Join(want, tt.join)+tt.end, out)
			_, before := rowsIn(t, tt.format, src)
			_, after := rowsIn(t, tt.format, text(out))
			require.Len(t, after, len(before)-1, "the record that says nothing is gone")

			secret := []int{indexOf(layout.Columns, "n.token"), indexOf(layout.Columns, "list")}
			out, _ = rejectAll(t, tt.format, src, secret)
			for _, s := range []string{"s1", "s2", "s3", "broken"} {
				require.NotContains(t, out, s)
			}
			require.Contains(t, out, `{"email":"x","n":{"city":"\u00e9","token":null},"list":null,"import_reason":"why"}`)
		})
	}
}

func indexOf(columns []string, name string) int {
	for i, c := range columns {
		if c == name {
			return i
		}
	}
	return -1
}

// rejectAll rejects every row of a file.
func rejectAll(t testing.TB, f importer.Format, src importer.Source, secret []int) (string, *importer.Layout) {
	t.Helper()
	layout, err := f.Detect(t.Context(), src, importer.Limits{})
	require.NoError(t, err)
	var out bytes.Buffer
	rejects, err := f.Rejects(&out, layout, secret)
	require.NoError(t, err)
	table, err := f.Open(t.Context(), src, layout, importer.Limits{})
	require.NoError(t, err)
	for row, err := range table.Rows(t.Context()) {
		var bad *importer.RowError
		if err != nil {
			require.ErrorAs(t, err, &bad)
		}
		require.NoError(t, rejects.Reject(row, "why"))
	}
	require.NoError(t, rejects.Close())
	return out.String(), layout
}
