package mail

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/audiencekit/audiencekit/audience"
)

// readStatus reads the groups of a delivery-status part (RFC 3464): fields
// about the message, then one group per recipient.
func (r *Report) readStatus(b []byte) {
	for _, g := range groups(b) {
		if r.Reporter == "" {
			_, r.Reporter = typed(g.get("Reporting-MTA"))
		}
		if t := parseDate(g.get("Arrival-Date")); !t.IsZero() {
			r.At = t
		}
		if (g.has("Final-Recipient") || g.has("Original-Recipient")) && len(r.Recipients) < maxRecipients {
			r.Recipients = append(r.Recipients, readRecipient(g))
		}
	}
}

// readRecipient reads the group of one recipient.
func readRecipient(g fields) Recipient {
	diagnostic := g.get("Diagnostic-Code")
	out := Recipient{
		Address:    typedAddress(g.get("Final-Recipient")),
		Original:   typedAddress(g.get("Original-Recipient")),
		Action:     strings.ToLower(firstWord(g.get("Action"))),
		Status:     firstWord(g.get("Status")),
		Diagnostic: audience.NewPrivate(strings.ToValidUTF8(diagnostic, "\uFFFD")),
	}
	out.Code, out.SMTP, out.Class = classify(out.Action, out.Status, diagnostic)
	return out
}

func firstWord(s string) string {
	if i := strings.IndexAny(s, " \t(;"); i >= 0 {
		s = s[:i]
	}
	return bounded(s)
}

// typed parts "dns; mx.example.com" into kind and value. A value without a kind
// is the value.
func typed(s string) (kind, value string) {
	kind, value, ok := strings.Cut(s, ";")
	if !ok {
		return "", bounded(strings.TrimSpace(s))
	}
	return strings.ToLower(strings.TrimSpace(kind)), bounded(strings.TrimSpace(value))
}

// typedAddress reads an address of RFC 3464 or RFC 6533. What is of no known
// type names no mailbox that anybody could be found by, whatever it looks like.
func typedAddress(s string) audience.Address {
	kind, value := typed(s)
	switch kind {
	case "rfc822", "":
		return parseAddress(value)
	case "utf-8":
		return parseAddress(unescapeUTF8(value))
	default:
		return audience.Address{}
	}
}

// unescapeUTF8 reads the \x{HEX} of RFC 6533 section 3. What is no such escape
// stays, and is no address then.
func unescapeUTF8(s string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, `\x{`)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		hex, rest, ok := strings.Cut(after, "}")
		n, err := strconv.ParseUint(hex, 16, 32)
		if !ok || err != nil || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
			b.WriteString(`\x{`)
			s = after
			continue
		}
		b.WriteRune(rune(n))
		s = rest
	}
}

// guess reads a bounce that is written for people: the fields of RFC 3464
// outside of their part, or the header field of the recipients that failed.
// It reports whether there is anything.
func (r *Report) guess(top *part) bool {
	r.Kind, r.Guessed = ReportDelivery, true
	text := top.body
	if i := indexField(text, "final-recipient:"); i >= 0 {
		r.readStatus(text[i:])
	}
	if len(r.Recipients) == 0 {
		for _, value := range top.header.all("X-Failed-Recipients") {
			for s := range strings.SplitSeq(value, ",") {
				a := parseAddress(s)
				if a.IsZero() || len(r.Recipients) >= maxRecipients {
					continue
				}
				_, _, class := classify("failed", "", string(top.body[:min(len(top.body), maxDiagnostic)]))
				r.Recipients = append(r.Recipients, Recipient{Address: a, Action: "failed", Class: class})
			}
		}
	}
	return len(r.Recipients) > 0
}

// indexField gives where a line begins with a lower-case text, or -1.
func indexField(b []byte, lower string) int {
	for at := 0; at < len(b); {
		if len(b)-at >= len(lower) && strings.EqualFold(string(b[at:at+len(lower)]), lower) {
			return at
		}
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return -1
		}
		at += i + 1
	}
	return -1
}

// readReported looks for our own marks in the message that was reported on.
func (r *Report) readReported(p *part) {
	if p == nil {
		return
	}
	r.MessageID = audience.NewPrivate(unbracket(p.header.get("Message-ID")))
	if to := p.header.all("To"); len(to) == 1 && strings.Count(to[0], "@") == 1 {
		if a := parseAddress(to[0]); !isPseudonym(a) {
			r.To = a
		}
	}
	for _, value := range p.header.all("List-Unsubscribe") {
		for _, uri := range ParseListUnsubscribe(value) {
			r.addTokens(tokensOfURI(uri)...)
		}
	}
	r.addTokens(unbracket(p.header.get("CFBL-Feedback-ID")))
	id, _, _ := strings.Cut(r.MessageID.Reveal(), "@")
	r.addTokens(id)
}

func unbracket(s string) string {
	return bounded(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(s), "<"), ">"))
}

// addTokens keeps what may be a token, each once.
func (r *Report) addTokens(texts ...string) {
	for _, s := range texts {
		if s == "" || len(s) > maxTokenBytes || len(r.Tokens) >= maxTokens || !isPrintable(s) {
			continue
		}
		known := false
		for _, t := range r.Tokens {
			known = known || t.Reveal() == s
		}
		if !known {
			r.Tokens = append(r.Tokens, audience.NewPrivate(s))
		}
	}
}

func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
