package importer

import (
	"fmt"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/audience"
)

// jsonRecord reads JSON objects as rows: members within members become paths,
// arrays of plain values lists, other arrays their JSON text.
type jsonRecord struct {
	paths  *paths
	limits Limits

	b     []byte
	text  string // b once more: cells are parts of it
	at    int
	row   *Row // nil while columns are being found
	list  []byte
	spans []span // where values stand, if they are wanted
	want  bool
	names []byte // decoded names
}

// span is where the value of a column stands in a record.
type span struct{ column, from, to int }

// read reads one object. The column, from 0, says where it fails; -1: not in
// one of them.
func (p *jsonRecord) read(b []byte, row *Row) (column int, err error) {
	p.b, p.at, p.row, p.spans = b, 0, row, p.spans[:0]
	if row != nil {
		p.text = string(b)
	}
	p.space()
	if !p.is('{') {
		return -1, p.wrong("an object between { and }")
	}
	if column, err := p.object(p.paths.root, 1); err != nil {
		return column, err
	}
	if p.space(); p.at < len(p.b) {
		return -1, p.wrong("nothing behind the object")
	}
	return -1, nil
}

func (p *jsonRecord) wrong(hint string) error {
	return &audience.FieldError{Path: "row", Rule: "json", Hint: fmt.Sprintf("%s, at byte %d of the record", hint, p.at+1)}
}

func (p *jsonRecord) space() {
	for p.at < len(p.b) && isJSONSpace(p.b[p.at]) {
		p.at++
	}
}

func isJSONSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// is takes a byte if it comes next.
func (p *jsonRecord) is(c byte) bool {
	if p.at < len(p.b) && p.b[p.at] == c {
		p.at++
		return true
	}
	return false
}

// object reads the members behind a brace.
func (p *jsonRecord) object(of *namePath, depth int) (column int, err error) {
	if depth > maxDepth {
		return -1, tooDeep()
	}
	if p.space(); p.is('}') {
		return -1, nil
	}
	for next := 0; ; {
		p.space()
		if !p.is('"') {
			return -1, p.wrong("a name in double quotes")
		}
		name, err := p.name()
		if err != nil {
			return -1, err
		}
		if p.space(); !p.is(':') {
			return -1, p.wrong("a colon behind the name")
		}
		member, err := p.paths.child(of, name, &next)
		if err != nil {
			return -1, err
		}
		if column, err := p.value(member, depth); err != nil {
			return column, err
		}
		p.space()
		switch {
		case p.is(','):
		case p.is('}'):
			return -1, nil
		default:
			return -1, p.wrong("a comma or } behind the value")
		}
	}
}

// name reads a name behind its opening quote.
func (p *jsonRecord) name() ([]byte, error) {
	from := p.at
	plain, err := p.skipString()
	if err != nil {
		return nil, err
	}
	raw := p.b[from : p.at-1]
	if plain {
		return raw, nil
	}
	var ok bool
	if p.names, ok = unescapeJSON(p.names[:0], raw); !ok {
		return nil, p.wrong(escapeHint)
	}
	return p.names, nil
}

// value reads the value of a member.
func (p *jsonRecord) value(m *namePath, depth int) (column int, err error) {
	p.space()
	if p.at == len(p.b) {
		return -1, p.wrong("a value")
	}
	switch p.b[p.at] {
	case '{':
		p.at++
		return p.object(m, depth+1)
	case 'n':
		m.null = true
		from := p.at
		if err := p.literal("null"); err != nil || !p.paths.open && m.column < 0 {
			return -1, err // without a column: it has no value in any record
		}
		if m.column < 0 {
			return -1, nil
		}
		return p.set(m.column, from, CellText, "")
	}
	if column, err = p.paths.column(m); err != nil {
		return -1, err
	}
	from := p.at
	kind, text, err := p.leaf(depth)
	if err != nil {
		return column, err
	}
	return p.set(column, from, kind, text)
}

// set gives a cell its value. A member that comes twice says two things, of
// which none is known to be meant.
func (p *jsonRecord) set(column, from int, kind CellKind, text string) (int, error) {
	if p.want {
		p.spans = append(p.spans, span{column: column, from: from, to: p.at})
	}
	switch {
	case p.row == nil:
		return -1, nil
	case p.row.Kinds[column] != CellAbsent:
		return column, &audience.FieldError{Path: "row", Rule: "duplicate", Hint: "each name once in a record"}
	case len(text) > p.limits.CellBytes:
		return column, tooLongCell(p.limits)
	}
	p.row.Cells[column], p.row.Kinds[column] = text, kind
	return -1, nil
}

