package segment

import (
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
)

// countedPart is a choice of events that an atom aggregates, such as
// events("purchase").within("30d"), with programs that say which they are.
type countedPart struct {
	source string // as it was written, without the aggregate

	count, first, last *celenv.Program
}

// Counted says which events a condition counts or aggregates.
type Counted struct {
	Source string // the choice as it was written, without the aggregate that ends it
	Known  bool   // false: an edge of a window is unknown, and so is everything about it
	Events int    // how many were counted
	// First and Last are when the first and the last of them happened; zero
	// without any.
	First, Last time.Time
}

// counts gives the choices of events in each of the atoms. They are compiled
// at the first call. A choice that stands within a macro of CEL's may have no
// meaning by itself and is left out.
func (e *Expression) counts() []*atom {
	atoms := e.atoms()
	e.countOnce.Do(func() {
		for _, a := range atoms {
			for _, source := range choicesOf(a.source) {
				c := &countedPart{source: source}
				var errs [3][]*celenv.Error
				c.count, errs[0] = e.language.env.CompileValue(source+".count()", e.names)
				c.first, errs[1] = e.language.env.CompileValue(source+".first()", e.names)
				c.last, errs[2] = e.language.env.CompileValue(source+".last()", e.names)
				if len(errs[0])+len(errs[1])+len(errs[2]) == 0 {
					a.counted = append(a.counted, c)
				}
			}
		}
	})
	return atoms
}

// choicesOf finds the choices of events in a source that compiles. Those in
// the arguments of another one belong to it.
func choicesOf(source string) []string {
	tokens := tokensOf(source)
	var out []string
	for i := 0; i < len(tokens); i++ {
		if tokens[i].text != "events" || i > 0 && tokens[i-1].text == "." || textAt(tokens, i+1) != "(" {
			continue
		}
		end := closing(tokens, i+1)
		for textAt(tokens, end+1) == "." && textAt(tokens, end+3) == "(" && !isAggregate(textAt(tokens, end+2)) {
			end = closing(tokens, end+3)
		}
		if end >= len(tokens) {
			return out
		}
		out = append(out, source[tokens[i].start:tokens[end].end])
		i = end
	}
	return out
}

func textAt(tokens []token, i int) string {
	if i < len(tokens) {
		return tokens[i].text
	}
	return ""
}

// closing gives the token that closes the parenthesis at i.
func closing(tokens []token, i int) int {
	depth := 0
	for ; i < len(tokens); i++ {
		if depth += tokens[i].nesting(); depth == 0 {
			return i
		}
	}
	return i
}

func isAggregate(name string) bool {
	switch name {
	case "any", "none", "count", "sum", "avg", "min", "max", "distinct", "first", "last", "latest":
		return true
	}
	return false
}

// at counts for a contact.
func (c *countedPart) at(now time.Time, p *audience.Profile, members []bool) (Counted, error) {
	out := Counted{Source: c.source}
	text := func(program *celenv.Program) (string, bool, error) {
		return program.At(now).Text(profileRow{p}, members)
	}
	count, known, err := text(c.count)
	if err != nil || !known {
		return out, err
	}
	out.Known, out.Events = true, number(count)
	if out.Events == 0 {
		return out, nil
	}
	first, _, err := text(c.first)
	if err != nil {
		return out, err
	}
	last, _, err := text(c.last)
	out.First, out.Last = instantOf(first), instantOf(last)
	return out, err
}

func number(text string) int {
	n := 0
	for _, c := range []byte(text) {
		n = n*10 + int(c-'0')
	}
	return n
}

func instantOf(text string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, text)
	return t.UTC()
}
