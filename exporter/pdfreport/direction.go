package pdfreport

import (
	"slices"
	"strings"

	"golang.org/x/text/unicode/bidi"
)

// visual puts a line into the order in which it is drawn, from left to right.
// A line whose first letter is written from the right has its parts in that
// order. Numbers between words of both directions may end up on the wrong side
// of one: the library tells directions, not levels.
func visual(line string) (drawn string) {
	if !strings.ContainsFunc(line, fromRight) {
		return line
	}
	defer func() {
		if recover() != nil { // one odd name is no reason to lose the document
			drawn = line
		}
	}()
	var p bidi.Paragraph
	if _, err := p.SetString(line); err != nil {
		return line
	}
	order, err := p.Order()
	if err != nil {
		return line
	}
	var parts []string
	for i := range order.NumRuns() {
		run := order.Run(i)
		text := run.String()
		if run.Direction() == bidi.RightToLeft {
			text = bidi.ReverseString(text)
		}
		parts = append(parts, text)
	}
	if i := strings.IndexFunc(line, strong); fromRight([]rune(line[i:])[0]) {
		slices.Reverse(parts)
	}
	return strings.Join(parts, "")
}

// strong reports whether a character has a direction of its own.
func strong(r rune) bool {
	p, _ := bidi.LookupRune(r)
	return p.Class() == bidi.L || fromRight(r)
}

// fromRight reports whether a character belongs to a script that is written
// from the right.
func fromRight(r rune) bool {
	const hebrew = 0x590 // the first such script
	if r < hebrew {
		return false
	}
	p, _ := bidi.LookupRune(r)
	return p.Class() == bidi.R || p.Class() == bidi.AL
}
