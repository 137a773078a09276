package mail

import (
	"bytes"
	"mime"
	"slices"
	"strings"
)

// The bounds of what is read. Reports have their machine-readable part in
// front of the returned message, so that what lies beyond is not missed.
const (
	maxReportBytes = 1 << 20
	maxHeaderBytes = 128 << 10 // of one header block
	maxFields      = 1000      // of one header block
	maxParts       = 100       // of one message, all depths together
	maxDepth       = 8         // of parts within parts
	maxRecipients  = 200       // of one report
	maxTokens      = 16        // of one report
	maxTokenBytes  = 512
)

// Header is one header field, unfolded, without its line end.
type Header struct {
	Name  string
	Value string
}

// fields are the header fields of a message or of a part in their order.
type fields []Header

// get gives the first value of a name, without spaces around it.
func (f fields) get(name string) string {
	for i := range f {
		if strings.EqualFold(f[i].Name, name) {
			return f[i].Value
		}
	}
	return ""
}

// all gives every value of a name.
func (f fields) all(name string) []string {
	var out []string
	for i := range f {
		if strings.EqualFold(f[i].Name, name) {
			out = append(out, f[i].Value)
		}
	}
	return out
}

func (f fields) has(name string) bool {
	for i := range f {
		if strings.EqualFold(f[i].Name, name) {
			return true
		}
	}
	return false
}

// decoded gives the first value of a name with its encoded words (RFC 2047)
// read; as it is when they cannot be.
func (f fields) decoded(name string) string { return decodeWords(f.get(name)) }

func decodeWords(s string) string {
	var d mime.WordDecoder
	if out, err := d.DecodeHeader(s); err == nil {
		return out
	}
	return s
}

// readFields reads a header block up to its empty line and gives what follows.
// It is more tolerant than net/textproto, which gives up at the first line
// without a colon: such lines are left out. Line ends are LF by then.
func readFields(b []byte) (out fields, rest []byte) {
	var name, value []byte // of the field that is being read, with its folds
	finish := func() {
		if name != nil {
			out = append(out, Header{Name: string(name), Value: string(bytes.TrimSpace(value))})
		}
		name, value = nil, nil
	}
	defer func() { finish() }()
	for used := 0; len(b) > 0; {
		line, after, _ := bytes.Cut(b, []byte("\n"))
		begun := name != nil || len(out) > 0
		if len(bytes.TrimRight(line, " \t")) == 0 && (len(line) == 0 || begun) {
			return out, after
		}
		if used += len(line) + 1; used > maxHeaderBytes || len(out) >= maxFields {
			return out, skipFields(b)
		}
		b = after
		if line[0] == ' ' || line[0] == '\t' {
			value = append(append(value, ' '), bytes.TrimSpace(line)...)
			continue
		}
		finish()
		n, v, ok := bytes.Cut(line, []byte(":"))
		if n = bytes.TrimRight(n, " \t"); ok && isFieldName(n) {
			name, value = n, slices.Clone(v)
		}
	}
	return out, nil
}

// skipFields gives what follows the next empty line.
func skipFields(b []byte) []byte {
	_, rest, _ := bytes.Cut(b, []byte("\n\n"))
	return rest
}

// isFieldName reports whether it is a field name by RFC 5322 section 2.2.
func isFieldName[T string | []byte](name T) bool {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || c == ':' {
			return false
		}
	}
	return len(name) > 0
}
