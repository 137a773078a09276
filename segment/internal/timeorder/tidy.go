package timeorder

import (
	"math"
	"slices"
)

// ready prepares a leaf for looking into it. It may become part of the one
// before: ready gives where its entries are.
func (o *Order) ready(i int) int {
	if o.isAlone(i) {
		return i
	}
	if !o.leaves[i].hot {
		o.warm(i)
		i = o.merge(i)
	}
	l := o.leaves[i]
	o.use(l)
	if l != o.current {
		o.current = l
		o.coolDown()
	}
	return i
}

// isAlone reports whether a leaf is of one instant. One that has become small
// is a leaf like the others from then on.
func (o *Order) isAlone(i int) bool {
	l := o.leaves[i]
	if l.single && len(l.ids) < singleAgain {
		l.single, l.high = false, o.lows[i]
	}
	return l.single
}

// last gives the latest instant that belongs into a leaf of several.
func (o *Order) last(i int) int64 {
	if i+1 < len(o.lows) {
		return o.lows[i+1] - 1
	}
	return math.MaxInt64
}

// merge puts a hot leaf's entries into the one before, if both are of several
// instants and small, and gives where they are.
func (o *Order) merge(i int) int {
	if i == 0 || o.leaves[i-1].single {
		return i
	}
	l, into := o.leaves[i], o.leaves[i-1]
	if len(l.ids)+len(into.ids) > mergeMost {
		return i
	}
	o.warm(i - 1)
	into.ids, into.at = append(into.ids, l.ids...), append(into.at, l.at...)
	into.high = max(into.high, l.high)
	o.removeLeaf(i)
	return i - 1
}

// split divides a leaf of several instants that is too full, after it was
// rid of what is stale.
func (o *Order) split(i int) {
	l := o.leaves[i]
	wasHot := l.hot
	if wasHot {
		o.dropStale(l)
	} else {
		o.warm(i)
	}
	if !wasHot {
		defer l.cool()
	}
	if len(l.ids) > leafMost-leafMost/4 {
		o.divide(i, wasHot)
	}
}

// divide splits a hot leaf in the middle, between two instants. If one of them
// takes the middle for itself, it gets a leaf of its own.
func (o *Order) divide(i int, stayHot bool) {
	l := o.leaves[i]
	n := len(l.ids)
	middle := l.at[n/2]
	from, to := l.search(middle), n
	if middle < math.MaxInt64 {
		to = l.search(middle + 1)
	}
	if to-from < singleLeast {
		if from == 0 {
			from = to
		}
		o.moveTail(i, from, stayHot)
		return
	}
	if to < n {
		o.moveTail(i, to, stayHot)
	}
	alone := &leaf{ids: slices.Clone(l.ids[from:]), single: true, ordered: true}
	l.ids, l.at = slices.Clone(l.ids[:from]), slices.Clone(l.at[:from])
	l.high = middle
	o.insertLeaf(i+1, middle, alone)
	if from == 0 && i > 0 {
		o.removeLeaf(i)
	}
}

// moveTail makes a leaf of the entries from one on.
func (o *Order) moveTail(i, from int, stayHot bool) {
	l := o.leaves[i]
	tail := &leaf{ids: slices.Clone(l.ids[from:]), high: l.high}
	if stayHot {
		tail.at, tail.hot = slices.Clone(l.at[from:]), true
		o.use(tail)
	}
	low := l.at[from]
	l.ids, l.at = slices.Clone(l.ids[:from]), slices.Clone(l.at[:from])
	l.high = low - 1
	o.insertLeaf(i+1, low, tail)
}

func (o *Order) insertLeaf(i int, low int64, l *leaf) {
	o.lows, o.leaves = slices.Insert(o.lows, i, low), slices.Insert(o.leaves, i, l)
	if i <= o.hand {
		o.hand++
	}
}

// removeLeaf takes out a leaf that is not the first and has nothing that is
// not elsewhere. Its instants belong to the one before, if that is of several.
func (o *Order) removeLeaf(i int) {
	l := o.leaves[i]
	if l.ids = nil; l.hot {
		l.cool()
	}
	o.lows, o.leaves = slices.Delete(o.lows, i, i+1), slices.Delete(o.leaves, i, i+1)
	if i < o.hand {
		o.hand--
	}
}

// sweep rids one leaf of what is stale, each in its turn. It is called while
// there are too many stale entries, so that a turn removes a fair part of all
// and a call costs what it removes.
func (o *Order) sweep() {
	if o.hand >= len(o.leaves) {
		o.hand = 0
	}
	i := o.hand
	o.hand++
	l := o.leaves[i]
	if o.isAlone(i) {
		o.dropStaleAt(l, o.lows[i])
		return
	}
	stayHot := l.hot
	if stayHot {
		o.dropStale(l)
	} else {
		o.warm(i)
	}
	beforeHot := i > 0 && o.leaves[i-1].hot
	if i = o.merge(i); o.leaves[i] != l {
		l, stayHot = o.leaves[i], stayHot || beforeHot
	}
	if stayHot {
		o.use(l)
	} else {
		l.cool()
	}
	if len(l.ids) == 0 && i > 0 {
		o.removeLeaf(i)
	}
}

// coolDown counts how often another leaf is looked into. From time to time it
// lets go of the instants of the leaves into which nobody has looked for some
// turns of all cursors.
func (o *Order) coolDown() {
	const turns, least = 4, 64
	if o.turned++; o.turned <= turns*len(o.hot)+least {
		return
	}
	o.turned = 0
	o.hot = slices.DeleteFunc(o.hot, func(l *leaf) bool {
		keep := l.hot && l.used
		if l.used = false; !keep {
			l.cool()
			l.listed = false
		}
		return !keep
	})
}
