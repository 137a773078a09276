package csvimport

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/importer"
)

// corpora gives the folder of test data that is not part of the repository.
func corpora(t *testing.T, path ...string) string {
	t.Helper()
	root := os.Getenv("AUDIENCEKIT_CORPORA")
	if root == "" {
		t.Skip("set AUDIENCEKIT_CORPORA to the folder of corpora to run this test")
	}
	return filepath.Join(append([]string{root}, path...)...)
}

// cellsOf gives the cells of the good records; bad tells how many were not.
func cellsOf(t *testing.T, file []byte) (rows [][]string, bad int) {
	t.Helper()
	r := newReader(strings.NewReader(string(file)), importer.Limits{}.WithDefaults())
	require.NoError(t, r.skipMark())
	for {
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			return rows, bad
		}
		require.NoError(t, err)
		if rec.bad != nil {
			bad++
			continue
		}
		rows = append(rows, rec.cells)
	}
}

// TestCorpusSpectrum reads the twelve files of csv-spectrum, whose content is
// known as JSON.
func TestCorpusSpectrum(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpora(t, "csv-corpora", "csv-spectrum", "csvs"), "*.csv"))
	require.NoError(t, err)
	require.Len(t, files, 12)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			rows, bad := cellsOf(t, content)
			if filepath.Base(file) == "location_coordinates.csv" {
				require.Equal(t, 1, bad, "its only row is Latin-1 and has quotes within a cell")
				return
			}
			require.Zero(t, bad)
			name := strings.TrimSuffix(filepath.Base(file), ".csv") + ".json"
			expected, err := os.ReadFile(corpora(t, "csv-corpora", "csv-spectrum", "json", name))
			require.NoError(t, err)
			var want []map[string]string
			require.NoError(t, json.Unmarshal(expected, &want))
			var got []map[string]string
			for _, row := range rows[1:] {
				m := make(map[string]string)
				for i, cell := range row {
					m[rows[0][i]] = cell
				}
				got = append(got, m)
			}
			require.Equal(t, want, got)
		})
	}
}
