package live

// cursors is a heap of the cursors of all orders by when they are due.
type cursors []*cursor

// reschedule puts a cursor where its next belongs.
func (c *Core) reschedule(cur *cursor) {
	cur.due, cur.exact = cur.soonest(c, cur.next)
	h := &c.cursors
	if cur.heap < 0 {
		cur.heap = len(*h)
		*h = append(*h, cur)
	}
	h.down(h.up(cur.heap))
}

// dueAt gives the least due, never when there is none. Bounds are replaced by
// instants until the first is one.
func (c *Core) dueAt() int64 {
	for len(c.cursors) > 0 {
		cur := c.cursors[0]
		if cur.exact || cur.next == never {
			return cur.due
		}
		cur.due, cur.exact = cur.arrival(c, cur.next), true
		c.cursors.down(0)
	}
	return never
}

func (h cursors) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heap, h[j].heap = i, j
}

func (h cursors) up(i int) int {
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].due <= h[i].due {
			break
		}
		h.swap(i, parent)
		i = parent
	}
	return i
}

func (h cursors) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1].due < h[child].due {
			child++
		}
		if h[i].due <= h[child].due {
			return
		}
		h.swap(i, child)
		i = child
	}
}
