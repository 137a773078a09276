package columns

const (
	pageBits  = 16
	pageSize  = 1 << pageBits
	pageWords = pageSize / 64
)

// Column holds one value per contact at most, in pages of 65,536 ids. Pages
// that hold nothing are nil.
type Column[T any] struct{ pages []*columnPage[T] }

type columnPage[T any] struct {
	known  [pageWords]uint64
	count  int
	values []T
}

// Ints holds ints, bools as 0 and 1, and instants in microseconds.
type Ints = Column[int64]

// Floats holds doubles.
type Floats = Column[float64]

// Get gives the value of a contact, false if she has none.
func (c *Column[T]) Get(id uint32) (T, bool) {
	var zero T
	values, known := c.Page(int(id >> pageBits))
	low := id & (pageSize - 1)
	if values == nil || known[low/64]>>(low%64)&1 == 0 {
		return zero, false
	}
	return values[low], true
}

// Pages gives how many pages there are, nil ones counted.
func (c *Column[T]) Pages() int { return len(c.pages) }

// Page gives the values of 65,536 contacts and the bitmap of those that have
// one; nil if nobody has. Both are valid until the next write.
func (c *Column[T]) Page(i int) (values []T, known []uint64) {
	if i < 0 || i >= len(c.pages) || c.pages[i] == nil {
		return nil, nil
	}
	return c.pages[i].values, c.pages[i].known[:]
}

func (c *Column[T]) set(id uint32, v T) {
	i, low := int(id>>pageBits), id&(pageSize-1)
	for len(c.pages) <= i {
		c.pages = append(c.pages, nil)
	}
	if c.pages[i] == nil {
		c.pages[i] = &columnPage[T]{values: make([]T, pageSize)}
	}
	p := c.pages[i]
	if p.known[low/64]>>(low%64)&1 == 0 {
		p.known[low/64] |= 1 << (low % 64)
		p.count++
	}
	p.values[low] = v
}

func (c *Column[T]) clear(id uint32) {
	if _, ok := c.Get(id); !ok {
		return
	}
	p, low := c.pages[id>>pageBits], id&(pageSize-1)
	var zero T
	p.values[low] = zero
	p.known[low/64] &^= 1 << (low % 64)
	if p.count--; p.count == 0 {
		c.pages[id>>pageBits] = nil
	}
}
