package exporter

import (
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/audience"
)

// VCard encodes one vCard 4.0 (RFC 6350) per contact, with
//
//	FN                     the name; without one the address, else the external id, else nothing
//	N                      last_name;first_name;;;
//	EMAIL;PREF=1, EMAIL    email, other_emails
//	TEL;VALUE=text         phone
//	CATEGORIES             tags
//	UID;VALUE=text         external_id
//	X-AUDIENCEKIT          any other column, by the parameter NAME
//
// The parameter NAME holds the name of the column, such as status or
// "external:crm". A custom field has the parameter KIND too, its type, and its
// value is the text that [audience.Value.Reveal] gives:
//
//	X-AUDIENCEKIT;NAME=status:none
//	X-AUDIENCEKIT;NAME=likes;KIND=list:tea\,coffee
//
// Lines end with CRLF and are folded at 75 octets, between characters. vCard
// has one kind of line break within a value: CRLF and CR become one and are
// counted as replaced. Other control characters but TAB become U+FFFD.
func VCard(w io.Writer) Encoder { return &cardEncoder{out: output{w: w}} }

type cardEncoder struct {
	out        output
	properties []cardProperty
	name       [2]int // where the first and the last name stand; -1: nowhere
	formatted  []int  // the columns that serve as FN when there is no name
	line       []byte
	loss       Loss
}

// cardProperty is a property that one column becomes.
type cardProperty struct {
	column int
	begin  string // up to the colon
	each   bool   // of a list: a property for each item
	items  bool   // of a list: items between commas
}

func (e *cardEncoder) Begin(columns []Column) error {
	at := func(name string) int {
		return slices.IndexFunc(columns, func(c Column) bool { return !c.Custom && c.Name == name })
	}
	e.name = [2]int{at("first_name"), at("last_name")}
	for _, name := range []string{"email", "external_id"} {
		if i := at(name); i >= 0 {
			e.formatted = append(e.formatted, i)
		}
	}
	for i, c := range columns {
		if i == e.name[0] || i == e.name[1] {
			continue
		}
		e.properties = append(e.properties, e.property(i, c))
	}
	return nil
}

func (e *cardEncoder) property(column int, c Column) cardProperty {
	p := cardProperty{column: column}
	switch {
	case c.Custom:
		p.begin = "X-AUDIENCEKIT;NAME=" + c.Name + ";KIND=" + c.Type.String()
	case c.Name == "email":
		p.begin = "EMAIL;PREF=1"
	case c.Name == "other_emails":
		p.begin, p.each = "EMAIL", true
	case c.Name == "phone":
		p.begin = "TEL;VALUE=text"
	case c.Name == "tags":
		p.begin, p.items = "CATEGORIES", true
	case c.Name == "external_id":
		p.begin = "UID;VALUE=text"
	default:
		p.begin = "X-AUDIENCEKIT;NAME=" + e.parameter(c.Name)
	}
	p.begin += ":"
	return p
}

// parameter gives the value of a parameter, as RFC 6868 escapes it.
func (e *cardEncoder) parameter(text string) string {
	plain := func(r rune) bool {
		return r == '_' || r == '-' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	}
	if !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return `"` + strings.NewReplacer("^", "^^", `"`, "^'", "\n", "^n").Replace(text) + `"`
}

func (e *cardEncoder) Encode(row []audience.Value) error {
	e.raw("BEGIN:VCARD")
	e.raw("VERSION:4.0")
	e.names(row)
	for _, p := range e.properties {
		v := row[p.column]
		items, isList := v.StringList()
		switch {
		case v.IsZero():
		case p.each && isList:
			for _, item := range items {
				e.line = append(e.line, p.begin...)
				e.text(item)
				e.fold()
			}
		case p.items && isList:
			e.line = append(e.line, p.begin...)
			for i, item := range items {
				if i > 0 {
					e.line = append(e.line, ',')
				}
				e.text(item)
			}
			e.fold()
		default:
			e.line = append(e.line, p.begin...)
			if text, ok := v.Str(); ok {
				e.text(text)
			} else if isList {
				e.text(v.Reveal())
			} else {
				e.line = v.AppendRevealed(e.line)
			}
			e.fold()
		}
	}
	e.raw("END:VCARD")
	return e.out.spill()
}

// names writes FN, which every card must have, and N.
func (e *cardEncoder) names(row []audience.Value) {
	var name [2]string
	for i, column := range e.name {
		if column >= 0 {
			name[i] = row[column].Reveal()
		}
	}
	counted := e.loss // what FN loses is counted where it stands as it is
	e.line = append(e.line, "FN:"...)
	switch {
	case name[0] != "" || name[1] != "":
		e.text(name[0])
		if name[0] != "" && name[1] != "" {
			e.line = append(e.line, ' ')
		}
		e.text(name[1])
	default:
		for _, column := range e.formatted {
			if text := row[column].Reveal(); text != "" {
				e.text(text)
				break
			}
		}
	}
	e.fold()
	e.loss = counted
	if name[0] == "" && name[1] == "" {
		return
	}
	e.line = append(e.line, "N:"...)
	e.text(name[1])
	e.line = append(e.line, ';')
	e.text(name[0])
	e.line = append(e.line, ";;;"...)
	e.fold()
}

func (e *cardEncoder) raw(line string) {
	e.out.b = append(e.out.b, line...)
	e.out.b = append(e.out.b, "\r\n"...)
}

// text appends escaped text (RFC 6350, section 3.4) to the line.
func (e *cardEncoder) text(s string) {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		size, escaped := 1, ""
		switch {
		case c >= utf8.RuneSelf:
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r == utf8.RuneError && size == 1 {
				escaped = "\ufffd"
				e.loss.Replaced++
			}
		case c == '\\', c == ',', c == ';':
			escaped = `\` + string(rune(c))
		case c == '\n':
			escaped = `\n`
		case c == '\r':
			if strings.HasPrefix(s[i:], "\r\n") {
				size = 2
			}
			escaped = `\n`
			e.loss.Replaced++
		case c < ' ' && c != '\t', c == 0x7f:
			escaped = "\ufffd"
			e.loss.Replaced++
		}
		if escaped != "" {
			e.line = append(e.line, s[start:i]...)
			e.line = append(e.line, escaped...)
			start = i + size
		}
		i += size
	}
	e.line = append(e.line, s[start:]...)
}

// fold writes the line in pieces of at most 75 octets, which end where a
// character does.
func (e *cardEncoder) fold() {
	const most = 75
	rest := e.line
	room := most
	for len(rest) > room {
		cut := room
		for cut > room-utf8.UTFMax && !utf8.RuneStart(rest[cut]) {
			cut--
		}
		e.out.b = append(e.out.b, rest[:cut]...)
		e.out.b = append(e.out.b, "\r\n "...)
		rest, room = rest[cut:], most-1 // the space counts
	}
	e.out.b = append(e.out.b, rest...)
	e.out.b = append(e.out.b, "\r\n"...)
	e.line = e.line[:0]
}

func (e *cardEncoder) End() (Loss, error) { return e.loss, e.out.flush() }
