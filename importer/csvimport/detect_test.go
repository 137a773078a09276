package csvimport_test

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

// encoded writes text as UTF-16 without a mark.
func encoded(text string, order binary.ByteOrder) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(text)) {
		out = append(out, 0, 0)
		order.PutUint16(out[len(out)-2:], u)
	}
	return string(out)
}

func TestDetect(t *testing.T) {
	const plain = "email,name\na@example.com,Zoë 😀\nb@example.com,\"Bob, B.\"\n"
	plainRows := []string{"2:a@example.com|Zoë 😀", "3:b@example.com|Bob, B."}
	tests := []struct {
		name, file, layout string
		rows               []string
	}{
		{"plain", plain, "header 1", plainRows},
		{"mark", "\ufeff" + plain, "bom yes, header 1", plainRows},
		{"UTF-16 little endian with a mark", encoded("\ufeff"+plain, binary.LittleEndian), "encoding utf-16le, bom yes, header 1", plainRows},
		{"UTF-16 big endian with a mark", encoded("\ufeff"+plain, binary.BigEndian), "encoding utf-16be, bom yes, header 1", plainRows},
		{"UTF-16 little endian", encoded(plain, binary.LittleEndian), "encoding utf-16le, header 1", plainRows},
		{"UTF-16 big endian", encoded(plain, binary.BigEndian), "encoding utf-16be, header 1", plainRows},
		{
			"half a pair", encoded("email,name\na@example.com,A\nb@example.com,B\n", binary.LittleEndian) + "c\x00,\x00\x3d\xd8\n\x00d\x00,\x00D\x00\n\x00",
			"encoding utf-16le, header 1",
			[]string{"2:a@example.com|A", "3:b@example.com|B", "4!utf8@2", "5:d|D"},
		},
		{
			"Windows-1252", "email,name\na@example.com,Zo\xeb \x80\nb@example.com,\x9fves\n", "encoding windows-1252, header 1, encoding? windows-1252",
			[]string{"2:a@example.com|Zoë €", "3:b@example.com|Ÿves"},
		},
		{
			"a byte that Windows-1252 does not have", "email,name\na@example.com,Zo\xeb\nb@example.com,B\x81\n",
			"encoding windows-1252, header 1, encoding? windows-1252",
			[]string{"2:a@example.com|Zoë", "3!utf8@2"},
		},
		{
			"one damaged letter in UTF-8", "email,name\na@example.com,Zoë\nb@example.com,Jos\xe9\nc@example.com,C\n", "header 1, damaged-text",
			[]string{"2:a@example.com|Zoë", "3!utf8@2", "4:c@example.com|C"},
		},
		{"one NUL", "email,name\na@example.com,A\x00da\nb@example.com,B\n", "header 1", []string{"2!nul@2", "3:b@example.com|B"}},

		{"semicolons", "email;name;sum\na@example.com;A;1,5\nb@example.com;B;2,5\n", "delimiter ;, header 1", []string{"2:a@example.com|A|1,5", "3:b@example.com|B|2,5"}},
		{"tabs", "email\tname\na@example.com\tA, B\n", "delimiter tab, header 1", []string{"2:a@example.com|A, B"}},
		{"pipes", "email|name\na@example.com|A, B; C\n", "delimiter |, header 1", []string{"2:a@example.com|A, B; C"}},
		{"delimiters in quotes", "email,tags\na@example.com,\"x;y;z\"\nb@example.com,\"x;y;z\"\n", "header 1", []string{"2:a@example.com|x;y;z", "3:b@example.com|x;y;z"}},
		{"two columns or two", "name;email,x\na;b@example.com,c\n", "header 1, delimiter? ,", []string{"2:a;b@example.com|c"}},
		{"a colon is asked", "name:email\na:b@example.com\n", "delimiter :, header 1, delimiter? :", []string{"2:a|b@example.com"}},
		{"one column", "email\na@example.com\nb@example.com\n", "header 1", []string{"2:a@example.com", "3:b@example.com"}},
		{"hint", "sep=;\r\nname;email\r\na;a@example.com\r\n", "delimiter ;, newline crlf, header 2", []string{"3:a|a@example.com"}},
		{"hint of a comma", "sep=,\nname,email\na;b,a@example.com\n", "header 2", []string{"3:a;b|a@example.com"}},
		{"hint against what it looks like", "sep=|\nname,x|email\na,b|a@example.com\n", "delimiter |, header 2", []string{"3:a,b|a@example.com"}},
		{"CR", "email,name\ra@example.com,A\rb@example.com,B\r", "newline cr, header 1", []string{"2:a@example.com|A", "3:b@example.com|B"}},
		{"mixed line ends", "email,name\r\na@example.com,A\nb@example.com,B\rc@example.com,C", "newline crlf, header 1", []string{"2:a@example.com|A", "3:b@example.com|B", "4:c@example.com|C"}},
		{"single quotes", "'email','name'\n'a@example.com','O''Hara, A'\n", "quote ', header 1, quote? '", []string{"2:a@example.com|O'Hara, A"}},
		{
			"no quotes at all", "email\tsize\na@example.com\t6\"\nb@example.com\t7\"\nc@example.com\t8\n", "delimiter tab, quote none, header 1, quote? none",
			[]string{"2:a@example.com|6\"", "3:b@example.com|7\"", "4:c@example.com|8"},
		},
		{"spaces around quotes", "\"email\", \"name\"\n\"a@example.com\", \"A, B\" \n", "header 1", []string{"2:a@example.com|A, B"}},

		{"titles", "Report,,\nof today,,\n\nemail,name,x\na@example.com,A,1\n", "header 4, preamble", []string{"5:a@example.com|A|1"}},
		{"narrow titles", "Report \"March\"\nemail;name;x\na@example.com;A;1\nb@example.com;B;1\n", "delimiter ;, header 2, preamble", []string{"3:a@example.com|A|1", "4:b@example.com|B|1"}},
		{"a narrow header", "email,\na@example.com,A\nb@example.com,B\n", "header 1, header? 1, blank-header@2", []string{"2:a@example.com|A", "3:b@example.com|B"}},
		{"no header", "a@example.com,A\nb@example.com,B\n", "header 0, no-header", []string{"1:a@example.com|A", "2:b@example.com|B"}},
		{"no header below a title", "Title,,\na@example.com,A,1\nb@example.com,B,2\n", "start 2, header 0, header? none, preamble, no-header", []string{"2:a@example.com|A|1", "3:b@example.com|B|2"}},
		{"words above words", "Hund,Katze\nRex,Minka\n", "header 1, header? 1", []string{"2:Rex|Minka"}},
		{"numbers above numbers", "Rex,12\nMinka,13\n", "header 0, header? none, no-header", []string{"1:Rex|12", "2:Minka|13"}},
		{"names as programs write them", "first_name,zip_code\nRex,Minka\n", "header 1", []string{"2:Rex|Minka"}},
		{"a header alone", "Hund,Katze\n", "header 1", nil},
		{"headers blank and double", "Name,Email,Email,\nA,a@example.com,b@example.com,x\n", "header 1, double-header@3, blank-header@4", []string{"2:A|a@example.com|b@example.com|x"}},

		{
			"footer", "email,name\na@example.com,A\n\n\"Contacts report\"\nAll rights reserved.\n", "footer 2, header 1, footer",
			[]string{"2:a@example.com|A"},
		},
		{"total", "email,name,sum\na@example.com,A,1\nb@example.com,B,1\nTotal,,2\n", "footer 1, header 1, footer", []string{"2:a@example.com|A|1", "3:b@example.com|B|1"}},
		{"a short last row is no footer", "email,name\na@example.com,A\n\nb@example.com\n", "header 1", []string{"2:a@example.com|A", "4:b@example.com|"}},
		{"nor is an id", "external_id,name\nu1,A\n\nu2\n", "header 1", []string{"2:u1|A", "4:u2|"}},
		{"nor text in the middle", "email,name\nAll rights reserved\na@example.com,A\n", "header 1", []string{"2:All rights reserved|", "3:a@example.com|A"}},
		{"empty rows", "email,name\n,\n \t \n\n\"\",\na@example.com,A\n", "header 1", []string{"6:a@example.com|A"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layout, rows := read(t, csvimport.Format(), tt.file)
			require.Equal(t, tt.layout, brief(layout))
			require.Equal(t, tt.rows, rows)
			stored, err := json.Marshal(layout)
			require.NoError(t, err)
			var again importer.Layout
			require.NoError(t, json.Unmarshal(stored, &again))
			require.Equal(t, layout, &again, "a layout can be stored")
			for _, q := range layout.Questions {
				require.Contains(t, q.Options, q.Assumed)
				require.Greater(t, len(q.Options), 1)
			}
		})
	}
}

