package columns

import (
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Builtin is a built-in field of contacts that is kept as a column.
type Builtin uint8

// The built-in fields.
const (
	BuiltinEmail     Builtin = iota // the compare form
	BuiltinFirstName                //
	BuiltinLastName                 //
	BuiltinPhone                    //
	BuiltinFrequency                // the last that is a text
	BuiltinCreatedAt                // microseconds
	BuiltinUpdatedAt                // microseconds
	builtins
)

// isText reports whether the field is a text and not an instant.
func (b Builtin) isText() bool { return b <= BuiltinFrequency }

// String gives the name of the field in expressions.
func (b Builtin) String() string {
	switch b {
	case BuiltinEmail:
		return "email"
	case BuiltinFirstName:
		return "first_name"
	case BuiltinLastName:
		return "last_name"
	case BuiltinPhone:
		return "phone"
	case BuiltinFrequency:
		return "frequency"
	case BuiltinCreatedAt:
		return "created_at"
	case BuiltinUpdatedAt:
		return "updated_at"
	default:
		return "none"
	}
}

func (n *Needs) builtin(b Builtin) bool {
	return [builtins]bool{n.Email, n.FirstName, n.LastName, n.Phone, n.Frequency, n.CreatedAt, n.UpdatedAt}[b]
}

func (b Builtin) text(c *audience.Contact) string {
	switch b {
	case BuiltinEmail:
		return c.Email().Canonical()
	case BuiltinFirstName:
		return c.FirstName.Reveal()
	case BuiltinLastName:
		return c.LastName.Reveal()
	case BuiltinPhone:
		return c.Phone.Reveal()
	default:
		return c.Frequency
	}
}

func (b Builtin) instant(c *audience.Contact) time.Time {
	if b == BuiltinCreatedAt {
		return c.CreatedAt
	}
	return c.UpdatedAt
}

// builtinColumn is the column of a built-in field; the zero one is not kept.
type builtinColumn struct {
	ints  *Column[int64]
	codes *Column[uint32]
}

// fieldColumn is the column of a custom field.
type fieldColumn struct {
	id     audience.FieldID
	typ    audience.Type
	ints   *Column[int64]
	floats *Column[float64]
	codes  *Column[uint32] // strings, and whole lists
}

func newFieldColumn(schema *audience.Schema, id audience.FieldID) fieldColumn {
	f, _ := schema.FieldByID(id)
	c := fieldColumn{id: id, typ: f.Type}
	switch f.Type {
	case audience.TypeDouble:
		c.floats = &Column[float64]{}
	case audience.TypeString, audience.TypeStringList:
		c.codes = &Column[uint32]{}
	case audience.TypeInt, audience.TypeBool, audience.TypeTimestamp, audience.TypeDate:
		c.ints = &Column[int64]{}
	default: // the schema has no such field
	}
	return c
}

// itemColumn has the contacts whose list field has one item.
type itemColumn struct {
	field audience.FieldID
	items []namedPresence
}

// namedPresence has the contacts that have a tag or an item.
type namedPresence struct {
	name string
	in   *Presence
}

func findNamed(in []namedPresence, name string) *Presence {
	i, ok := slices.BinarySearchFunc(in, name, byPresenceName)
	if !ok {
		return nil
	}
	return in[i].in
}

// put stores the values of a contact.
func (t *Table) put(id uint32, c *audience.Contact) {
	t.presence.add(id)
	for b := range builtins {
		col := &t.builtins[b]
		switch {
		case col.codes != nil:
			t.texts.replace(col.codes, id, b.text(c))
		case col.ints != nil:
			at := b.instant(c)
			col.ints.put(id, audience.Micros(at), !at.IsZero())
		}
	}
	for i := range t.fields {
		t.putField(&t.fields[i], id, c.Value(t.fields[i].id))
	}
	for i := range t.items {
		items, _ := c.Value(t.items[i].field).StringList()
		for _, p := range t.items[i].items {
			_, in := slices.BinarySearch(items, p.name)
			p.in.put(id, in)
		}
	}
	for _, p := range t.tags {
		p.in.put(id, c.HasTag(p.name))
	}
	if t.tagSets != nil {
		t.sets.replace(t.tagSets, id, encodeSet(c.TagNames()))
	}
}

func (t *Table) putField(f *fieldColumn, id uint32, v audience.Value) {
	switch {
	case f.floats != nil:
		x, ok := v.Double()
		f.floats.put(id, x, ok)
	case f.ints != nil:
		x, ok := t.intOf(v)
		f.ints.put(id, x, ok)
	case f.typ == audience.TypeStringList:
		items, _ := v.StringList()
		t.sets.replace(f.codes, id, encodeSet(items))
	case f.codes != nil:
		text, ok := v.Str()
		t.texts.replaceIf(f.codes, id, text, ok)
	}
}

// replace puts the number of a text into a column; the empty text is absent.
func (d *dictionary) replace(codes *Column[uint32], id uint32, text string) {
	d.replaceIf(codes, id, text, text != "")
}

func (d *dictionary) replaceIf(codes *Column[uint32], id uint32, text string, known bool) {
	old, had := codes.Get(id)
	switch {
	case !known:
		codes.clear(id)
	case had && d.text(old) == text:
		return
	default:
		codes.set(id, d.hold(text))
	}
	if had {
		d.release(old)
	}
}

// clearContact drops the values of a contact.
func (t *Table) clearContact(id uint32) {
	t.put(id, &audience.Contact{})
	t.presence.remove(id)
	if t.suppressed != nil {
		t.suppressed.clear(id)
	}
}

// putSuppressed stores from when on a contact is suppressed; the zero Time is
// never.
func (t *Table) putSuppressed(id uint32, from *time.Time) {
	if t.suppressed != nil && from != nil {
		t.suppressed.put(id, audience.Micros(*from), !from.IsZero())
	}
}
