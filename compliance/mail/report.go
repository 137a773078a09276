package mail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// ErrNotReport says that a message is no report that this package knows:
// somebody has to read it.
var ErrNotReport = errors.New("not a delivery or feedback report")

// ReportKind says what a report is about.
type ReportKind string

// The kinds.
const (
	ReportDelivery    ReportKind = "delivery"     // what became of a message (RFC 3464): see the classes of its recipients
	ReportComplaint   ReportKind = "complaint"    // somebody called a message spam or fraud (RFC 5965; Hotmail's own form)
	ReportOptOut      ReportKind = "opt-out"      // somebody wants no more: by mail (RFC 2369) or through her provider
	ReportAuthFailure ReportKind = "auth-failure" // SPF, DKIM or DMARC failed (RFC 6591): for the host's operators
	ReportNotSpam     ReportKind = "not-spam"     // somebody took a message out of the spam folder (RFC 6430)
	ReportOther       ReportKind = "other"        // a type that says nothing about what the recipient wants
)

// Report is what a report says. It prints its kind and how many recipients it
// has, and nothing of them.
type Report struct {
	Kind ReportKind
	// Guessed says that nothing structured says so, only words: such a report
	// is counted and never acted on.
	Guessed bool
	// Type is the Feedback-Type of a feedback report, such as "abuse".
	Type string
	// Reporter is the program or host that reports.
	Reporter string
	// At is when the message that is reported on arrived, or when the report
	// was written; zero: unknown. Senders write what they like.
	At time.Time
	// ID is the Message-ID of the report itself.
	ID audience.Private
	// MessageID is that of the message that is reported on, without brackets.
	MessageID audience.Private
	// To is whom that message was written to, if to one; zero: not known.
	To audience.Address
	// Tokens are the texts of the reported message that may be a token of
	// ours, likeliest first: of the List-Unsubscribe addresses, the
	// CFBL-Feedback-ID and the Message-ID; of an opt-out by mail, those in
	// the address it was sent to. Who minted them tells which one is.
	Tokens []audience.Private
	// Recipients are whom the report names, each once.
	Recipients []Recipient
}

// Format prints kind and number of recipients, whatever the verb.
func (r Report) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(r.mask())) }

// LogValue logs what Format prints.
func (r Report) LogValue() slog.Value { return slog.StringValue(r.mask()) }

// MarshalJSON gives what Format prints.
func (r Report) MarshalJSON() ([]byte, error) { return json.Marshal(r.mask()) }

func (r *Report) mask() string {
	s := string(r.Kind) + " report on " + strconv.Itoa(len(r.Recipients)) + " recipients"
	if r.Guessed {
		s += ", guessed"
	}
	return s
}

// Recipient is one recipient of a report.
type Recipient struct {
	// Address is where the message went in the end; zero when the report
	// gives none that is an address.
	Address audience.Address
	// Original is the address the sender wrote to, if the report tells it.
	Original audience.Address
	// Redacted says that the address is a pseudonym or a placeholder that the
	// provider put in its place: nobody may be found or refused by it.
	Redacted   bool
	Action     string           // failed, delayed, delivered, relayed, expanded
	Status     string           // enhanced status code as reported (RFC 3463)
	Code       string           // the one that counts, after reading Diagnostic
	SMTP       int              // reply code, 0 when there is none
	Class      BounceClass      // of delivery reports
	Diagnostic audience.Private // what the remote server said
}

// ParseReport reads a message that came back: a delivery status notification
// (RFC 3464, 6522, 6533), a feedback report (RFC 5965, 6430, 6591, Hotmail's
// junk mail reports, the opt-out of ARF's drafts), or an opt-out by mail whose
// subject says so (RFC 2369). Mail at an address that is for opt-outs alone is
// for [ParseUnsubscribe].
//
// It reads at most 1 MiB and ignores the rest. Damaged messages are read as
// far as they can be; what only words say is a Guessed report. Anything else
// is [ErrNotReport]. Other errors are those of reading.
func ParseReport(r io.Reader) (*Report, error) {
	top, err := readMessage(r)
	if err != nil {
		return nil, err
	}
	out := &Report{
		ID: audience.NewPrivate(bounded(top.header.get("Message-ID"))),
		At: parseDate(top.header.get("Date")),
	}
	switch found := find(top); {
	case found.feedback != nil:
		out.readFeedback(found)
	case found.status != nil:
		out.Kind = ReportDelivery
		out.readStatus(found.status.decoded())
		out.readReported(found.reported)
	case found.jmrp != nil:
		out.readJMRP(found.jmrp)
	case isUnsubscribe(top):
		out.readUnsubscribe(top)
	case !out.guess(top):
		return nil, ErrNotReport
	}
	return out, nil
}

// readMessage reads a message within the bounds. A media type of the report
// may be at the top, without a multipart around it.
func readMessage(r io.Reader) (*part, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxReportBytes))
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return (&reader{}).read(normalise(b), 0), nil
}

// found are the parts of a report, nil where there are none.
type found struct {
	status   *part // message/delivery-status
	feedback *part // message/feedback-report
	reported *part // the message reported on, or its header
	jmrp     *part // the message of a Hotmail report
}

// find looks for the parts of a report, the first of each. What was reported
// may itself be a report, or hold one: nothing below it counts.
func find(p *part) found {
	var f found
	f.look(p)
	return f
}

func (f *found) look(p *part) {
	switch {
	case p.media == "message/delivery-status" || p.media == "message/global-delivery-status":
		if f.status == nil {
			f.status = p
		}
	case p.media == "message/feedback-report":
		if f.feedback == nil {
			f.feedback = p
		}
	case p.isMessage():
		if len(p.children) == 0 {
			return
		}
		child := p.children[0]
		if f.reported == nil {
			f.reported = child
		}
		if f.jmrp == nil && child.header.has(jmrpField) {
			f.jmrp = child
		}
	default:
		for _, c := range p.children {
			f.look(c)
		}
	}
}

// bounded cuts a text from a report at a length that no honest one has.
func bounded(s string) string {
	if len(s) > maxTokenBytes {
		s = s[:maxTokenBytes]
	}
	return strings.ToValidUTF8(s, "")
}

// parseAddress reads an address out of a report, with or without angle
// brackets; zero when it is none.
func parseAddress(s string) audience.Address {
	s = strings.TrimSpace(s)
	if i := strings.LastIndexByte(s, '<'); i >= 0 {
		s, _, _ = strings.Cut(s[i+1:], ">")
	}
	a, err := audience.ParseAddress(s)
	if err != nil {
		return audience.Address{}
	}
	return a
}

// groups reads the blocks of fields that empty lines part.
func groups(b []byte) []fields {
	var out []fields
	for len(b) > 0 && len(out) <= maxRecipients {
		b = bytes.TrimLeft(b, "\n")
		var f fields
		if f, b = readFields(b); len(f) > 0 {
			out = append(out, f)
		}
	}
	return out
}
