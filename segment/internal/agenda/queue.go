package agenda

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

const (
	// The nearest entries are sorted while they are no more than nearMost. A
	// chunk of at most nearFill is sorted whole when its turn comes.
	nearMost = 256
	nearFill = 64
)

// queue gives entries in the order of their instants. Only the nearest are
// sorted. Those behind lie unsorted in chunks, each later than the next, and
// the nearest chunk is cut in two when its turn comes, until it is small: a
// quicksort that is as lazy as it can be. Unlike a heap, which touches memory
// everywhere for each entry, it reads and writes neighbours.
type queue struct {
	far    []Entry // the chunks, one after the other
	chunks []chunk // the latest first
	near   []Entry // sorted, the latest first; all before the last chunk's low
	limit  int     // of near, before a part of it becomes a chunk
}

// chunk begins at start in far and ends where the next begins. Its entries are
// at low or later, and before the low of the chunk before it.
type chunk struct {
	start int
	low   int64
}

func (q *queue) len() int { return len(q.far) + len(q.near) }

func (q *queue) push(e Entry) {
	last := len(q.chunks) - 1
	if last < 0 || e.At < q.chunks[last].low {
		q.pushNear(e)
		return
	}
	i := 0
	for q.chunks[i].low > e.At {
		i++
	}
	// Each later chunk moves up by one entry: its first becomes its last.
	q.far = append(q.far, e)
	hole := len(q.far) - 1
	for j := last; j > i; j-- {
		start := q.chunks[j].start
		q.far[hole] = q.far[start]
		hole = start
		q.chunks[j].start++
	}
	q.far[hole] = e
}

func (q *queue) pushNear(e Entry) {
	i := len(q.near)
	if i > 0 && q.near[i-1].At < e.At {
		i = sort.Search(i, func(j int) bool { return q.near[j].At < e.At })
	}
	q.near = slices.Insert(q.near, i, e)
	if len(q.near) > max(q.limit, nearMost) {
		q.spill()
	}
}

// spill makes a chunk of the later ones of the near entries. Entries of one
// instant stay together. Small neighbours are united, so that there are few.
func (q *queue) spill() {
	n := len(q.near)
	kept := q.near[n-n/4].At
	cut := sort.Search(n, func(j int) bool { return q.near[j].At <= kept })
	if cut == 0 {
		cut = sort.Search(n, func(j int) bool { return q.near[j].At < kept })
	}
	if cut < n {
		q.chunks = append(q.chunks, chunk{start: len(q.far), low: q.near[cut-1].At})
		q.far = append(q.far, q.near[:cut]...)
		q.near = q.near[:copy(q.near, q.near[cut:])]
	}
	q.limit = 2 * len(q.near)
	for last := len(q.chunks) - 1; last > 0; last-- {
		c, before := q.chunks[last], &q.chunks[last-1]
		if c.start-before.start > 2*(len(q.far)-c.start) {
			break
		}
		before.low = c.low
		q.chunks = q.chunks[:last]
	}
}

// first gives the entry that is due first, false if there is none.
func (q *queue) first() (Entry, bool) {
	if len(q.near) == 0 && !q.refill() {
		return Entry{}, false
	}
	return q.near[len(q.near)-1], true
}

// pop removes what first gave.
func (q *queue) pop() { q.near = q.near[:len(q.near)-1] }

// refill makes the nearest chunk, or a part of it, the near entries.
func (q *queue) refill() bool {
	for len(q.chunks) > 0 {
		last := len(q.chunks) - 1
		c := &q.chunks[last]
		entries := q.far[c.start:]
		if len(entries) > nearFill {
			if pivot, nearer := divide(entries); nearer < len(entries) {
				low := c.low
				c.low = pivot
				q.chunks = append(q.chunks, chunk{start: c.start + nearer, low: low})
				continue
			}
		}
		if cap(q.near) > 16*nearMost {
			q.near = nil // of what many were due at one instant
		}
		q.near = append(q.near[:0], entries...)
		slices.SortFunc(q.near, func(a, b Entry) int { return cmp.Compare(b.At, a.At) })
		q.limit = 2 * len(q.near)
		q.far, q.chunks = q.far[:c.start], q.chunks[:last]
		if len(q.near) > 0 {
			return true
		}
	}
	return false
}

// divide brings the entries before an instant, the pivot, to the end and gives
// where they begin, both parts holding some. If all are of one instant, they
// begin after the last.
func divide(entries []Entry) (pivot int64, nearer int) {
	var sample [25]int64
	for i := range sample {
		sample[i] = entries[i*(len(entries)-1)/(len(sample)-1)].At
	}
	slices.Sort(sample[:])
	pivot = sample[len(sample)/2]
	if nearer = bringBack(entries, pivot); nearer < len(entries) {
		return pivot, nearer
	}
	least := int64(math.MaxInt64)
	for _, e := range entries {
		least = min(least, e.At)
	}
	if nearer = bringBack(entries, least+1); nearer == 0 {
		return least, len(entries)
	}
	return least + 1, nearer
}

func bringBack(entries []Entry, pivot int64) int {
	w := 0
	for r, e := range entries {
		entries[r] = entries[w]
		entries[w] = e
		if e.At >= pivot {
			w++
		}
	}
	return w
}

// pushAll adds many, all in one chunk with what was there.
func (q *queue) pushAll(entries []Entry) {
	q.far = slices.Grow(q.far, len(q.near)+len(entries))
	q.far = append(append(q.far, q.near...), entries...)
	q.near, q.limit = nil, 0
	q.chunks = append(q.chunks[:0], chunk{low: math.MinInt64})
}

// filter keeps the entries for which keep says so; it asks once for each.
func (q *queue) filter(keep func(Entry) bool) {
	q.near = slices.DeleteFunc(q.near, func(e Entry) bool { return !keep(e) })
	n := 0
	for i := range q.chunks {
		c, end := &q.chunks[i], len(q.far)
		if i+1 < len(q.chunks) {
			end = q.chunks[i+1].start
		}
		start := n
		for _, e := range q.far[c.start:end] {
			if keep(e) {
				q.far[n] = e
				n++
			}
		}
		c.start = start
	}
	if q.far = q.far[:n]; n < cap(q.far)/4 {
		q.far = slices.Clone(q.far)
	}
}