// leaf reads a value that becomes one cell.
func (p *jsonRecord) leaf(depth int) (CellKind, string, error) {
	switch c := p.b[p.at]; {
	case c == '"':
		text, err := p.str()
		return CellString, text, err
	case c == '[':
		return p.array(depth + 1)
	case c == 't':
		return CellBool, "true", p.literal("true")
	case c == 'f':
		return CellBool, "false", p.literal("false")
	case c == '-' || c >= '0' && c <= '9':
		text, err := p.number()
		return CellNumber, text, err
	}
	return 0, "", p.wrong("a value")
}

func (p *jsonRecord) literal(word string) error {
	if len(p.b)-p.at < len(word) || string(p.b[p.at:p.at+len(word)]) != word {
		return p.wrong("true, false, null, a number, a string, an array or an object")
	}
	p.at += len(word)
	return nil
}

// part gives a piece of the record as text that may be kept.
func (p *jsonRecord) part(from, to int) string {
	if p.row == nil {
		return ""
	}
	return p.text[from:to]
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? and keeps it as
// it stands.
func (p *jsonRecord) number() (string, error) {
	from := p.at
	p.is('-')
	if !p.is('0') && !p.digits() {
		return "", p.wrong("a digit")
	}
	if p.is('.') && !p.digits() {
		return "", p.wrong("a digit behind the point")
	}
	if p.is('e') || p.is('E') {
		if !p.is('+') {
			p.is('-')
		}
		if !p.digits() {
			return "", p.wrong("a digit in the exponent")
		}
	}
	return p.part(from, p.at), nil
}

func (p *jsonRecord) digits() bool {
	from := p.at
	for p.at < len(p.b) && p.b[p.at] >= '0' && p.b[p.at] <= '9' {
		p.at++
	}
	return p.at > from
}

// str reads a string.
func (p *jsonRecord) str() (string, error) {
	p.at++
	from := p.at
	plain, err := p.skipString()
	if err != nil {
		return "", err
	}
	raw := p.b[from : p.at-1]
	if plain {
		return p.part(from, p.at-1), nil
	}
	text, ok := unescapeJSON(nil, raw)
	if !ok {
		return "", p.wrong(escapeHint)
	}
	return string(text), nil
}

// skipString goes behind the closing quote. plain: the string says what stands
// there.
func (p *jsonRecord) skipString() (plain bool, err error) {
	plain = true
	ascii := true
	from := p.at
	for ; p.at < len(p.b); p.at++ {
		switch c := p.b[p.at]; {
		case c == '"':
			if !ascii && !utf8.Valid(p.b[from:p.at]) {
				return false, notUTF8()
			}
			p.at++
			return plain, nil
		case c == '\\':
			plain = false
			p.at++
		case c < ' ':
			return false, p.wrong("no control characters in strings")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	p.at = len(p.b)
	return false, p.wrong("a closing quote")
}

// array reads several items as one cell.
func (p *jsonRecord) array(depth int) (CellKind, string, error) {
	if depth > maxDepth {
		return 0, "", tooDeep()
	}
	from := p.at
	p.at++
	p.list = p.list[:0]
	plain := true
	if p.space(); !p.is(']') {
		for more := true; more; {
			simple, err := p.item(depth)
			if err != nil {
				return 0, "", err
			}
			plain = plain && simple
			p.space()
			if more = p.is(','); !more && !p.is(']') {
				return 0, "", p.wrong("a comma or ] behind the item")
			}
		}
	}
	if !plain {
		return CellString, p.part(from, p.at), nil
	}
	return CellList, string(p.list), nil
}

// item adds one item of an array to the list; simple reports whether it can
// stand there.
func (p *jsonRecord) item(depth int) (simple bool, err error) {
	if p.space(); p.at == len(p.b) {
		return false, p.wrong("an item")
	}
	switch p.b[p.at] {
	case '{', '[':
		return false, p.skip(depth)
	case 'n':
		return true, p.literal("null")
	}
	_, text, err := p.leaf(depth)
	if err == nil && p.row != nil {
		p.list = appendItem(p.list, text, len(p.list) == 0)
	}
	return true, err
}

// skip checks a value within an array and passes over it.
func (p *jsonRecord) skip(depth int) error {
	inner := jsonRecord{paths: newPaths(nil, Limits{Columns: len(p.b)}, true), limits: p.limits, b: p.b, at: p.at}
	_, err := inner.value(inner.paths.root, depth)
	p.at = inner.at
	return err
}

func tooDeep() error {
	return &audience.FieldError{Path: "row", Rule: "max-depth", Hint: fmt.Sprintf("at most %d levels within each other", maxDepth), Limit: true}
}
