package audience

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Type is the type of a custom field or of an event property. The zero Type
// is none of them.
type Type uint8

// The types. Their text forms are those of Type.String.
const (
	TypeString Type = iota + 1
	TypeInt
	TypeDouble
	TypeBool
	TypeTimestamp
	TypeDate
	TypeStringList
)

// String gives "string", "int", "double", "bool", "timestamp", "date" or
// "list"; "none" for the zero Type.
func (t Type) String() string {
	switch t {
	case TypeString:
		return "string"
	case TypeInt:
		return "int"
	case TypeDouble:
		return "double"
	case TypeBool:
		return "bool"
	case TypeTimestamp:
		return "timestamp"
	case TypeDate:
		return "date"
	case TypeStringList:
		return "list"
	}
	return "none"
}

// ParseType reads the text form of a type.
func ParseType(s string) (Type, error) {
	for t := TypeString; t <= TypeStringList; t++ {
		if t.String() == s {
			return t, nil
		}
	}
	return 0, &FieldError{Path: "type", Rule: "unknown", Hint: "one of string, int, double, bool, timestamp, date, list"}
}

// Value is the value of a custom field or of an event property. The zero
// Value is absent. A Value prints its type, never its content: read it with
// the accessor of its type.
type Value struct {
	_    [0]func() // compare with Equal: a Value holds pointers
	kind Type
	bits uint64
	text *string
	list *[]string
}

// StringValue makes a string value.
func StringValue(s string) Value { return Value{kind: TypeString, text: &s} }

// IntValue makes an int value.
func IntValue(n int64) Value { return Value{kind: TypeInt, bits: uint64(n)} }

// DoubleValue makes a double value; -0 becomes 0. NaN and infinities are
// refused when the value is validated.
func DoubleValue(f float64) Value {
	if f == 0 {
		f = 0 // -0 and 0 are one value
	}
	return Value{kind: TypeDouble, bits: math.Float64bits(f)}
}

// BoolValue makes a bool value.
func BoolValue(b bool) Value {
	v := Value{kind: TypeBool}
	if b {
		v.bits = 1
	}
	return v
}

// TimestampValue makes a timestamp value, truncated to the microsecond. A
// year outside 1 to 9999 is refused when the value is validated.
func TimestampValue(t time.Time) Value {
	v := Value{kind: TypeTimestamp, bits: 1 << 63} // out of range: Check refuses it
	if checkInstant("", t) == nil {
		v.bits = uint64(Micros(t))
	}
	return v
}

// DateValue makes a date value.
func DateValue(d Date) Value { return Value{kind: TypeDate, bits: uint64(int64(d))} }

// StringListValue makes a list value: sorted bytewise, without duplicates.
// The argument is copied.
func StringListValue(items ...string) Value {
	l := slices.Clone(items)
	slices.Sort(l)
	l = slices.Compact(l)
	return Value{kind: TypeStringList, list: &l}
}

// Type is the value's type, or the zero Type when absent.
func (v Value) Type() Type { return v.kind }

// IsZero reports whether the value is absent.
func (v Value) IsZero() bool { return v.kind == 0 }

// Str gives a string value's content; false for any other type.
func (v Value) Str() (string, bool) {
	if v.kind != TypeString {
		return "", false
	}
	return *v.text, true
}

// Int gives an int value's content; false for any other type.
func (v Value) Int() (int64, bool) { return int64(v.bits), v.kind == TypeInt }

// Double gives a double value's content; false for any other type.
func (v Value) Double() (float64, bool) {
	if v.kind != TypeDouble {
		return 0, false
	}
	return math.Float64frombits(v.bits), true
}

// Bool gives a bool value's content; false for any other type.
func (v Value) Bool() (value, ok bool) {
	ok = v.kind == TypeBool
	return ok && v.bits == 1, ok
}

// Timestamp gives a timestamp value's content in UTC; false for any other type.
func (v Value) Timestamp() (time.Time, bool) {
	if v.kind != TypeTimestamp {
		return time.Time{}, false
	}
	return FromMicros(int64(v.bits)), true
}

// Date gives a date value's content; false for any other type.
func (v Value) Date() (Date, bool) { return Date(int64(v.bits)), v.kind == TypeDate }

// StringList gives a list value's content, sorted, which must not be
// changed; false for any other type.
func (v Value) StringList() ([]string, bool) {
	if v.kind != TypeStringList {
		return nil, false
	}
	return *v.list, true
}

