package pdfreport_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/exporter"
	"github.com/audiencekit/audiencekit/exporter/pdfreport"
)

// TestWriteText: what is shown of a text, and how many characters are not.
func TestWriteText(t *testing.T) {
	tests := []struct {
		name, text, want string
		missing          int
	}{
		{"Polish", "Zażółć gęślą jaźń ŁÓDŹ", "Zażółć gęślą jaźń ŁÓDŹ", 0},
		{"Greek", "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία", "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία", 0},
		{"Cyrillic", "Їжак і ґанок, съешь ещё", "Їжак і ґанок, съешь ещё", 0},
		{"brackets", `a(b\c)d`, `a(b\c)d`, 0},
		{"emoji", "Anna 😀", "Anna □", 1},
		{"a family", "\U0001F468\u200D\U0001F469\u200D\U0001F467", "□□□", 3},
		{"one that stays one", "©\uFE0F", "©", 0},
		{"Chinese without a font", "日本", "□□", 2},
		{"combined", "e\u0301", "é", 0},
		{"control characters", "a\x00b\x1bc\td", "a b c d", 0},
		{"no UTF-8", "a\xffb", "a\uFFFDb", 0},
		{"directions", "a\u202Eb\u2066c\u200Fd", "abcd", 0},
		{"beyond the planes", "a\U0010FFFFb\uFFFFc", "a□b□c", 2},
		{"spaces and hyphens of all kinds", "a\u2009b\u3000c\u2011d", "a b c-d", 0},
		{"Hebrew without a font", "שלום", "□□□□", 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pages, stats := write(t, exporter.Report{ // set in regular and in bold
				Subtitle: tt.text,
				Facts:    []exporter.Fact{{Label: tt.text}},
				Charts:   []exporter.Chart{{Title: tt.text}},
				Tables:   []exporter.Table{{Columns: make([]exporter.TableColumn, 1), Rows: [][]string{{tt.text}}}},
			}, pdfreport.Options{})
			lines := strings.Split(body(pages), "\n")
			require.Equal(t, slices.Repeat([]string{tt.want}, 4), slices.DeleteFunc(lines, func(line string) bool {
				return line == "no data" || line == "1 / 1"
			}))
			require.Equal(t, 4*tt.missing, stats.Missing)
		})
	}
}

// fontWith finds a font of the machine.
func fontWith(t *testing.T, what string, patterns ...string) []byte {
	t.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			return data
		}
	}
	t.Skipf("no font for %s on this machine: none of %v", what, patterns)
	return nil
}

// TestWriteHostsFonts: characters go to the first font that has them.
func TestWriteHostsFonts(t *testing.T) {
	cjk := fontWith(t, "Chinese", "/usr/share/fonts/truetype/droid/DroidSansFallback*.ttf", "/usr/share/fonts/*/DroidSansFallback*.ttf")
	before := string(cjk)
	pages, stats := write(t, exporter.Report{Title: "Łódź 日本語 ok"}, pdfreport.Options{Fonts: [][]byte{cjk}})
	require.Zero(t, stats.Missing)
	require.Equal(t, "Łódź \n日本語\n ok\n1 / 1", body(pages))
	require.Less(t, pages[0][0].x, pages[0][1].x)
	require.Less(t, pages[0][1].x, pages[0][2].x)
	require.Equal(t, before, string(cjk), "the host's bytes are the host's")
}

// TestWriteFromTheRight: Hebrew is drawn from the right.
func TestWriteFromTheRight(t *testing.T) {
	hebrew := fontWith(t, "Hebrew", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "/usr/share/fonts/*/DejaVuSans.ttf")
	pages, stats := write(t, exporter.Report{Subtitle: "שלום 12"}, pdfreport.Options{Fonts: [][]byte{hebrew}})
	require.Zero(t, stats.Missing)
	require.Equal(t, "12 \nםולש\n1 / 1", body(pages))
}
