package exporter

import (
	"fmt"
	"strings"
	"text/template"

	"github.com/audiencekit/audiencekit/audience"
)

// functions gives those that templates have besides text/template's. Those
// that make text of text are among them, because they could double it again and
// again.
func (e *templateEncoder) functions() template.FuncMap {
	bounded := func(text func(args ...any) string) func(args ...any) (string, error) {
		return func(args ...any) (string, error) {
			if err := e.takes(args, 1); err != nil {
				return "", err
			}
			return e.bounded(text(args...))
		}
	}
	return template.FuncMap{
		"print":    bounded(fmt.Sprint),
		"println":  bounded(fmt.Sprintln),
		"html":     bounded(template.HTMLEscaper),
		"js":       bounded(template.JSEscaper),
		"urlquery": bounded(template.URLQueryEscaper),
		"printf":   e.printf,
		"json":     func(v any) (string, error) { return e.bounded(string(appendAny(nil, v))) },
		"csv": func(v any) (string, error) {
			text, ok := v.(string)
			if !ok {
				text = templateText(v)
			}
			return e.bounded(`"` + strings.ReplaceAll(text, `"`, `""`) + `"`)
		},
		"join":  func(list []string, sep string) (string, error) { return e.join(list, sep) },
		"lower": func(s string) (string, error) { return e.bounded(strings.ToLower(s)) },
		"upper": func(s string) (string, error) { return e.bounded(strings.ToUpper(s)) },
	}
}

// bounded refuses text that is longer than all that may be written, and more
// than a few such texts for one contact: they would fill the memory.
func (e *templateEncoder) bounded(s string) (string, error) {
	const times = 16
	if e.made += len(s); len(s) > e.limits.RowBytes || e.made > times*e.limits.RowBytes {
		return "", tooMuch()
	}
	return s, nil
}

// takes refuses arguments of which too much text would be made before bounded
// sees it, when each of them may come some times.
func (e *templateEncoder) takes(args []any, times int) error {
	n := 0
	for _, arg := range args {
		n += size(arg)
		if n > e.limits.RowBytes || n*times > e.limits.RowBytes {
			return tooMuch()
		}
	}
	return nil
}

// size tells about how long the text of an argument is.
func size(arg any) int {
	n := 8
	switch x := arg.(type) {
	case string:
		n += len(x)
	case []string:
		for _, item := range x {
			n += len(item)
		}
	case map[string]any:
		for _, v := range x {
			n += size(v)
		}
	}
	return n
}

func (e *templateEncoder) join(list []string, sep string) (string, error) {
	n := len(sep) * len(list)
	for _, item := range list {
		n += len(item)
	}
	if n > e.limits.RowBytes {
		return "", tooMuch()
	}
	return e.bounded(strings.Join(list, sep))
}

// printf refuses wide fields, of which a short format makes much text.
func (e *templateEncoder) printf(format string, args ...any) (string, error) {
	digits := 0
	for _, c := range []byte(format) {
		if c >= '0' && c <= '9' {
			digits++
		} else {
			digits = 0
		}
		if digits > 3 || c == '*' {
			return "", &audience.FieldError{Path: "template.printf", Rule: "width", Hint: "a format without * and with numbers of at most three digits"}
		}
	}
	if err := e.takes(append(args, format), max(1, strings.Count(format, "%"))); err != nil {
		return "", err
	}
	return e.bounded(fmt.Sprintf(format, args...))
}

// templateText gives the text of what templateValue gave.
func templateText(v any) string {
	if list, ok := v.([]string); ok {
		return audience.StringListValue(list...).Reveal()
	}
	return fmt.Sprint(v)
}

// appendAny appends JSON of what templateValue gave, or of what a template made
// of it.
func appendAny(b []byte, v any) []byte {
	switch x := v.(type) {
	case int64:
		return appendJSON(b, audience.IntValue(x))
	case int:
		return appendJSON(b, audience.IntValue(int64(x)))
	case float64:
		return appendJSON(b, audience.DoubleValue(x))
	case bool:
		return appendJSON(b, audience.BoolValue(x))
	case []string:
		return appendJSON(b, audience.StringListValue(x...))
	default:
		return appendJSONString(b, fmt.Sprint(v))
	}
}
