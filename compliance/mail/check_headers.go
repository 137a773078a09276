package mail

import (
	"bytes"
	netmail "net/mail"
	"strings"
	"unicode"
)

// headers checks everything that the header fields alone can tell.
func (c *checker) headers() {
	for _, name := range []string{"Subject", "Reply-To", "Sender", "Date", "Message-ID", "To", "MIME-Version", "Content-Type"} {
		if len(c.header.all(name)) > 1 {
			c.block("duplicate-header:"+strings.ToLower(name), name, "the field stands more than once, and programs differ in which one they show", "RFC 5322 section 3.6")
		}
	}
	c.from()
	c.subject(c.header.decoded("Subject"), c.header.has("In-Reply-To") || c.header.has("References"))
	c.list()
}

// lines checks the header block as it came. A lone CR is a line end for some
// programs and none for others: what one takes for a part of the subject is a
// field to the next.
func (c *checker) lines(b []byte) {
	const basis = "RFC 5322 sections 2.1.1 and 2.2"
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			return
		}
		if bytes.ContainsAny(line, "\r\x00") {
			c.block("control-in-header", "headers", "a lone carriage return or a NUL lets another field in", basis)
		}
		if len(line) > maxLine {
			c.block("line-too-long", "headers", "a line has more than 998 octets, so that servers cut or refuse it", basis)
		}
		b = rest
	}
}

// from checks who the message says it is from.
func (c *checker) from() {
	const basis = "15 USC 7704(a)(1); ePrivacy Art. 13(4); PECR reg. 23"
	values := c.header.all("From")
	if len(values) == 0 {
		c.block("missing-from", "From", "nobody is named as the sender", basis)
		return
	}
	from, err := netmail.ParseAddressList(values[0])
	switch {
	case len(values) > 1 || len(from) > 1:
		c.block("multiple-from", "From", "several senders are named, so that it is not clear whose message it is", basis+"; RFC 5322 section 3.6.2")
	case err != nil:
		c.block("missing-from", "From", "the field cannot be read", basis)
		return
	}
	domain := ""
	for _, a := range from {
		domain = domainOf(a.Address)
		if !within(domain, c.profile.Domains) {
			c.block("from-domain-not-sender", "From", "the address is not in a domain of the sender", basis)
		}
		c.displayName(a.Name, domain)
	}
	c.aligned(domain)
	c.noReply(from)
}

// aligned wants a DKIM signature of the domain of From, as DMARC compares them
// when it is relaxed. What is not signed at all is another rule's.
func (c *checker) aligned(domain string) {
	signatures := c.header.all("DKIM-Signature")
	for _, s := range signatures {
		d := strings.ToLower(tags(s)["d"])
		if within(domain, []string{d}) || within(d, []string{domain}) {
			return
		}
	}
	if len(signatures) > 0 {
		c.block("dkim-not-aligned", "DKIM-Signature", "no signature is of the domain in From, so that DMARC fails", "RFC 7489 section 3.1.1; sender requirements of Gmail, Yahoo and Microsoft")
	}
}

func (c *checker) noReply(from []*netmail.Address) {
	to := from
	if values := c.header.all("Reply-To"); len(values) > 0 {
		if list, err := netmail.ParseAddressList(values[0]); err == nil {
			to = list
		}
	}
	for _, a := range to {
		local, _, _ := strings.Cut(strings.ToLower(a.Address), "@")
		local = strings.NewReplacer("-", "", "_", "", ".", "").Replace(local)
		if strings.HasPrefix(local, "noreply") || strings.HasPrefix(local, "donotreply") {
			c.info("no-reply-address", "Reply-To", "answers reach nobody", "CASL s. 6(2)(b); PECR reg. 23(b); Microsoft's sender requirements")
			return
		}
	}
}

// displayName warns when the name shows a brand of somebody else's, or an
// address of another domain.
func (c *checker) displayName(name, domain string) {
	name = strings.ToLower(decodeWords(name))
	own := strings.ToLower(c.profile.Sender.Name)
	warn := false
	for _, brand := range c.profile.Brands {
		brand = strings.ToLower(brand)
		warn = warn || brand != "" && strings.Contains(name, brand) && !strings.Contains(own, brand)
	}
	if shown := domainOf(strings.TrimRight(name, ")>\"' ")); shown != "" && shown != domain {
		warn = true
	}
	if warn {
		c.warn("display-name-brand-mismatch", "From", "the name shown is that of somebody else", "15 USC 7704(a)(1)")
	}
}

// subject checks what the message is announced as.
func (c *checker) subject(subject string, reply bool) {
	const basis = "15 USC 7704(a)(2)"
	subject = strings.TrimSpace(subject)
	switch {
	case subject == "":
		c.block("empty-subject", "Subject", "a subject has to tell what the message is about", basis)
	case !reply && isReplySubject(subject):
		c.block("deceptive-subject:fake-reply", "Subject", "it pretends to be an answer or a forwarded message", basis)
	case looksLoud(subject):
		c.warn("subject-heuristic", "Subject", "capitals, exclamation or currency marks as filters know them from spam", "provider guidance")
	}
}

// isReplySubject reports whether a subject begins as an answer or forwarded
// message does, in the languages that mail programs write.
func isReplySubject(s string) bool {
	prefix, _, ok := strings.Cut(s, ":")
	prefix, _, _ = strings.Cut(prefix, "[")
	if !ok {
		return false
	}
	switch strings.ToLower(strings.TrimSpace(prefix)) {
	case "re", "fw", "fwd", "aw", "wg", "antw", "tr", "rv", "sv", "vs", "odp", "rif", "ynt", "enc":
		return true
	default:
		return false
	}
}

func looksLoud(s string) bool {
	letters, upper := 0, 0
	for _, r := range s {
		if unicode.IsLetter(r) {
			letters++
		}
		if unicode.IsUpper(r) {
			upper++
		}
	}
	return letters >= 10 && upper*10 >= letters*7 || strings.Contains(s, "!!!") || strings.Contains(s, "$$$")
}

// domainOf gives the domain of an address in lower case; "" for none.
func domainOf(address string) string {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(address[i+1:], "."))
}

// within reports whether a domain is one of the others or below one.
func within(domain string, others []string) bool {
	for _, o := range others {
		o = strings.ToLower(o)
		if o != "" && (domain == o || strings.HasSuffix(domain, "."+o)) {
			return true
		}
	}
	return false
}
