package pdfreport

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// wrap breaks a clean text into lines no wider than width: behind spaces,
// hyphens and the like, between Chinese characters and, where a word is wider
// than a line, within it. There is at least one line.
func (f *fonts) wrap(s string, st style, width float64) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(s, "\n") {
		lines = f.wrapParagraph(lines, paragraph, st, width)
	}
	return lines
}

func (f *fonts) wrapParagraph(lines []string, s string, st style, width float64) []string {
	most := width * 1000 / st.size // in units of glyphs
	start, breakAt, used, sinceBreak := 0, 0, 0.0, 0.0
	for i, r := range s {
		w := float64(f.find(r, st.bold).width)
		if i > start && breaksBefore(r) {
			breakAt, sinceBreak = i, 0
		}
		for used+w > most && i > start && r != ' ' {
			if breakAt <= start { // no place in this line
				breakAt, sinceBreak = i, 0
			}
			lines = append(lines, strings.TrimRight(s[start:breakAt], " "))
			start, used = breakAt, sinceBreak
		}
		used += w
		sinceBreak += w
		if breaksBehind(r) {
			breakAt, sinceBreak = i+utf8.RuneLen(r), 0
		}
	}
	return append(lines, strings.TrimRight(s[start:], " "))
}

func breaksBehind(r rune) bool {
	return r == ' ' || r == '-' || r == '/' || r == '@' || r == '_' || r == ',' || r == ';'
}

func breaksBefore(r rune) bool {
	return r >= 0x2E80 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// shorten cuts a clean text to one line of a width; what is cut off becomes an
// ellipsis, and cut is true.
func (f *fonts) shorten(s string, st style, width float64) (line string, cut bool) {
	const ellipsis = "…"
	s, _, cut = strings.Cut(s, "\n")
	room := width - f.width(ellipsis, st)
	used, end := 0.0, 0
	for i, r := range s {
		used += float64(f.find(r, st.bold).width) * st.size / 1000
		if used <= room {
			end = i + utf8.RuneLen(r)
		}
		if used > width {
			cut = true
			break
		}
	}
	if !cut {
		return s, false
	}
	return strings.TrimRight(s[:end], " ") + ellipsis, true
}
