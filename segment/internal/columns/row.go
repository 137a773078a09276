package columns

import (
	"math"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Row reads the table contact by contact, as expressions read it. It gives of
// a contact what the table keeps; the rest is absent. What it gives is valid
// until the next Seek and the next write, and not to be changed. A Row is
// used by one goroutine; several may read one table.
type Row struct {
	t       *Table
	id      uint32
	contact audience.Contact
	streams [][]audience.Event // by stream of the table
	props   [][]audience.EventProp
	read    []bool
	history audience.History
	folded  bool // history is that of id
	texts   []string
}

// Row makes a row, at no contact yet. It reads what the table keeps now; once
// that changes a new one has to be made.
func (t *Table) Row() *Row {
	n := len(t.streams)
	return &Row{t: t, streams: make([][]audience.Event, n), props: make([][]audience.EventProp, n), read: make([]bool, n)}
}

// Seek goes to a contact.
func (r *Row) Seek(id uint32) {
	t := r.t
	r.id, r.folded = id, false
	clear(r.read)
	c := audience.Contact{ID: audience.ContactID(id), Addresses: r.contact.Addresses[:0], Tags: r.contact.Tags[:0], Fields: r.contact.Fields[:0]}
	if email := t.builtinText(BuiltinEmail, id); email != "" {
		if a, err := audience.ParseAddress(email); err == nil {
			c.Addresses = append(c.Addresses, a)
		}
	}
	c.FirstName = privateOf(t.builtinText(BuiltinFirstName, id))
	c.LastName = privateOf(t.builtinText(BuiltinLastName, id))
	c.Phone = privateOf(t.builtinText(BuiltinPhone, id))
	c.Frequency = t.builtinText(BuiltinFrequency, id)
	c.CreatedAt = t.builtinTime(BuiltinCreatedAt, id)
	c.UpdatedAt = t.builtinTime(BuiltinUpdatedAt, id)
	r.contact = c
	r.seekTags()
	r.seekFields()
}

func privateOf(text string) audience.Private {
	if text == "" {
		return audience.Private{}
	}
	return audience.NewPrivate(text)
}

func (t *Table) builtinText(b Builtin, id uint32) string {
	if c := t.builtins[b].codes; c != nil {
		code, _ := c.Get(id)
		return t.texts.text(code)
	}
	return ""
}

func (t *Table) builtinTime(b Builtin, id uint32) time.Time {
	if c := t.builtins[b].ints; c != nil {
		if us, ok := c.Get(id); ok {
			return audience.FromMicros(us)
		}
	}
	return time.Time{}
}

func (r *Row) seekTags() {
	t := r.t
	if t.tagSets != nil {
		code, _ := t.tagSets.Get(r.id)
		r.texts = t.Set(code, r.texts[:0])
		for _, name := range r.texts {
			r.contact.Tags = append(r.contact.Tags, audience.Tag{Name: name})
		}
		return
	}
	for _, p := range t.tags {
		if p.in.Contains(r.id) {
			r.contact.Tags = append(r.contact.Tags, audience.Tag{Name: p.name})
		}
	}
}

// seekFields fills the custom fields, in order of their numbers. Of a list
// field that is kept by items only it gives those.
func (r *Row) seekFields() {
	t, k := r.t, 0
	add := func(id audience.FieldID, v audience.Value) {
		if !v.IsZero() {
			r.contact.Fields = append(r.contact.Fields, audience.FieldValue{ID: id, Value: v})
		}
	}
	for i := range t.fields {
		f := &t.fields[i]
		for ; k < len(t.items) && t.items[k].field <= f.id; k++ {
			if t.items[k].field < f.id {
				add(t.items[k].field, r.itemsOf(&t.items[k]))
			}
		}
		add(f.id, t.value(f, r.id))
	}
	for ; k < len(t.items); k++ {
		add(t.items[k].field, r.itemsOf(&t.items[k]))
	}
}

func (r *Row) itemsOf(c *itemColumn) audience.Value {
	r.texts = r.texts[:0]
	for _, p := range c.items {
		if p.in.Contains(r.id) {
			r.texts = append(r.texts, p.name)
		}
	}
	if len(r.texts) == 0 {
		return audience.Value{}
	}
	return audience.StringListValue(r.texts...)
}

func (t *Table) value(f *fieldColumn, id uint32) audience.Value {
	switch {
	case f.floats != nil:
		if x, ok := f.floats.Get(id); ok {
			return audience.DoubleValue(x)
		}
	case f.ints != nil:
		if x, ok := f.ints.Get(id); ok {
			return valueOfInt(x, f.typ)
		}
	case f.codes != nil:
		if code, ok := f.codes.Get(id); ok {
			return t.valueOfCode(code, f.typ)
		}
	}
	return audience.Value{}
}

// valueOfInt gives an int of a column as a value; a date as the timestamp of
// its first instant, which is what expressions make of it.
func valueOfInt(x int64, typ audience.Type) audience.Value {
	switch typ {
	case audience.TypeBool:
		return audience.BoolValue(x != 0)
	case audience.TypeTimestamp, audience.TypeDate:
		return audience.TimestampValue(audience.FromMicros(x))
	default:
		return audience.IntValue(x)
	}
}

func (t *Table) valueOfCode(code uint32, typ audience.Type) audience.Value {
	if typ == audience.TypeStringList {
		return audience.StringListValue(t.Set(code, nil)...)
	}
	return audience.StringValue(t.texts.text(code))
}

// Contact gives the contact.
func (r *Row) Contact() *audience.Contact { return &r.contact }

// Events gives the events of a type in order. They have ids only where their
// order within an instant matters.
func (r *Row) Events(eventType string) []audience.Event {
	for i, s := range r.t.streams {
		if s.needs.Type != eventType {
			continue
		}
		if !r.read[i] {
			r.read[i] = true
			r.readStream(i, s)
		}
		return r.streams[i]
	}
	return nil
}

func (r *Row) readStream(i int, s *Stream) {
	r.streams[i] = r.streams[i][:0]
	p, start, n := s.at(r.id)
	if n == 0 {
		return
	}
	props := r.props[i][:0]
	if need := int(n) * len(s.props); cap(props) < need {
		props = make([]audience.EventProp, 0, need+need/4) // not to move while events point to it
	}
	for k := range n {
		e := audience.Event{
			Contact: audience.ContactID(r.id), Origin: audience.ContactID(s.origin(r.id, k)),
			Type: s.needs.Type, Time: audience.FromMicros(p.times[start+k]),
		}
		if s.ids != nil {
			e.ID = s.ids.texts[p.ids[start+k]]
		}
		from := len(props)
		for j := range s.props {
			if v := s.value(p.props[j].get(start+k), s.props[j].typ); !v.IsZero() {
				props = append(props, audience.EventProp{ID: s.props[j].id, Value: v})
			}
		}
		e.Props = props[from:len(props):len(props)]
		r.streams[i] = append(r.streams[i], e)
	}
	r.props[i] = props
}

func (s *Stream) value(c cell, typ audience.Type) audience.Value {
	if !c.known {
		return audience.Value{}
	}
	switch typ {
	case audience.TypeDouble:
		return audience.DoubleValue(math.Float64frombits(c.bits))
	case audience.TypeString, audience.TypeStringList:
		return s.table.valueOfCode(uint32(c.bits), typ)
	case audience.TypeDate:
		return audience.DateValue(audience.Date(int64(c.bits)))
	default:
		return valueOfInt(int64(c.bits), typ)
	}
}
