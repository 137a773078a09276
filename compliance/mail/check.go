package mail

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
)

// maxMessageBytes bounds a message that is checked: what is larger is refused
// by mailbox providers anyhow.
const maxMessageBytes = 16 << 20

// Profile says what a message claims to be and who sends it. The zero class is
// marketing, the strictest.
type Profile struct {
	Class compliance.Class
	// Sender is on whose behalf the message is sent. Its postal address has to
	// stand in commercial messages as text.
	Sender compliance.Party
	// Domains are the sender's own: From has to be in one of them or below.
	Domains []string
	// Brands are names of others, such as "PayPal", that a display name may
	// not show unless the sender's own name does.
	Brands []string
	// Bulk asks for what Gmail, Yahoo and Microsoft ask of those who send more
	// than some 5,000 messages a day.
	Bulk bool
	// Obligations are those of the gate's decision for the message.
	Obligations []compliance.Obligation
	// Texts are the words that meet an obligation, by its id: the notice of
	// the right to object, the name of who referred the contact. They have to
	// stand in the message so that they can be seen.
	Texts map[string]string
}

// Severity says what a finding is for.
type Severity string

// The severities.
const (
	SeverityBlock Severity = "block" // the message breaks a rule: do not send it
	SeverityWarn  Severity = "warn"  // somebody should look
	SeverityInfo  Severity = "info"  // lawful, and could be better
)

// Finding is one thing that is wrong with a message. It holds nothing of the
// message.
type Finding struct {
	// Code is stable: what is wrong, after a colon in which way.
	//
	// Headers, block: missing-from, multiple-from, from-domain-not-sender,
	// empty-subject, deceptive-subject:fake-reply, duplicate-header:NAME,
	// control-in-header, line-too-long,
	// missing-list-unsubscribe, duplicate-list-unsubscribe,
	// encoded-list-unsubscribe, bad-list-unsubscribe,
	// bad-list-unsubscribe-post, one-click-without-https, no-one-click (warn
	// unless Bulk), no-dkim, dkim-not-aligned, dkim-does-not-cover:NAME. Warn:
	// subject-heuristic, display-name-brand-mismatch. Info: no-reply-address.
	//
	// Body, block: missing-postal-address, missing-unsubscribe-body,
	// unsubscribe-not-conspicuous, unsubscribe-requires-login-or-fee,
	// primary-purpose-commercial, commercial-content-labelled-transactional,
	// marketing-in-permission-request, unmet-obligation:ID. Warn: image-only,
	// unverified-obligation:ID.
	Code     string
	Severity Severity
	Where    string // "From", "Subject", "body" and so on
	Why      string // an English sentence
	Basis    string // the rule, such as "15 USC 7704(a)(1)"
}

// CheckMessage holds a finished message, as it is handed to the transport,
// against the rules for its profile. Findings come worst first, then in order
// of their code. Without a finding of [SeverityBlock] nothing known forbids
// it; that is no proof that it is lawful.
//
// Errors: [audience.ErrInvalid] for a profile without domains;
// [audience.ErrLimit] for a message above 16 MiB; those of reading.
func CheckMessage(r io.Reader, p Profile) ([]Finding, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxMessageBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("mail: %w", err)
	case len(b) > maxMessageBytes:
		return nil, &audience.FieldError{Path: "message", Rule: "max-length", Hint: "at most 16 MiB", Limit: true}
	}
	top := (&reader{opaque: true}).read(normalise(b), 0)
	c, err := newChecker(top.header, &p)
	if err != nil {
		return nil, err
	}
	c.lines(b)
	c.headers()
	c.body(readShown(top))
	return c.sorted(), nil
}

// CheckHeaders is the part of [CheckMessage] that needs the header fields
// alone. A name or value that would let another field in is
// [audience.ErrInvalid]; so is a profile without domains.
func CheckHeaders(headers []Header, p Profile) ([]Finding, error) {
	for i := range headers {
		h := &headers[i]
		if !isFieldName(h.Name) {
			return nil, &audience.FieldError{Path: "headers", Rule: "name", Hint: "printable ASCII without spaces and colons"}
		}
		if err := checkValue(h.Name, h.Value); err != nil {
			return nil, err
		}
	}
	c, err := newChecker(headers, &p)
	if err != nil {
		return nil, err
	}
	c.headers()
	return c.sorted(), nil
}

// CheckSubject is the part of [CheckHeaders] that needs the subject alone, for
// editors. reply says that the message really answers another one. A subject
// with line breaks or control characters is [audience.ErrInvalid]: it would
// let other header fields in.
func CheckSubject(subject string, reply bool) ([]Finding, error) {
	if err := checkValue("subject", subject); err != nil {
		return nil, err
	}
	c := checker{profile: &Profile{}}
	c.subject(subject, reply)
	return c.sorted(), nil
}

// checker collects findings about one message.
type checker struct {
	profile  *Profile
	header   fields
	findings []Finding
}

func newChecker(h fields, p *Profile) (*checker, error) {
	if len(p.Domains) == 0 {
		return nil, &audience.FieldError{Path: "profile.domains", Rule: "empty", Hint: "the domains that the sender writes from"}
	}
	return &checker{profile: p, header: h}, nil
}

func (c *checker) block(code, where, why, basis string) {
	c.findings = append(c.findings, Finding{code, SeverityBlock, where, why, basis})
}

func (c *checker) warn(code, where, why, basis string) {
	c.findings = append(c.findings, Finding{code, SeverityWarn, where, why, basis})
}

func (c *checker) info(code, where, why, basis string) {
	c.findings = append(c.findings, Finding{code, SeverityInfo, where, why, basis})
}

// class gives the class that the message claims.
func (c *checker) class() compliance.Class {
	return cmp.Or(c.profile.Class, compliance.ClassMarketing)
}

// commercial reports whether it is a commercial message: any class that is not
// known for another.
func (c *checker) commercial() bool {
	switch c.class() {
	case compliance.ClassTransactional, compliance.ClassService, compliance.ClassPermission:
		return false
	default:
		return true
	}
}

// obliged reports whether the gate asks for something.
func (c *checker) obliged(id string) bool {
	return slices.ContainsFunc(c.profile.Obligations, func(o compliance.Obligation) bool { return o.ID == id })
}

// sorted gives each finding once, worst first.
func (c *checker) sorted() []Finding {
	rank := func(s Severity) int { return slices.Index([]Severity{SeverityBlock, SeverityWarn, SeverityInfo}, s) }
	slices.SortFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(rank(a.Severity), rank(b.Severity)), strings.Compare(a.Code, b.Code))
	})
	return slices.CompactFunc(c.findings, func(a, b Finding) bool { return a.Code == b.Code })
}
