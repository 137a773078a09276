package importer

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// field gives the reader of a custom field.
func (env *readEnv) field(c Column) (readCell, error) {
	name := c.Name
	t := c.Type
	if declared, ok := env.schema.FieldNamed(name); ok {
		t = declared.Type
	}
	if err := audience.CheckFieldName(name, env.limits); err != nil {
		return nil, err
	}
	if !t.IsValid() {
		return nil, &audience.FieldError{Path: "mapping." + name, Rule: "type", Hint: "a type"}
	}
	path := "fields." + name
	parse := env.value(t, c.Format, path)
	checked := remember(func(cell string, kind CellKind) (audience.Value, error) {
		v, err := parse(cell, kind)
		if err == nil {
			err = v.Check(path, env.limits)
		}
		return v, err
	})
	return func(d *draft, cell string, kind CellKind) error {
		v, err := checked(cell, kind)
		if err == nil && !v.IsZero() {
			d.set(name, v)
		}
		return err
	}, nil
}

// set keeps a value that was checked; of two columns for one field the first
// counts. Names were checked when the columns were compiled.
func (d *draft) set(name string, v audience.Value) {
	if d.Write.Set == nil {
		d.Write.Set = make(map[string]audience.Value, d.fields)
	} else if _, double := d.Write.Set[name]; double {
		return
	}
	d.Write.Set[name] = v
}

type parseCell = func(cell string, kind CellKind) (audience.Value, error)

// value gives the reader of values of a type in a form.
func (env *readEnv) value(t audience.Type, format, path string) parseCell {
	refuse := func(hint string) error { return &audience.FieldError{Path: path, Rule: "type", Hint: hint} }
	own := func(cell string, _ CellKind) (audience.Value, error) {
		return ParseValue(t, cell, path, env.calendar)
	}
	switch t {
	case audience.TypeString:
		if format == "" {
			return own
		}
		return func(cell string, _ CellKind) (audience.Value, error) {
			if cell = textOf(cell, format); cell == "" {
				return audience.Value{}, nil
			}
			return audience.StringValue(cell), nil
		}
	case audience.TypeBool:
		if format != formatWords {
			return own
		}
		return func(cell string, _ CellKind) (audience.Value, error) {
			yes, ok, err := yesOrNo(path, cell)
			if !ok {
				return audience.Value{}, err
			}
			return audience.BoolValue(yes), nil
		}
	case audience.TypeDouble:
		if format != formatPoint && format != formatComma {
			return own
		}
		return func(cell string, kind CellKind) (audience.Value, error) {
			if kind == CellNumber {
				return own(cell, kind)
			}
			if cell = strings.TrimSpace(cell); cell == "" {
				return audience.Value{}, nil
			}
			f, ok := parseDecimal(cell, format)
			if !ok {
				return audience.Value{}, refuse(decimalHint(format))
			}
			return audience.DoubleValue(f), nil
		}
	case audience.TypeStringList:
		return func(cell string, kind CellKind) (audience.Value, error) {
			form := format
			if kind == CellList {
				form = ""
			}
			items, ok := itemsOf(cell, form)
			switch {
			case !ok:
				return audience.Value{}, refuse(listHintOf(form))
			case len(items) == 0:
				return audience.Value{}, nil
			}
			return audience.StringListValue(items...), nil
		}
	case audience.TypeTimestamp, audience.TypeDate:
		return env.dayValue(t, format, path, own)
	default:
		return own
	}
}

func decimalHint(format string) string {
	if format == formatComma {
		return "a number such as 1.234,50"
	}
	return "a number such as 1,234.50"
}

// dayValue reads days and instants. An instant where a day is wanted is that
// on which it falls, where it says no zone of its own.
func (env *readEnv) dayValue(t audience.Type, format, path string, own parseCell) parseCell {
	if format == "" {
		return own
	}
	return func(cell string, kind CellKind) (audience.Value, error) {
		cell = strings.TrimSpace(cell)
		if cell == "" || noDay(cell) {
			return audience.Value{}, nil
		}
		m, ok := momentOf(cell, format, kind)
		if !ok {
			return audience.Value{}, &audience.FieldError{Path: path, Rule: "type", Hint: instantHintOf(format)}
		}
		if t == audience.TypeDate && !m.zoned {
			return audience.DateValue(m.day), nil
		}
		at, ok := m.at(env.calendar, env.zone)
		if !ok {
			return audience.Value{}, &audience.FieldError{Path: path, Rule: "range", Hint: "an instant in the years 1 to 9999"}
		}
		if t == audience.TypeDate {
			return audience.DateValue(env.calendar.DateOf(at)), nil
		}
		return audience.TimestampValue(at), nil
	}
}

// momentOf reads a cell in a form.
func momentOf(cell, format string, kind CellKind) (moment, bool) {
	switch {
	case format == formatUnix && kind != CellTime:
		return parseUnix(cell)
	case format == formatExcel && kind != CellTime:
		return parseExcel(cell)
	}
	return parseMoment(cell, format)
}

func instantHintOf(format string) string {
	switch format {
	case formatDMY:
		return "a date such as 31.01.2026 or 31/01/2026 09:30, or 2026-01-31"
	case formatMDY:
		return "a date such as 1/31/2026 or 1/31/2026 9:30 AM, or 2026-01-31"
	case formatYMD:
		return "a date such as 2026-01-31 or 2026-01-31 09:30:00"
	case formatUnix:
		return "seconds since 1970"
	case formatExcel:
		return "the serial number of a day"
	}
	return instantHint
}

// instant gives the reader of instants; the zero Time is that of a blank cell.
func (env *readEnv) instant(path, format string) func(cell string, kind CellKind) (time.Time, error) {
	refuse := &audience.FieldError{Path: path, Rule: "type", Hint: instantHintOf(format)}
	return func(cell string, kind CellKind) (time.Time, error) {
		cell = strings.TrimSpace(cell)
		if cell == "" || noDay(cell) {
			return time.Time{}, nil
		}
		if format == "" {
			if at, ok := ParseInstant(cell, env.calendar); ok {
				return at, nil
			}
			return time.Time{}, refuse
		}
		if m, ok := momentOf(cell, format, kind); ok {
			if at, ok := m.at(env.calendar, env.zone); ok {
				return at, nil
			}
		}
		return time.Time{}, refuse
	}
}

// object gives the reader of members of a JSON object, for columns of one
// index.
func (env *readEnv) object(columns []Column) readCell {
	type member struct {
		name, field string
		path        string
		list        bool
		parse       parseCell
	}
	members := make([]member, len(columns))
	for i, c := range columns {
		t := c.Type
		if declared, ok := env.schema.FieldNamed(c.Name); ok {
			t = declared.Type
		}
		name, _ := memberOf(c.Format)
		path := "fields." + c.Name
		members[i] = member{name: name, field: c.Name, path: path, list: t == audience.TypeStringList, parse: env.value(t, "", path)}
	}
	return func(d *draft, cell string, _ CellKind) error {
		if strings.TrimSpace(cell) == "" {
			return nil
		}
		var object map[string]json.RawMessage
		object, ok := jsonMembers(cell)
		if !ok {
			return &audience.FieldError{Path: "fields", Rule: "json", Hint: "a JSON object"}
		}
		for _, m := range members {
			text, kind := jsonText(object[m.name])
			if text == "" && (!m.list || kind != CellList) {
				continue
			}
			v, err := m.parse(text, kind)
			if err != nil {
				return err
			}
			if v.IsZero() {
				continue
			}
			if err := v.Check(m.path, env.limits); err != nil {
				return err
			}
			d.set(m.field, v)
		}
		return nil
	}
}
