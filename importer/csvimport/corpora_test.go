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

// TestCorpusGo reads the cases of encoding/csv that are plain CSV. Where the
// two differ it is on purpose: we keep CR LF within quotes, end a line also at
// a CR alone, and go on behind a bad row.
func TestCorpusGo(t *testing.T) {
	content, err := os.ReadFile(corpora(t, "csv-corpora", "go-encoding-csv", "read_tests.json"))
	require.NoError(t, err)
	var cases []struct {
		Name, Input                                             string
		Output                                                  [][]string
		Comma, Comment                                          any
		LazyQuotes, TrimLeadingSpace, UseFieldsPerRecord, Error any
		Errors                                                  any
		InputB64                                                string
	}
	require.NoError(t, json.Unmarshal(content, &cases))
	compared := 0
	for _, c := range cases {
		plain := c.InputB64 == "" && c.Input != "" && isUnset(c.Comma) && isUnset(c.Comment) && isUnset(c.LazyQuotes) &&
			isUnset(c.TrimLeadingSpace) && isUnset(c.Error) && isUnset(c.Errors)
		if !plain || strings.Contains(c.Input, "\r") || strings.HasPrefix(c.Name, "HugeLines") {
			continue
		}
		rows, bad := cellsOf(t, []byte(c.Input))
		require.Zero(t, bad, c.Name)
		require.Equal(t, c.Output, rows, c.Name)
		compared++
	}
	require.Greater(t, compared, 10)
}

func isUnset(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == "" || v == ","
	case bool:
		return !v
	case float64:
		return v == 0
	case []any:
		for _, e := range v {
			if !isUnset(e) {
				return false
			}
		}
		return true
	}
	return false
}
