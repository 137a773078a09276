package columns

import (
	"cmp"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// Adopt takes over the columns of another table, which stands at the same
// position and has what t lacks; o is of no use afterwards. Events of a type
// that both have become those of o, which must then cover what t has of them.
// Needs become the union.
func (t *Table) Adopt(o *Table) {
	for b := range builtins {
		if t.builtins[b] == (builtinColumn{}) {
			t.builtins[b] = o.builtins[b]
			t.texts.holdAll(o.builtins[b].codes, &o.texts)
		}
	}
	for _, f := range o.fields {
		i, have := slices.BinarySearchFunc(t.fields, f.id, byID)
		if have {
			continue
		}
		if f.typ == audience.TypeStringList {
			t.sets.holdAll(f.codes, &o.sets)
		} else {
			t.texts.holdAll(f.codes, &o.texts)
		}
		t.fields = slices.Insert(t.fields, i, f)
	}
	for _, c := range o.items {
		i, have := slices.BinarySearchFunc(t.items, c.field, byItem)
		if !have {
			t.items = slices.Insert(t.items, i, itemColumn{field: c.field})
		}
		t.items[i].items = adoptNamed(t.items[i].items, c.items)
	}
	t.tags = adoptNamed(t.tags, o.tags)
	if t.tagSets == nil {
		t.tagSets = o.tagSets
		t.sets.holdAll(o.tagSets, &o.sets)
	}
	for _, s := range o.streams {
		t.adoptStream(o, s)
	}
	for _, l := range o.lists {
		if i, have := slices.BinarySearchFunc(t.lists, l.name, byListName); !have {
			t.lists = slices.Insert(t.lists, i, l)
		}
	}
	t.ledger = cmp.Or(t.ledger, o.ledger)
	t.suppressed = cmp.Or(t.suppressed, o.suppressed)
	for id := range o.doubtful {
		t.doubt(id)
	}
	t.schema, t.needs = o.schema, t.needs.Union(o.needs)
}

func (t *Table) adoptStream(o *Table, s *Stream) {
	s.hold(t, o)
	s.table = t
	i, have := slices.BinarySearchFunc(t.streams, s.needs.Type, byStreamType)
	if have {
		t.streams[i].each((*Stream).releaseAt)
		t.streams[i] = s
		return
	}
	t.streams = slices.Insert(t.streams, i, s)
}

func adoptNamed(have, more []namedPresence) []namedPresence {
	for _, p := range more {
		if i, ok := slices.BinarySearchFunc(have, p.name, byPresenceName); !ok {
			have = slices.Insert(have, i, p)
		}
	}
	return have
}

// holdAll replaces the numbers of another dictionary in a column, which may
// be nil, by numbers of this one.
func (d *dictionary) holdAll(codes *Column[uint32], from *dictionary) {
	if codes != nil {
		codes.each(func(code uint32) uint32 { return d.hold(from.text(code)) })
	}
}

func (d *dictionary) releaseAll(codes *Column[uint32]) {
	if codes != nil {
		codes.each(func(code uint32) uint32 { d.release(code); return 0 })
	}
}

// each visits every row.
func (s *Stream) each(visit func(s *Stream, p *streamPage, at uint32)) {
	for _, p := range s.pages {
		if p == nil {
			continue
		}
		for low, n := range p.lens {
			for k := range n {
				visit(s, p, p.starts[low]+k)
			}
		}
	}
}

func (s *Stream) releaseAt(p *streamPage, at uint32) { s.release(p.cells(at, s.scratch[:0])) }

// hold replaces the numbers of the texts of a table by those of another.
func (s *Stream) hold(to, from *Table) {
	for k := range s.props {
		var d, old *dictionary
		switch s.props[k].typ {
		case audience.TypeString:
			d, old = &to.texts, &from.texts
		case audience.TypeStringList:
			d, old = &to.sets, &from.sets
		default:
			continue
		}
		s.each(func(_ *Stream, p *streamPage, at uint32) {
			if code := p.props[k].codes[at]; code != 0 {
				p.props[k].codes[at] = d.hold(old.text(code))
			}
		})
	}
}

// Drop lets go of the columns that keep does not ask for.
func (t *Table) Drop(keep Needs) {
	keep = t.needs.Intersect(keep.Union(Needs{}))
	for b := range builtins {
		if !keep.builtin(b) {
			t.texts.releaseAll(t.builtins[b].codes)
			t.builtins[b] = builtinColumn{}
		}
	}
	t.fields = slices.DeleteFunc(t.fields, func(f fieldColumn) bool {
		if _, ok := slices.BinarySearch(keep.Fields, f.id); ok {
			return false
		}
		if f.typ == audience.TypeStringList {
			t.sets.releaseAll(f.codes)
		} else {
			t.texts.releaseAll(f.codes)
		}
		return true
	})
	t.items = slices.DeleteFunc(t.items, func(c itemColumn) bool { return len(keep.itemsOf(c.field)) == 0 })
	for i := range t.items {
		t.items[i].items = dropNamed(t.items[i].items, keep.itemsOf(t.items[i].field))
	}
	t.tags = dropNamed(t.tags, keep.Tags)
	if !keep.TagSets {
		t.sets.releaseAll(t.tagSets)
		t.tagSets = nil
	}
	t.streams = slices.DeleteFunc(t.streams, func(s *Stream) bool {
		i, ok := slices.BinarySearchFunc(keep.Events, s.needs.Type, byType)
		if !ok {
			s.each((*Stream).releaseAt)
			return true
		}
		s.drop(keep.Events[i])
		return false
	})
	t.lists = slices.DeleteFunc(t.lists, func(l namedList) bool {
		_, ok := slices.BinarySearch(keep.Lists, l.name)
		return !ok
	})
	if !keep.Ledger {
		t.ledger = nil
	}
	if !keep.Suppressed {
		t.suppressed = nil
	}
	t.needs = keep
}

func dropNamed(have []namedPresence, keep []string) []namedPresence {
	return slices.DeleteFunc(have, func(p namedPresence) bool {
		_, ok := slices.BinarySearch(keep, p.name)
		return !ok
	})
}

// drop lets go of properties, and of ids.
func (s *Stream) drop(keep EventNeeds) {
	for k, prop := range slices.Backward(s.props) {
		if slices.Contains(keep.Props, prop.id) {
			continue
		}
		s.each(func(s *Stream, p *streamPage, at uint32) {
			if codes := p.props[k].codes; codes != nil {
				s.releaseCode(k, codes[at])
			}
		})
		s.props = slices.Delete(s.props, k, k+1)
		for _, p := range s.pages {
			if p != nil {
				p.props = slices.Delete(p.props, k, k+1)
			}
		}
	}
	if !keep.Ordered {
		s.ids = nil
		for _, p := range s.pages {
			if p != nil {
				p.ids, p.named = nil, false
			}
		}
	}
	s.needs = keep
}

func (s *Stream) releaseCode(prop int, code uint32) {
	switch s.props[prop].typ {
	case audience.TypeString:
		s.table.texts.release(code)
	case audience.TypeStringList:
		s.table.sets.release(code)
	default:
	}
}

func byID(f fieldColumn, id audience.FieldID) int { return cmp.Compare(f.id, id) }

func byItem(c itemColumn, id audience.FieldID) int { return cmp.Compare(c.field, id) }

func byListName(l namedList, name string) int { return strings.Compare(l.name, name) }

func byStreamType(s *Stream, name string) int { return strings.Compare(s.needs.Type, name) }

func byPresenceName(p namedPresence, name string) int { return strings.Compare(p.name, name) }
