package csvimport

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// readAll gives the records as "line:cell|cell" or "line!rule@column".
func readAll(t testing.TB, src io.Reader, limits importer.Limits, width int) []string {
	t.Helper()
	r := newReader(src, limits.WithDefaults())
	r.width = width
	require.NoError(t, r.skipMark())
	var out []string
	for {
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		at := strconv.Itoa(rec.line)
		if rec.bad == nil {
			out = append(out, at+":"+strings.Join(rec.cells, "|"))
			continue
		}
		var field *audience.FieldError
		require.ErrorAs(t, rec.bad, &field)
		require.Equal(t, rec.line, rec.bad.Line)
		out = append(out, at+"!"+field.Rule+"@"+strconv.Itoa(rec.bad.Column))
	}
}

func TestReader(t *testing.T) {
	tests := []struct {
		name, file string
		width      int
		want       []string
	}{
		{name: "nothing", file: ""},
		{name: "a mark alone", file: "\xef\xbb\xbf"},
		{name: "mark", file: "\xef\xbb\xbfa,b\n", want: []string{"1:a|b"}},
		{name: "mark before quotes", file: "\xef\xbb\xbf\"a\",b", want: []string{"1:a|b"}},
		{name: "no line end at the end", file: "a,b", want: []string{"1:a|b"}},
		{name: "comma at the end", file: "a,", want: []string{"1:a|"}},
		{name: "commas alone", file: ",,\n", want: []string{"1:||"}},
		{name: "line ends", file: "a\nb\r\nc\rd\r", want: []string{"1:a", "2:b", "3:c", "4:d"}},
		{name: "empty lines", file: "\n\r\n\ra\n\n\rb", want: []string{"4:a", "7:b"}},
		{name: "an empty quoted cell is a row", file: "\"\"\n", want: []string{"1:"}},
		{name: "spaces belong to the cell", file: " a , b \n", want: []string{"1: a | b "}},
		{name: "quotes", file: `"a,b","say ""hi""",""""` + "\n", want: []string{`1:a,b|say "hi"|"`}},
		{name: "line ends in quotes", file: "\"a\r\nb\rc\nd\",e\nf,g", width: 2, want: []string{"1:a\r\nb\rc\nd|e", "5:f|g"}},
		{name: "CR at the end of the file", file: "a,\"b\"\r", want: []string{"1:a|b"}},
		{name: "guard", file: "'=1,'-2,'@x,'+1,'x,''=1,' =1,'\n", want: []string{"1:=1|-2|@x|+1|'x|'=1| =1|'"}},
		{name: "NUL", file: "a,b\x00\nc", want: []string{"1!nul@2", "2:c"}},
		{name: "bad UTF-8", file: "\xff,b\nc", want: []string{"1!utf8@1", "2:c"}},

		{name: "quote within a cell", file: "a,6\" pipes,b\nc,d,e\n", want: []string{"1!quote@2", "2:c|d|e"}},
		{name: "text behind a closing quote", file: "a,\"b\"c\nd,e\n", want: []string{"1!quote@2", "2:d|e"}},
		{name: "a quote that is never closed", file: "a,\"b\nc,d\ne,f\n", want: []string{"1!quote@2", "2:c|d", "3:e|f"}},
		{name: "closed by the next one", file: "a,\"b\nc,d\ne,\"\nf,g\n", width: 2, want: []string{"1:a|b\nc,d\ne,", "4:f|g"}},
		{name: "closed by the next one, other width", file: "a,\"b,x\nd,e,f\ng,h,\"\ni,j,k\n", width: 3, want: []string{"1!quote@0", "2:d|e|f", "3!quote@3", "4:i|j|k"}},
		{name: "quote within a cell of the second line of a row", file: "\"a\nb\",6\"\nc,d\n", width: 2, want: []string{"1!quote@2", "3:c|d"}},
		{name: "at the very end", file: "a\n\"", want: []string{"1:a", "2!quote@1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := readAll(t, strings.NewReader(tt.file), importer.Limits{}, tt.width)
			require.Equal(t, tt.want, got)
			require.Equal(t, got, readAll(t, iotest.OneByteReader(strings.NewReader(tt.file)), importer.Limits{}, tt.width))
		})
	}
}

