package audience

import (
	"slices"
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
	Type    Type    // never changes once it is stored
	Owner   string  // who may write it, "" for everybody; such as "scoring"
	Renamed string  // its former name, to rename a stored field without touching data; no field may have it any more
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

// The kinds of list. Stores keep their numbers, which never change.
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
	default:
		return "none"
	}
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

// The channels. Consent and refusals name one of them, or none for all.
const (
	ChannelEmail = "email" // the one that the status of a contact is about
	ChannelSMS   = "sms"
	ChannelPhone = "phone"
	ChannelPush  = "push"
	ChannelPost  = "post"
)

func isChannel(name string) bool {
	switch name {
	case ChannelEmail, ChannelSMS, ChannelPhone, ChannelPush, ChannelPost:
		return true
	default:
		return false
	}
}

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
