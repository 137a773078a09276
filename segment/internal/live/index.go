package live

import (
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
)

// index is what the segments of a core are about: it finds the literals and
// the segments that a change may concern. It is made anew when the segments
// change.
type index struct {
	literals map[string]*literal
	gauges   map[string]*gauge
	orders   map[string]*order

	fields     map[audience.FieldID]*readers
	builtins   map[columns.Builtin]*readers
	events     map[string]*readers // by type
	tags       map[string]*flag
	items      map[itemKey]*flag
	lists      map[string]*flag
	anyTag     readers
	ledger     readers
	suppressed readers

	everything parents // all segments
}

// readers are what reads one aspect of contacts.
type readers struct {
	gauges  []*gauge
	orders  []*order
	rowwise parents // segments that read it row by row
	entries []entry // of rowwise, while it is made
}

// flag is a set of the columns with the literals about it.
type flag struct {
	set      *columns.Presence
	literals []*literal // that one is in it, that one is not
	rowwise  readers
}

type itemKey struct {
	field audience.FieldID
	item  string
}

func newIndex() *index {
	return &index{
		literals: map[string]*literal{}, gauges: map[string]*gauge{}, orders: map[string]*order{},
		fields: map[audience.FieldID]*readers{}, builtins: map[columns.Builtin]*readers{}, events: map[string]*readers{},
		tags: map[string]*flag{}, items: map[itemKey]*flag{}, lists: map[string]*flag{},
	}
}

func readersOf[K comparable](m map[K]*readers, key K) *readers {
	r := m[key]
	if r == nil {
		r = &readers{}
		m[key] = r
	}
	return r
}

func flagOf[K comparable](m map[K]*flag, key K, set *columns.Presence) *flag {
	f := m[key]
	if f == nil {
		f = &flag{set: set}
		m[key] = f
	}
	return f
}

// allReaders visits every readers.
func (x *index) allReaders(visit func(*readers)) {
	for _, r := range x.fields {
		visit(r)
	}
	for _, r := range x.builtins {
		visit(r)
	}
	for _, r := range x.events {
		visit(r)
	}
	for _, m := range []map[string]*flag{x.tags, x.lists} {
		for _, f := range m {
			visit(&f.rowwise)
		}
	}
	for _, f := range x.items {
		visit(&f.rowwise)
	}
	for _, r := range []*readers{&x.anyTag, &x.ledger, &x.suppressed} {
		visit(r)
	}
}

// connect makes changes of everything that the segments read find them. The
// segments have their ranks and formulas.
func (x *index) connect(segments []*Segment) {
	byLiteral := map[*literal][]entry{}
	nested := map[*Segment][]entry{}
	var every []entry
	for _, s := range segments {
		every = append(every, entry{s, accessOf(s.root)})
		walk(s.root, nil, func(leaf node, access []*literal) {
			switch leaf := leaf.(type) {
			case *literal:
				e := entry{s, without(access, leaf)}
				if t, ok := leaf.test.(*memberTest); ok {
					nested[t.segment] = append(nested[t.segment], e)
					return
				}
				byLiteral[leaf] = append(byLiteral[leaf], e)
			case *rowwise:
				e := entry{s, access}
				for _, n := range leaf.named {
					nested[n.segment] = append(nested[n.segment], e)
				}
				x.read(leaf, e)
			}
		})
	}
	for l, entries := range byLiteral {
		l.parents = newParents(entries)
	}
	for _, s := range segments {
		s.nested = newParents(nested[s])
	}
	x.allReaders(func(r *readers) {
		r.rowwise = newParents(r.entries)
		r.entries = nil
	})
	x.everything = newParents(every)
}

func without(literals []*literal, l *literal) []*literal {
	var out []*literal
	for _, x := range literals {
		if x != l {
			out = append(out, x)
		}
	}
	return out
}

// accessOf gives the access literals of a whole formula.
func accessOf(root node) []*literal {
	switch n := root.(type) {
	case *literal:
		if n.isAccess() {
			return []*literal{n}
		}
	case all:
		return directAccess(n)
	}
	return nil
}

func directAccess(parts all) []*literal {
	var out []*literal
	for _, p := range parts {
		if l, ok := p.(*literal); ok && l.isAccess() {
			out = append(out, l)
		}
	}
	return out
}

// walk visits the leaves with the access literals that stand beside them or
// beside what they are in.
func walk(n node, access []*literal, visit func(leaf node, access []*literal)) {
	switch n := n.(type) {
	case all:
		access = append(slices.Clip(access), directAccess(n)...)
		for _, p := range n {
			walk(p, access, visit)
		}
	case some:
		for _, p := range n {
			walk(p, access, visit)
		}
	case *literal, *rowwise:
		visit(n, access)
	}
}
