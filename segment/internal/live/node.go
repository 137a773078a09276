package live

import "math/bits"

// words are the bits of a page of 65,536 contacts.
type words [1024]uint64

func lowest(w uint64) int { return bits.TrailingZeros64(w) }

// node is a part of a formula: true or not for a contact. Nothing in it is
// negated.
type node interface {
	// holds decides it for one contact who exists, as of the clock.
	holds(c *Core, id uint32) bool
	// filter clears the bits of those of a page for whom it does not hold. All
	// whose bits are set exist.
	filter(c *Core, page int, in *words)
	// price is about how many nanoseconds deciding one contact takes.
	price() int
	// each visits the literals and the parts decided row by row.
	each(visit func(leaf node))
}

// constant holds for everybody or for nobody.
type constant bool

func (n constant) holds(*Core, uint32) bool { return bool(n) }

func (n constant) filter(_ *Core, _ int, in *words) {
	if !n {
		clear(in[:])
	}
}
func (constant) price() int      { return 0 }
func (constant) each(func(node)) {}

// all holds when every part does. The parts are in order of price.
type all []node

func (n all) holds(c *Core, id uint32) bool {
	for _, part := range n {
		if !part.holds(c, id) {
			return false
		}
	}
	return true
}

func (n all) filter(c *Core, page int, in *words) {
	for i, part := range n {
		if i > 0 && isEmpty(in) {
			return
		}
		part.filter(c, page, in)
	}
}

func (n all) price() int {
	sum := 0
	for _, part := range n {
		sum += part.price()
	}
	return sum
}

func (n all) each(visit func(node)) {
	for _, part := range n {
		part.each(visit)
	}
}

// some holds when one part does. The parts are in order of price.
type some []node

func (n some) holds(c *Core, id uint32) bool {
	for _, part := range n {
		if part.holds(c, id) {
			return true
		}
	}
	return false
}

func (n some) filter(c *Core, page int, in *words) {
	var out words
	for _, part := range n {
		rest := *in
		for i := range rest {
			rest[i] &^= out[i]
		}
		if isEmpty(&rest) {
			break
		}
		part.filter(c, page, &rest)
		for i := range out {
			out[i] |= rest[i]
		}
	}
	*in = out
}

func (n some) price() int                 { return all(n).price() }
func (n some) each(visit func(leaf node)) { all(n).each(visit) }

func isEmpty(in *words) bool {
	for _, w := range in {
		if w != 0 {
			return false
		}
	}
	return true
}

// filterOneByOne is filter for what can only be decided contact by contact.
func filterOneByOne(page int, in *words, holds func(id uint32) bool) {
	first := uint32(page) << 16
	for i, w := range in {
		for rest := w; rest != 0; rest &= rest - 1 {
			bit := lowest(rest)
			if !holds(first + uint32(i<<6+bit)) {
				in[i] &^= 1 << bit
			}
		}
	}
}
