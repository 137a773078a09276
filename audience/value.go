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

// The types. Their text forms are those of Type.String; stores keep their
// numbers, which never change.
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
// "list"; "none" for any other Type.
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
	default:
		return "none"
	}
}

// IsValid reports whether t is one of the types.
func (t Type) IsValid() bool { return TypeString <= t && t <= TypeStringList }

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
// Value is absent. A Value is immutable and safe for concurrent use.
//
// Like [Private] it never prints its content, only its type, such as <int>:
// read it with the accessor of its type, or with Reveal. Compare with Equal;
// == does not compile.
type Value struct {
	_ [0]func()
	// A pointer for the reason given at Private, to one of string, int64,
	// float64, bool, micros, Date and list; nil when absent.
	content any
}

// list is a pointer once more, because fmt shows what a pointer to a slice
// points to when the verb is not for pointers.
type list *[]string

// micros is an instant as the library keeps it.
type micros int64

// StringValue makes a string value.
func StringValue(s string) Value { return Value{content: &s} }

// IntValue makes an int value.
func IntValue(n int64) Value { return Value{content: &n} }

// DoubleValue makes a double value; -0 becomes 0. NaN and infinities are
// refused when the value is validated.
func DoubleValue(f float64) Value {
	if f == 0 {
		f = 0 // -0 and 0 are one value
	}
	return Value{content: &f}
}

// BoolValue makes a bool value.
func BoolValue(b bool) Value { return Value{content: &b} }

// TimestampValue makes a timestamp value, truncated to the microsecond. A
// year outside 1 to 9999 is refused when the value is validated.
func TimestampValue(t time.Time) Value {
	us := micros(Micros(t))
	return Value{content: &us}
}

// DateValue makes a date value. A year outside 1 to 9999 is refused when the
// value is validated.
func DateValue(d Date) Value { return Value{content: &d} }

// StringListValue makes a list value: sorted bytewise, without duplicates.
// The argument is copied. A list without items is not absent.
func StringListValue(items ...string) Value {
	set := slices.Clone(items)
	slices.Sort(set)
	return newList(slices.Compact(set))
}

// newList makes a list value of sorted items, which are its own from now on.
// Both pointers of a list point into one allocation.
func newList(items []string) Value {
	l := &struct {
		items   []string
		content list
	}{items: items}
	l.content = &l.items
	return Value{content: &l.content}
}

// Type is the value's type, or the zero Type when absent.
func (v Value) Type() Type {
	switch v.content.(type) {
	case *string:
		return TypeString
	case *int64:
		return TypeInt
	case *float64:
		return TypeDouble
	case *bool:
		return TypeBool
	case *micros:
		return TypeTimestamp
	case *Date:
		return TypeDate
	case *list:
		return TypeStringList
	}
	return 0
}

// IsZero reports whether the value is absent.
func (v Value) IsZero() bool { return v.content == nil }

// Str gives a string value's content; false for any other type.
func (v Value) Str() (string, bool) {
	if p, ok := v.content.(*string); ok {
		return *p, true
	}
	return "", false
}

// Int gives an int value's content; false for any other type.
func (v Value) Int() (int64, bool) {
	if p, ok := v.content.(*int64); ok {
		return *p, true
	}
	return 0, false
}

// Double gives a double value's content; false for any other type.
func (v Value) Double() (float64, bool) {
	if p, ok := v.content.(*float64); ok {
		return *p, true
	}
	return 0, false
}

// Bool gives a bool value's content; false for any other type.
func (v Value) Bool() (value, ok bool) {
	if p, ok := v.content.(*bool); ok {
		return *p, true
	}
	return false, false
}

// Timestamp gives a timestamp value's content in UTC; false for any other type.
func (v Value) Timestamp() (time.Time, bool) {
	if p, ok := v.content.(*micros); ok {
		return FromMicros(int64(*p)), true
	}
	return time.Time{}, false
}

// Date gives a date value's content; false for any other type.
func (v Value) Date() (Date, bool) {
	if p, ok := v.content.(*Date); ok {
		return *p, true
	}
	return 0, false
}

// StringList gives a list value's content, sorted, which must not be
// changed; false for any other type.
func (v Value) StringList() ([]string, bool) {
	if p, ok := v.content.(*list); ok {
		return **p, true
	}
	return nil, false
}

// Equal reports whether both have the same type and content; two absent
// values are equal.
func (v Value) Equal(o Value) bool { return v.Compare(o) == 0 }

