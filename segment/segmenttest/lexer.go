package segmenttest

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of a script.
const (
	maxScriptBytes = 1 << 20
	maxSteps       = 10_000
	maxContacts    = 1_000
	maxMerges      = 100
)

// textLine is one line of a script.
type textLine struct {
	number int
	text   string
}

// statement is a line that begins at the margin with the indented lines below it. Comments and empty lines are empty.
type statement []textLine

// split gives the statements of a script.
func split(file, text string) ([]statement, error) {
	if len(text) > maxScriptBytes {
		return nil, tooMany(file, place{1, 1}, "bytes", maxScriptBytes)
	}
	var out []statement
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		at := textLine{number: i + 1, text: line}
		if column := badText(line); column > 0 {
			return nil, &ParseError{File: file, Line: at.number, Column: column, Message: "text must be UTF-8 without control characters"}
		}
		trimmed := strings.TrimLeft(line, " \t")
		switch {
		case trimmed == "" || trimmed[0] == '#':
			if len(out) > 0 {
				out[len(out)-1] = append(out[len(out)-1], textLine{number: at.number})
			}
		case len(trimmed) == len(line):
			if len(out) == maxSteps {
				return nil, tooMany(file, place{at.number, 1}, "statements", maxSteps)
			}
			out = append(out, statement{at})
		case len(out) == 0:
			return nil, &ParseError{File: file, Line: at.number, Column: 1, Message: "a statement begins at the margin; indented lines continue one"}
		default:
			out[len(out)-1] = append(out[len(out)-1], at)
		}
	}
	for i := range out {
		out[i] = out[i].trimmed()
	}
	return out, nil
}

func tooMany(file string, at place, what string, limit int) error {
	return &ParseError{File: file, Line: at.line, Column: at.column, Limit: true, Message: "at most " + strconv.Itoa(limit) + " " + what}
}

// trimmed drops the empty lines at the end.
func (s statement) trimmed() statement {
	for len(s) > 1 && s[len(s)-1].text == "" {
		s = s[:len(s)-1]
	}
	return s
}

// badText gives the column of the first character that a script may not hold, or 0.
func badText(line string) int {
	column := 0
	for rest := line; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		column++
		if r == utf8.RuneError && size == 1 || r < ' ' && r != '\t' || r == 0x7f {
			return column
		}
		rest = rest[size:]
	}
	return 0
}

// word is one word of a statement as it is written, quotes and all.
type word struct {
	text   string
	line   int
	column int // in characters
}

// place is where something in a statement is.
type place struct{ line, column int }

func (w word) place() place { return place{w.line, w.column} }

// words gives the words of one line. A word that begins with # ends the line.
func words(file string, l textLine) ([]word, error) {
	var out []word
	for i := 0; i < len(l.text); {
		if l.text[i] == ' ' || l.text[i] == '\t' {
			i++
			continue
		}
		if l.text[i] == '#' {
			break
		}
		at := place{l.number, column(l.text, i)}
		end, ok := wordEnd(l.text, i)
		if !ok {
			return nil, &ParseError{File: file, Line: at.line, Column: at.column, Message: `a quote that is opened must be closed: "..."`}
		}
		out = append(out, word{text: l.text[i:end], line: at.line, column: at.column})
		i = end
	}
	return out, nil
}

// wordEnd gives where a word ends: at a space outside quotes.
func wordEnd(s string, i int) (int, bool) {
	quoted := false
	for ; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && (s[i] == ' ' || s[i] == '\t'):
			return i, true
		}
	}
	return min(i, len(s)), !quoted
}

// column gives the column of a byte offset, in characters from 1.
func column(s string, offset int) int { return utf8.RuneCountInString(s[:offset]) + 1 }

// cutOutside cuts s at the first sep outside quotes for which ok holds of what follows.
func cutOutside(s string, sep byte, ok func(rest string) bool) (before, after string, found bool) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && s[i] == sep && ok(s[i+1:]):
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// endsWord reports whether what follows a separator is a space or nothing.
func endsWord(rest string) bool { return rest == "" || rest[0] == ' ' || rest[0] == '\t' }

// anyRest accepts whatever follows a separator.
func anyRest(string) bool { return true }

// unquote gives the text of a word or part of one: "..." with escapes, or itself.
func unquote(s string) (string, bool) {
	if !strings.Contains(s, `"`) {
		return s, true
	}
	text, err := strconv.Unquote(s)
	if err != nil || s[0] != '"' {
		return "", false
	}
	return text, true
}

// expression gives the text of an expression that begins at a byte offset of a statement's first line and goes on in
// the lines below, which keep their indentation, so that columns in them are those of the file. first is the line of
// the script where it begins.
func (s statement) expression(from int) (source string, first int) {
	lines := make([]string, 0, len(s))
	for i, l := range s {
		if i == 0 {
			l.text = strings.TrimLeft(l.text[from:], " \t")
		}
		if len(lines) == 0 && strings.TrimSpace(l.text) == "" {
			continue
		}
		if len(lines) == 0 {
			first = l.number
		}
		lines = append(lines, strings.TrimRight(l.text, " \t"))
	}
	return strings.Join(lines, "\n"), first
}
