package importer

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"
)

// String gives the target as a word: "email", "first name", "field".
func (t Target) String() string {
	names := []string{
		"nothing", "secret", "email", "further address", "external id", "first name", "last name", "full name", "phone", "tags", "tag", "lists", "status",
		"consent", "refusal", "bounce", "time of consent", "evidence", "created at", "field",
	}
	if int(t) < len(names) {
		return names[t]
	}
	return "unknown"
}

// String gives a table for people: each column and what it becomes. It holds
// headers and nothing of the cells.
func (m Mapping) String() string {
	var b strings.Builder
	m.write(&b)
	return b.String()
}

func (m *Mapping) write(out *strings.Builder) {
	if m.Vendor != "" {
		fmt.Fprintf(out, "export of %s, by %s (%s)\n", m.Vendor, m.Why, percent(m.Confidence))
	}
	if m.Status != 0 {
		fmt.Fprintf(out, "everybody in it is %s, or stricter\n", m.Status)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(table, "column\theader\tbecomes\tsure\tbecause\n")
	for _, c := range m.Columns {
		_, _ = fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", c.Index+1, shown(c.Header), shown(c.becomes()), percent(c.Confidence), c.Why)
	}
	_ = table.Flush()
}

// becomes says what a column becomes.
func (c *Column) becomes() string {
	s := c.Target.String()
	switch c.Target {
	case TargetField:
		s = "field " + c.Name + ": " + c.Type.String()
	case TargetTag:
		s += " " + strconv.Quote(c.Name)
	case TargetExternalID:
		if c.Name != "" {
			s += " of " + c.Name
		}
	default:
	}
	if c.Format != "" && c.Format != formatTrim && (c.Format != formatGuarded || c.Target == TargetField) {
		s += ", written " + strconv.Quote(c.Format)
	}
	return s
}

func percent(f float64) string { return strconv.Itoa(int(f*100+0.5)) + "%" }

// shown gives a text on one line of at most 40 characters.
func shown(s string) string {
	const most = 40
	if strings.IndexByte(s, '@') >= 0 { // the header is a row of data after all
		return "(an address)"
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most-1]) + "…"
	}
	return s
}

// String gives the proposal for people: what the file is, what each column
// becomes, what is to be answered. It holds headers and nothing of the cells.
func (p *Proposal) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d rows, %d bytes\n", p.Layout.Format, p.Rows, p.Bytes)
	p.Mapping.write(&b)
	for _, n := range p.Notes {
		at := ""
		switch {
		case n.Column > 0:
			at = "column " + strconv.Itoa(n.Column) + ": "
		case n.Line > 0:
			at = "line " + strconv.Itoa(n.Line) + ": "
		}
		fmt.Fprintf(&b, "note: %s%s\n", at, n.Text)
	}
	for _, q := range p.Questions {
		fmt.Fprintf(&b, "question %q: %s Answers: %s", q.ID, q.Text, strings.Join(q.Options, ", "))
		if q.Assumed != "" {
			fmt.Fprintf(&b, " (taken meanwhile: %s)", q.Assumed)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Format prints what String gives, whatever the verb: the sample stays hidden.
func (p *Proposal) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, p.String()) }

// LogValue logs how large the file is and whose.
func (p *Proposal) LogValue() slog.Value {
	return slog.GroupValue(slog.String("format", p.Layout.Format), slog.Int("rows", p.Rows), slog.Int64("bytes", p.Bytes), slog.String("vendor", p.Mapping.Vendor))
}
