package audience

import (
	"strings"
	"time"
)

// ParseInstant reads an instant as RFC 3339 has it, such as
// 2026-01-31T09:30:00Z or 2026-01-31T10:30:00.25+01:00, and nothing else that
// [time.Parse] would take: every number has all of its digits, a fraction
// stands behind a point, an offset is less than a day, T and Z are capitals.
// Digits beyond microseconds are cut off. A leap second is no instant here.
//
// Other text, and an instant outside the years 1 to 9999, is a [FieldError],
// which does not show the text.
func ParseInstant(s string) (time.Time, error) {
	if t, ok := parseWholeSecond(s); ok {
		return t, nil
	}
	if isRFC3339(s) {
		if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return Instant(t)
		}
	}
	return time.Time{}, &FieldError{Path: "time", Rule: "format", Hint: "an instant as RFC 3339 (2026-01-31T09:30:00Z)"}
}

// parseWholeSecond reads 2026-01-31T09:30:00Z, the form that nearly all
// instants have. It reports false for whatever else there is, and for what no
// clock shows, which is looked at once more.
func parseWholeSecond(s string) (time.Time, bool) {
	const form = "0000-00-00T00:00:00Z"
	if !hasForm(s, form) {
		return time.Time{}, false
	}
	number := func(at int) int { return int(s[at]-'0')*10 + int(s[at+1]-'0') }
	year, month, day := number(0)*100+number(2), time.Month(number(5)), number(8)
	hour, minute, second := number(11), number(14), number(17)
	if year < 1 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	return t, day <= 28 || t.Day() == day // else the month has no such day
}

// isRFC3339 checks the form, not the ranges of day and time.
func isRFC3339(s string) bool {
	const upToSeconds = "0000-00-00T00:00:00"
	if len(s) < len(upToSeconds) || !hasForm(s[:len(upToSeconds)], upToSeconds) {
		return false
	}
	rest := s[len(upToSeconds):]
	if fraction, ok := strings.CutPrefix(rest, "."); ok {
		if rest = strings.TrimLeft(fraction, "0123456789"); rest == fraction {
			return false
		}
	}
	if rest == "Z" {
		return true
	}
	return (hasForm(rest, "+00:00") || hasForm(rest, "-00:00")) && rest[1:3] <= "23" && rest[4:] <= "59"
}

// hasForm reports whether s is the form with digits where it has zeros.
func hasForm(s, form string) bool {
	if len(s) != len(form) {
		return false
	}
	for i := range len(s) {
		if digit := '0' <= s[i] && s[i] <= '9'; form[i] == '0' && !digit || form[i] != '0' && s[i] != form[i] {
			return false
		}
	}
	return true
}
