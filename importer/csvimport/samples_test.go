package csvimport_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// TestSamples imports files in the shapes that other programs write. Those
// that have no column email or external_id, or other delimiters or encodings,
// are refused as a whole; of the rest the numbers are known.
func TestSamples(t *testing.T) {
	root := os.Getenv("AUDIENCEKIT_CORPORA")
	if root == "" {
		t.Skip("set AUDIENCEKIT_CORPORA to the folder of corpora to run this test")
	}
	want := map[string][3]int{ // created, updated, bad
		"mailtrap.csv":                         {3, 0, 0},
		"ghost-members.csv":                    {2, 0, 0},
		"trap-ragged.csv":                      {2, 0, 3},
		"trap-unclosed-quote.csv":              {2, 0, 1},
		"trap-bare-quote.csv":                  {2, 0, 1},
		"trap-nul-control.csv":                 {1, 0, 1},
		"trap-cr-only.csv":                     {2, 0, 0},
		"trap-unquoted-tags.csv":               {1, 0, 1},
		"trap-formula.csv":                     {2, 0, 0},
		"trap-leading-zeros.csv":               {2, 0, 0},
		"trap-duplicate-blank-headers.csv":     {1, 0, 0},
		"trap-latin1-mislabelled-one-byte.csv": {-1, 0, 1},
		"trap-utf8-bom-quoted-header.csv":      {-1, 0, 0},
	}
	files, err := filepath.Glob(filepath.Join(root, "import-samples", "*"))
	require.NoError(t, err)
	require.Greater(t, len(files), 40)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			aud := open(t, audience.Schema{})
			report, err := runContacts(t.Context(), aud, importer.File(file), importer.Options{})
			requireTyped(t, err)
			requireSum(t, report)
			content, readErr := os.ReadFile(file)
			require.NoError(t, readErr)
			for _, e := range append(report.Errors, report.Columns...) {
				require.NotContains(t, e.Error(), "@example.")
				requireSilent(t, content, e)
			}
			counts, known := want[filepath.Base(file)]
			if !known {
				return
			}
			require.NoError(t, err)
			if counts[0] >= 0 {
				got := [3]int{report.Created, report.Updated, report.Rejected}
				require.Equal(t, counts, got)
			}
			require.Equal(t, counts[2], report.Rejected)
			require.Positive(t, report.Created)
			if strings.HasPrefix(filepath.Base(file), "trap-leading") {
				require.Equal(t, "string:01002", field(t, aud, audience.Email("ada@example.com"), "zip"))
				require.Equal(t, "string:0x1F", field(t, aud, audience.Email("ada@example.com"), "member_id"))
				require.Equal(t, "string:1,234", field(t, aud, audience.Email("ada@example.com"), "amount"))
			}
		})
	}
}
