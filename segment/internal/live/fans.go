package live

import (
	"slices"

	"github.com/audiencekit/audiencekit/segment/internal/celenv"
)

// Fans gives for each atom of a segment's formula, in the order of the
// formula, how many segments a change of it has to look at that nothing tells
// apart beforehand, this one included.
func (c *Core) Fans(s *Segment) []int {
	// Everything that the formula needs is there already, so that nothing new
	// is made.
	k := compiler{core: c, index: c.index, find: func(place int) *Segment { return c.byName[s.names[place]] }}
	var out []int
	var visit func(f *celenv.Formula, signs ...bool)
	visit = func(f *celenv.Formula, signs ...bool) {
		switch f.Op {
		case celenv.Not:
			for i := range signs {
				signs[i] = !signs[i]
			}
			visit(f.Parts[0], signs...)
		case celenv.Choice:
			visit(f.Parts[0], true, false)
			visit(f.Parts[1], slices.Clone(signs)...)
			visit(f.Parts[2], slices.Clone(signs)...)
		case celenv.All, celenv.Some:
			for _, p := range f.Parts {
				visit(p, slices.Clone(signs)...)
			}
		default:
			most := 0
			for _, positive := range signs {
				k.atom(f.Atom, !positive).each(func(leaf node) { most = max(most, c.fan(leaf)) })
			}
			out = append(out, most)
		}
	}
	visit(s.program.Formula(), true)
	return out
}

func (c *Core) fan(leaf node) int {
	switch leaf := leaf.(type) {
	case *literal:
		if t, ok := leaf.test.(*memberTest); ok {
			return t.segment.nested.fan()
		}
		return leaf.parents.fan()
	case *rowwise:
		return 1
	}
	return 0
}

// fan gives how many segments a visit for one contact looks at, at most but
// for those of the groups that she is in; each flag of a group is looked at
// too.
func (p *parents) fan() int {
	n := len(p.direct)
	for _, g := range p.groups {
		most := 0
		for _, sub := range g.by {
			most = max(most, sub.fan())
		}
		n += most + len(g.flags)
	}
	return n
}
