package audience

import (
	"fmt"
	"slices"
)

// Check reports the first thing in the schema that cannot be accepted: bad
// or double names, missing types, a property of the built-in vocabulary with
// another type than there, a former name that is still in use, a topic whose
// purpose is not declared, or too many of anything. It is a [*FieldError].
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
	if err := s.checkPurposes(l); err != nil {
		return err
	}
	return s.checkLists(l)
}

func (s *Schema) checkSizes(l Limits) error {
	sizes := []struct {
		path   string
		n, max int
	}{
		{"schema.fields", len(s.Fields), l.Fields},
		{"schema.events", len(s.Events), l.EventTypes},
		{"schema.purposes", len(s.Purposes), l.Lists},
		{"schema.lists", len(s.Lists), l.Lists},
	}
	for i, e := range s.Events {
		sizes = append(sizes, struct {
			path   string
			n, max int
		}{fmt.Sprintf("schema.events[%d].props", i), len(e.Props), l.EventProps})
	}
	for _, x := range sizes {
		if x.n > x.max {
			return &FieldError{Path: x.path, Rule: "max-items", Hint: fmt.Sprintf("at most %d", x.max), Limit: true}
		}
	}
	return nil
}

func (s *Schema) checkFields(l Limits) error {
	seen := make(map[string]bool, len(s.Fields))
	for _, f := range s.Fields {
		if err := CheckFieldName(f.Name, l); err != nil {
			return err
		}
		path := "schema.fields." + f.Name
		switch {
		case !f.Type.IsValid():
			return &FieldError{Path: path, Rule: "type", Hint: "a type"}
		case seen[f.Name]:
			return &FieldError{Path: path, Rule: "double", Hint: "declare a field once"}
		}
		if f.Owner != "" {
			if err := CheckName(path+".owner", f.Owner, l); err != nil {
				return err
			}
		}
		seen[f.Name] = true
	}
	for _, f := range s.Fields {
		if err := checkRenamed("schema.fields."+f.Name, f.Renamed, seen, l); err != nil {
			return err
		}
	}
	return nil
}

// checkRenamed refuses a former name that is declared too: which of both the
// stored data belong to would depend on the order.
func checkRenamed(path, renamed string, declared map[string]bool, l Limits) error {
	switch {
	case renamed == "":
		return nil
	case declared[renamed]:
		return &FieldError{Path: path, Rule: "renamed", Hint: "a former name that is not declared itself"}
	}
	return checkText(path+".renamed", renamed, l.NameBytes)
}

func (s *Schema) checkEvents(l Limits) error {
	builtIn := builtInEvents()
	types := make(map[string]bool, len(s.Events))
	for i := range s.Events {
		e := &s.Events[i]
		if err := CheckName(fmt.Sprintf("schema.events[%d]", i), e.Name, l); err != nil {
			return err
		}
		path := "schema.events." + e.Name
		if types[e.Name] {
			return &FieldError{Path: path, Rule: "double", Hint: "declare an event type once"}
		}
		types[e.Name] = true
		if err := e.checkProps(path, builtIn, l); err != nil {
			return err
		}
	}
	return nil
}

func (e *EventType) checkProps(path string, builtIn []EventType, l Limits) error {
	var own EventType // what the built-in vocabulary says of it
	if i := slices.IndexFunc(builtIn, func(b EventType) bool { return b.Name == e.Name }); i >= 0 {
		own = builtIn[i]
	}
	seen := make(map[string]bool, len(e.Props))
	for _, p := range e.Props {
		if err := CheckPropName(path, p.Name, l); err != nil {
			return err
		}
		at := path + "." + p.Name
		known, isBuiltIn := own.PropNamed(p.Name)
		switch {
		case !p.Type.IsValid():
			return &FieldError{Path: at, Rule: "type", Hint: "a type"}
		case isBuiltIn && p.Type != known.Type:
			return &FieldError{Path: at, Rule: "built-in", Hint: "the type " + known.Type.String() + ", which it has in every audience; or another name"}
		case seen[p.Name]:
			return &FieldError{Path: at, Rule: "double", Hint: "declare a property once"}
		}
		seen[p.Name] = true
	}
	for _, p := range e.Props {
		if err := checkRenamed(path+"."+p.Name, p.Renamed, seen, l); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schema) checkPurposes(l Limits) error {
	seen := make(map[string]bool, len(s.Purposes))
	for i, p := range s.Purposes {
		if err := CheckName(fmt.Sprintf("schema.purposes[%d]", i), p.Name, l); err != nil {
			return err
		}
		if seen[p.Name] {
			return &FieldError{Path: "schema.purposes." + p.Name, Rule: "double", Hint: "declare a purpose once"}
		}
		seen[p.Name] = true
	}
	return nil
}

func (s *Schema) checkLists(l Limits) error {
	seen := make(map[string]bool, len(s.Lists))
	for i, li := range s.Lists {
		if err := CheckName(fmt.Sprintf("schema.lists[%d]", i), li.Name, l); err != nil {
			return err
		}
		path := "schema.lists." + li.Name
		switch p := li.Purpose; {
		case seen[li.Name]:
			return &FieldError{Path: path, Rule: "double", Hint: "declare a list once"}
		case li.Kind < ListTopic || li.Kind > ListTest:
			return &FieldError{Path: path, Rule: "kind", Hint: "topic, static or test"}
		case p != "" && li.Kind != ListTopic:
			return &FieldError{Path: path, Rule: "purpose", Hint: "no purpose: only a topic has one"}
		case p != "" && p != PurposeMarketing && !s.HasPurpose(p):
			return &FieldError{Path: path, Rule: "purpose", Hint: "a declared purpose"}
		}
		if err := checkText(path+".title", li.Title, l.StringBytes); err != nil {
			return err
		}
		seen[li.Name] = true
	}
	return nil
}
