package live

import (
	"cmp"
	"slices"
)

// parents are the segments that a change of something may concern: those that
// have a literal, or read something row by row. Where a segment can hold only
// for one value of a feature, or with one tag, they are grouped by it, and
// only the group of the contact's own value is visited. Groups have groups in
// turn.
type parents struct {
	direct []*Segment
	groups []*group
}

// group holds the segments that have an access literal of one kind.
type group struct {
	values *gauge             // equality with a value of it,
	by     map[int64]*parents // by that value;
	flags  []flagged          // or being in a set
}

type flagged struct {
	literal *literal
	parents *parents
}

// entry is a segment as it is filed among parents: with the literals of which
// each must hold where the segment is to hold by way of the parent.
type entry struct {
	segment *Segment
	access  []*literal
}

// isAccess reports whether a literal holds for few contacts and tells them by
// a value.
func (l *literal) isAccess() bool {
	switch t := l.test.(type) {
	case *valueTest:
		return t.form == isOneOf && len(t.set) == 1
	case *flagTest:
		return t.want
	}
	return false
}

// accessKey says which group a literal belongs to: those of one feature go
// together, and so do all flags.
func (l *literal) accessKey() any {
	if t, ok := l.test.(*valueTest); ok {
		return t.gauge
	}
	return flagKey{}
}

type flagKey struct{}

// worthGrouping is how many segments make a group cheaper than a list.
const worthGrouping = 4

// newParents files segments.
func newParents(entries []entry) parents {
	var p parents
	for len(entries) >= worthGrouping {
		key := bestAccess(entries)
		if key == nil {
			break
		}
		var rest []entry
		byLiteral := map[*literal][]entry{}
		var literals []*literal
		for _, e := range entries {
			i := slices.IndexFunc(e.access, func(l *literal) bool { return l.accessKey() == key })
			if i < 0 {
				rest = append(rest, e)
				continue
			}
			l := e.access[i]
			if _, ok := byLiteral[l]; !ok {
				literals = append(literals, l)
			}
			byLiteral[l] = append(byLiteral[l], entry{e.segment, slices.Delete(slices.Clone(e.access), i, i+1)})
		}
		g := &group{}
		for _, l := range literals {
			sub := newParents(byLiteral[l])
			if t, ok := l.test.(*valueTest); ok {
				if g.by == nil {
					g.values, g.by = t.gauge, map[int64]*parents{}
				}
				g.by[t.set[0]] = &sub
			} else {
				g.flags = append(g.flags, flagged{l, &sub})
			}
		}
		p.groups = append(p.groups, g)
		entries = rest
	}
	for _, e := range entries {
		p.direct = append(p.direct, e.segment)
	}
	slices.SortFunc(p.direct, func(a, b *Segment) int { return cmp.Compare(a.rank, b.rank) })
	p.direct = slices.Compact(p.direct)
	return p
}

// bestAccess gives the key by which the segments fall apart best, nil when no
// grouping is worth it.
func bestAccess(entries []entry) any {
	type tally struct {
		entries  int
		literals map[*literal]bool
	}
	tallies := map[any]*tally{}
	var keys []any
	for _, e := range entries {
		for _, l := range e.access {
			key := l.accessKey()
			t := tallies[key]
			if t == nil {
				t = &tally{literals: map[*literal]bool{}}
				tallies[key] = t
				keys = append(keys, key)
			}
			t.entries++
			t.literals[l] = true
		}
	}
	var best any
	most := 0
	for _, key := range keys {
		t := tallies[key]
		score := len(t.literals)
		if _, isFlags := key.(flagKey); isFlags {
			score /= 4 // each is looked at
		}
		if t.entries >= worthGrouping && len(t.literals) > 1 && score > most {
			best, most = key, score
		}
	}
	return best
}

// visit gives the segments that may be concerned for a contact, as she is and
// as she was before this tick. One may come twice.
func (p *parents) visit(c *Core, id uint32, visit func(*Segment)) {
	for _, s := range p.direct {
		visit(s)
	}
	for _, g := range p.groups {
		if g.by != nil {
			if v, ok := g.values.feature.value(c, id, c.now); ok {
				if sub := g.by[v]; sub != nil {
					sub.visit(c, id, visit)
				}
			}
			c.tick.visitOld(g.values, id, func(v int64) {
				if sub := g.by[v]; sub != nil {
					sub.visit(c, id, visit)
				}
			})
		}
		for _, f := range g.flags {
			if f.literal.holds(c, id) || c.tick.wasSet(f.literal, id) {
				f.parents.visit(c, id, visit)
			}
		}
	}
}

// touch puts the segments up that may be concerned for a contact by a change
// of a literal, or, without one, of something that they read.
func (c *Core) touch(p *parents, id uint32, l *literal) {
	if l != nil {
		l.mayFlip(c, id)
	}
	if len(p.groups) == 0 {
		for _, s := range p.direct {
			c.candidate(s, id, l)
		}
		return
	}
	p.visit(c, id, func(s *Segment) { c.candidate(s, id, l) })
}