// Equal reports whether both have the same type and content; two absent
// values are equal.
func (v Value) Equal(o Value) bool { return v.kind == o.kind && v.Compare(o) == 0 }

// Compare orders values: absent first, then by type, then by content
// (strings by bytes, false before true). It is an order for sorting, not the
// comparison of the segment language.
func (v Value) Compare(o Value) int {
	if c := cmp.Compare(v.kind, o.kind); c != 0 {
		return c
	}
	switch v.kind {
	case TypeString:
		return strings.Compare(*v.text, *o.text)
	case TypeStringList:
		return slices.Compare(*v.list, *o.list)
	case TypeDouble:
		return cmp.Compare(math.Float64frombits(v.bits), math.Float64frombits(o.bits))
	default:
		return cmp.Compare(int64(v.bits), int64(o.bits))
	}
}

// Reveal gives the content as text, the form that files and exports use:
// decimal numbers (the shortest for a double), true and false, RFC 3339 with
// up to six decimals in UTC, YYYY-MM-DD, and for a list its items joined by a
// comma. Absent is the empty text.
func (v Value) Reveal() string {
	switch v.kind {
	case TypeString:
		return *v.text
	case TypeInt:
		return strconv.FormatInt(int64(v.bits), 10)
	case TypeDouble:
		return strconv.FormatFloat(math.Float64frombits(v.bits), 'g', -1, 64)
	case TypeBool:
		return strconv.FormatBool(v.bits == 1)
	case TypeTimestamp:
		return FromMicros(int64(v.bits)).Format(time.RFC3339Nano)
	case TypeDate:
		return Date(int64(v.bits)).String()
	case TypeStringList:
		return strings.Join(*v.list, ",")
	}
	return ""
}

// Format prints the type only, whatever the verb.
func (v Value) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(v.mask())) }

// LogValue logs the type only.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.mask()) }

// MarshalJSON gives the type only; exporters use the accessors.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(v.mask()) }

func (v Value) mask() string { return "<" + v.kind.String() + ">" }

// Check reports why the value cannot be stored, or nil: text must be valid
// UTF-8 without NUL and within the limits, a double finite, an instant or
// date in the years 1 to 9999.
func (v Value) Check(path string, l Limits) error {
	l = l.withDefaults()
	switch v.kind {
	case TypeString:
		return checkText(path, *v.text, l.StringBytes)
	case TypeStringList:
		return checkTexts(path, *v.list, l.ListItems, l.StringBytes)
	case TypeDouble:
		if f := math.Float64frombits(v.bits); math.IsNaN(f) || math.IsInf(f, 0) {
			return &FieldError{Path: path, Rule: "finite", Hint: "a finite number"}
		}
	case TypeTimestamp:
		return checkInstant(path, FromMicros(int64(v.bits)))
	case TypeDate:
		if d := int64(v.bits); d < int64(minDate()) || d > int64(maxDate()) {
			return &FieldError{Path: path, Rule: "range", Hint: "a date in the years 1 to 9999"}
		}
	}
	return nil
}

func checkText(path, s string, maxBytes int) error {
	switch {
	case len(s) > maxBytes:
		return &FieldError{Path: path, Rule: "max-length", Hint: fmt.Sprintf("at most %d bytes", maxBytes), Limit: true}
	case !utf8.ValidString(s):
		return &FieldError{Path: path, Rule: "utf8", Hint: "valid UTF-8"}
	case strings.IndexByte(s, 0) >= 0:
		return &FieldError{Path: path, Rule: "nul", Hint: "text without NUL"}
	}
	return nil
}

func checkTexts(path string, items []string, maxItems, maxBytes int) error {
	if len(items) > maxItems {
		return &FieldError{Path: path, Rule: "max-items", Hint: fmt.Sprintf("at most %d items", maxItems), Limit: true}
	}
	for _, s := range items {
		if err := checkText(path, s, maxBytes); err != nil {
			return err
		}
	}
	return nil
}

func minDate() Date { return DateOf(MinInstant(), time.UTC) }
func maxDate() Date { return DateOf(MaxInstant(), time.UTC) }

func checkInstant(path string, t time.Time) error {
	if t.Before(MinInstant()) || t.After(MaxInstant()) {
		return &FieldError{Path: path, Rule: "range", Hint: "an instant in the years 1 to 9999"}
	}
	return nil
}
