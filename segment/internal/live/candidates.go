package live

import (
	"cmp"
	"slices"
)

// candidates are the segments that may gain or lose a contact in a tick.
type candidates struct {
	candidates []candidate
	mixed      bool       // of several contacts
	up         []*Segment // those of the contact that is being decided
	ranks      []uint32   // the same as a heap, where segments name others
	flipped    []Move     // of the contact that is being decided
	epoch      uint64     // grows with every contact that is decided
	nesting    bool       // segments name others
}

// candidate is a segment that was put up for a contact.
type candidate struct {
	segment *Segment
	literal *literal // that has changed, nil: something else has
	id      uint32
}

func (q *candidates) reset() { q.candidates, q.mixed = q.candidates[:0], false }

// candidate puts a segment up for a contact, since a literal of it has
// changed, or, without one, for any reason.
func (q *candidates) candidate(s *Segment, id uint32, l *literal) {
	n := len(q.candidates)
	q.mixed = q.mixed || n > 0 && q.candidates[n-1].id != id
	q.candidates = append(q.candidates, candidate{s, l, id})
}

// decide evaluates every candidate once, contact by contact, a segment after
// those that it names.
func (c *Core) decide() {
	up := c.candidates.candidates
	if c.mixed {
		slices.SortStableFunc(up, func(a, b candidate) int { return cmp.Compare(a.id, b.id) })
	}
	for start := 0; start < len(up); {
		id := up[start].id
		end := start + 1
		for end < len(up) && up[end].id == id {
			end++
		}
		c.decideContact(id, up[start:end])
		start = end
		if c.failed != nil {
			return
		}
	}
}

// decideContact decides the segments that were put up for a contact, and those
// that name one of which she is or is no more.
func (c *Core) decideContact(id uint32, up []candidate) {
	c.flipped, c.up = c.flipped[:0], c.up[:0]
	c.epoch++
	exists := c.table.Exists(id)
	for i := range up {
		s := up[i].segment
		if s.upEpoch != c.epoch {
			s.upEpoch, s.upBy = c.epoch, up[i].literal
			c.up = append(c.up, s)
		} else if s.upBy != up[i].literal {
			s.upBy = nil
		}
	}
	if !c.nesting {
		for _, s := range c.up {
			c.decideOne(s, id, exists)
		}
	} else {
		c.decideInOrder(id, exists)
	}
	c.tick.moves = append(c.tick.moves, c.flipped...)
}

// decideInOrder decides a segment after those that it names.
func (c *Core) decideInOrder(id uint32, exists bool) {
	c.ranks = c.ranks[:0]
	for _, s := range c.up {
		c.pushRank(s.rank)
	}
	for len(c.ranks) > 0 {
		s := c.segments[c.popRank()]
		if !c.decideOne(s, id, exists) {
			continue
		}
		s.nested.visit(c, id, func(n *Segment) { // these come later
			if n.upEpoch != c.epoch {
				n.upEpoch = c.epoch
				c.pushRank(n.rank)
			}
			n.upBy = nil
		})
	}
}

// decideOne evaluates a segment for a contact and reports whether that changed
// anything.
func (c *Core) decideOne(s *Segment, id uint32, exists bool) bool {
	if s.upBy != nil && s.literals != nil && exists && c.isBarred(s, id) {
		return false
	}
	in := exists && c.evaluate(s, id)
	if in == s.live.Contains(id) {
		return false
	}
	s.flipEpoch, s.flipIn = c.epoch, in
	cause := c.tick.causes[id] | c.tick.cause
	c.flipped = append(c.flipped, Move{Segment: s, Contact: id, Entered: in, Causes: cause})
	return true
}

// isBarred reports whether a literal of a conjunction does not hold that has
// not changed in this tick: then the contact is no member and was none before.
// That is found out from her own columns, which are at hand, where a look at
// the members is a look at memory far away. Of the literals that have changed
// one may not have put the segment up, since another one told the contact from
// its members already.
func (c *Core) isBarred(s *Segment, id uint32) bool {
	for _, l := range s.literals {
		if l != s.upBy && l.isSteady(c, id) && !l.holds(c, id) {
			return true
		}
	}
	return false
}

// isMember reports whether a contact is in a segment, in the middle of
// deciding.
func (c *Core) isMember(s *Segment, id uint32) bool {
	switch {
	case s.fresh != nil:
		return s.fresh.contains(id)
	case s.flipEpoch == c.epoch:
		return s.flipIn
	}
	return s.live.Contains(id)
}

// evaluate decides one segment for one contact who exists, and sees to it that
// she comes up again when time may change that.
func (c *Core) evaluate(s *Segment, id uint32) bool {
	c.until = never
	in := s.root.holds(c, id)
	if s.rowwise != 0 && c.until != never {
		c.agenda.Set(s.rowwise, id, c.until)
	}
	return in
}

// pushRank adds a rank to the heap.
func (c *Core) pushRank(rank uint32) {
	c.ranks = append(c.ranks, rank)
	for i := len(c.ranks) - 1; i > 0; {
		up := (i - 1) / 2
		if c.ranks[up] <= c.ranks[i] {
			return
		}
		c.ranks[up], c.ranks[i] = c.ranks[i], c.ranks[up]
		i = up
	}
}

// popRank takes the least rank off the heap.
func (c *Core) popRank() uint32 {
	first := c.ranks[0]
	n := len(c.ranks) - 1
	c.ranks[0] = c.ranks[n]
	c.ranks = c.ranks[:n]
	for i := 0; ; {
		down := 2*i + 1
		if down >= n {
			return first
		}
		if down+1 < n && c.ranks[down+1] < c.ranks[down] {
			down++
		}
		if c.ranks[i] <= c.ranks[down] {
			return first
		}
		c.ranks[i], c.ranks[down] = c.ranks[down], c.ranks[i]
		i = down
	}
}

// pages are the members of a segment that is being defined.
type pages []*words

func (p *pages) contains(id uint32) bool {
	page := int(id >> 16)
	if page >= len(*p) || (*p)[page] == nil {
		return false
	}
	return (*p)[page][id>>6&1023]&(1<<(id&63)) != 0
}
