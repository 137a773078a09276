package mail

import (
	"io"
	netmail "net/mail"
	"net/url"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// ParseUnsubscribe reads a message at an address that is for opt-outs alone:
// the mailto form of List-Unsubscribe (RFC 2369). Any message counts, whatever
// its subject and although a mail program sent it by itself, as Apple's does
// with Auto-Submitted. Reports and what has a null return path do not: they
// are [ErrNotReport].
//
// Whose opt-out it is only the token in the address says: senders are not
// proved, so that the report names no recipient.
func ParseUnsubscribe(r io.Reader) (*Report, error) {
	top, err := readMessage(r)
	if err != nil {
		return nil, err
	}
	if !mayUnsubscribe(top) {
		return nil, ErrNotReport
	}
	out := &Report{ID: audience.NewPrivate(bounded(top.header.get("Message-ID"))), At: parseDate(top.header.get("Date"))}
	out.readUnsubscribe(top)
	if len(out.Tokens) == 0 {
		return nil, ErrNotReport
	}
	return out, nil
}

// mayUnsubscribe reports whether it is a message of a person or of her mail
// program, and no report.
func mayUnsubscribe(top *part) bool {
	f := find(top)
	for _, value := range append(top.header.all("Return-Path"), top.header.all("X-Envelope-From")...) {
		if strings.TrimSpace(value) == "<>" {
			return false
		}
	}
	return top.media != "multipart/report" && f.status == nil && f.feedback == nil && f.jmrp == nil
}

// isUnsubscribe reports whether a message among others is an opt-out: it says
// so in the subject that our mailto links carry, or Apple says so.
func isUnsubscribe(top *part) bool {
	if !mayUnsubscribe(top) {
		return false
	}
	subject := strings.ToLower(strings.TrimSpace(top.header.decoded("Subject")))
	return subject == unsubscribeSubject || strings.EqualFold(top.header.get("X-Apple-Unsubscribe"), "true")
}

func (r *Report) readUnsubscribe(top *part) {
	r.Kind, r.Type = ReportOptOut, "mailto"
	for _, name := range []string{"To", "Delivered-To", "X-Original-To", "Envelope-To", "Cc"} {
		for _, value := range top.header.all(name) {
			for _, a := range addresses(value) {
				r.addTokens(tokensOfAddress(a)...)
			}
		}
	}
}

// addresses gives the addresses of a header field as they are written.
func addresses(value string) []string {
	if len(value) > maxTokenBytes*maxTokens {
		return nil
	}
	list, err := netmail.ParseAddressList(value)
	if err != nil {
		return []string{strings.Trim(value, "<> ")}
	}
	var out []string
	for _, a := range list {
		out = append(out, a.Address)
	}
	return out
}

// tokensOfURI gives what may be a token in an address of List-Unsubscribe: the
// last part of the path, values of the query, or of mailto the local part.
func tokensOfURI(uri string) []string {
	u, err := url.Parse(uri)
	if err != nil {
		return nil
	}
	if strings.EqualFold(u.Scheme, "mailto") {
		to, err := url.PathUnescape(u.Opaque)
		if err != nil {
			return nil
		}
		return tokensOfAddress(to)
	}
	path := strings.TrimRight(u.Path, "/")
	out := []string{path[strings.LastIndexByte(path, '/')+1:]}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		if value, err := url.QueryUnescape(value); err == nil && len(out) < maxTokens {
			out = append(out, value)
		}
	}
	return out
}

// tokensOfAddress gives what may be a token in an address: the local part, and
// what follows its last separator. Mail systems may have changed its case:
// tokens for addresses are minted in lower case.
func tokensOfAddress(address string) []string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return nil
	}
	local := address[:at]
	out := []string{local}
	if i := strings.LastIndexAny(local, "+-=."); i >= 0 {
		out = []string{local[i+1:], local}
	}
	for _, s := range out {
		if lower := strings.ToLower(s); lower != s {
			out = append(out, lower)
		}
	}
	return out
}
