package importer

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// xmlTokens reads the tokens of an XML file within bounds.
type xmlTokens struct {
	in      *window
	decoder *xml.Decoder
	limits  Limits
	until   int64 // the stream may be read up to there
	refused error // why it may not be read on
	depth   int
	rooted  bool // the outermost element was there
}

func newXMLTokens(w *window, limits Limits) *xmlTokens {
	x := &xmlTokens{in: w, limits: limits}
	x.decoder = xml.NewDecoder(x)
	x.decoder.CharsetReader = func(string, io.Reader) (io.Reader, error) {
		x.refused = &audience.FieldError{Path: "file", Rule: "encoding", Hint: "UTF-8; save the file in it, and say so in its first line"}
		return nil, x.refused
	}
	x.allow()
	return x
}

// allow lets one record, or what stands between records, be read.
func (x *xmlTokens) allow() { x.until = x.in.offset + int64(x.limits.RecordBytes) }

func (x *xmlTokens) offset() int64 { return x.decoder.InputOffset() }

func (x *xmlTokens) line() int {
	line, _ := x.decoder.InputPos()
	return line
}

// ReadByte is what the decoder reads by.
func (x *xmlTokens) ReadByte() (byte, error) {
	if x.in.offset >= x.until {
		x.refused = &audience.FieldError{
			Path: "file", Rule: "max-bytes", Limit: true,
			Hint: fmt.Sprintf("records of at most %d bytes, at line %d", x.limits.RecordBytes, x.in.line),
		}
		return 0, x.refused
	}
	return x.in.ReadByte()
}

// Read is there for the decoder's sake, which does not call it.
func (x *xmlTokens) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

// next gives the next token, or io.EOF behind the outermost element. What it
// gives is valid until the next call.
func (x *xmlTokens) next() (xml.Token, error) {
	token, err := x.decoder.Token()
	switch {
	case x.refused != nil:
		return nil, x.refused
	case x.in.failure() != nil && err != nil:
		return nil, x.in.failure()
	case errors.Is(err, io.EOF) && x.rooted:
		return nil, io.EOF
	case err != nil:
		return nil, x.broken(syntaxHint(err))
	}
	switch t := token.(type) {
	case xml.Directive:
		return nil, x.broken("no document type")
	case xml.StartElement:
		if x.depth == 0 && x.rooted {
			return nil, x.broken("one outermost element")
		}
		x.depth++
		x.rooted = true
	case xml.EndElement:
		x.depth--
	case xml.CharData:
		if x.depth == 0 && strings.TrimSpace(string(t)) != "" {
			return nil, x.broken("no text outside of elements")
		}
	}
	return token, nil
}

// syntaxHint says what is wrong without repeating anything of the file.
func syntaxHint(err error) string {
	syntax, ok := errors.AsType[*xml.SyntaxError](err)
	if !ok {
		return "more: the file ends too early"
	}
	for begin, hint := range map[string]string{
		"unexpected EOF":           "more: the file ends too early",
		"invalid character entity": "& written as &amp;, and no entities but &lt; &gt; &amp; &apos; &quot; and numbers",
		"illegal character code":   "characters that XML may hold",
		"invalid UTF-8":            "valid UTF-8; save the file as UTF-8",
		"unquoted":                 "quotes around the values of attributes",
		"unescaped <":              "< written as &lt;",
	} {
		if strings.HasPrefix(syntax.Msg, begin) {
			return hint
		}
	}
	return "well-formed XML, with an end tag for every start tag"
}