// TestDetectAnswered: settings that are known are not asked, and the same file
// reads as they say, whether they are given before or put into the layout.
func TestDetectAnswered(t *testing.T) {
	tests := []struct {
		name, file string
		known      map[string]string
		layout     string
		rows       []string
	}{
		{
			"UTF-8 it is", "email,name\na@example.com,Jos\xe9\n",
			map[string]string{"encoding": "utf-8"},
			"header 1",
			[]string{"2!utf8@2"},
		},
		{
			"the other name of Windows-1252", "email,name\na@example.com,Jos\xe9\n",
			map[string]string{"encoding": "ISO-8859-1"},
			"encoding windows-1252, header 1",
			[]string{"2:a@example.com|José"},
		},
		{
			"no header", "Hund,Katze\nRex,Minka\n",
			map[string]string{"header": "none"},
			"header 0, no-header",
			[]string{"1:Hund|Katze", "2:Rex|Minka"},
		},
		{
			"no header below a title", "Title,,\nHund,Katze,1\nRex,Minka,2\n",
			map[string]string{"header": "none"},
			"start 2, header 0, preamble, no-header",
			[]string{"2:Hund|Katze|1", "3:Rex|Minka|2"},
		},
		{
			"the header's line", "x,y\nemail,name\na@example.com,A\n",
			map[string]string{"header": "2"},
			"header 2",
			[]string{"3:a@example.com|A"},
		},
		{
			"the first row's line", "x,y\nemail,name\na@example.com,A\n",
			map[string]string{"header": "none", "start": "3"},
			"start 3, header 0",
			[]string{"3:a@example.com|A"},
		},
		{
			"delimiter", "name;email,x\na;b@example.com,c\n",
			map[string]string{"delimiter": ";"},
			"delimiter ;, header 1",
			[]string{"2:a|b@example.com,c"},
		},
		{
			"quote", "email,name\na@example.com,6\"\nb@example.com,7\"\n",
			map[string]string{"quote": `"`},
			"header 1",
			[]string{"2!quote@2", "3!quote@2"},
		},
		{
			"no footer", "email,name\na@example.com,A\n\nAll rights reserved\n",
			map[string]string{"footer": "0"},
			"header 1",
			[]string{"2:a@example.com|A", "4:All rights reserved|"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layout, rows := read(t, importer.Choose(csvimport.Format(), tt.known), tt.file)
			require.Equal(t, tt.layout, brief(layout))
			require.Empty(t, layout.Questions)
			require.Equal(t, tt.rows, rows)
			if tt.known["delimiter"] != "" || tt.name == "the header's line" || tt.known["start"] != "" {
				return // these change what the columns are
			}
			layout = detect(t, csvimport.Format(), tt.file)
			maps.Copy(layout.Settings, tt.known)
			got, bad, err := rowsOf(t, importer.Bytes("t.csv", []byte(tt.file)), layout, importer.Limits{})
			require.NoError(t, err)
			require.Equal(t, tt.rows, shown(t, got, bad))
		})
	}
}

