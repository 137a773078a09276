package agenda

import (
	"cmp"
	"slices"
)

// ways is how many children a node of the heap has: four entries are one line
// of the processor's cache.
const ways = 4

func (a *Agenda) up(i int) {
	e := a.heap[i]
	for i > 0 {
		parent := (i - 1) / ways
		if a.heap[parent].At <= e.At {
			break
		}
		a.heap[i] = a.heap[parent]
		i = parent
	}
	a.heap[i] = e
}

func (a *Agenda) down(i int) {
	h := a.heap
	e := h[i]
	for {
		first := i*ways + 1
		if first >= len(h) {
			break
		}
		least := first
		for c := first + 1; c < min(first+ways, len(h)); c++ {
			if h[c].At < h[least].At {
				least = c
			}
		}
		if h[least].At >= e.At {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}

func (a *Agenda) pop() {
	last := len(a.heap) - 1
	a.heap[0] = a.heap[last]
	a.heap = a.heap[:last]
	if last > 0 {
		a.down(0)
	}
}

func (a *Agenda) heapify() {
	if len(a.heap) < 2 {
		return
	}
	for i := (len(a.heap) - 2) / ways; i >= 0; i-- {
		a.down(i)
	}
}

// takeEqual removes the entries at the least instant and appends those that
// count, sorted. They hang together at the root: when they are many, building
// the rest anew is cheaper than removing them one by one.
func (a *Agenda) takeEqual(at int64, into []Entry) []Entry {
	start := len(into)
	if many := max(len(a.heap)/16, 16); a.rooted(0, at, many) < many {
		for len(a.heap) > 0 && a.heap[0].At == at {
			into = a.appendCounting(into, a.heap[0])
			a.pop()
		}
	} else {
		rest := a.heap[:0]
		for _, e := range a.heap {
			if e.At == at {
				into = a.appendCounting(into, e)
			} else {
				rest = append(rest, e)
			}
		}
		a.heap = rest
		a.heapify()
	}
	slices.SortFunc(into[start:], func(x, y Entry) int {
		return cmp.Compare(uint64(x.Source)<<32|uint64(x.Contact), uint64(y.Source)<<32|uint64(y.Contact))
	})
	return into
}

func (a *Agenda) appendCounting(into []Entry, e Entry) []Entry {
	if a.counts(e) {
		return append(into, e)
	}
	return into
}

// rooted counts the entries below i that are at the instant, up to about most.
func (a *Agenda) rooted(i int, at int64, most int) int {
	if i >= len(a.heap) || a.heap[i].At != at {
		return 0
	}
	n := 1
	for c := i*ways + 1; c <= i*ways+ways && n < most; c++ {
		n += a.rooted(c, at, most-n)
	}
	return n
}
