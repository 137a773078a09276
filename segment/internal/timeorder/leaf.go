package timeorder

import (
	"slices"
	"sort"
)

const (
	// A leaf of several instants holds at most leafMost entries between calls.
	leafMost = 512
	// An instant with so many entries gets a leaf of its own, which may grow.
	singleLeast = leafMost / 2
	// A leaf of one instant with fewer entries than this is like the others again.
	singleAgain = leafMost / 8
	// Two neighbours that hold no more than this together become one.
	mergeMost = leafMost / 2
	// Stale entries, and room that a leaf has too much, may be this part of what is there.
	spare = 4
	// More stale entries in a row are removed instead of stepped over.
	staleMost = 16
)

// leaf holds the entries of the instants from its low up to the next leaf's.
type leaf struct {
	ids     []uint32
	at      []int64 // of the ids, which are sorted by it, when hot
	high    int64   // no entry is later; of several instants only
	single  bool    // all entries are at its low
	ordered bool    // single: the ids ascend, each once
	hot     bool    // several instants: sorted, each entry once
	used    bool    // since the hot leaves were looked through
	listed  bool    // in Order.hot
}

// insert adds an entry to a leaf of several instants and reports whether it
// was not there. To a cold leaf it is appended unseen.
func (l *leaf) insert(e entry) bool {
	l.high = max(l.high, e.at)
	if !l.hot {
		l.ids = append(l.ids, e.id)
		return true
	}
	i := len(l.ids)
	if i > 0 && compareEntries(l.entry(i-1), e) >= 0 {
		var found bool
		if i, found = sort.Find(len(l.ids), func(i int) int { return compareEntries(e, l.entry(i)) }); found {
			return false
		}
	}
	l.ids, l.at = slices.Insert(l.ids, i, e.id), slices.Insert(l.at, i, e.at)
	return true
}

func (l *leaf) entry(i int) entry { return entry{l.at[i], l.ids[i]} }

// search gives the first entry of a hot leaf at the instant or later.
func (l *leaf) search(at int64) int {
	i, _ := slices.BinarySearch(l.at, at)
	return i
}

func (l *leaf) cool() { l.hot, l.at = false, nil }

// anybodyAt drops stale entries from the end of a leaf of one instant until
// one is not.
func (o *Order) anybodyAt(l *leaf, at int64) bool {
	n := len(l.ids)
	for n > 0 && !o.keeps(l.ids[n-1], at, at) {
		n--
	}
	o.entries -= len(l.ids) - n
	l.ids = l.ids[:n]
	return n > 0
}

// dropStaleAt leaves in a leaf of one instant those who have it, each once in
// the order of the ids.
func (o *Order) dropStaleAt(l *leaf, at int64) {
	before := len(l.ids)
	l.ids = slices.DeleteFunc(l.ids, func(id uint32) bool { return !o.keeps(id, at, at) })
	if !l.ordered {
		slices.Sort(l.ids)
		l.ids = slices.Compact(l.ids)
		l.ordered = true
	}
	o.entries -= before - len(l.ids)
	l.trim()
}

// dropStale removes the stale entries of a hot leaf.
func (o *Order) dropStale(l *leaf) {
	n := 0
	for j, id := range l.ids {
		if o.keeps(id, l.at[j], l.at[j]) {
			l.ids[n], l.at[n] = id, l.at[j]
			n++
		}
	}
	o.entries -= len(l.ids) - n
	l.ids, l.at = l.ids[:n], l.at[:n]
	l.trim()
}

// keeps reports whether the instant of a contact is between the two; one who
// has none is no longer counted.
func (o *Order) keeps(id uint32, least, most int64) bool {
	at, ok := o.value(id)
	if !ok {
		o.present.remove(id)
	}
	return ok && at >= least && at <= most
}

// trim gives memory back that a leaf has far too much of.
func (l *leaf) trim() {
	if cap(l.ids) > len(l.ids)+len(l.ids)/spare+8 {
		l.ids = slices.Clone(l.ids)
		if l.hot {
			l.at = slices.Clone(l.at)
		}
	}
}

// warm sorts a leaf of several instants and drops what is stale in it.
func (o *Order) warm(i int) {
	l := o.leaves[i]
	if l.hot {
		return
	}
	entries, most := o.scratch[:0], o.last(i)
	for _, id := range l.ids {
		if at, ok := o.value(id); !ok {
			o.present.remove(id)
		} else if at >= o.lows[i] && at <= most {
			entries = append(entries, entry{at, id})
		}
	}
	if !slices.IsSortedFunc(entries, compareEntries) {
		slices.SortFunc(entries, compareEntries)
	}
	entries = slices.Compact(entries)
	o.entries -= len(l.ids) - len(entries)
	l.ids, l.at = l.ids[:len(entries)], make([]int64, len(entries))
	for j, e := range entries {
		l.ids[j], l.at[j] = e.id, e.at
	}
	o.scratch = entries[:0]
	if n := len(entries); n > 0 {
		l.high = entries[n-1].at
	}
	l.hot = true
	l.trim()
}

// use notes that somebody looks into a hot leaf.
func (o *Order) use(l *leaf) {
	l.used = true
	if !l.listed {
		l.listed = true
		o.hot = append(o.hot, l)
	}
}
