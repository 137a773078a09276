package audience

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"
)

// EventProp is the value of one property of an event.
type EventProp struct {
	ID    PropID
	Value Value
}

// Event is what a contact did or got, as the store knows it. It prints its
// contact, type and time only.
type Event struct {
	Contact   ContactID // who has it now
	Origin    ContactID // under whom it was written; differs after a merge
	ID        string    // unique per contact; not personal, or not in clear
	Type      string
	Time      time.Time
	Revision  uint64
	Retracted bool        // it is taken back: readers of events do not see it
	Props     []EventProp // sorted by ID, each once; shared, not to be changed
}

// Prop gives the value of a property; the zero Value when absent.
func (e *Event) Prop(id PropID) Value {
	i, ok := slices.BinarySearchFunc(e.Props, id, func(p EventProp, id PropID) int { return cmp.Compare(p.ID, id) })
	if !ok {
		return Value{}
	}
	return e.Props[i].Value
}

// PropNamed gives the value of a property by name; the zero Value when it is
// absent or the schema has no such property.
func (e *Event) PropNamed(s *Schema, name string) Value {
	t, ok := s.EventNamed(e.Type)
	if !ok {
		return Value{}
	}
	p, ok := t.PropNamed(name)
	if !ok {
		return Value{}
	}
	return e.Prop(p.ID)
}

// CompareEvents orders events by time, then id bytes, then origin: the order
// of every list of events of one contact.
func CompareEvents(a, b Event) int {
	if c := a.Time.Compare(b.Time); c != 0 {
		return c
	}
	if c := strings.Compare(a.ID, b.ID); c != 0 {
		return c
	}
	return cmp.Compare(a.Origin, b.Origin)
}

// SameContent reports whether both say the same: type, time, properties and
// retraction. Ids and revisions are not content.
func (e *Event) SameContent(o *Event) bool {
	return e.Type == o.Type && e.Time.Equal(o.Time) && e.Retracted == o.Retracted &&
		slices.EqualFunc(e.Props, o.Props, func(a, b EventProp) bool { return a.ID == b.ID && a.Value.Equal(b.Value) })
}

// Format prints contact, type and time, whatever the verb.
func (e Event) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(e.mask())) }

// LogValue logs what Format prints.
func (e Event) LogValue() slog.Value { return slog.StringValue(e.mask()) }

// MarshalJSON gives what Format prints; exporters use the accessors.
func (e Event) MarshalJSON() ([]byte, error) { return json.Marshal(e.mask()) }

func (e *Event) mask() string {
	return fmt.Sprintf("%s of contact %d at %s", e.Type, uint32(e.Contact), e.Time.UTC().Format(time.RFC3339Nano))
}

// EventWrite appends an event, revises it or takes it back.
//
// Within a contact an id names one event. The same revision again is
// harmless when its content is the same and a conflict when not; a higher
// revision supersedes what is stored; a lower one that comes late is
// ignored. An event without an id gets one from the store and can be
// neither repeated nor revised.
type EventWrite struct {
	Contact  Ref
	ID       string // "" to have one given; not personal, or not in clear
	Type     string
	Time     time.Time // truncated to the microsecond
	Revision uint64    // 0 for the first
	Retract  bool      // take the event back; needs an id and a higher revision than the stored one
	Props    map[string]Value
	Source   Source
}

// Format prints type, contact and time, whatever the verb; never the key or
// address in Contact.
func (w EventWrite) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(w.mask())) }

// LogValue logs what Format prints.
func (w EventWrite) LogValue() slog.Value { return slog.StringValue(w.mask()) }

// MarshalJSON gives what Format prints.
func (w EventWrite) MarshalJSON() ([]byte, error) { return json.Marshal(w.mask()) }

func (w *EventWrite) mask() string {
	return fmt.Sprintf("%s of %s at %s", w.Type, w.Contact.mask(), w.Time.UTC().Format(time.RFC3339Nano))
}

// Check reports why the event can never be accepted, or nil. What depends on
// the schema or on stored data is checked by the store.
func (w *EventWrite) Check(l Limits) error {
	l = l.withDefaults()
	if w.Contact.IsZero() {
		return &FieldError{Path: "contact", Rule: "empty", Hint: "a Ref"}
	}
	if err := CheckName("type", w.Type, l); err != nil {
		return err
	}
	if w.Time.IsZero() {
		return &FieldError{Path: "time", Rule: "empty", Hint: "an instant"}
	}
	if err := checkInstant("time", w.Time); err != nil {
		return err
	}
	if err := checkText("id", w.ID, l.KeyBytes); err != nil {
		return err
	}
	if w.Revision > math.MaxInt64 { // what every database can hold
		return &FieldError{Path: "revision", Rule: "range", Hint: "below 2^63"}
	}
	if w.ID == "" && (w.Retract || w.Revision != 0) {
		return &FieldError{Path: "id", Rule: "empty", Hint: "an id: only an event with an id can be revised or taken back"}
	}
	if len(w.Props) > l.EventProps {
		return &FieldError{Path: "props", Rule: "max-items", Hint: fmt.Sprintf("at most %d", l.EventProps), Limit: true}
	}
	if err := w.Source.Check("source", l); err != nil {
		return err
	}
	return firstByName(w.Props, func(name string, v Value) error {
		if err := CheckPropName(w.Type, name, l); err != nil {
			return err
		}
		if v.IsZero() {
			return &FieldError{Path: "props." + name, Rule: "empty", Hint: "a value, or no such property"}
		}
		return v.Check("props."+name, l)
	})
}

// Event gives the event of the write for a contact, its properties resolved
// by the event type. A property that the type does not have, or has with a
// type that the value does not fit, is a [*FieldError].
func (w *EventWrite) Event(contact ContactID, t EventType) (Event, error) {
	e := Event{
		Contact: contact, Origin: contact,
		ID: w.ID, Type: t.Name, Time: FromMicros(Micros(w.Time)), Revision: w.Revision, Retracted: w.Retract,
	}
	if len(w.Props) > 0 {
		e.Props = make([]EventProp, 0, len(w.Props))
	}
	err := firstByName(w.Props, func(name string, v Value) error {
		p, ok := t.PropNamed(name)
		if !ok {
			return &FieldError{Path: "props." + name, Rule: "unknown", Hint: "a property of " + t.Name}
		}
		v, err := Fit(v, p.Type, "props."+name)
		e.Props = append(e.Props, EventProp{ID: p.ID, Value: v})
		return err
	})
	if err != nil {
		return Event{}, err
	}
	slices.SortFunc(e.Props, func(a, b EventProp) int { return cmp.Compare(a.ID, b.ID) })
	return e, nil
}
