package importer

import (
	"maps"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

const tagsField = "tags" // among Contact.Blank

// shape makes of what a row says what is written about somebody, as the plan's
// modes have it. who is nil when the row makes her. Modes are about contacts who
// were there before the import: of those that it made itself, later rows replace
// what earlier ones said.
//
// What no import may do it takes out, whoever gave the row: let the erased come
// back, write as the owner of a field, take names away.
func (b *batch) shape(c *Contact, who *person) audience.ContactWrite {
	w := c.Write
	w.Match, w.Mode, w.IfVersion, w.Source = audience.Ref{}, audience.Upsert, 0, b.source
	w.Returning, w.Owner, w.Frequency, w.Detach = false, "", nil, nil
	b.shapeTags(c, &w)
	if who == nil {
		w.Clear = nil
		return w
	}
	if who.id != 0 {
		w.Match = audience.ID(who.id)
	}
	known := !who.mine
	w.Clear = b.cleared(c, who, known)
	if known {
		b.shapeFields(who, &w)
	}
	return w
}

func (b *batch) shapeTags(c *Contact, w *audience.ContactWrite) {
	said := c.Write.SetTags
	if len(c.Write.AddTags) > 0 {
		said = slices.Concat(c.Write.SetTags, c.Write.AddTags)
	}
	w.SetTags, w.AddTags = nil, nil
	switch {
	case b.plan.Tags == TagsReplace && len(said) > 0:
		w.SetTags, w.RemoveTags = joined(said, b.plan.AddTags), nil
	case b.plan.Tags == TagsReplace && b.plan.Blanks == BlanksClear && slices.Contains(c.Blank, tagsField):
		w.SetTags, w.RemoveTags = append([]string{}, b.plan.AddTags...), nil
	case b.plan.Tags == TagsRemove:
		w.AddTags, w.RemoveTags = b.plan.AddTags, joined(c.Write.RemoveTags, said)
	default:
		w.AddTags = joined(said, b.plan.AddTags)
	}
}

// joined gives both, without copying when one is empty.
func joined(a, b []string) []string {
	switch {
	case len(b) == 0:
		return a
	case len(a) == 0:
		return b
	}
	return slices.Concat(a, b)
}

// fieldMode gives how a field of a contact who was there is written.
func (b *batch) fieldMode(field string) FieldMode {
	if m := b.plan.Fields[field]; m != FieldAsPlanned {
		return m
	}
	if b.plan.Mode == FillBlanks {
		return FieldFill
	}
	return FieldOverwrite
}

// shapeFields leaves what the modes let through.
func (b *batch) shapeFields(who *person, w *audience.ContactWrite) {
	if b.plan.Mode != FillBlanks && len(b.plan.Fields) == 0 {
		return
	}
	now := &who.know().now
	for _, f := range []struct {
		name string
		said *audience.Private
		has  audience.Private
	}{{"first_name", &w.FirstName, now.FirstName}, {"last_name", &w.LastName, now.LastName}, {"phone", &w.Phone, now.Phone}} {
		if m := b.fieldMode(f.name); m == FieldKeep || m == FieldFill && !f.has.IsZero() {
			*f.said = audience.Private{}
		}
	}
	if b.plan.Mode == FillBlanks && !w.Email.IsZero() && len(now.Addresses) > 0 {
		w.Addresses = append(slices.Clip(w.Addresses), w.Email) // a further one
		w.Email = audience.Address{}
	}
	copied := false
	for field := range w.Set {
		m := b.fieldMode(field)
		if m == FieldOverwrite || m == FieldFill && now.Value(b.fields.id(field)).IsZero() {
			continue
		}
		if !copied { // it is the row's
			w.Set, copied = maps.Clone(w.Set), true
		}
		delete(w.Set, field)
	}
}

// cleared gives the fields that an empty cell makes absent.
func (b *batch) cleared(c *Contact, who *person, known bool) []string {
	if b.plan.Blanks != BlanksClear {
		return nil
	}
	var out []string
	for _, field := range c.Blank {
		_, set := c.Write.Set[field]
		if field == tagsField || set || known && b.fieldMode(field) != FieldOverwrite || slices.Contains(out, field) {
			continue
		}
		switch field {
		case "first_name":
			set = !c.Write.FirstName.IsZero()
		case "last_name":
			set = !c.Write.LastName.IsZero()
		case "phone":
			set = !c.Write.Phone.IsZero()
		default:
			set = b.fields.id(field) == 0 || who.know().now.Value(b.fields.id(field)).IsZero()
		}
		if !set {
			out = append(out, field)
		}
	}
	return out
}

// fields are those of the schema and those that rows of the batch bring, with
// the numbers that the store will give them.
type fields struct {
	schema audience.Schema
	byName map[string]audience.Field
	last   audience.FieldID
	brings []string                    // in order
	names  map[audience.FieldID]string // made when it is asked for
}

func newFields(schema audience.Schema) *fields {
	f := &fields{schema: schema, byName: make(map[string]audience.Field, len(schema.Fields))}
	for _, field := range schema.Fields {
		f.byName[field.Name] = field
		f.last = max(f.last, field.ID)
	}
	return f
}

// id gives the number of a field, 0 of one that nobody knows.
func (f *fields) id(field string) audience.FieldID { return f.byName[field].ID }

// name gives the name of a field.
func (f *fields) name(id audience.FieldID) string {
	if f.names == nil {
		f.names = make(map[audience.FieldID]string, len(f.byName))
	}
	if f.names[id] == "" {
		for name, field := range f.byName {
			f.names[field.ID] = name
		}
	}
	return f.names[id]
}

// of resolves the fields of a write as the store does.
func (f *fields) of(w *audience.ContactWrite) func(string) (audience.Field, bool) {
	return func(field string) (audience.Field, bool) {
		if known, ok := f.byName[field]; ok {
			return known, true
		}
		v, ok := w.Set[field]
		if !ok {
			return audience.Field{}, false
		}
		f.last++
		out := audience.Field{Name: field, Type: v.Type(), ID: f.last}
		f.byName[field] = out
		f.brings = append(f.brings, field)
		return out, true
	}
}

// forget takes back the fields that were brought after the first n.
func (f *fields) forget(n int) {
	for _, field := range f.brings[n:] {
		delete(f.names, f.last)
		delete(f.byName, field)
		f.last--
	}
	f.brings = f.brings[:n]
}
