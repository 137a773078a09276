package csvimport_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

// TestTraps reads files that hold one structural trap each, and some exports
// of vendors that are not plain CSV: their layout, and what becomes of each row.
func TestTraps(t *testing.T) {
	root := os.Getenv("AUDIENCEKIT_CORPORA")
	if root == "" {
		t.Skip("set AUDIENCEKIT_CORPORA to the folder of corpora to run this test")
	}
	tests := []struct {
		file, layout string
		rows         []string
	}{
		{
			"trap-angle-mailto.csv", "header 1", []string{
				"2:Nea Nord|Nea Nord <NEA.NORD@EXAMPLE.COM>", "3:Olle Orm|mailto:olle@example.com", "4:Per|per@example.com;per@example.org",
				"5:ZW|\u200bzw@example.com", "6:NBSP|\u00a0nb@example.com\u00a0",
			},
		},
		{"trap-bare-quote.csv", "header 1", []string{"2!quote@2", `3:bob@example.com|Bob "B" Ltd|vip`, "4:cid@example.com|Fine|vip"}},
		{"trap-cr-only.csv", "newline cr, header 1", []string{"2:ada@example.com|Ada", "3:bob@example.com|Bob"}},
		{
			"trap-dates-ambiguous.csv", "header 1", []string{
				"2:a@example.com|03/04/2021", "3:b@example.com|25/04/2021", "4:c@example.com|2021-04-03T10:00:00+02:00",
				"5:d@example.com|1617441600", "6:e@example.com|44289", "7:f@example.com|Apr 3 2021",
			},
		},
		{"trap-duplicate-blank-headers.csv", "header 1, double-header@3, blank-header@4", []string{"2:Pia Palm|pia@example.com|pia.alt@example.org|extra"}},
		{"trap-email-consent-header.csv", "header 1", []string{"2:SUBSCRIBED|2024-01-01|real@example.com|Ada"}},
		{
			"trap-excel-sep-hint.csv", "encoding windows-1252, delimiter ;, newline crlf, header 2, encoding? windows-1252",
			[]string{"3:Britt Berg|britt@example.com|070-111 22 33", "4:Åke Ärn|ake@example.com|"},
		},
		{
			"trap-excel-unicode-utf16le-tab.txt", "encoding utf-16le, bom yes, delimiter tab, newline crlf, header 1",
			[]string{"2:ada@example.com|Łucja|Żak|customer,vip", "3:美咲@example.com|美咲|田中|"},
		},
		{
			"trap-formula.csv", "header 1", []string{
				`2:ada@example.com|=HYPERLINK("http://example.com/x","click")|+15005550006|-5 discount`, "3:bob@example.com|@SUM(A1)|+48 500 000 000|=cmd|'/c calc'!A1",
			},
		},
		{"trap-latin1-mislabelled-one-byte.csv", "header 1, damaged-text", []string{"2:zoe@example.com|Zoë", "3!utf8@2"}},
		{"trap-leading-zeros.csv", "header 1", []string{"2:ada@example.com|01002|0x1F|1,234", "3:bob@example.com|08901|000123|1.234,56"}},
		{"trap-no-header.csv", "header 0, no-header", []string{"1:ada@example.com|Ada|Lovelace", "2:bob@example.com|Bob|Builder"}},
		{"trap-nul-control.csv", "header 1", []string{"2!nul@2", "3:bob@example.com|Bo\vb"}},
		{"trap-preamble-title.csv", "header 4, preamble", []string{"5:ada@example.com|Ada|vip"}},
		{"trap-ragged.csv", "header 1", []string{"2:ada@example.com|Ada|", "4!cells@4", "7:cid@example.com|Cid|vip"}},
		{"trap-unclosed-quote.csv", "header 1", []string{"2!quote@2", "3:bob@example.com|Bob Ltd|vip", "4:cid@example.com|Fine|vip"}},
		{"trap-unquoted-tags.csv", "header 1", []string{"2!cells@5", "3:jane@example.com|Jane|Smith|prospect"}},
		{"trap-utf16be.csv", "encoding utf-16be, bom yes, header 1", []string{"2:ada@example.com|Zoë"}},
		{"trap-utf8-bom-quoted-header.csv", "bom yes, newline crlf, header 1", []string{"2:ada@example.com|Ada|customer,vip"}},
		{
			"salesforce-report-latin1.csv", "encoding windows-1252, footer 4, header 1, encoding? windows-1252, footer", []string{
				"2:Ms.|Elsa|Ek|Owner|Ek Events|1 Main St\nSuite 2|Malmö||211 22|Sweden|0701231234|elsa@example.com|1/10/2026|0",
				`4:Mr.|Frank|Fors|Booker|Fors "Live"|||||||frank@example.com||1`,
			},
		},
		{
			"brevo-windows1252.csv", "encoding windows-1252, delimiter ;, newline crlf, header 1, encoding? windows-1252", []string{
				"2:br@example.com|Durand|Zoé|33611111111|Yes|No|12-04-2022 09:30|13-04-2022 10:00",
				"3:ok@example.com|Müller|Jörg||No|No|31-12-2023 23:59|01-01-2024 00:00",
			},
		},
	}
	seen := make(map[string]bool)
	for _, tt := range tests {
		seen[tt.file] = true
		t.Run(tt.file, func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join(root, "import-samples", tt.file))
			require.NoError(t, err)
			layout, rows := read(t, csvimport.Format(), string(content))
			require.Equal(t, tt.layout, brief(layout))
			require.Equal(t, tt.rows, rows)
		})
	}
	traps, err := filepath.Glob(filepath.Join(root, "import-samples", "trap-*"))
	require.NoError(t, err)
	for _, file := range traps {
		require.True(t, seen[filepath.Base(file)], "%s has no expectation", file)
	}
}

// TestVendorExportsAreCertain: of the exports nothing is asked but the
// encoding of those that are not Unicode.
func TestVendorExportsAreCertain(t *testing.T) {
	root := os.Getenv("AUDIENCEKIT_CORPORA")
	if root == "" {
		t.Skip("set AUDIENCEKIT_CORPORA to the folder of corpora to run this test")
	}
	files, err := filepath.Glob(filepath.Join(root, "import-samples", "*.csv"))
	require.NoError(t, err)
	require.Greater(t, len(files), 40)
	for _, file := range files {
		layout, err := csvimport.Format().Detect(t.Context(), importer.File(file), importer.Limits{})
		require.NoError(t, err, file)
		for _, q := range layout.Questions {
			require.Equal(t, "encoding", q.ID, file)
		}
	}
}
