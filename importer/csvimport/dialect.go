package csvimport

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// The settings of a layout.
const (
	setEncoding  = "encoding"
	setMark      = "bom"
	setDelimiter = "delimiter"
	setQuote     = "quote"
	setHeader    = "header"
	setStart     = "start"
	setFooter    = "footer"
	setNewline   = "newline"
)

// Words of settings.
const (
	encUTF8    = "utf-8"
	encUTF16LE = "utf-16le"
	encUTF16BE = "utf-16be"
	encWindows = "windows-1252"

	wordNone = "none"
	wordTab  = "tab"
	wordYes  = "yes"
	wordLF   = "lf"
	wordCRLF = "crlf"
	wordCR   = "cr"
)

// maxFooter bounds the rows that are held back until the end of the file shows
// whether they are data.
const maxFooter = 20

// dialect is how a file is written: the settings of a layout, understood.
type dialect struct {
	encoding  string
	mark      bool // it begins with a byte order mark
	delimiter byte
	quote     byte   // 0: none
	newline   string // how its first line ends
	header    int    // the line of the header, 0: there is none
	start     int    // without a header: the line of the first row
	footer    int    // rows at the end that may be none
}

// dialectOf reads the settings of a layout. What they do not say is as RFC
// 4180 has it.
func dialectOf(layout *importer.Layout) (dialect, error) {
	d := dialect{encoding: encUTF8, delimiter: ',', quote: '"', newline: wordLF, header: layout.HeaderLine, start: 1}
	if err := d.apply(layout.Settings); err != nil {
		return dialect{}, err
	}
	if d.header < 0 {
		return dialect{}, settingError("header_line", "a line of the file, from 1, or 0 when there is no header")
	}
	if layout.Settings[setHeader] == wordNone && layout.HeaderLine > 0 && layout.Settings[setStart] == "" {
		d.start = layout.HeaderLine // what was taken for the header is the first row
	}
	return d, nil
}

// apply reads settings.
func (d *dialect) apply(settings map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if hint := d.set(key, settings[key]); hint != "" {
			return settingError(key, hint)
		}
	}
	if d.quote != 0 && d.quote == d.delimiter {
		return settingError(setQuote, "another character than the delimiter")
	}
	return nil
}

func settingError(key, hint string) error {
	return &audience.FieldError{Path: "settings." + key, Rule: "setting", Hint: hint}
}

// set takes one setting, or gives a hint what it has to be.
func (d *dialect) set(key, value string) (hint string) {
	ok := true
	switch key {
	case setEncoding:
		d.encoding, ok = encodingNamed(value)
		hint = "utf-8, utf-16le, utf-16be or windows-1252"
	case setDelimiter:
		d.delimiter, ok = delimiterNamed(value)
		hint = "tab, or one ASCII character such as , ; or |, neither a letter nor a digit, a quote, a space or a line end"
	case setQuote:
		d.quote, ok = quoteNamed(value)
		hint = `", ' or none`
	case setHeader:
		if d.header = 0; value != wordNone {
			d.header, ok = number(value, 1, maxLine)
		}
		hint = "the number of the line with the headers, or none"
	case setStart:
		d.start, ok = number(value, 1, maxLine)
		hint = "the number of a line"
	case setFooter:
		d.footer, ok = number(value, 0, maxFooter)
		hint = "a number of rows, at most " + strconv.Itoa(maxFooter)
	case setNewline:
		d.newline, ok = value, slices.Contains([]string{wordLF, wordCRLF, wordCR}, value)
		hint = "lf, crlf or cr"
	case setMark:
		d.mark, ok = value == wordYes, value == wordYes || value == "no"
		hint = "yes or no"
	default:
		return "one of the settings that this package has"
	}
	if ok {
		return ""
	}
	return hint
}

const maxLine = 1 << 30

func number(s string, least, most int) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= least && n <= most
}

// encodingNamed folds the names that browsers take for the same encoding
// (WHATWG Encoding Standard, section 4.2): there is no ISO-8859-1 apart from
// Windows-1252.
func encodingNamed(name string) (string, bool) {
	switch strings.ToLower(name) {
	case encUTF8, "utf8", "ascii", "us-ascii":
		return encUTF8, true
	case encUTF16LE, "utf-16":
		return encUTF16LE, true
	case encUTF16BE:
		return encUTF16BE, true
	case encWindows, "cp1252", "iso-8859-1", "iso8859-1", "latin1":
		return encWindows, true
	}
	return "", false
}

func delimiterNamed(name string) (byte, bool) {
	if name == wordTab {
		return '\t', true
	}
	if len(name) != 1 {
		return 0, false
	}
	return name[0], name[0] < 0x7f && !isAlnum(name[0]) && !strings.Contains("\x00\r\n \"'", name)
}

func isAlnum(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

func delimiterName(b byte) string {
	if b == '\t' {
		return wordTab
	}
	return string(rune(b))
}

func quoteNamed(name string) (byte, bool) {
	switch name {
	case wordNone:
		return 0, true
	case `"`, "'":
		return name[0], true
	}
	return 0, false
}

func quoteName(b byte) string {
	if b == 0 {
		return wordNone
	}
	return string(rune(b))
}

// settings gives what a layout keeps of it.
func (d *dialect) settings() map[string]string {
	out := map[string]string{
		setEncoding: d.encoding, setDelimiter: delimiterName(d.delimiter), setQuote: quoteName(d.quote), setNewline: d.newline,
	}
	if d.mark {
		out[setMark] = wordYes
	}
	if d.header == 0 && d.start > 1 {
		out[setStart] = strconv.Itoa(d.start)
	}
	if d.footer > 0 {
		out[setFooter] = strconv.Itoa(d.footer)
	}
	return out
}

// reader reads text of the dialect.
func (d *dialect) reader(text *decoder, limits importer.Limits) *reader {
	return newDialectReader(text, limits, d.delimiter, d.quote)
}
