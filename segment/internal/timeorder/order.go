package timeorder

import (
	"cmp"
	"math"
	"slices"
	"unsafe"
)

// Order holds contacts by one instant each, in microseconds. It is not safe
// for concurrent use, reading included.
type Order struct {
	value   func(id uint32) (int64, bool)
	lows    []int64 // the least instant of each leaf, ascending; the first is MinInt64
	leaves  []*leaf // at least one
	entries int     // ids in the leaves, stale ones and repeated ones too
	present presence
	hot     []*leaf // what is or was sorted
	current *leaf   // what was looked into last
	turned  int     // how often that was another, since the hot leaves were looked through
	hand    int     // the leaf that is cleared of stale entries next
	scratch []entry
}

// entry is what a hot leaf holds of a contact.
type entry struct {
	at int64
	id uint32
}

func compareEntries(a, b entry) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id)) }

// New gives an empty order. value gives the present instant of a contact, false
// if she has none; it is called often.
func New(value func(id uint32) (int64, bool)) *Order {
	o := &Order{value: value}
	o.clear()
	return o
}

func (o *Order) clear() {
	*o = Order{value: o.value, lows: []int64{math.MinInt64}, leaves: []*leaf{{high: math.MinInt64}}}
}

// Add puts a contact at an instant, which value gives for her from now on. It
// is called for every change of her instant but those to none. Adding what is
// there already is harmless.
func (o *Order) Add(id uint32, at int64) {
	o.present.add(id)
	i := o.find(at)
	if o.leaves[i].single && o.lows[i] != at {
		i++
		o.insertLeaf(i, o.lows[i-1]+1, &leaf{high: math.MinInt64})
	}
	switch l := o.leaves[i]; {
	case l.single:
		l.ordered = l.ordered && (len(l.ids) == 0 || l.ids[len(l.ids)-1] < id)
		l.ids = append(l.ids, id)
		o.entries++
	case len(l.ids) >= leafMost && at > l.high:
		// What comes in order of time fills one leaf after the other.
		o.insertLeaf(i+1, at, &leaf{ids: []uint32{id}, high: at})
		o.entries++
	default:
		if l.insert(entry{at, id}) {
			o.entries++
		}
		if len(l.ids) > leafMost {
			o.split(i)
		}
	}
	if o.entries > o.present.count+o.present.count/spare+2*leafMost {
		o.sweep()
	}
}

// Next gives the least instant after the one given that some contact has now,
// false if there is none.
func (o *Order) Next(after int64) (int64, bool) {
	if after == math.MaxInt64 {
		return 0, false
	}
	for i := o.find(after + 1); i < len(o.leaves); {
		if at, found := o.nextIn(&i, after); found {
			return at, true
		}
		if len(o.leaves[i].ids) == 0 && i > 0 {
			o.removeLeaf(i)
		} else {
			i++
		}
	}
	return 0, false
}

// nextIn is Next within one leaf, whose index may change.
func (o *Order) nextIn(i *int, after int64) (int64, bool) {
	*i = o.ready(*i)
	l := o.leaves[*i]
	if l.single {
		low := o.lows[*i]
		return low, low > after && o.anybodyAt(l, low)
	}
	first := l.search(after + 1)
	for j := first; j < len(l.ids); j++ {
		if o.isAt(l.ids[j], l.at[j]) {
			if j-first > staleMost {
				at := l.at[j]
				o.dropStale(l)
				return at, true
			}
			return l.at[j], true
		}
	}
	if len(l.ids)-first > staleMost || first == 0 {
		o.dropStale(l)
	}
	return 0, false
}

// At visits every contact whose instant is the one given now, each once, in
// the order of their ids. visit must not change the order or the instants.
func (o *Order) At(at int64, visit func(id uint32)) {
	i := o.ready(o.find(at))
	l := o.leaves[i]
	if l.single {
		if o.lows[i] != at {
			return
		}
		o.dropStaleAt(l, at)
		for _, id := range l.ids {
			visit(id)
		}
		return
	}
	for j := l.search(at); j < len(l.ids) && l.at[j] == at; j++ {
		if o.isAt(l.ids[j], at) {
			visit(l.ids[j])
		}
	}
}

// Len gives the number of contacts. One whose instant is gone may count until
// her entry is met.
func (o *Order) Len() int { return o.present.count }

// Bytes gives about how much memory the order takes.
func (o *Order) Bytes() int {
	const perLow, perPointer, perID, perInstant = 8, 8, 4, 8
	n := perLow*cap(o.lows) + perPointer*(cap(o.leaves)+cap(o.hot)) + o.present.bytes()
	n += cap(o.scratch) * int(unsafe.Sizeof(entry{}))
	for _, l := range o.leaves {
		n += int(unsafe.Sizeof(*l)) + perID*cap(l.ids) + perInstant*cap(l.at)
	}
	return n
}

// find gives the last leaf that begins at the instant or before.
func (o *Order) find(at int64) int {
	if last := len(o.lows) - 1; o.lows[last] <= at {
		return last
	}
	i, found := slices.BinarySearch(o.lows, at)
	if found {
		return i
	}
	return i - 1
}

func (o *Order) isAt(id uint32, at int64) bool {
	now, ok := o.value(id)
	return ok && now == at
}
