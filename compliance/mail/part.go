package mail

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"
	"unicode/utf8"
)

// part is a message or a part of one. Parts of a multipart and the message in
// a message part are its children.
type part struct {
	header   fields
	media    string // type/subtype in lower case; text/plain when there is none
	params   map[string]string
	body     []byte // as it came
	children []*part
}

// reader splits one message into parts within the bounds.
type reader struct {
	parts int
	// opaque says that messages within messages are not looked into.
	opaque bool
}

// normalise brings line ends to LF, also of files that have CR alone, and
// drops the "From " line of an mbox.
func normalise(b []byte) []byte {
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	b = bytes.ReplaceAll(b, []byte("\r"), []byte("\n"))
	b = bytes.TrimLeft(b, "\n")
	if bytes.HasPrefix(b, []byte("From ")) || bytes.HasPrefix(b, []byte(">From ")) {
		_, b, _ = bytes.Cut(b, []byte("\n"))
	}
	return b
}

// read gives a message or part; nil when there are too many of them.
func (r *reader) read(b []byte, depth int) *part {
	if r.parts++; r.parts > maxParts {
		return nil
	}
	p := &part{}
	p.header, p.body = readFields(b)
	p.setType(p.header.get("Content-Type"))
	if depth >= maxDepth {
		return p
	}
	switch {
	case strings.HasPrefix(p.media, "multipart/") && p.params["boundary"] != "":
		for _, section := range sections(p.body, p.params["boundary"]) {
			child := r.read(section, depth+1)
			if child == nil {
				break
			}
			p.children = append(p.children, child)
		}
	case p.isMessage() && !r.opaque:
		if child := r.read(bytes.TrimLeft(p.decoded(), "\n"), depth+1); child != nil {
			p.children = append(p.children, child)
		}
	}
	return p
}

// isMessage reports whether the body of the part is a message, or the header
// of one (RFC 6522, RFC 6533; "text/rfc822-header" is a common slip).
func (p *part) isMessage() bool {
	switch p.media {
	case "message/rfc822", "message/global", "text/rfc822-headers", "text/rfc822-header", "message/global-headers":
		return true
	default:
		return false
	}
}

// setType reads a Content-Type. Where the parameters are damaged the boundary
// is still looked for: senders forget quotes.
func (p *part) setType(value string) {
	media, params, err := mime.ParseMediaType(value)
	if err != nil {
		media, _, _ = strings.Cut(value, ";")
		media, params = strings.ToLower(strings.TrimSpace(media)), map[string]string{}
		if _, b, ok := cutFold(value, "boundary="); ok {
			b, _, _ = strings.Cut(b, ";")
			params["boundary"] = strings.Trim(strings.TrimSpace(b), `"`)
		}
	}
	if !strings.Contains(media, "/") {
		media = "text/plain"
	}
	p.media, p.params = media, params
}

// cutFold is strings.Cut without regard to the case of ASCII letters.
func cutFold(s, sep string) (before, after string, found bool) {
	for i := 0; i+len(sep) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(sep)], sep) {
			return s[:i], s[i+len(sep):], true
		}
	}
	return s, "", false
}

// sections gives what lies between the lines of a boundary. Unlike
// mime/multipart it takes the end of the text for the last boundary, which
// many reports lack, and reads no headers.
func sections(body []byte, boundary string) [][]byte {
	var out [][]byte
	mark := []byte("--" + boundary)
	start, at := -1, 0
	for at < len(body) && len(out) < maxParts {
		line, end := body[at:], len(body)
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line, end = line[:i], at+i+1
		}
		if bytes.HasPrefix(line, mark) {
			tail := bytes.TrimRight(line[len(mark):], " \t")
			last := bytes.Equal(tail, []byte("--"))
			if last || len(tail) == 0 {
				if start >= 0 {
					out = append(out, bytes.TrimSuffix(body[start:at], []byte("\n")))
				}
				if start = end; last {
					return out
				}
			}
		}
		at = end
	}
	if start >= 0 && start < len(body) && len(out) < maxParts {
		out = append(out, body[start:])
	}
	return out
}

// decoded gives the body without its transfer encoding. What cannot be decoded
// ends the text there.
func (p *part) decoded() []byte {
	var r io.Reader
	switch strings.ToLower(p.header.get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		r = quotedprintable.NewReader(bytes.NewReader(p.body))
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, bytes.NewReader(base64Only(p.body)))
	default:
		return p.body
	}
	out, _ := io.ReadAll(io.LimitReader(r, int64(len(p.body)))) // never longer than encoded; a damaged rest is left out
	return normaliseLines(out)
}

func normaliseLines(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }

// base64Only leaves out what is not of the alphabet, such as line ends.
func base64Only(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for _, c := range b {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/', c == '=':
			out = append(out, c)
		}
	}
	return out
}

// text gives the body as UTF-8. Latin-1 and its like are read as Latin-1, all
// else that is not UTF-8 loses what is not.
func (p *part) text() string {
	b := p.decoded()
	switch strings.ToLower(p.params["charset"]) {
	case "iso-8859-1", "latin1", "windows-1252", "iso-8859-15":
		if !utf8.Valid(b) {
			out := make([]rune, len(b))
			for i, c := range b {
				out[i] = rune(c)
			}
			return string(out)
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// walk calls fn for the part and all below it, in order.
func (p *part) walk(fn func(*part)) {
	fn(p)
	for _, c := range p.children {
		c.walk(fn)
	}
}
