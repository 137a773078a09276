package csvexport

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// byStandard writes rows with encoding/csv: it is the writer that ours is
// held against.
func byStandard(t *testing.T, comma byte, rows [][]string) string {
	t.Helper()
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.Comma = rune(comma)
	require.NoError(t, w.WriteAll(rows))
	return out.String()
}

// differs reports cells that we quote and encoding/csv does not: with blanks at
// their end, or alone in their row and empty. (A blank is what TrimSpace takes.)
func differs(cell string, columns int) bool {
	return cell == "" && columns == 1 || strings.TrimSpace(cell) != cell
}

// FuzzRows: our rows are those of encoding/csv to the byte where no cell is of
// the few that only we quote, and in any case encoding/csv reads the cells back,
// with any separator.
func FuzzRows(f *testing.F) {
	for _, s := range []string{"", "a", `"`, `""`, `"a"`, "a,b", "a;b\tc", "a\nb", "a\r\nb", "\r", " a", "a ", "\u00a0a", "a\u3000", `\.`, "'=1", "=1", "\xff", "\x00", "😀\""} {
		f.Add(s, "x", uint8(0), uint8(2))
		f.Add("x", s, uint8(1), uint8(1))
	}
	f.Fuzz(func(t *testing.T, a, b string, comma, columns uint8) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			t.Skip("no store holds that")
		}
		cells := []string{a, b, a + b, b + `"` + a}[:1+columns%4]
		opts := Options{Profile: Machine, Comma: rune(",;\t"[comma%3])}
		for _, cell := range cells {
			if strings.HasPrefix(cell, "'") {
				t.Skip("the guard has tests of its own")
			}
		}
		var out bytes.Buffer
		r := rows{w: &out}
		r.begin(opts, make([]bool, len(cells)))
		for range 2 {
			require.NoError(t, r.Write(cells))
		}
		require.NoError(t, r.flush())

		read := csv.NewReader(bytes.NewReader(out.Bytes()))
		read.Comma = opts.Comma
		got, err := read.ReadAll()
		require.NoError(t, err, "%q", out.String())
		want := make([]string, len(cells)) // the reader makes CRLF in a cell LF
		same := true
		for i, cell := range cells {
			want[i] = strings.ReplaceAll(cell, "\r\n", "\n")
			same = same && !differs(cell, len(cells))
		}
		require.Equal(t, [][]string{want, want}, got, "%q", out.String())
		if same {
			require.Equal(t, byStandard(t, byte(opts.Comma), [][]string{cells, cells}), out.String())
		}
	})
}
