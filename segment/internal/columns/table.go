package columns

import (
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Table is the replica of what some [Needs] name. See the package for who may
// use it when.
type Table struct {
	pinned     map[string]uint32 // texts that constants are
	schema     audience.Schema
	calendar   audience.Calendar
	needs      Needs
	presence   Presence
	lineages   lineages
	texts      dictionary
	sets       dictionary // lists of strings, encoded
	builtins   [builtins]builtinColumn
	fields     []fieldColumn // sorted by id
	items      []itemColumn  // sorted by field
	tags       []namedPresence
	tagSets    *Column[uint32]
	streams    []*Stream // sorted by type
	lists      []namedList
	ledger     *ledger
	suppressed *Column[int64]
	doubtful   map[uint32]struct{} // see Doubtful
}

type namedList struct {
	name string
	*memberList
}

// New makes an empty table. Fields and properties that the schema does not
// have are not kept. Dates are instants of the zone; nil is UTC.
func New(schema audience.Schema, zone *time.Location, needs Needs) *Table {
	t := &Table{schema: schema.Clone(), calendar: audience.NewCalendar(zone), needs: needs.Union(Needs{})}
	for b := range builtins {
		switch {
		case !t.needs.builtin(b):
		case b.isText():
			t.builtins[b].codes = &Column[uint32]{}
		default:
			t.builtins[b].ints = &Column[int64]{}
		}
	}
	for _, id := range t.needs.Fields {
		t.fields = append(t.fields, newFieldColumn(&t.schema, id))
	}
	for _, n := range t.needs.Items {
		t.items = append(t.items, itemColumn{field: n.Field, items: presences(n.Items)})
	}
	t.tags = presences(t.needs.Tags)
	if t.needs.TagSets {
		t.tagSets = &Column[uint32]{}
	}
	for _, e := range t.needs.Events {
		t.streams = append(t.streams, newStream(t, e))
	}
	for _, name := range t.needs.Lists {
		t.lists = append(t.lists, namedList{name, &memberList{}})
	}
	if t.needs.Ledger {
		t.ledger = &ledger{}
	}
	if t.needs.Suppressed {
		t.suppressed = &Column[int64]{}
	}
	return t
}

func presences(names []string) []namedPresence {
	var out []namedPresence
	for _, name := range names {
		out = append(out, namedPresence{name, &Presence{}})
	}
	return out
}

// Needs gives what the table keeps.
func (t *Table) Needs() Needs { return t.needs }

// Exists reports whether there is a contact of that id; one that was merged
// into another is none.
func (t *Table) Exists(id uint32) bool { return t.presence.Contains(id) }

// Presence gives the contacts there are.
func (t *Table) Presence() *Presence { return &t.presence }

// Len gives how many contacts there are.
func (t *Table) Len() int { return t.presence.Len() }

// Root gives who stands for an id now: the contact herself, or the one she
// was merged into; 0 for nobody.
func (t *Table) Root(id uint32) uint32 {
	if root := t.lineages.root(id); t.Exists(root) {
		return root
	}
	return 0
}

// Doubtful gives how many contacts the feed no longer told enough about: an
// erasure emptied changes that others had a part in, or the feed does not fit
// what the table holds. Those who are erased later in the feed leave this
// count; when it is not 0 at its end the table has to be loaded anew.
func (t *Table) Doubtful() int { return len(t.doubtful) }

func (t *Table) doubt(ids ...uint32) {
	if t.doubtful == nil {
		t.doubtful = make(map[uint32]struct{})
	}
	for _, id := range ids {
		t.doubtful[id] = struct{}{}
	}
}

// Ints gives the column of an int, a bool (0 or 1), a timestamp or a date:
// microseconds, of a date those of its first instant in the zone; a date that
// begins outside the years 1 to 9999 is absent. It is nil for a field of
// another type or that is not kept.
func (t *Table) Ints(field audience.FieldID) *Column[int64] {
	if f := t.field(field); f != nil {
		return f.ints
	}
	return nil
}

// Floats gives the column of a double, nil for a field of another type or
// that is not kept.
func (t *Table) Floats(field audience.FieldID) *Column[float64] {
	if f := t.field(field); f != nil {
		return f.floats
	}
	return nil
}

// Codes gives the column of a string, by [Table.Text], or of whole lists of
// strings, by [Table.Set], where a list without items is absent; nil for a
// field of another type or that is not kept.
func (t *Table) Codes(field audience.FieldID) *Column[uint32] {
	if f := t.field(field); f != nil {
		return f.codes
	}
	return nil
}

func (t *Table) field(id audience.FieldID) *fieldColumn {
	i, ok := slices.BinarySearchFunc(t.fields, id, byID)
	if !ok {
		return nil
	}
	return &t.fields[i]
}

// BuiltinInts gives the column of created_at or updated_at, in microseconds;
// nil for another field and when it is not kept.
func (t *Table) BuiltinInts(b Builtin) *Column[int64] {
	if b >= builtins {
		return nil
	}
	return t.builtins[b].ints
}

// BuiltinCodes gives the column of a built-in text, by [Table.Text]; the
// empty text is absent. It is nil for another field and when it is not kept.
func (t *Table) BuiltinCodes(b Builtin) *Column[uint32] {
	if b >= builtins {
		return nil
	}
	return t.builtins[b].codes
}

// Code gives the number of a text, false when no contact and no event has it.
// It holds until the next write.
func (t *Table) Code(text string) (uint32, bool) { return t.texts.find(text) }

// Text gives the text of a number, empty when there is none.
func (t *Table) Text(code uint32) string { return t.texts.text(code) }

// SetCode gives the number of a list of strings, which is sorted; false when
// no contact and no event has it. It holds until the next write.
func (t *Table) SetCode(items []string) (uint32, bool) { return t.sets.find(encodeSet(items)) }

// Set gives the list of a number, appended to into.
func (t *Table) Set(code uint32, into []string) []string {
	return decodeSet(t.sets.text(code), into)
}

// Tag gives the contacts that have a tag, nil when it is not kept.
func (t *Table) Tag(name string) *Presence { return findNamed(t.tags, name) }

// TagSets gives the column of all tags of each contact, by [Table.Set]; one
// without tags has none. It is nil when it is not kept.
func (t *Table) TagSets() *Column[uint32] { return t.tagSets }

// Item gives the contacts whose list field has an item, nil when that is not
// kept.
func (t *Table) Item(field audience.FieldID, item string) *Presence {
	i, ok := slices.BinarySearchFunc(t.items, field, byItem)
	if !ok {
		return nil
	}
	return findNamed(t.items[i].items, item)
}

// List gives the contacts on a hand-picked list, those merged under their
// winner; nil when it is not kept.
func (t *Table) List(name string) *Presence {
	if l := t.list(name); l != nil {
		return &l.on
	}
	return nil
}

func (t *Table) list(name string) *memberList {
	i, ok := slices.BinarySearchFunc(t.lists, name, byListName)
	if !ok {
		return nil
	}
	return t.lists[i].memberList
}

// Stream gives the events of a type, nil when they are not kept.
func (t *Table) Stream(eventType string) *Stream {
	i, ok := slices.BinarySearchFunc(t.streams, eventType, byStreamType)
	if !ok {
		return nil
	}
	return t.streams[i]
}

// SuppressedFrom gives the instant from which one of the contact's addresses
// is suppressed, in microseconds; false when none is.
func (t *Table) SuppressedFrom(id uint32) (int64, bool) {
	if t.suppressed == nil {
		return 0, false
	}
	return t.suppressed.Get(id)
}

// Size is what one column costs.
type Size struct {
	Name  string
	Bytes int // of heap, as far as can be counted
}

// Sizes gives the memory of the table by column. What a name holds is of the
// schema, never of a person.
func (t *Table) Sizes() []Size {
	out := []Size{
		{"contacts", t.presence.bytes()},
		{"merges", 100 * len(t.lineages.winner)},
		{"texts", t.texts.size()},
		{"sets", t.sets.size()},
	}
	add := func(name string, bytes int) { out = append(out, Size{name, bytes}) }
	for b, c := range t.builtins {
		if c.ints != nil {
			add(Builtin(b).String(), c.ints.bytes())
		}
		if c.codes != nil {
			add(Builtin(b).String(), c.codes.bytes())
		}
	}
	for i := range t.fields {
		f := &t.fields[i]
		switch {
		case f.ints != nil:
			add(t.fieldName(f.id), f.ints.bytes())
		case f.floats != nil:
			add(t.fieldName(f.id), f.floats.bytes())
		case f.codes != nil:
			add(t.fieldName(f.id), f.codes.bytes())
		}
	}
	for _, c := range t.items {
		add("items of "+t.fieldName(c.field), bytesOf(c.items))
	}
	if len(t.tags) > 0 {
		add("tags", bytesOf(t.tags))
	}
	if t.tagSets != nil {
		add("sets of tags", t.tagSets.bytes())
	}
	for _, s := range t.streams {
		add("events "+s.needs.Type, s.bytes())
	}
	for _, l := range t.lists {
		add("list "+l.name, l.on.bytes()+40*len(l.origins))
	}
	if t.ledger != nil {
		add("ledger", t.ledger.bytes())
	}
	if t.suppressed != nil {
		add("suppressed", t.suppressed.bytes())
	}
	return out
}

func (t *Table) fieldName(id audience.FieldID) string {
	f, _ := t.schema.FieldByID(id)
	return "field " + f.Name
}

func bytesOf(in []namedPresence) int {
	n := 0
	for _, p := range in {
		n += p.in.bytes()
	}
	return n
}
