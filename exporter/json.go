package exporter

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/audience"
)

// NDJSON encodes one JSON object per line; what is absent is left out. Members
// stand in the order of the columns. Custom fields are within an object
// "fields", which stands where the first of them does, ids in other systems
// within "external", and standings for purposes within "consent":
//
//	{"external_id":"u1","tags":["vip"],"status":"none","created_at":"2026-03-01T12:00:00Z","fields":{"score":2.0}}
//
// Ints are written without a point or exponent, doubles with one, so that they
// can be told apart, and exactly; readers that keep all numbers as doubles lose
// ints beyond 2^53. Instants are RFC 3339 in UTC with up to six decimals, dates
// YYYY-MM-DD, lists arrays. Nothing is escaped but what JSON demands (RFC 8259).
func NDJSON(w io.Writer) Encoder { return &jsonEncoder{out: output{w: w}} }

// JSON encodes one object, an envelope around the objects that [NDJSON] writes,
// with a line for each:
//
//	{"audiencekit":1,"fields":{"score":"double"},"contacts":[
//	{"external_id":"u1",...},
//	{"external_id":"u2",...}
//	]}
//
// The number is the version of the form; it changes when a reader would have to.
// Before "contacts" stands the type of each custom field, by name: string, int,
// double, bool, timestamp, date or list.
func JSON(w io.Writer) Encoder { return &jsonEncoder{out: output{w: w}, envelope: true} }

type jsonEncoder struct {
	out      output
	envelope bool
	members  []jsonMember
	written  bool // a contact
}

// jsonMember is a member of the object of a contact: a column, or an object of
// several.
type jsonMember struct {
	begin  []byte // its name and the colon
	column int
	group  []jsonMember
}

func (e *jsonEncoder) Begin(columns []Column) error {
	groups := make(map[string]int)
	for i, c := range columns {
		group, name := c.Group()
		switch {
		case c.Custom:
			group, name = "fields", c.Name
		case name == "":
			e.members = append(e.members, jsonMember{begin: jsonName(c.Name), column: i})
			continue
		}
		at, ok := groups[group]
		if !ok {
			at = len(e.members)
			groups[group] = at
			e.members = append(e.members, jsonMember{begin: jsonName(group)})
		}
		e.members[at].group = append(e.members[at].group, jsonMember{begin: jsonName(name), column: i})
	}
	if e.envelope {
		e.head(columns)
	}
	return nil
}

// head begins the envelope.
func (e *jsonEncoder) head(columns []Column) {
	b := append(e.out.b, `{"audiencekit":1,"fields":{`...)
	first := true
	for _, c := range columns {
		if !c.Custom {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, jsonName(c.Name)...)
		b = appendJSONString(b, c.Type.String())
	}
	e.out.b = append(b, `},"contacts":[`...)
}

func jsonName(name string) []byte { return append(appendJSONString(nil, name), ':') }

func (e *jsonEncoder) Encode(row []audience.Value) error {
	if e.envelope {
		if e.written {
			e.out.b = append(e.out.b, ',')
		}
		e.out.b = append(e.out.b, '\n')
	}
	e.written = true
	e.out.b = appendObject(e.out.b, e.members, row)
	if !e.envelope {
		e.out.b = append(e.out.b, '\n')
	}
	return e.out.spill()
}

func (e *jsonEncoder) End() (Loss, error) {
	if e.envelope {
		e.out.b = append(e.out.b, "\n]}\n"...)
	}
	return Loss{}, e.out.flush()
}

func appendObject(b []byte, members []jsonMember, row []audience.Value) []byte {
	b = append(b, '{')
	first := true
	for i := range members {
		m := &members[i]
		if m.group == nil && row[m.column].IsZero() || m.group != nil && !anyOf(m.group, row) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, m.begin...)
		if m.group != nil {
			b = appendObject(b, m.group, row)
		} else {
			b = appendJSON(b, row[m.column])
		}
	}
	return append(b, '}')
}

func anyOf(group []jsonMember, row []audience.Value) bool {
	return slices.ContainsFunc(group, func(m jsonMember) bool { return !row[m.column].IsZero() })
}

func appendJSON(b []byte, v audience.Value) []byte {
	switch v.Type() {
	case audience.TypeInt:
		return v.AppendRevealed(b)
	case audience.TypeDouble:
		start := len(b)
		b = v.AppendRevealed(b)
		if !bytes.ContainsAny(b[start:], ".e") {
			b = append(b, ".0"...)
		}
		return b
	case audience.TypeBool:
		ok, _ := v.Bool()
		return strconv.AppendBool(b, ok)
	case audience.TypeStringList:
		items, _ := v.StringList()
		b = append(b, '[')
		for i, item := range items {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, item)
		}
		return append(b, ']')
	case audience.TypeString:
		text, _ := v.Str()
		return appendJSONString(b, text)
	default: // instants and dates, of which no character needs escaping
		b = append(b, '"')
		b = v.AppendRevealed(b)
		return append(b, '"')
	}
}

// appendJSONString appends a JSON string. What is no valid UTF-8, which no
// store holds, becomes U+FFFD.
func appendJSONString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(b, s[start:i]...)
				b = append(b, "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