func TestDetectRefuses(t *testing.T) {
	tests := map[string]struct {
		file string
		want error
	}{
		"nothing":              {"", audience.ErrInvalid},
		"a mark alone":         {"\ufeff", audience.ErrInvalid},
		"empty lines":          {"\n\r\n \n", audience.ErrInvalid},
		"a workbook":           {"PK\x03\x04abc", audience.ErrUnsupported},
		"JSON":                 {"[ {\"email\": \"a@example.com\"}]", audience.ErrUnsupported},
		"JSON lines":           {"{\"email\": \"a@example.com\"}\n", audience.ErrUnsupported},
		"XML":                  {"\ufeff<?xml version=\"1.0\"?><a/>", audience.ErrUnsupported},
		"vCard":                {"BEGIN:VCARD\r\nEND:VCARD\r\n", audience.ErrUnsupported},
		"UTF-32":               {"\xff\xfe\x00\x00e\x00\x00\x00", audience.ErrUnsupported},
		"a header with a NUL":  {"em\x00ail,name\na@example.com,A\n", audience.ErrInvalid},
		"an unclosed header":   {"\"email,name\na@example.com,A\n", audience.ErrInvalid},
		"too many columns":     {strings.Repeat("x,", 1000) + "x\n", audience.ErrLimit},
		"a header that is too": {strings.Repeat("x", 70_000) + ",y\n", audience.ErrLimit},
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t.Run(name, func(t *testing.T) {
			_, err := csvimport.Format().Detect(t.Context(), importer.Bytes("t", []byte(tests[name].file)), importer.Limits{})
			require.ErrorIs(t, err, tests[name].want)
			require.NotContains(t, err.Error(), "example.com")
		})
	}
	_, err := csvimport.Format().Detect(t.Context(), importer.Bytes("t", []byte("email\n")), importer.Limits{Bytes: 5})
	require.ErrorIs(t, err, audience.ErrLimit)
}

