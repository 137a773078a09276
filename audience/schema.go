package audience

import (
	"fmt"
	"slices"
	"strings"
)

// FieldID is the stable number of a custom field within an audience. It
// outlives renames; 0 is not yet given.
type FieldID uint32

// PropID is the stable number of a property within its event type.
type PropID uint32

// EventTypeID is the stable number of an event type within an audience.
type EventTypeID uint32

// Schema types the custom fields and the event properties of an audience and
// names its purposes and lists. A host declares one; the store keeps it,
// gives the stable numbers, and adds what the first batches bring.
//
// The zero Schema declares nothing; the built-in event types and the purpose
// "marketing" are always there once it is completed.
type Schema struct {
	Fields   []Field
	Events   []EventType
	Purposes []Purpose
	Lists    []List
}

// Field is one custom field of a contact.
type Field struct {
	Name    string  // [a-z][a-z0-9_]*, not a built-in field nor a reserved word
	Type    Type    //
	Owner   string  // who may write it, "" for everybody; such as "scoring"
	Renamed string  // its former name, to rename a stored field without touching data
	ID      FieldID // given by the store
}

// EventType is one type of events and the properties its events may have.
type EventType struct {
	Name  string // such as "purchase" or "email.opened"
	Props []Prop
	ID    EventTypeID // given by the store
}

// Prop is one property of an event type.
type Prop struct {
	Name    string // any text; reserved are "type", "time" and "id"
	Type    Type
	Renamed string // its former name, to rename it without touching data
	ID      PropID // given by the store
}

// Purpose is what somebody can consent to.
type Purpose struct {
	Name string // such as "marketing"
}

// ListKind says how contacts come onto a list.
type ListKind uint8

// The kinds of list.
const (
	ListTopic  ListKind = iota + 1 // joining needs consent; membership is a fold of the ledger
	ListStatic                     // hand-picked
	ListTest                       // hand-picked, for tests of the host's own sending
)

// String gives "topic", "static" or "test"; "none" for the zero kind.
func (k ListKind) String() string {
	switch k {
	case ListTopic:
		return "topic"
	case ListStatic:
		return "static"
	case ListTest:
		return "test"
	}
	return "none"
}

// List is a named group of contacts. Everyone is on the master list, which
// is not declared.
type List struct {
	Name    string
	Kind    ListKind
	Purpose string // of a topic: the purpose it serves, "" for "marketing"
	Title   string // for people
}

// PurposeMarketing is the purpose that the status of a contact is about.
const PurposeMarketing = "marketing"

// ChannelEmail is the channel that the status of a contact is about.
const ChannelEmail = "email"

// FieldNamed finds a custom field by name.
func (s *Schema) FieldNamed(name string) (Field, bool) {
	return find(s.Fields, name, func(f Field) string { return f.Name })
}

// FieldByID finds a custom field by its stable number.
func (s *Schema) FieldByID(id FieldID) (Field, bool) {
	i := slices.IndexFunc(s.Fields, func(f Field) bool { return f.ID == id })
	if i < 0 || id == 0 {
		return Field{}, false
	}
	return s.Fields[i], true
}

// EventNamed finds an event type by name.
func (s *Schema) EventNamed(name string) (EventType, bool) {
	return find(s.Events, name, func(e EventType) string { return e.Name })
}

// PropNamed finds a property of the event type by name.
func (e *EventType) PropNamed(name string) (Prop, bool) {
	return find(e.Props, name, func(p Prop) string { return p.Name })
}

// ListNamed finds a list by name.
func (s *Schema) ListNamed(name string) (List, bool) {
	return find(s.Lists, name, func(l List) string { return l.Name })
}

// HasPurpose reports whether the purpose is declared.
func (s *Schema) HasPurpose(name string) bool {
	_, ok := find(s.Purposes, name, func(p Purpose) string { return p.Name })
	return ok
}

