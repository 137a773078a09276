package mail

import (
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// jmrpField names the recipient in a report of Hotmail's Junk Mail Reporting
// Program, which is no feedback report but the message itself, attached.
const jmrpField = "X-HmXmrOriginalRecipient"

// readFeedback reads a feedback report. Its recipients are often redacted;
// then the only way to the contact is our own token in the reported message.
func (r *Report) readFeedback(f found) {
	g := readAll(f.feedback.decoded())
	r.Type = strings.ToLower(firstWord(g.get("Feedback-Type")))
	r.Kind = kindOfFeedback(r.Type)
	r.Reporter = bounded(g.get("User-Agent"))
	for _, name := range []string{"Received-Date", "Arrival-Date"} {
		if t := parseDate(g.get(name)); !t.IsZero() {
			r.At = t
		}
	}
	for _, name := range []string{"Original-Rcpt-To", "Removal-Recipient"} {
		for _, value := range g.all(name) {
			r.addRecipient(value)
		}
	}
	r.readReported(f.reported)
	if f.jmrp != nil {
		r.addRecipient(f.jmrp.header.get(jmrpField))
	}
}

// readAll reads the fields of all blocks as one: some reports have an empty
// line among them.
func readAll(b []byte) fields {
	var out fields
	for _, g := range groups(b) {
		out = append(out, g...)
	}
	return out
}

// kindOfFeedback gives what a type of RFC 5965 section 7.3 (and of its drafts)
// means. Who calls a message fraud wants no more of it either.
func kindOfFeedback(feedbackType string) ReportKind {
	switch feedbackType {
	case "abuse", "fraud":
		return ReportComplaint
	case "opt-out", "opt-out-list":
		return ReportOptOut
	case "auth-failure":
		return ReportAuthFailure
	case "not-spam":
		return ReportNotSpam
	default:
		return ReportOther
	}
}

// readJMRP reads a report of Hotmail's.
func (r *Report) readJMRP(reported *part) {
	r.Kind = ReportComplaint
	r.Reporter = "Junk Mail Reporting Program"
	r.addRecipient(reported.header.get(jmrpField))
	r.readReported(reported)
}

// addRecipient adds a recipient of a feedback report, each once.
func (r *Report) addRecipient(s string) {
	a := parseAddress(s)
	if a.IsZero() || len(r.Recipients) >= maxRecipients {
		return
	}
	for i := range r.Recipients {
		if r.Recipients[i].Address.Equal(a) {
			return
		}
	}
	r.Recipients = append(r.Recipients, Recipient{Address: a, Redacted: isPseudonym(a)})
}

// isPseudonym reports whether an address stands for somebody without naming
// her (RFC 6590): the words that providers put there, or a digest.
func isPseudonym(a audience.Address) bool {
	local, _, _ := strings.Cut(a.Canonical(), "@")
	if slices.Contains([]string{"redacted", "hashed", "hidden", "removed", "anonymous", "anonymized", "undisclosed", "xxx", "xxxx"}, local) {
		return true
	}
	switch len(local) {
	case 32, 40, 56, 64:
		return strings.Trim(local, "0123456789abcdef") == ""
	default:
		return false
	}
}
