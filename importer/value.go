package importer

import (
	"strconv"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// ParseValue reads a cell as a value of a type. The empty cell is absent, for
// types other than string also one of spaces and tabs alone. Days are read in
// the calendar's zone.
//
//	string     the cell as it is
//	int        -?(0|[1-9][0-9]*)
//	double     the same with an optional fraction and exponent
//	bool       true or false, in any case
//	timestamp  what ParseInstant reads
//	date       YYYY-MM-DD or YYYYMMDD
//	list       what ParseList reads
//
// The error is a [*audience.FieldError] for the path.
func ParseValue(t audience.Type, cell, path string, calendar audience.Calendar) (audience.Value, error) {
	if t == audience.TypeString {
		if cell == "" {
			return audience.Value{}, nil
		}
		return audience.StringValue(cell), nil
	}
	cell = trimBlanks(cell)
	if cell == "" {
		return audience.Value{}, nil
	}
	v, hint := parseTyped(t, cell, calendar)
	if hint != "" {
		return audience.Value{}, &audience.FieldError{Path: path, Rule: "type", Hint: hint}
	}
	return v, nil
}

// trimBlanks takes spaces and tabs off the ends.
func trimBlanks(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// parseTyped gives the value, or a hint what is expected.
func parseTyped(t audience.Type, cell string, calendar audience.Calendar) (audience.Value, string) {
	switch t {
	case audience.TypeInt:
		if n, err := strconv.ParseInt(cell, 10, 64); err == nil && numberKind(cell) == integer {
			return audience.IntValue(n), ""
		}
		return audience.Value{}, "an integer such as 42, of at most 64 bits, without leading zeros, signs other than -, or separators"
	case audience.TypeDouble:
		mantissa, exponent, has := strings.Cut(strings.ToLower(cell), "e")
		f, err := strconv.ParseFloat(cell, 64)
		if err == nil && numberKind(mantissa) != noNumber && (!has || isExponent(exponent)) {
			return audience.DoubleValue(f), ""
		}
		return audience.Value{}, "a number such as 12.50, without leading zeros, separators or signs other than -"
	case audience.TypeBool:
		switch {
		case strings.EqualFold(cell, "true"):
			return audience.BoolValue(true), ""
		case strings.EqualFold(cell, "false"):
			return audience.BoolValue(false), ""
		}
		return audience.Value{}, "true or false"
	case audience.TypeTimestamp:
		if at, ok := ParseInstant(cell, calendar); ok {
			return audience.TimestampValue(at), ""
		}
		return audience.Value{}, instantHint
	case audience.TypeDate:
		if d, ok := parseDay(cell); ok {
			return audience.DateValue(d), ""
		}
		return audience.Value{}, "a date as YYYY-MM-DD or YYYYMMDD"
	case audience.TypeStringList:
		if items, ok := ParseList(cell); ok {
			return audience.StringListValue(items...), ""
		}
		return audience.Value{}, listHint
	default:
		return audience.Value{}, "a known type"
	}
}

const (
	instantHint = "an instant as RFC 3339 (2026-01-31T09:30:00Z), YYYY-MM-DD or YYYYMMDD, in the years 1 to 9999"
	listHint    = "items between commas; quotes around an item with a comma are closed and doubled inside"
)

// ParseInstant reads RFC 3339 as [audience.ParseInstant] does, YYYY-MM-DD or
// YYYYMMDD; a day is its first instant in the calendar's zone. It reports false
// for anything else, and for an instant outside the years 1 to 9999.
func ParseInstant(cell string, calendar audience.Calendar) (time.Time, bool) {
	if d, ok := parseDay(cell); ok {
		return calendar.StartOfDate(d)
	}
	at, err := audience.ParseInstant(cell)
	return at, err == nil
}

// parseDay reads YYYY-MM-DD or YYYYMMDD.
func parseDay(cell string) (audience.Date, bool) {
	switch len(cell) {
	case len("2006-01-02"):
	case len("20060102"):
		cell = cell[:4] + "-" + cell[4:6] + "-" + cell[6:]
	default: // without the error that says so
		return 0, false
	}
	d, err := audience.ParseDate(cell)
	return d, err == nil
}

// ParseList reads items between commas. An item in quotes is taken as it is,
// with quotes inside doubled, so that it may hold a comma; others lose the
// spaces around them, and empty ones are dropped. It reports false when quotes
// are not closed or text follows them.
func ParseList(cell string) ([]string, bool) { return parseItems(cell, ",") }

// parseItems is [ParseList] for any separator that has no quote in it.
func parseItems(cell, separator string) ([]string, bool) {
	if cell == "" {
		return nil, true
	}
	items := make([]string, 0, 1+strings.Count(cell, separator))
	for rest, more := cell, true; more; {
		rest = strings.TrimLeft(rest, " \t")
		if !strings.HasPrefix(rest, `"`) {
			var item string
			item, rest, more = strings.Cut(rest, separator)
			if item = strings.TrimRight(item, " \t"); item != "" {
				items = append(items, item)
			}
			continue
		}
		item, after, ok := cutQuoted(rest[1:])
		if !ok {
			return nil, false
		}
		items = append(items, item)
		if trimmed := strings.TrimLeft(after, " \t"); trimmed == "" || strings.HasPrefix(trimmed, separator) {
			after = trimmed
		}
		if after != "" && !strings.HasPrefix(after, separator) {
			return nil, false
		}
		_, rest, more = strings.Cut(after, separator)
	}
	if len(items) == 0 {
		return nil, true
	}
	return items, true
}

// cutQuoted gives the text up to the closing quote and what follows it.
func cutQuoted(text string) (item, after string, ok bool) {
	if part, rest, found := strings.Cut(text, `"`); found && !strings.HasPrefix(rest, `"`) {
		return part, rest, true
	}
	var b strings.Builder
	for {
		part, rest, found := strings.Cut(text, `"`)
		if !found {
			return "", "", false
		}
		b.WriteString(part)
		if !strings.HasPrefix(rest, `"`) {
			return b.String(), rest, true
		}
		b.WriteByte('"')
		text = rest[1:]
	}
}
