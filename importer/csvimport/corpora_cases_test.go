package csvimport

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/importer"
)

// tally counts what became of the cases of a corpus.
type tally map[string]int

func (c tally) log(t *testing.T, corpus string) {
	t.Helper()
	var out []string
	for what, n := range c {
		out = append(out, fmt.Sprintf("%d %s", n, what))
	}
	slices.Sort(out)
	t.Logf("%s: %s", corpus, strings.Join(out, "; "))
}

const (
	sameRecords = "with the same records"
	badRows     = "with errors that name line and column"
)

// readCase reads text as it is, without detection. Every bad row names its
// line and, unless the row as a whole is meant, its column.
func readCase(t *testing.T, text string, delimiter, quote byte) (rows [][]string, bad int) {
	t.Helper()
	r := newDialectReader(strings.NewReader(text), importer.Limits{RecordLines: 1000}.WithDefaults(), delimiter, quote)
	for {
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			return rows, bad
		}
		require.NoError(t, err)
		if rec.bad != nil {
			require.Positive(t, rec.bad.Line)
			bad++
			continue
		}
		rows = append(rows, rec.cells)
	}
}

func readJSON(t *testing.T, v any, path ...string) {
	t.Helper()
	content, err := os.ReadFile(corpora(t, append([]string{"csv-corpora"}, path...)...))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, v))
}

// TestCorpusGo reads the cases of encoding/csv. Where we differ it is on
// purpose, and said here why.
func TestCorpusGo(t *testing.T) {
	var cases []struct {
		Name, Input, InputB64                                         string
		Output                                                        [][]string
		Comma, Comment                                                string
		LazyQuotes, TrimLeadingSpace, UseFieldsPerRecord, ReuseRecord bool
		FieldsPerRecord                                               int
		Errors                                                        []string
	}
	readJSON(t, &cases, "go-encoding-csv", "read_tests.json")
	counts := make(tally)
	for _, c := range cases {
		text := c.Input
		if c.InputB64 != "" {
			raw, err := base64.StdEncoding.DecodeString(c.InputB64)
			require.NoError(t, err)
			text = string(raw)
		}
		delimiter, known := byte(','), true
		if c.Comma != "" {
			delimiter, known = delimiterNamed(c.Comma)
		}
		if !known {
			counts["whose delimiter is no setting of ours"]++
			continue
		}
		rows, bad := readCase(t, text, delimiter, '"')
		fails := slices.ContainsFunc(c.Errors, func(s string) bool { return s != "" })
		switch {
		case c.Comment != "":
			counts["with comment lines, which we read as rows"]++
		case c.LazyQuotes:
			counts["with quotes that mean themselves, which we refuse"]++
			require.Positive(t, bad, c.Name)
		case fails && c.UseFieldsPerRecord:
			counts["with rows of another width, which the table refuses or fills up"]++
		case fails && strings.HasSuffix(c.Name, "CRCR"):
			counts["where CR alone ends a line"]++
		case fails:
			counts[badRows]++
			require.Positive(t, bad, c.Name)
		case c.InputB64 != "":
			counts["not UTF-8, which is an error of the row"]++
			require.Equal(t, 1, bad)
		case strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), "\r"):
			counts["where CR alone ends a line"]++
		case strings.Contains(text, "\r") && strings.Contains(text, "\""):
			counts["where CR LF within quotes is kept"]++
		case c.TrimLeadingSpace && !slices.EqualFunc(c.Output, rows, slices.Equal):
			counts["with leading spaces, which we keep"]++
			require.Zero(t, bad, c.Name)
		default:
			counts[sameRecords]++
			require.Zero(t, bad, c.Name)
			require.Equal(t, c.Output, rows, c.Name)
		}
	}
	counts.log(t, "encoding/csv")
	require.GreaterOrEqual(t, counts[sameRecords], 22)
	require.GreaterOrEqual(t, counts[badRows], 8)
}

// papaCase is a case of Papa Parse, with what it is told.
type papaCase struct {
	Description string
	Config      map[string]any
	Input       json.RawMessage
	Expected    json.RawMessage
}

// dialect gives what the case is told; false: something we do not have.
func (c *papaCase) dialect() (delimiter, quote byte, ok bool) {
	delimiter, quote, ok = ',', '"', true
	for key, v := range c.Config {
		s, _ := v.(string)
		switch key {
		case "delimiter":
			known := false
			delimiter, known = delimiterNamed(s)
			ok = ok && known
		case "quoteChar":
			known := false
			quote, known = quoteNamed(s)
			ok = ok && known
		case "newline", "quotes", "fastMode":
			ok = ok && s != "$"
		case "header":
			ok = ok && v == false
		default:
			return 0, 0, false
		}
	}
	return delimiter, quote, ok
}