// TestReaderUnclosedQuoteAnywhere: a stray quote costs at most the row it is
// in (G6).
func TestReaderUnclosedQuoteAnywhere(t *testing.T) {
	rows := make([]string, 500)
	for i := range rows {
		rows[i] = "name " + strconv.Itoa(i) + ",city,12"
	}
	for _, at := range []int{0, 1, 250, 498, 499} {
		for _, cell := range []int{0, 1, 2} {
			cells := strings.Split(rows[at], ",")
			cells[cell] = `"` + cells[cell]
			broken := append(append(append([]string{}, rows[:at]...), strings.Join(cells, ",")), rows[at+1:]...)
			got := readAll(t, strings.NewReader(strings.Join(broken, "\n")), importer.Limits{}, 3)
			require.Len(t, got, len(rows))
			for i, g := range got {
				if i != at {
					require.Equal(t, strconv.Itoa(i+1)+":"+strings.ReplaceAll(rows[i], ",", "|"), g)
					continue
				}
				require.Contains(t, g, "!")
			}
		}
	}
}

func TestReaderLimits(t *testing.T) {
	limits := importer.Limits{RecordBytes: 1000, RecordLines: 5, CellBytes: 100, Columns: 4}
	long := strings.Repeat("x", 101)
	tests := []struct {
		name, file string
		want       []string
	}{
		{name: "cell", file: "a," + long + "\nb", want: []string{"1!max-bytes@2", "2:b"}},
		{name: "the longest cell", file: long[1:] + "\nb", want: []string{"1:" + long[1:], "2:b"}},
		{name: "columns", file: "a,b,c,d\na,b,c,d,e\na", want: []string{"1:a|b|c|d", "2!max-columns@0", "3:a"}},
		{name: "lines", file: "\"a\nb\nc\nd\ne\"\n\"a\nb\nc\nd\ne\nf\"\ng", want: []string{
			"1:a\nb\nc\nd\ne", "6!max-lines@1", "7:b", "8:c", "9:d", "10:e", "11!quote@1", "12:g",
		}},
		{name: "row within the buffer", file: strings.Repeat(strings.Repeat("b", 99)+",", 11) + "\nc", want: []string{"1!max-columns@0", "2:c"}},
		{name: "row of few long cells", file: "\"" + strings.Repeat("b", 1001) + "\"\nc", want: []string{"1!max-bytes@0", "2:c"}},
		{name: "row", file: "a\n" + strings.Repeat("b", 300_000) + "\nc", want: []string{"1:a", "2!max-bytes@0", "3:c"}},
		{name: "row in quotes", file: "a\n\"" + strings.Repeat("b", 300_000) + "\r\nc", want: []string{"1:a", "2!max-bytes@0", "3:c"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, readAll(t, strings.NewReader(tt.file), limits, 0))
		})
	}
}

// TestReaderAcrossBuffers moves a row with everything in it over the edge of
// the buffer, byte by byte.
func TestReaderAcrossBuffers(t *testing.T) {
	const row = "\"a\"\"b\r\nc\",\"\",d\r\n"
	for shift := range 40 {
		filler := strings.Repeat("x", 64<<10-20-shift) + ",y,z\r\n"
		got := readAll(t, strings.NewReader(filler+row+row+"e,f,g"), importer.Limits{}, 3)
		require.Len(t, got, 4)
		require.Equal(t, []string{"2:a\"b\r\nc||d", "4:a\"b\r\nc||d", "6:e|f|g"}, got[1:], "shifted by %d", shift)
	}
}

func TestReaderGivesReadErrors(t *testing.T) {
	broken := errors.New("broken disk")
	r := newReader(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), importer.Limits{}.WithDefaults())
	require.ErrorIs(t, r.skipMark(), broken)
}

// TestGuardVectors: whatever a guard adds, the reader takes off, and nothing
// else.
func TestGuardVectors(t *testing.T) {
	for _, s := range []string{"", "plain", "'t Hooft", "'", "''", "a=b", "5", "=1+1", "+49", "-5", "@x", "\t=1", "\r", "\n", "＝1", " =1", "'=1", "''-", " '+"} {
		if isFormula(s) {
			require.Equal(t, s, unguard("'"+s), "guarded %q", s)
		} else {
			require.Equal(t, s, unguard(s), "%q", s)
		}
	}
}
