package timeorder

import (
	"iter"
	"math/bits"
)

// Build makes the order that of the contacts given, in any order, with their
// present instants. It takes time in proportion to their number: they are
// dealt out to leaves and not sorted, which only those leaves will be in which
// somebody looks.
func (o *Order) Build(contacts iter.Seq2[uint32, int64]) {
	o.clear()
	var all []entry
	for id, at := range contacts {
		o.present.add(id)
		all = append(all, entry{at, id})
	}
	o.entries = len(all)
	if len(all) > 0 {
		b := builder{order: o}
		b.deal(all, make([]entry, len(all)))
		b.flush()
	}
}

// builder makes leaves of entries that come in chunks, each later than the one
// before.
type builder struct {
	order *Order
	open  []entry // of the leaf under way
}

// dealt is about how many entries of those dealt out come together, were they
// spread evenly.
const dealt = leafMost / 8

// deal cuts the entries, all later than those before, in chunks small enough
// for a leaf. The two slices are as long as each other, and both are used.
func (b *builder) deal(all, scratch []entry) {
	lo, hi := all[0].at, all[0].at
	for _, e := range all {
		lo, hi = min(lo, e.at), max(hi, e.at)
	}
	switch {
	case lo == hi && len(all) >= singleLeast:
		b.flush()
		b.single(all)
		return
	case len(all) <= leafMost:
		b.add(all)
		return
	}
	// Some of the highest bits of the distance from the least tell the chunk.
	// The least and the greatest never come together, so this ends.
	n := bits.Len(uint(len(all) / dealt))
	shift := max(0, bits.Len64(uint64(hi)-uint64(lo))-n)
	chunk := func(e entry) int { return int((uint64(e.at) - uint64(lo)) >> shift) }
	ends := make([]int, 1<<n)
	for _, e := range all {
		ends[chunk(e)]++
	}
	sum := 0
	for i, size := range ends {
		ends[i] = sum
		sum += size
	}
	for _, e := range all {
		i := chunk(e)
		scratch[ends[i]] = e
		ends[i]++
	}
	start := 0
	for _, end := range ends {
		if end > start {
			b.deal(scratch[start:end], all[start:end])
		}
		start = end
	}
}

// add puts a chunk into the leaf under way, or the next one.
func (b *builder) add(chunk []entry) {
	if len(b.open)+len(chunk) > leafMost {
		b.flush()
	}
	b.open = append(b.open, chunk...)
}

// flush makes a leaf of what is under way.
func (b *builder) flush() {
	if len(b.open) == 0 {
		return
	}
	o, low := b.order, b.open[0].at
	l := &leaf{ids: make([]uint32, len(b.open)), high: low}
	for i, e := range b.open {
		l.ids[i] = e.id
		l.high, low = max(l.high, e.at), min(low, e.at)
	}
	b.open = b.open[:0]
	if len(o.leaves) == 1 && len(o.leaves[0].ids) == 0 {
		o.leaves[0] = l // it begins before all instants
		return
	}
	o.lows, o.leaves = append(o.lows, low), append(o.leaves, l)
}

// single makes a leaf of the entries of one instant.
func (b *builder) single(all []entry) {
	l := &leaf{ids: make([]uint32, len(all)), high: all[0].at, single: true, ordered: true}
	for i, e := range all {
		l.ids[i] = e.id
		l.ordered = l.ordered && (i == 0 || l.ids[i-1] < e.id)
	}
	b.order.lows, b.order.leaves = append(b.order.lows, all[0].at), append(b.order.leaves, l)
}