// TestSettingsAreChecked: a layout comes from outside.
func TestSettingsAreChecked(t *testing.T) {
	src := importer.Bytes("t.csv", []byte("email,name\n"))
	for _, s := range []map[string]string{
		{"encoding": "koi8-r"},
		{"delimiter": ""},
		{"delimiter": ",,"},
		{"delimiter": "\n"},
		{"delimiter": "a"},
		{"delimiter": "\""},
		{"delimiter": " "},
		{"delimiter": "é"},
		{"quote": "x"},
		{"header": "0"},
		{"header": "-1"},
		{"header": "x"},
		{"start": "0"},
		{"footer": "-1"},
		{"footer": "1000"},
		{"newline": "x"},
		{"bom": "x"},
		{"nothing": "x"},
	} {
		_, err := importer.Choose(csvimport.Format(), s).Detect(t.Context(), src, importer.Limits{})
		require.ErrorIs(t, err, audience.ErrInvalid, "%v", s)
		_, err = csvimport.Format().Open(t.Context(), src, &importer.Layout{Columns: []string{"email", "name"}, HeaderLine: 1, Settings: s}, importer.Limits{})
		require.ErrorIs(t, err, audience.ErrInvalid, "%v", s)
	}
	for _, layout := range []*importer.Layout{
		{}, {Columns: []string{"email"}, HeaderLine: -1}, {Columns: make([]string, 1001), HeaderLine: 1},
	} {
		_, err := csvimport.Format().Open(t.Context(), src, layout, importer.Limits{})
		require.ErrorIs(t, err, audience.ErrInvalid)
	}
}

// TestOpenWantsTheSameColumns: a layout that was stored must not be taken for
// a file with other columns.
func TestOpenWantsTheSameColumns(t *testing.T) {
	layout := detect(t, csvimport.Format(), "email,name\na@example.com,A\n")
	for _, file := range []string{"name,email\nA,a@example.com\n", "email,name,x\n", "email\n", "email;name\n"} {
		_, _, err := rowsOf(t, importer.Bytes("t.csv", []byte(file)), layout, importer.Limits{})
		require.ErrorIs(t, err, audience.ErrConflict, file)
	}
	_, _, err := rowsOf(t, importer.Bytes("t.csv", nil), layout, importer.Limits{})
	require.ErrorIs(t, err, audience.ErrInvalid)
}

// TestFooterOfAnotherFile: a layout says how many rows at the end may be none;
// those that look like data are data all the same.
func TestFooterOfAnotherFile(t *testing.T) {
	const footer = "\nContacts report\nAll rights reserved.\n"
	layout := detect(t, csvimport.Format(), "email,name\na@example.com,A\n"+footer)
	require.Equal(t, "2", layout.Settings["footer"])
	for file, want := range map[string][]string{
		"email,name\na@example.com,A\nb@example.com,B\nc@example.com,C\n":                            {"2:a@example.com|A", "3:b@example.com|B", "4:c@example.com|C"},
		"email,name\nb@example.com,B\n":                                                              {"2:b@example.com|B"},
		"email,name\n":                                                                               nil,
		"email,name\na@example.com,A\nb@example.com,B\n\nAll rights reserved.\n":                     {"2:a@example.com|A", "3:b@example.com|B"},
		"email,name\na@example.com,A\nAll rights reserved.\n":                                        {"2:a@example.com|A", "3:All rights reserved.|"},
		"email,name\na@example.com,A\n\nNo data\nb@example.com,B\n":                                  {"2:a@example.com|A", "4:No data|", "5:b@example.com|B"},
		"email,name\na@example.com,A\nb@example.com,\"B\n\nAll rights reserved.\n":                   {"2:a@example.com|A", "3!quote@2"},
		"email,name\na@example.com,A\n\nOne more\nContacts report\nAll rights reserved.\nand more\n": {"2:a@example.com|A", "4:One more|", "5:Contacts report|"},
	} {
		rows, bad, err := rowsOf(t, importer.Bytes("t.csv", []byte(file)), layout, importer.Limits{})
		require.NoError(t, err)
		require.Equal(t, want, shown(t, rows, bad), file)
	}
}
