package csvimport_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

// rejectAll writes every row of a file into a file of rejected rows.
func rejectAll(t testing.TB, content string, layout *importer.Layout, secret ...int) string {
	t.Helper()
	rows, bad, err := rowsOf(t, importer.Bytes("t.csv", []byte(content)), layout, importer.Limits{})
	require.NoError(t, err)
	var out bytes.Buffer
	rejects, err := csvimport.Format().Rejects(&out, layout, secret)
	require.NoError(t, err)
	for i, row := range rows {
		reason := "line 0, column 1: email: \"at\", expected"
		if bad[i] != nil {
			reason = bad[i].Error()
		}
		require.NoError(t, rejects.Reject(row, reason))
	}
	require.NoError(t, rejects.Close())
	return out.String()
}

func TestRejects(t *testing.T) {
	const why = `"line 0, column 1: email: ""at"", expected"`
	tests := []struct {
		name, file string
		secret     []int
		want       string
	}{
		{"as it stood", "email,\"first, name\"\na,\"A\"\"B\"\n", nil, "email,\"first, name\",import_reason\na,\"A\"\"B\"," + why + "\n"},
		{"mark and CRLF", "\ufeffemail,name\r\na,\"A\r\nB\"\r\n", nil, "\ufeffemail,name,import_reason\r\na,\"A\r\nB\"," + why + "\r\n"},
		{"titles are left out", "Title,,\nemail,name,x\na,A,1\n", nil, "email,name,x,import_reason\na,A,1," + why + "\n"},
		{"short rows", "email,name,x\na\n", nil, "email,name,x,import_reason\na,,," + why + "\n"},
		{"empty cells beyond the header", "email,name\na,A,,\n", nil, "email,name,import_reason\na,A," + why + "\n"},
		{"semicolons", "email;name\na;A,B\n", nil, "email;name;import_reason\na;A,B;" + why + "\n"},
		{"Windows-1252 becomes UTF-8", "email,name\na,Zo\xeb\n", nil, "\ufeffemail,name,import_reason\na,Zoë," + why + "\n"},
		{"UTF-16 becomes UTF-8", encoded("email,name\na,Zoë\n", binary.LittleEndian), nil, "\ufeffemail,name,import_reason\na,Zoë," + why + "\n"},
		{"no header", "a@example.com,A\n", nil, "column_1,column_2,import_reason\na@example.com,A," + why + "\n"},
		{"no quotes", "email\tname\na\t6\"\nb\t7\"\n", nil, "email\tname\timport_reason\na\t6\"\t" + strings.ReplaceAll(strings.Trim(why, `"`), `""`, `"`) + "\nb\t7\"\t" + strings.ReplaceAll(strings.Trim(why, `"`), `""`, `"`) + "\n"},
		{
			"unclosed", "email,name\na,\"A\nb,B\n", nil,
			"email,name,import_reason\na,\"A,\"line 2, column 2: row: quote: a closing quote\"\nb,B," + why + "\n",
		},
		{
			"too many cells", "email,tags\na,x,y\n", nil,
			"email,tags,import_reason\na,x,y,\"line 2, column 3: row: cells: at most 2 cells, as the header has; a cell that holds a delimiter needs quotes\"\n",
		},
		{"secrets", "email,password_hash,name\na,\"$2y$\",'=1\n", []int{1}, "email,password_hash,name,import_reason\na,,'=1," + why + "\n"},
		{
			"secrets in a row that was not divided", "email,password_hash\na,\"$2y$\nb,$2y$,x\n",
			[]int{1},
			"email,password_hash,import_reason\n,,\"line 2, column 2: row: quote: a closing quote\"\n,,\"line 3, column 3: row: cells: at most 2 cells, as the header has; a cell that holds a delimiter needs quotes\"\n",
		},
		{"reasons of before", "email,name,import_reason\na,A,old\n", nil, "email,name,import_reason\na,A," + why + "\n"},
		{"reasons of before, in a row that was not divided", "email,name,import_reason\na,A,B,old\n", nil, "email,name,import_reason\na,A,B,old\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, rejectAll(t, tt.file, detect(t, csvimport.Format(), tt.file), tt.secret...))
		})
	}
}

// TestRejectMendImport: what was rejected is mended where the reason says, and
// reads as it should have at first.
func TestRejectMendImport(t *testing.T) {
	const file = "\ufeffemail;company;tags\r\nada@example.com;\"Acme;vip\r\nbob;Bob Ltd;vip\r\ncid@example.com;6\" pipes;a\r\ndee@example.com;Dee;x;y\r\neve@example.com;E\x00e;z\r\n"
	layout := detect(t, csvimport.Format(), file)
	rejected := rejectAll(t, file, layout)
	_, unmended := read(t, csvimport.Format(), rejected)
	require.Equal(t, []string{
		"2!quote@2", `3:bob|Bob Ltd|vip|line 0, column 1: email: "at", expected`, "4!quote@2", "5!cells@5", "6!nul@2",
	}, unmended, "what is not mended costs no other row")
	mended := strings.NewReplacer(`"Acme;`, `"Acme";`, "bob;", "bob@example.com;", `6" pipes`, `"6"" pipes"`, "x;y", `"x;y"`, "E\x00e", "Eve").Replace(rejected)
	again, rows := read(t, csvimport.Format(), mended)
	require.Equal(t, append(layout.Columns, importer.ReasonColumn), again.Columns)
	require.Equal(t, "bom yes, delimiter ;, newline crlf, header 1", brief(again))
	for i, want := range []string{
		"2:ada@example.com|Acme|vip|", "3:bob@example.com|Bob Ltd|vip|", `4:cid@example.com|6" pipes|a|`, "5:dee@example.com|Dee|x;y|", "6:eve@example.com|Eve|z|",
	} {
		require.True(t, strings.HasPrefix(rows[i], want), rows[i])
	}
}

// TestRejectsTooLongToKeep: of a row that is longer than a row may be only
// the reason comes back.
func TestRejectsTooLongToKeep(t *testing.T) {
	file := "email,name\na," + strings.Repeat("x", 2<<20) + "\nb,B\n"
	layout := detect(t, csvimport.Format(), "email,name\n")
	got := rejectAll(t, file, layout)
	require.Contains(t, got, "\n,,\"line 2: row: max-bytes:")
	require.Contains(t, got, "\nb,B,")
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken() }

func errBroken() error { return errors.ErrUnsupported }

func TestRejectsGiveWriteErrors(t *testing.T) {
	layout := detect(t, csvimport.Format(), "email,name\na,A\n")
	rejects, err := csvimport.Format().Rejects(brokenWriter{}, layout, nil)
	require.NoError(t, err)
	for range 200 {
		err = rejects.Reject(&importer.Row{Cells: []string{"a", "A"}, Raw: []byte("a,A")}, strings.Repeat("x", 100))
	}
	require.ErrorIs(t, err, errBroken())
	require.ErrorIs(t, rejects.Close(), errBroken())
}
