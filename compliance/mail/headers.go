package mail

import (
	"fmt"
	"mime"
	"net/url"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

const (
	unsubscribeSubject = "unsubscribe"
	oneClick           = "List-Unsubscribe=One-Click" // RFC 8058 section 3.1, to the letter
	maxLine            = 998                          // octets without the line end, RFC 5322 section 2.1.1
	maxListID          = 255                          // octets, RFC 2919 section 2
)

// List says what the header fields of one message to one contact have to tell.
// Empty members are left out.
type List struct {
	// URL is the https address that unsubscribes when it is posted to and
	// shows a page when it is fetched (RFC 8058). It holds the token.
	URL string
	// Mailto is the address that unsubscribes whoever writes to it.
	Mailto string
	// ID names the list for good, as label and domain: "news.lists.example.com"
	// (RFC 2919). Name is for people.
	ID, Name string
	// FeedbackTo gets complaints as feedback reports and FeedbackID comes back
	// in them, where the provider takes part (RFC 9477). It is a token, not
	// personal in clear.
	FeedbackTo, FeedbackID string
}

// ListHeaders makes the header fields of list mail: List-Unsubscribe (RFC
// 2369), with an URL List-Unsubscribe-Post (RFC 8058), List-Id (RFC 2919), and
// CFBL-Address with CFBL-Feedback-ID (RFC 9477). They go into the message once
// each, unfolded and unencoded, and the DKIM signature has to cover them.
//
// Without both URL and Mailto, and for anything that would break a field or
// let another one in, the error is [audience.ErrInvalid].
func ListHeaders(l List) ([]Header, error) {
	uris, err := l.uris()
	if err != nil {
		return nil, err
	}
	out := []Header{{"List-Unsubscribe", strings.Join(uris, ", ")}}
	if l.URL != "" {
		out = append(out, Header{"List-Unsubscribe-Post", oneClick})
	}
	if l.ID != "" || l.Name != "" {
		id, err := l.listID()
		if err != nil {
			return nil, err
		}
		out = append(out, Header{"List-Id", id})
	}
	if l.FeedbackTo != "" {
		a, err := audience.ParseAddress(l.FeedbackTo)
		if err != nil {
			return nil, &audience.FieldError{Path: "feedbackTo", Rule: "address", Hint: "one e-mail address"}
		}
		out = append(out, Header{"CFBL-Address", a.Reveal() + "; report=arf"})
	}
	if l.FeedbackID != "" {
		if l.FeedbackTo == "" || !isPrintable(l.FeedbackID) {
			return nil, &audience.FieldError{Path: "feedbackID", Rule: "control", Hint: "printable ASCII without spaces, together with FeedbackTo"}
		}
		out = append(out, Header{"CFBL-Feedback-ID", l.FeedbackID})
	}
	for _, h := range out {
		if n := len(h.Name) + 2 + len(h.Value); n > maxLine {
			return nil, &audience.FieldError{Path: h.Name, Rule: "max-length", Hint: fmt.Sprintf("a line of at most %d octets", maxLine), Limit: true}
		}
	}
	return out, nil
}

// uris gives the addresses of List-Unsubscribe in angle brackets, the one that
// needs no mail program first.
func (l *List) uris() ([]string, error) {
	var out []string
	if l.URL != "" {
		if err := checkURL(l.URL); err != nil {
			return nil, err
		}
		out = append(out, "<"+l.URL+">")
	}
	if l.Mailto != "" {
		a, err := audience.ParseAddress(l.Mailto)
		if err != nil || !isPrintable(a.Canonical()) {
			return nil, &audience.FieldError{Path: "mailto", Rule: "address", Hint: "one e-mail address in ASCII"}
		}
		local, domain, _ := strings.Cut(a.Reveal(), "@")
		out = append(out, "<mailto:"+escapeLocal(local)+"@"+domain+"?subject="+unsubscribeSubject+">")
	}
	if len(out) == 0 {
		return nil, &audience.FieldError{Path: "url", Rule: "empty", Hint: "an https URL, or a mailto address"}
	}
	return out, nil
}

// escapeLocal writes a local part for a mailto URI (RFC 6068 section 2).
func escapeLocal(s string) string { return strings.ReplaceAll(url.PathEscape(s), "&", "%26") }

// checkURL refuses what is no https address or would end the field.
func checkURL(s string) error {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c == 0x7f:
			return &audience.FieldError{Path: "url", Rule: "control", Hint: "no control characters"}
		case c == '<' || c == '>':
			return &audience.FieldError{Path: "url", Rule: "bracket", Hint: "no angle brackets: write %3C and %3E"}
		case c == ' ' || c > 0x7f || c == '"' || c == ',':
			return &audience.FieldError{Path: "url", Rule: "character", Hint: "ASCII without spaces, commas and quotes: write them escaped"}
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return &audience.FieldError{Path: "url", Rule: "https", Hint: "an absolute https URL without user and password"}
	}
	return nil
}

// listID gives the value of List-Id.
func (l *List) listID() (string, error) {
	if !isDomain(l.ID) || len(l.ID) > maxListID {
		return "", &audience.FieldError{
			Path: "id", Rule: "list-id", Hint: fmt.Sprintf("a label and a domain, such as news.lists.example.com, of at most %d octets", maxListID),
			Limit: len(l.ID) > maxListID,
		}
	}
	if err := checkValue("name", l.Name); err != nil {
		return "", err
	}
	name := mime.QEncoding.Encode("utf-8", strings.TrimSpace(l.Name))
	if name == l.Name && strings.ContainsAny(name, `<>"(),:;@[]\`) {
		name = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	}
	if name != "" {
		name += " "
	}
	return name + "<" + l.ID + ">", nil
}

// isDomain reports whether a text is dot-separated labels of ASCII letters,
// digits, hyphens and underscores, two at least.
func isDomain(s string) bool {
	n := 0
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
		n++
	}
	return n >= 2
}

// checkValue refuses what would end a header field and begin another.
func checkValue(path, value string) error {
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == 0x2028 || c == 0x2029 {
			return &audience.FieldError{Path: path, Rule: "control", Hint: "no line breaks and control characters"}
		}
	}
	return nil
}

// ParseListUnsubscribe gives the addresses in a List-Unsubscribe field (RFC
// 2369 section 2), in the sender's order of preference: what stands in angle
// brackets, without white space; comments between them are left out. Reading
// stops at the first thing that is neither. A field beyond 8 KiB has none.
func ParseListUnsubscribe(value string) []string {
	const maxField, maxURIs = 8 << 10, 16
	var out []string
	if len(value) > maxField {
		return nil
	}
	for len(out) < maxURIs {
		value = strings.TrimLeft(skipComments(value), " \t\r\n")
		uri, rest, ok := strings.Cut(value, ">")
		if !ok || !strings.HasPrefix(uri, "<") {
			return out
		}
		if uri = removeSpace(uri[1:]); uri == "" || strings.Contains(uri, "<") || !isPrintable(uri) {
			return out
		}
		out = append(out, uri)
		rest, ok = strings.CutPrefix(strings.TrimLeft(skipComments(rest), " \t\r\n"), ",")
		if !ok {
			return out
		}
		value = rest
	}
	return out
}

func removeSpace(s string) string {
	return strings.Map(func(c rune) rune {
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			return -1
		}
		return c
	}, s)
}

// skipComments leaves out the comments and white space that a text begins
// with; comments nest (RFC 5322 section 3.2.2).
func skipComments(s string) string {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case c == '\\' && depth > 0:
			i++
		case depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n':
			return s[i:]
		}
	}
	return ""
}
