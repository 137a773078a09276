package segment

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Reveal tells it in some lines for people, such as
//
//	Ann is NOT in engaged, as of 2026-03-01 12:00:00 UTC.
//	  yes      contact.status == "subscribed"   (is subscribed)
//	  no       events("email.opened").within("30d").any()   (no events)
//	Any one of these alone would change that:
//	  events("email.opened").within("30d").any()   being yes
//	Time alone does not change that.
//
// who is how the contact is to be called; "" is by her number. Instants are in
// the zone of the audience. Values are in clear: the text is as confidential
// as the contact.
func (x *Explanation) Reveal(who string) string {
	var b strings.Builder
	is := "is"
	if !x.Member {
		is = "is NOT"
	}
	fmt.Fprintf(&b, "%s %s in %s, as of %s.\n", cmp.Or(onOneLine(who), "contact "+x.Contact.String()), is, x.Segment, x.shown(x.At))
	for _, c := range x.Conditions {
		b.WriteString("  " + x.line(&c) + "\n")
	}
	x.writeDeciding(&b)
	b.WriteString(x.prospect())
	return b.String()
}

func (x *Explanation) writeDeciding(b *strings.Builder) {
	told := map[string]bool{}
	for _, c := range x.Conditions {
		if !c.Decides || told[c.Source] {
			continue
		}
		if len(told) == 0 {
			b.WriteString("Any one of these alone would change that:\n")
		}
		told[c.Source] = true
		flip := "yes"
		if c.Flip == False {
			flip = "no"
		}
		fmt.Fprintf(b, "  %s   being %s\n", onOneLine(c.Source), flip)
	}
	if len(told) == 0 {
		b.WriteString("No single condition would change that.\n")
	}
}

// line is that of the atom with more in the parentheses.
func (x *Explanation) line(c *ExplainedCondition) string {
	line := c.Reveal()
	var notes []string
	for _, counted := range c.Counted {
		notes = append(notes, x.counted(counted))
	}
	switch {
	case c.Until.At.IsZero():
	case c.Until.Exact:
		notes = append(notes, "changes by itself on "+x.shown(c.Until.At))
	default:
		notes = append(notes, "does not change by itself before "+x.shown(c.Until.At))
	}
	if len(notes) == 0 {
		return line
	}
	more := strings.Join(notes, ", ") + ")"
	if open, ok := strings.CutSuffix(line, ")"); ok && c.hasNotes() {
		return open + ", " + more
	}
	return line + "   (" + more
}

// hasNotes reports whether the line of the atom ends with something in
// parentheses.
func (a *Atom) hasNotes() bool { return a.Compares || a.Negated }

func (x *Explanation) counted(c Counted) string {
	switch {
	case !c.Known:
		return "which events count is unknown"
	case c.Events == 0:
		return "no events"
	case c.Events == 1:
		return "1 event, on " + x.shown(c.Last)
	}
	return fmt.Sprintf("%d events, the first on %s, the last on %s", c.Events, x.shown(c.First), x.shown(c.Last))
}

func (x *Explanation) prospect() string {
	does := "leaves"
	if !x.Member {
		does = "enters"
	}
	switch u := x.Until; {
	case u.At.IsZero():
		return "Time alone does not change that.\n"
	case u.Exact:
		return fmt.Sprintf("If nothing else happens, the contact %s by itself on %s.\n", does, x.shown(u.At))
	default:
		return fmt.Sprintf("Time alone does not change that before %s.\n", x.shown(u.At))
	}
}

func (x *Explanation) shown(t time.Time) string {
	if x.zone != nil {
		t = t.In(x.zone)
	}
	return t.Format("2006-01-02 15:04:05.999999 MST")
}
