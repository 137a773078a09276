package exporter

import (
	_ "embed" // for the schema
	"io"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/audience"
)

//go:embed contacts.xsd
var contactsXSD string

// XMLSchema gives the schema (XSD 1.0) of what [XML] writes.
func XMLSchema() string { return contactsXSD }

// XML encodes a document of the namespace urn:audiencekit:contacts:1, whose
// schema [XMLSchema] gives:
//
//	<contacts xmlns="urn:audiencekit:contacts:1">
//	<contact><external_id>u1</external_id><tags><item>vip</item></tags>...<field name="score" type="double">2</field></contact>
//	</contacts>
//
// Elements stand in the order of the columns; what is absent is left out. Ids
// in other systems are <external system="crm">, standings for purposes
// <consent purpose="marketing">, custom fields <field name="" type="">. Items
// of lists are <item> elements.
//
// Line breaks and tabs are written so that parsers keep them. Characters that
// XML 1.0 cannot hold, not even escaped (most control characters, U+FFFE,
// U+FFFF), become U+FFFD and are counted as replaced.
func XML(w io.Writer) Encoder { return &xmlEncoder{out: output{w: w}} }

type xmlEncoder struct {
	out     output
	columns []Column
	begin   []string // of the element of a column
	end     []string
	loss    Loss
}

func (e *xmlEncoder) Begin(columns []Column) error {
	e.columns = columns
	for _, c := range columns {
		group, member := c.Group()
		element, attributes := c.Name, ""
		switch {
		case c.Custom:
			element, attributes = "field", ` name="`+e.attribute(c.Name)+`" type="`+c.Type.String()+`"`
		case group == "external":
			element, attributes = group, ` system="`+e.attribute(member)+`"`
		case group == "consent":
			element, attributes = group, ` purpose="`+e.attribute(member)+`"`
		}
		e.begin = append(e.begin, "<"+element+attributes+">")
		e.end = append(e.end, "</"+element+">")
	}
	e.out.b = append(e.out.b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<contacts xmlns=\"urn:audiencekit:contacts:1\">\n"...)
	return nil
}

func (e *xmlEncoder) attribute(text string) string {
	var b []byte
	b, n := appendXML(nil, text)
	e.loss.Replaced += n
	return string(b)
}

func (e *xmlEncoder) Encode(row []audience.Value) error {
	b := append(e.out.b, "<contact>"...)
	for i, v := range row {
		if v.IsZero() {
			continue
		}
		b = append(b, e.begin[i]...)
		if items, ok := v.StringList(); ok {
			for _, item := range items {
				b = append(b, "<item>"...)
				b = e.text(b, item)
				b = append(b, "</item>"...)
			}
		} else if text, ok := v.Str(); ok {
			b = e.text(b, text)
		} else {
			b = v.AppendRevealed(b) // none of its characters needs escaping
		}
		b = append(b, e.end[i]...)
	}
	e.out.b = append(b, "</contact>\n"...)
	return e.out.spill()
}

func (e *xmlEncoder) text(b []byte, s string) []byte {
	b, n := appendXML(b, s)
	e.loss.Replaced += n
	return b
}

func (e *xmlEncoder) End() (Loss, error) {
	e.out.b = append(e.out.b, "</contacts>\n"...)
	return e.loss, e.out.flush()
}

// appendXML appends text as the content of an element or an attribute, and
// tells how many characters were replaced.
func appendXML(b []byte, s string) (out []byte, replaced int) {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		size, escaped := 1, ""
		switch {
		case c >= utf8.RuneSelf:
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r == utf8.RuneError && size == 1 || r == 0xFFFE || r == 0xFFFF {
				escaped, replaced = "\ufffd", replaced+1
			}
		case c == '&':
			escaped = "&amp;"
		case c == '<':
			escaped = "&lt;"
		case c == '>':
			escaped = "&gt;"
		case c == '"':
			escaped = "&#34;"
		case c == '\t':
			escaped = "&#9;"
		case c == '\n':
			escaped = "&#10;"
		case c == '\r':
			escaped = "&#13;"
		case c < ' ':
			escaped, replaced = "\ufffd", replaced+1
		}
		if escaped != "" {
			b = append(b, s[start:i]...)
			b = append(b, escaped...)
			start = i + size
		}
		i += size
	}
	return append(b, s[start:]...), replaced
}
