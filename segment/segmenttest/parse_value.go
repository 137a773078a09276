package segmenttest

import (
	"strconv"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

const wantInstant = "an instant: 2026-03-01T09:30:00Z, 2026-03-01T10:30:00+01:00, 2026-03-01, now, now-30d or now+1h, " +
	"in the years 1 to 9999 and no finer than a microsecond"

// instant reads an instant. A date is its first instant in the zone.
func (p *parser) instant(text string, at place) (time.Time, error) {
	p.timed = true
	s, ok := unquote(text)
	if !ok {
		return time.Time{}, p.fail(at, wantInstant)
	}
	if rest, relative := strings.CutPrefix(s, "now"); relative {
		return p.relative(rest, at)
	}
	if len(s) == len("2026-03-01") {
		if d, err := audience.ParseDate(s); err == nil {
			return p.inRange(d.In(p.zone), at)
		}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Nanosecond()%1000 != 0 || strings.Contains(s, ",") {
		return time.Time{}, p.fail(at, wantInstant)
	}
	return p.inRange(t, at)
}

func (p *parser) relative(rest string, at place) (time.Time, error) {
	if rest == "" {
		return p.now, nil
	}
	span, ok := parseSpan(rest[1:])
	if !ok || rest[0] != '+' && rest[0] != '-' {
		return time.Time{}, p.fail(at, wantInstant)
	}
	if rest[0] == '-' {
		span = -span
	}
	return p.inRange(p.now.Add(span), at)
}

func (p *parser) inRange(t time.Time, at place) (time.Time, error) {
	t, err := audience.Instant(t)
	if err != nil {
		return time.Time{}, p.fail(at, wantInstant)
	}
	return t, nil
}

// parseSpan reads an exact length of time such as 30d, 1h30m or 1us: the fixed units of a period and ms and us.
func parseSpan(s string) (time.Duration, bool) {
	units := []struct {
		name string
		is   time.Duration
	}{
		{"w", 7 * 24 * time.Hour},
		{"d", 24 * time.Hour},
		{"h", time.Hour},
		{"m", time.Minute},
		{"s", time.Second},
		{"ms", time.Millisecond},
		{"us", time.Microsecond},
	}
	var total time.Duration
	for next := 0; s != "" || next == 0; {
		digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
		n, err := strconv.ParseInt(s[:digits], 10, 64)
		if err != nil {
			return 0, false
		}
		s = s[digits:]
		name := s[:len(s)-len(strings.TrimLeft(s, letters))]
		found := false
		for i := next; i < len(units) && !found; i++ {
			if units[i].name == name {
				part := time.Duration(n) * units[i].is
				if n > int64(1<<62/units[i].is) || total+part < total {
					return 0, false
				}
				total += part
				next, found = i+1, true
			}
		}
		if !found {
			return 0, false
		}
		s = s[len(name):]
	}
	return total, true
}

// value reads a value of a type.
func (p *parser) value(x pair, t audience.Type) (audience.Value, error) {
	v, err := p.rawValue(x, t)
	if err != nil {
		return v, err
	}
	if err := v.Check(x.key, audience.Limits{}); err != nil {
		return v, p.fail(x.at, "%v", err)
	}
	return v, nil
}

func (p *parser) rawValue(x pair, t audience.Type) (audience.Value, error) {
	if t == audience.TypeTimestamp {
		at, err := p.instant(x.value, x.at)
		return audience.TimestampValue(at), err
	}
	if t == audience.TypeStringList {
		if x.value == emptyList {
			return audience.StringListValue(), nil
		}
		items, err := p.items(x)
		return audience.StringListValue(items...), err
	}
	s, ok := unquote(x.value)
	if !ok {
		return audience.Value{}, p.fail(x.at, `a word or "text in quotes" for %s`, x.key)
	}
	if v, ok := scalar(s, t); ok {
		return v, nil
	}
	return audience.Value{}, p.fail(x.at, "a value of the type %s for %s", t, x.key)
}

// emptyList is how a list without items is written, which is not the same as no list.
const emptyList = "[]"

func scalar(s string, t audience.Type) (audience.Value, bool) {
	switch t {
	case audience.TypeString:
		return audience.StringValue(s), true
	case audience.TypeInt:
		n, err := strconv.ParseInt(s, 10, 64)
		return audience.IntValue(n), err == nil
	case audience.TypeDouble:
		f, err := strconv.ParseFloat(s, 64)
		return audience.DoubleValue(f), err == nil && strings.Trim(s, "+-0123456789.eE") == ""
	case audience.TypeBool:
		return audience.BoolValue(s == "true"), s == "true" || s == "false"
	case audience.TypeDate:
		d, err := audience.ParseDate(s)
		return audience.DateValue(d), err == nil
	default:
		return audience.Value{}, false
	}
}

// items reads a list: items in quotes or not, with commas between; nothing at all is no item.
func (p *parser) items(x pair) ([]string, error) {
	var out []string
	for rest, more := x.value, x.value != ""; more; {
		var item string
		item, rest, more = cutOutside(rest, ',', anyRest)
		text, ok := unquote(item)
		if !ok || item == "" {
			return nil, p.fail(x.at, `items with commas between them for %s, such as vip,"a, b"`, x.key)
		}
		out = append(out, text)
	}
	return out, nil
}
