package columns

import (
	"math/bits"
	"unsafe"
)

const (
	pageBits  = 16
	pageSize  = 1 << pageBits
	pageWords = pageSize / 64
)

// Column holds one value per contact at most, in pages of 65,536 ids. Pages
// that hold nothing are nil.
type Column[T comparable] struct{ pages []*columnPage[T] }

type columnPage[T comparable] struct {
	known  [pageWords]uint64
	count  int
	values []T
}

// Get gives the value of a contact, false if she has none.
func (c *Column[T]) Get(id uint32) (T, bool) {
	var zero T
	i, low := int(id>>pageBits), id&(pageSize-1)
	if i >= len(c.pages) || c.pages[i] == nil {
		return zero, false
	}
	p := c.pages[i]
	if p.known[low/64]>>(low%64)&1 == 0 {
		return zero, false
	}
	return p.values[low], true
}

// Pages gives how many pages there are, nil ones counted.
func (c *Column[T]) Pages() int { return len(c.pages) }

// Page gives the values of 65,536 contacts, by the low bits of their ids, and
// the bitmap of those that have one; nil if nobody has. There may be fewer
// values than ids: none of the rest has one. Both are valid until the next
// write and not to be changed.
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
		c.pages[i] = &columnPage[T]{}
	}
	p := c.pages[i]
	p.values = reach(p.values, low)
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

// put sets or clears the value.
func (c *Column[T]) put(id uint32, v T, known bool) {
	if known {
		c.set(id, v)
	} else {
		c.clear(id)
	}
}

// each replaces every value by what f makes of it.
func (c *Column[T]) each(f func(T) T) {
	for _, p := range c.pages {
		if p == nil {
			continue
		}
		for w, word := range p.known {
			for ; word != 0; word &= word - 1 {
				low := w*64 + bits.TrailingZeros64(word)
				p.values[low] = f(p.values[low])
			}
		}
	}
}

func (c *Column[T]) bytes() int {
	var zero T
	n := 8 * len(c.pages)
	for _, p := range c.pages {
		if p != nil {
			n += int(unsafe.Sizeof(*p)) + cap(p.values)*int(unsafe.Sizeof(zero))
		}
	}
	return n
}

// reach gives a slice that has an element low, doubled up to a page, so that
// an audience of few contacts costs little.
func reach[T any](s []T, low uint32) []T {
	if int(low) < len(s) {
		return s
	}
	n := max(64, 1<<bits.Len32(low))
	out := make([]T, min(n, pageSize))
	copy(out, s)
	return out
}
