package columns

import (
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// EffectKind says what of a contact a change touches.
type EffectKind uint8

// The kinds of effect.
const (
	EffectCreated    EffectKind = iota + 1 // she is there now; nothing else is said of her
	EffectRemoved                          // she is gone
	EffectMerged                           // she was merged, or it was undone: anything may differ
	EffectField                            // the value of a custom field, other than a list
	EffectItem                             // a list field has an item (On) or has it no more
	EffectTag                              // she has a tag (On) or has it no more
	EffectBuiltin                          // a built-in field
	EffectEvents                           // the events of a type
	EffectList                             // she is on a hand-picked list (On) or no more
	EffectLedger                           // her history of consent
	EffectSuppressed                       // from when on she is suppressed
)

// Effect is one thing that a change does to a contact.
type Effect struct {
	Contact uint32 // as she is now: the winner of one who was merged
	Kind    EffectKind
	Field   audience.FieldID // of EffectField and EffectItem
	Builtin Builtin          // of EffectBuiltin
	Text    string           // the tag, item, list or event type
	On      bool
}

// Effects appends to into what a change will do to what the table keeps. It
// is called before [Table.Apply] and says one thing for each aspect whose
// value really differs, nothing for what is not kept, and nothing beyond
// EffectCreated for a contact who is not there yet.
func (t *Table) Effects(ch *store.Change, into []Effect) []Effect {
	id := uint32(ch.Contact)
	switch ch.Kind {
	case store.ChangeMerge, store.ChangeUnmerge:
		return append(into, Effect{Contact: id, Kind: EffectMerged}, Effect{Contact: uint32(ch.Other), Kind: EffectMerged})
	case store.ChangeContact:
		if ch.After != nil && !t.Exists(id) {
			return append(into, Effect{Contact: id, Kind: EffectCreated})
		}
	default:
	}
	if !t.Exists(id) {
		return into
	}
	switch ch.Kind {
	case store.ChangeContact:
		if ch.After != nil {
			into = t.contactEffects(id, ch.After, into)
		}
	case store.ChangeEvent:
		into = t.eventEffects(ch, into)
	case store.ChangeLedger:
		if ch.Record != nil && t.ledger != nil {
			into = append(into, Effect{Contact: id, Kind: EffectLedger})
		}
	case store.ChangeList:
		if l := t.list(ch.List); l != nil && l.on.Contains(id) == ch.Left {
			into = append(into, Effect{Contact: id, Kind: EffectList, Text: ch.List, On: !ch.Left})
		}
	case store.ChangeDelete, store.ChangeErase:
		return append(into, Effect{Contact: id, Kind: EffectRemoved})
	default:
	}
	if ch.SuppressedFrom != nil && t.suppressed != nil {
		old, stood := t.suppressed.Get(id)
		if stands := !ch.SuppressedFrom.IsZero(); stands != stood || stands && audience.Micros(*ch.SuppressedFrom) != old {
			into = append(into, Effect{Contact: id, Kind: EffectSuppressed})
		}
	}
	return into
}

func (t *Table) eventEffects(ch *store.Change, into []Effect) []Effect {
	before, after := counting(ch.Before), counting(ch.Event)
	if ch.Event == nil {
		return into
	}
	touch := func(e *audience.Event) {
		if e != nil && t.Stream(e.Type) != nil {
			into = append(into, Effect{Contact: uint32(ch.Contact), Kind: EffectEvents, Text: e.Type})
		}
	}
	if before != nil && after != nil && before.Type == after.Type {
		if s := t.Stream(after.Type); s != nil && !s.same(before, after) {
			touch(after)
		}
		return into
	}
	touch(before)
	touch(after)
	return into
}

func (t *Table) contactEffects(id uint32, c *audience.Contact, into []Effect) []Effect {
	for b := range builtins {
		col := &t.builtins[b]
		differs := false
		switch {
		case col.codes != nil:
			old, _ := col.codes.Get(id)
			differs = t.texts.text(old) != b.text(c)
		case col.ints != nil:
			old, known := col.ints.Get(id)
			at := b.instant(c)
			differs = known == at.IsZero() || known && old != audience.Micros(at)
		}
		if differs {
			into = append(into, Effect{Contact: id, Kind: EffectBuiltin, Builtin: b})
		}
	}
	for i := range t.fields {
		into = t.fieldEffects(id, &t.fields[i], c.Value(t.fields[i].id), into)
	}
	for i := range t.items {
		f := t.items[i].field
		if whole := t.field(f); whole != nil && whole.codes != nil {
			continue // told already
		}
		items, _ := c.Value(f).StringList()
		for _, p := range t.items[i].items {
			if _, in := slices.BinarySearch(items, p.name); in != p.in.Contains(id) {
				into = append(into, Effect{Contact: id, Kind: EffectItem, Field: f, Text: p.name, On: in})
			}
		}
	}
	if t.tagSets != nil {
		old, _ := t.tagSets.Get(id)
		return t.setEffects(old, c.TagNames(), Effect{Contact: id, Kind: EffectTag}, into)
	}
	for _, p := range t.tags {
		if in := c.HasTag(p.name); in != p.in.Contains(id) {
			into = append(into, Effect{Contact: id, Kind: EffectTag, Text: p.name, On: in})
		}
	}
	return into
}

func (t *Table) fieldEffects(id uint32, f *fieldColumn, v audience.Value, into []Effect) []Effect {
	differs := false
	switch {
	case f.floats != nil:
		old, known := f.floats.Get(id)
		x, ok := v.Double()
		differs = known != ok || old != x
	case f.ints != nil:
		old, known := f.ints.Get(id)
		x, ok := t.intOf(v)
		differs = known != ok || old != x
	case f.typ == audience.TypeStringList:
		old, _ := f.codes.Get(id)
		items, _ := v.StringList()
		return t.setEffects(old, items, Effect{Contact: id, Kind: EffectItem, Field: f.id}, into)
	case f.codes != nil:
		old, known := f.codes.Get(id)
		text, ok := v.Str()
		differs = known != ok || t.texts.text(old) != text
	}
	if differs {
		into = append(into, Effect{Contact: id, Kind: EffectField, Field: f.id})
	}
	return into
}

// setEffects says what appears and disappears, both in order.
func (t *Table) setEffects(old uint32, now []string, e Effect, into []Effect) []Effect {
	if t.sets.text(old) == encodeSet(now) {
		return into
	}
	had := t.Set(old, nil)
	for _, item := range had {
		if _, ok := slices.BinarySearch(now, item); !ok {
			e.Text, e.On = item, false
			into = append(into, e)
		}
	}
	for _, item := range now {
		if _, ok := slices.BinarySearch(had, item); !ok {
			e.Text, e.On = item, true
			into = append(into, e)
		}
	}
	return into
}
