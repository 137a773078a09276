package live

import "slices"

// candidates are the segments that may gain or lose a contact in a tick, as
// contact and rank in one number.
type candidates struct {
	pairs   []uint64
	ranks   []uint32 // a heap: those of the contact that is being decided
	flipped []Move   // of the contact that is being decided
	epoch   uint64   // grows with every contact that is decided
}

func (q *candidates) reset() { q.pairs = q.pairs[:0] }

// candidate puts a segment up for a contact.
func (q *candidates) candidate(s *Segment, id uint32) {
	q.pairs = append(q.pairs, uint64(id)<<32|uint64(s.rank))
}

// decide evaluates every candidate once, contact by contact, a segment after
// those that it names.
func (c *Core) decide() {
	slices.Sort(c.pairs)
	for start := 0; start < len(c.pairs); {
		id := uint32(c.pairs[start] >> 32)
		c.ranks = c.ranks[:0]
		end := start
		for ; end < len(c.pairs) && uint32(c.pairs[end]>>32) == id; end++ {
			rank := uint32(c.pairs[end])
			if n := len(c.ranks); n == 0 || c.ranks[n-1] != rank {
				c.ranks = append(c.ranks, rank) // ascending, which is a heap
			}
		}
		start = end
		c.decideContact(id)
		if c.failed != nil {
			return
		}
	}
}

func (c *Core) decideContact(id uint32) {
	c.flipped = c.flipped[:0]
	c.epoch++
	last := int64(-1)
	for len(c.ranks) > 0 {
		rank := c.popRank()
		if int64(rank) == last {
			continue
		}
		last = int64(rank)
		s := c.segments[rank]
		if c.decideOne(s, id) {
			s.nested.visit(c, id, c.pushRank)
		}
	}
	c.tick.moves = append(c.tick.moves, c.flipped...)
}

// decideOne evaluates a segment for a contact and reports whether that changed
// anything.
func (c *Core) decideOne(s *Segment, id uint32) bool {
	in := c.table.Exists(id) && c.evaluate(s, id)
	if in == s.live.Contains(id) {
		return false
	}
	s.flipEpoch, s.flipIn = c.epoch, in
	cause := c.tick.causes[id] | c.tick.cause
	c.flipped = append(c.flipped, Move{Segment: s, Contact: id, Entered: in, Causes: cause})
	return true
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
func (c *Core) pushRank(s *Segment) {
	c.ranks = append(c.ranks, s.rank)
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