// Compare orders values: absent first, then by type, then by content
// (strings by bytes, lists item by item, false before true). It is an order
// for sorting, not the comparison of the segment language.
func (v Value) Compare(o Value) int {
	switch x := v.content.(type) {
	case *string:
		if y, ok := o.content.(*string); ok {
			return strings.Compare(*x, *y)
		}
	case *int64:
		if y, ok := o.content.(*int64); ok {
			return cmp.Compare(*x, *y)
		}
	case *float64:
		if y, ok := o.content.(*float64); ok {
			return cmp.Compare(*x, *y)
		}
	case *bool:
		if y, ok := o.content.(*bool); ok {
			return compareBools(*x, *y)
		}
	case *micros:
		if y, ok := o.content.(*micros); ok {
			return cmp.Compare(*x, *y)
		}
	case *Date:
		if y, ok := o.content.(*Date); ok {
			return cmp.Compare(*x, *y)
		}
	case *list:
		if y, ok := o.content.(*list); ok {
			return slices.Compare(**x, **y)
		}
	}
	return cmp.Compare(v.Type(), o.Type())
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// Reveal gives the content as text, the form that files and exports use:
// decimal numbers (the shortest for a double), true and false, RFC 3339 with
// up to six decimals in UTC, YYYY-MM-DD, and for a list its items joined by a
// comma. An item that would not come back as it is (with a comma, quote or
// line break, space at its ends, or empty) stands in double quotes, quotes
// within it doubled, as in CSV. Absent and the list without items are the
// empty text.
func (v Value) Reveal() string {
	switch x := v.content.(type) {
	case nil:
		return ""
	case *string:
		return *x
	case *int64:
		return strconv.FormatInt(*x, 10) // small ones are there already
	case *bool:
		return strconv.FormatBool(*x)
	}
	var most [64]byte
	return string(v.AppendRevealed(most[:0]))
}

// AppendRevealed appends what Reveal gives, without a string in between.
func (v Value) AppendRevealed(b []byte) []byte {
	switch x := v.content.(type) {
	case *string:
		return append(b, *x...)
	case *int64:
		return strconv.AppendInt(b, *x, 10)
	case *float64:
		return strconv.AppendFloat(b, *x, 'g', -1, 64)
	case *bool:
		return strconv.AppendBool(b, *x)
	case *micros:
		return FromMicros(int64(*x)).AppendFormat(b, time.RFC3339Nano)
	case *Date:
		return append(b, x.String()...)
	case *list:
		return appendItems(b, **x)
	}
	return b
}

// appendItems is not the CSV writer of the standard library, because that one
// does not tell an empty item from no item.
func appendItems(b []byte, items []string) []byte {
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		if isPlainItem(item) {
			b = append(b, item...)
			continue
		}
		b = append(b, '"')
		for part, rest, more := "", item, true; more; {
			part, rest, more = strings.Cut(rest, `"`)
			b = append(b, part...)
			if more {
				b = append(b, `""`...)
			}
		}
		b = append(b, '"')
	}
	return b
}

// isPlainItem reports whether an item comes back as it is without quotes. A
// loop over bytes is several times as fast as strings.ContainsAny.
func isPlainItem(item string) bool {
	for i := range len(item) {
		switch item[i] {
		case ',', '"', '\r', '\n':
			return false
		}
	}
	return item != "" && strings.TrimSpace(item) == item
}

// Format prints the type only, whatever the verb.
func (v Value) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(v.mask())) }

// LogValue logs the type only.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.mask()) }

// MarshalJSON gives the type only; exporters use the accessors.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(v.mask()) }

func (v Value) mask() string { return "<" + v.Type().String() + ">" }

// Fit gives the value as one of the wanted type: itself, or an int as the
// double it equals. Anything else is a [*FieldError].
func Fit(v Value, want Type, path string) (Value, error) {
	have := v.Type()
	if have == want {
		return v, nil
	}
	const exact = 1 << 53 // beyond, not every int is a double
	if n, ok := v.Int(); ok && want == TypeDouble && n >= -exact && n <= exact {
		return DoubleValue(float64(n)), nil
	}
	return Value{}, &FieldError{Path: path, Rule: "type", Hint: "a value of type " + want.String() + ", not " + have.String()}
}

// Check reports why the value cannot be stored, or nil: text must be valid
// UTF-8 without NUL and within the limits, a double finite, an instant or
// date in the years 1 to 9999. It is a [*FieldError] for the path.
func (v Value) Check(path string, l Limits) error {
	switch v.content.(type) {
	case nil, *int64, *bool:
		return nil
	}
	l = l.withDefaults()
	return v.check(path, &l)
}

// check is Check with limits in force: copying them takes longer than most
// checks.
func (v Value) check(path string, l *Limits) error {
	switch x := v.content.(type) {
	case *string:
		return checkText(path, *x, l.StringBytes)
	case *list:
		return checkTexts(path, **x, l.ListItems, l.StringBytes)
	case *float64:
		if math.IsNaN(*x) || math.IsInf(*x, 0) {
			return &FieldError{Path: path, Rule: "finite", Hint: "a finite number"}
		}
	case *micros:
		if !isInstant(int64(*x)) {
			return instantError(path)
		}
	case *Date:
		if !x.valid() {
			return &FieldError{Path: path, Rule: "range", Hint: "a date in the years 1 to 9999"}
		}
	}
	return nil
}

func checkText(path, s string, maxBytes int) error {
	switch {
	case len(s) > maxBytes:
		return &FieldError{Path: path, Rule: "max-length", Hint: fmt.Sprintf("at most %d bytes", maxBytes), Limit: true}
	case isShortASCII(s):
		return nil
	case !utf8.ValidString(s):
		return &FieldError{Path: path, Rule: "utf8", Hint: "valid UTF-8"}
	case strings.IndexByte(s, 0) >= 0:
		return &FieldError{Path: path, Rule: "nul", Hint: "text without NUL"}
	}
	return nil
}

// isShortASCII reports texts in which a single look finds nothing wrong, as in
// most names.
func isShortASCII(s string) bool {
	const short = 32
	if len(s) > short {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c == 0 || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
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

// checkInstant looks at the instant as it is stored: in whole microseconds.
func checkInstant(path string, t time.Time) error {
	if !isInstant(Micros(t)) {
		return instantError(path)
	}
	return nil
}

func instantError(path string) error {
	return &FieldError{Path: path, Rule: "range", Hint: "an instant in the years 1 to 9999, in UTC"}
}
