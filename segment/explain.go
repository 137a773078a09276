package segment

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/audiencekit/audiencekit/audience"
)

// Atom is one condition of an expression, a part under && || and ! that is
// none of these itself, with what came of it for one contact.
type Atom struct {
	Source       string // as it was written
	Line, Column int    // where, from 1
	Truth        Truth  // of the condition itself, whatever stands around it
	Negated      bool   // it stands under an odd number of !: it counts when it is false
	Compares     bool   // it is a comparison: what it compared is in Value
	// Value is the side of a comparison that depends on the contact, the left
	// one if both do, in the text form of [audience.Value.Reveal]: of
	// "vip" in contact.tags it is the tags, joined by commas, of a very long
	// list the beginning. It is empty when HasValue is false. It may be
	// personal, so it does not print itself.
	Value    audience.Private
	HasValue bool // false: that side is unknown, or it is no comparison
}

// Reveal gives the atom as a line for people, such as
//
//	yes      events("purchase").count() > 3   (is 5)
//	no       onList("never")   (counts when no)
//	unknown  contact.age >= 18   (is unknown)
//
// The value is in clear: the line is as confidential as the contact.
func (a Atom) Reveal() string {
	truth := "unknown"
	switch a.Truth {
	case True:
		truth = "yes"
	case False:
		truth = "no"
	case Unknown:
	}
	var notes []string
	switch {
	case a.Compares && !a.HasValue:
		notes = append(notes, "is unknown")
	case a.Compares:
		notes = append(notes, "is "+shownValue(a.Value.Reveal()))
	}
	if a.Negated {
		notes = append(notes, "counts when no")
	}
	line := fmt.Sprintf("%-9s%s", truth, onOneLine(a.Source))
	if len(notes) > 0 {
		line += "   (" + strings.Join(notes, ", ") + ")"
	}
	return line
}

// Explain gives the conditions of the expression in the order of the source,
// with what they are for the contact: all of them, also those that the
// outcome did not hang on. Errors are those of [Moment.Match].
func (m *Moment) Explain(p *audience.Profile) ([]Atom, error) {
	if len(m.expression.segments()) > 0 {
		return nil, errNeedsSet
	}
	return m.explain(p, nil)
}

// Explain is [Moment.Explain] of a segment of the set; inSegment answers as in
// the set. A name that is not in the set is [audience.ErrNotFound].
func (m *SetMoment) Explain(name string, p *audience.Profile) ([]Atom, error) {
	slot, members, err := m.prepare(name, p)
	if err != nil {
		return nil, err
	}
	out, err := m.moments[slot].explain(p, members)
	if err != nil {
		return nil, m.failed(slot, err)
	}
	return out, nil
}

func (m *Moment) explain(p *audience.Profile, members []bool) ([]Atom, error) {
	if err := m.check(p); err != nil {
		return nil, err
	}
	atoms := m.expression.atoms()
	out := make([]Atom, len(atoms))
	for i, a := range atoms {
		truth, err := m.atomTruth(a, p, members)
		if err != nil {
			return nil, err
		}
		out[i] = Atom{
			Source: a.source, Line: a.line, Column: a.column, Truth: truth, Negated: a.negated, Compares: a.compares,
		}
		if !a.compares {
			continue
		}
		value, ok, err := m.atomValue(a, p, members)
		if err != nil {
			return nil, err
		}
		if ok {
			out[i].Value, out[i].HasValue = audience.NewPrivate(value), true
		}
	}
	return out, nil
}

// shownValue makes a value fit a line.
func shownValue(s string) string {
	const most = 100
	if s == "" {
		return "empty"
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return s
}

// onOneLine joins the lines of a source.
func onOneLine(source string) string {
	lines := strings.Split(source, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, " ")
}