// find searches linearly: schemas are small and mostly not sorted.
func find[T any](items []T, name string, nameOf func(T) string) (T, bool) {
	for _, it := range items {
		if nameOf(it) == name {
			return it, true
		}
	}
	var zero T
	return zero, false
}

// Clone gives a copy that shares nothing with s.
func (s *Schema) Clone() Schema {
	out := Schema{
		Fields:   slices.Clone(s.Fields),
		Events:   slices.Clone(s.Events),
		Purposes: slices.Clone(s.Purposes),
		Lists:    slices.Clone(s.Lists),
	}
	for i := range out.Events {
		out.Events[i].Props = slices.Clone(out.Events[i].Props)
	}
	return out
}

// Check reports the first thing in the schema that cannot be accepted: bad
// or double names, missing types, a topic whose purpose is not declared, or
// too many of anything. It is a [*FieldError].
func (s *Schema) Check(l Limits) error {
	l = l.withDefaults()
	if err := s.checkSizes(l); err != nil {
		return err
	}
	if err := s.checkFields(l); err != nil {
		return err
	}
	if err := s.checkEvents(l); err != nil {
		return err
	}
	return s.checkLists(l)
}

func (s *Schema) checkSizes(l Limits) error {
	if len(s.Fields) > l.Fields {
		return &FieldError{Path: "schema.fields", Rule: "max-items", Hint: fmt.Sprintf("at most %d", l.Fields), Limit: true}
	}
	if len(s.Events) > l.EventTypes {
		return &FieldError{Path: "schema.events", Rule: "max-items", Hint: fmt.Sprintf("at most %d", l.EventTypes), Limit: true}
	}
	for _, e := range s.Events {
		if len(e.Props) > l.EventProps {
			return &FieldError{Path: "schema.events." + e.Name, Rule: "max-items", Hint: fmt.Sprintf("at most %d properties", l.EventProps), Limit: true}
		}
	}
	return nil
}

func (s *Schema) checkFields(l Limits) error {
	seen := make(map[string]bool, len(s.Fields))
	for _, f := range s.Fields {
		path := "schema.fields." + f.Name
		if err := CheckFieldName(f.Name, l); err != nil {
			return err
		}
		if !f.Type.IsValid() {
			return &FieldError{Path: path, Rule: "type", Hint: "a type"}
		}
		if seen[f.Name] {
			return &FieldError{Path: path, Rule: "double", Hint: "declare a field once"}
		}
		seen[f.Name] = true
	}
	return nil
}

func (s *Schema) checkEvents(l Limits) error {
	types := make(map[string]bool, len(s.Events))
	for _, e := range s.Events {
		path := "schema.events." + e.Name
		if err := CheckName(path, e.Name, l); err != nil {
			return err
		}
		if types[e.Name] {
			return &FieldError{Path: path, Rule: "double", Hint: "declare an event type once"}
		}
		types[e.Name] = true
		props := make(map[string]bool, len(e.Props))
		for _, p := range e.Props {
			if err := CheckPropName(path, p.Name, l); err != nil {
				return err
			}
			if !p.Type.IsValid() {
				return &FieldError{Path: path + "." + p.Name, Rule: "type", Hint: "a type"}
			}
			if props[p.Name] {
				return &FieldError{Path: path + "." + p.Name, Rule: "double", Hint: "declare a property once"}
			}
			props[p.Name] = true
		}
	}
	return nil
}

func (s *Schema) checkLists(l Limits) error {
	names := make(map[string]bool)
	for _, p := range s.Purposes {
		if err := CheckName("schema.purposes", p.Name, l); err != nil {
			return err
		}
		if names[p.Name] {
			return &FieldError{Path: "schema.purposes." + p.Name, Rule: "double", Hint: "declare a purpose once"}
		}
		names[p.Name] = true
	}
	clear(names)
	for _, li := range s.Lists {
		path := "schema.lists." + li.Name
		if err := CheckName(path, li.Name, l); err != nil {
			return err
		}
		if names[li.Name] {
			return &FieldError{Path: path, Rule: "double", Hint: "declare a list once"}
		}
		names[li.Name] = true
		if li.Kind.String() == "none" {
			return &FieldError{Path: path, Rule: "kind", Hint: "topic, static or test"}
		}
		if p := li.Purpose; p != "" && p != PurposeMarketing && !s.HasPurpose(p) {
			return &FieldError{Path: path, Rule: "purpose", Hint: "a declared purpose"}
		}
	}
	return nil
}

