package mail

import (
	"net/mail"
	"strings"
	"time"
)

// parseDate reads a date of a header field; zero when it is none. net/mail
// takes the names of North American zones (RFC 5322 section 4.3) for an offset
// of zero, so that they are put as offsets first.
func parseDate(s string) time.Time {
	if i := strings.IndexByte(s, '('); i >= 0 {
		s = s[:i]
	}
	s = strings.TrimSpace(s)
	if i := strings.LastIndexByte(s, ' '); i >= 0 {
		if offset := zoneOffset(s[i+1:]); offset != "" {
			s = s[:i+1] + offset
		}
	}
	t, err := mail.ParseDate(s)
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

func zoneOffset(name string) string {
	switch strings.ToUpper(name) {
	case "EDT":
		return "-0400"
	case "EST", "CDT":
		return "-0500"
	case "CST", "MDT":
		return "-0600"
	case "MST", "PDT":
		return "-0700"
	case "PST":
		return "-0800"
	default:
		return ""
	}
}
