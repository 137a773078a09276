package importer

import (
	"bytes"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// property is one property of a card.
type property struct {
	name   string // in upper case
	types  []string
	params map[string]string // others, by names in upper case; of several the last
	value  string            // with its escapes
	from   int               // of the card's text: where its line begins
	to     int
}

// cardParser splits cards into properties.
type cardParser struct {
	line []byte
	list []property
}

// properties gives those between BEGIN and END, valid until the next call.
func (p *cardParser) properties(card []byte) ([]property, error) {
	p.list = p.list[:0]
	for at := 0; at < len(card); {
		from := at
		at = p.unfold(card, at)
		if len(bytes.TrimSpace(p.line)) == 0 {
			continue
		}
		prop, ok := parseProperty(string(p.line))
		if !ok {
			return nil, cardError("lines of a name, a colon and a value")
		}
		if strings.EqualFold(prop.params["ENCODING"], "QUOTED-PRINTABLE") {
			value := []byte(prop.value)
			for bytes.HasSuffix(value, []byte{'='}) && at < len(card) { // a soft line break
				at = p.unfold(card, at)
				value = append(value[:len(value)-1], p.line...)
			}
			var ok bool
			if prop.value, ok = decodePrintable(value); !ok {
				return nil, cardError("quoted-printable as it is written: = and two hexadecimal digits")
			}
		}
		charset := prop.params["CHARSET"]
		if charset != "" && !strings.EqualFold(charset, "UTF-8") && !strings.EqualFold(charset, "US-ASCII") || !utf8.ValidString(prop.value) {
			return nil, notUTF8()
		}
		prop.from, prop.to = from, at
		if prop.name != "BEGIN" && prop.name != "END" && prop.name != "VERSION" {
			p.list = append(p.list, prop)
		}
	}
	return p.list, nil
}

// unfold reads a line and those that continue it, and gives where the next one
// begins.
func (p *cardParser) unfold(card []byte, at int) int {
	p.line = p.line[:0]
	for first := true; at < len(card) && (first || card[at] == ' ' || card[at] == '\t'); first = false {
		if !first {
			at++
		}
		end, next := len(card), len(card)
		if i := bytes.IndexByte(card[at:], '\n'); i >= 0 {
			end, next = at+i, at+i+1
		}
		p.line = append(p.line, bytes.TrimSuffix(card[at:end], []byte{'\r'})...)
		at = next
	}
	return at
}

// decodePrintable decodes the text in its place. The reader of the standard
// library takes no lines of more than 4 KiB.
func decodePrintable(text []byte) (string, bool) {
	out := text[:0]
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c < ' ' && c != '\t' && c != '\r', c == 0x7f:
			return "", false
		case c != '=':
			out = append(out, c)
			continue
		case i+1 == len(text): // a soft break with nothing behind it
			continue
		case i+2 >= len(text):
			return "", false
		}
		var b [1]byte
		if _, err := hex.Decode(b[:], text[i+1:i+3]); err != nil {
			return "", false
		}
		out = append(out, b[0])
		i += 2
	}
	return string(out), true
}

// parseProperty reads group.NAME;PARAM=value;...:value.
func parseProperty(line string) (property, bool) {
	head, value, ok := cutUnquoted(line, ':')
	if !ok {
		return property{}, false
	}
	name, rest, more := cutUnquoted(head, ';')
	if at := strings.LastIndexByte(name, '.'); at >= 0 {
		name = name[at+1:]
	}
	p := property{name: strings.ToUpper(strings.TrimSpace(name)), value: value}
	if p.name == "" || len(p.name) > maxNameBytes {
		return property{}, false
	}
	for more {
		var param string
		param, rest, more = cutUnquoted(rest, ';')
		key, text, has := strings.Cut(param, "=")
		key = strings.ToUpper(strings.TrimSpace(key))
		switch {
		case !has && (key == "QUOTED-PRINTABLE" || key == "BASE64"): // version 2.1 leaves names out
			key, text = "ENCODING", key
		case !has:
			key, text = "TYPE", key
		}
		if key == "TYPE" {
			for t := range strings.SplitSeq(strings.ReplaceAll(text, `"`, ""), ",") {
				p.types = append(p.types, strings.ToUpper(t))
			}
			continue
		}
		if p.params == nil {
			p.params = make(map[string]string)
		}
		p.params[key] = unescapeParameter(text)
	}
	return p, true
}

// cutUnquoted cuts at the first separator that is not within quotes.
func cutUnquoted(text string, separator byte) (before, after string, found bool) {
	quoted := false
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == separator && !quoted:
			return text[:i], text[i+1:], true
		}
	}
	if i := strings.IndexByte(text, separator); quoted && i >= 0 { // a stray quote
		return text[:i], text[i+1:], true
	}
	return text, "", false
}

// unescapeParameter takes off quotes and the escapes of RFC 6868.
func unescapeParameter(text string) string {
	text = strings.Trim(text, `"`)
	if !strings.Contains(text, "^") {
		return text
	}
	return strings.NewReplacer("^^", "^", "^'", `"`, "^n", "\n").Replace(text)
}

// unescapeText gives a text without its escapes.
func unescapeText(value string) string {
	if !strings.Contains(value, `\`) {
		return value
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(value, `\`)
		b.WriteString(before)
		if !found || after == "" {
			return b.String()
		}
		switch c := after[0]; c {
		case 'n', 'N':
			b.WriteByte('\n')
		case '\\', ',', ';', ':':
			b.WriteByte(c)
		default: // version 2.1 has backslashes that mean themselves
			b.WriteByte('\\')
			b.WriteByte(c)
		}
		value = after[1:]
	}
}

// splitText splits at separators that are not escaped, and takes off escapes.
func splitText(value string, separator byte) []string {
	var out []string
	from := 0
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case separator:
			out = append(out, unescapeText(value[from:i]))
			from = i + 1
		}
	}
	return append(out, unescapeText(value[from:]))
}