// TestCorpusPapaParse: where Papa Parse finds no errors and is told nothing
// that we do not have, the records are the same, but that it makes a record of
// each empty line and a cell of what follows a closing quote.
func TestCorpusPapaParse(t *testing.T) {
	for _, file := range []string{"core_parser_tests.json", "parse_tests.json"} {
		var cases []papaCase
		readJSON(t, &cases, "papaparse", file)
		counts := make(tally)
		for _, c := range cases {
			var input string
			var expected struct {
				Data   []any
				Errors []any
			}
			require.NoError(t, json.Unmarshal(c.Input, &input))
			require.NoError(t, json.Unmarshal(c.Expected, &expected))
			input = strings.TrimPrefix(input, "\ufeff")
			delimiter, quote, ok := c.dialect()
			if !ok {
				counts["told what is no setting of ours"]++
				continue
			}
			if c.Config["delimiter"] == nil && input != "" {
				s := sample{text: []byte(input), whole: true, line: 1, limits: importer.Limits{}.WithDefaults()}
				best, _, err := s.best(0, &quote)
				require.NoError(t, err)
				delimiter = best.delimiter
			}
			rows, bad := readCase(t, input, delimiter, quote)
			var want [][]string
			for _, row := range expected.Data {
				if cells := texts(row); len(cells) > 1 || len(cells) == 1 && cells[0] != "" {
					want = append(want, cells)
				}
			}
			switch {
			case slices.EqualFunc(want, rows, slices.Equal) && bad == 0:
				counts[sameRecords]++
			case len(expected.Errors) > 0 && bad > 0:
				counts["malformed for both"]++
			case bad > 0:
				counts["malformed for us alone"]++
				t.Logf("%s: %s", file, c.Description)
			default:
				counts["read otherwise"]++
				t.Logf("%s: %s: %q", file, c.Description, rows)
			}
		}
		counts.log(t, "Papa Parse, "+file)
		require.GreaterOrEqual(t, counts[sameRecords], 30)
		require.LessOrEqual(t, counts["read otherwise"], 6)
		require.LessOrEqual(t, counts["malformed for us alone"], 6)
	}
}

func texts(row any) []string {
	cells, _ := row.([]any)
	out := make([]string, len(cells))
	for i, c := range cells {
		if c != nil {
			out[i] = fmt.Sprint(c)
		}
	}
	return out
}

// TestCorpusPapaUnparse reads what Papa Parse writes.
func TestCorpusPapaUnparse(t *testing.T) {
	var cases []papaCase
	readJSON(t, &cases, "papaparse", "unparse_tests.json")
	counts := make(tally)
	for _, c := range cases {
		var rows []any
		var written string
		delimiter, quote, ok := c.dialect()
		if json.Unmarshal(c.Input, &rows) != nil || json.Unmarshal(c.Expected, &written) != nil || !ok || len(rows) == 0 {
			counts["told what is no setting of ours"]++
			continue
		}
		if _, isList := rows[0].([]any); !isList {
			counts["of objects"]++
			continue
		}
		got, bad := readCase(t, written, delimiter, quote)
		var want [][]string
		for _, row := range rows {
			if cells := texts(row); len(cells) > 1 || len(cells) == 1 && cells[0] != "" {
				want = append(want, cells)
			}
		}
		require.Zero(t, bad, c.Description)
		require.Equal(t, want, got, c.Description)
		counts[sameRecords]++
	}
	counts.log(t, "Papa Parse, unparse")
	require.GreaterOrEqual(t, counts[sameRecords], 13)
}

// TestCorpusSniffer wants the dialects of CPython's sniffer. Those that are
// rare have to be asked.
func TestCorpusSniffer(t *testing.T) {
	var cases []struct {
		Name, Text string
		Delimiter  *string `json:"expected_delimiter"`
		Quote      *string `json:"expected_quotechar"`
		HasHeader  *bool   `json:"expected_has_header"`
	}
	readJSON(t, &cases, "python-sniffer", "samples.json")
	counts := make(tally)
	for _, c := range cases {
		layout, err := Format().Detect(t.Context(), importer.Bytes(c.Name, []byte(c.Text)), importer.Limits{})
		if err != nil {
			// NUL is no delimiter of ours, and the other has quotes of which some are not closed.
			require.Contains(t, []string{"sample14", "sample9"}, c.Name, "%v", err)
			counts["refused"]++
			continue
		}
		asked := func(id string) bool {
			return slices.ContainsFunc(layout.Questions, func(q importer.Question) bool { return q.ID == id })
		}
		if c.Delimiter != nil {
			require.Equal(t, *c.Delimiter, strings.ReplaceAll(layout.Settings[setDelimiter], wordTab, "\t"), c.Name)
			counts["delimiters right"]++
			if strings.Contains(string(rareDelimiters()), *c.Delimiter) {
				require.True(t, asked(setDelimiter), c.Name)
				counts["delimiters asked"]++
			}
		}
		if c.Quote != nil && *c.Quote != "" {
			require.Equal(t, *c.Quote, layout.Settings[setQuote], c.Name)
			require.True(t, asked(setQuote), c.Name)
			counts["quotes right, and asked"]++
		}
		if c.HasHeader != nil {
			right := *c.HasHeader == (layout.HeaderLine > 0)
			if c.Name == "sample13" { // "time" above numbers and letters: the sniffer takes it for data
				counts["headers that only we find"]++
				continue
			}
			require.True(t, right || asked(setHeader), c.Name)
			counts[map[bool]string{true: "headers right", false: "headers asked, and the other way assumed"}[right]]++
		}
	}
	counts.log(t, "CPython sniffer")
}