// CheckName reports why a name of an event type, tag, list, purpose or
// system cannot be used, or nil: not empty, valid text without control
// characters, without space at the ends, within the limit.
func CheckName(path, name string, l Limits) error {
	l = l.withDefaults()
	if name == "" {
		return &FieldError{Path: path, Rule: "empty", Hint: "a name"}
	}
	if err := checkText(path, name, l.NameBytes); err != nil {
		return err
	}
	if strings.TrimSpace(name) != name {
		return &FieldError{Path: path, Rule: "space", Hint: "no space at the ends"}
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return &FieldError{Path: path, Rule: "control", Hint: "no control characters"}
	}
	return nil
}

// CheckFieldName reports why a custom field cannot have the name, or nil:
// [a-z][a-z0-9_]*, neither a built-in field nor a reserved word of the
// segment language.
func CheckFieldName(name string, l Limits) error {
	l = l.withDefaults()
	const path = "schema.fields"
	switch {
	case name == "":
		return &FieldError{Path: path, Rule: "empty", Hint: "a name"}
	case len(name) > l.NameBytes:
		return &FieldError{Path: path, Rule: "max-length", Hint: fmt.Sprintf("a name of at most %d bytes", l.NameBytes), Limit: true}
	case !isFieldName(name):
		return &FieldError{Path: path, Rule: "name", Hint: "a name like loyalty_tier: [a-z][a-z0-9_]*"}
	case isBuiltInField(name):
		return &FieldError{Path: path + "." + name, Rule: "built-in", Hint: "a name that no built-in field has"}
	case isReservedWord(name):
		return &FieldError{Path: path + "." + name, Rule: "reserved", Hint: "a name that is no word of the segment language"}
	}
	return nil
}

// CheckPropName reports why a property cannot have the name, or nil.
func CheckPropName(path, name string, l Limits) error {
	if err := CheckName(path+".props", name, l); err != nil {
		return err
	}
	switch name {
	case "type", "time", "id":
		return &FieldError{Path: path + "." + name, Rule: "reserved", Hint: "a name other than type, time and id"}
	}
	return nil
}

func isFieldName(name string) bool {
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z':
		case i > 0 && (c >= '0' && c <= '9' || c == '_'):
		default:
			return false
		}
	}
	return name != ""
}

// FoldFieldName turns any text, such as the header of a column, into a field
// name: lower-cased, every run of other characters one underscore, none at
// the ends. The result is empty when nothing is left, gets a leading "f_"
// when it would start with a digit, and a trailing underscore when it would
// be a reserved word. Built-in names come out as they are.
func FoldFieldName(text string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(text) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			if gap && b.Len() > 0 {
				b.WriteByte('_')
			}
			gap = false
			b.WriteRune(r)
			continue
		}
		gap = true
	}
	name := b.String()
	switch {
	case name == "":
		return ""
	case name[0] >= '0' && name[0] <= '9':
		return "f_" + name
	case isReservedWord(name):
		return name + "_"
	}
	return name
}

func isBuiltInField(name string) bool {
	switch name {
	case "id", "email", "first_name", "last_name", "phone", "status", "tags", "created_at", "updated_at", "frequency",
		"external_id":
		return true
	}
	return false
}

// isReservedWord reports the reserved words of CEL and the names that
// expressions of the segment language use for something else.
func isReservedWord(name string) bool {
	switch name {
	case "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
		"let", "loop", "package", "namespace", "return", "var", "void", "while":
		return true
	}
	return false
}
