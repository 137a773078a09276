package live

import (
	"slices"
	"sync"

	"github.com/audiencekit/audiencekit/segment/internal/timeorder"
)

// sortOrders takes over the orders that there were and sorts the new ones,
// beside the caller where that cannot disturb her. What it gives is to be
// called before an order is used; the columns and the clock have to stand
// still until then.
func (d *Draft) sortOrders(old *index) (wait func()) {
	c := d.core
	var beside, rest []*order
	for key, o := range c.index.orders {
		switch before := old.orders[key]; {
		case before != nil && sameSource(before.feature, o.feature):
			o.sorted, o.kept = before.sorted, before.kept
		case readsColumnsAlone(o.feature):
			beside = append(beside, o)
		default:
			rest = append(rest, o)
		}
	}
	var todo sync.Mutex
	next := func() *order {
		todo.Lock()
		defer todo.Unlock()
		if len(beside) == 0 {
			return nil
		}
		o := beside[0]
		beside = beside[1:]
		return o
	}
	sortAll := func() {
		for o := next(); o != nil; o = next() {
			c.sortOrder(o)
		}
	}
	var other sync.WaitGroup
	if len(beside) > 0 {
		other.Go(sortAll)
	}
	return func() {
		sortAll()
		for _, o := range rest {
			c.sortOrder(o)
		}
		other.Wait()
	}
}

// readsColumnsAlone reports whether reading a feature writes nothing, so that
// several may.
func readsColumnsAlone(f feature) bool {
	switch f.(type) {
	case lastOf, firstOf, intColumn:
		return true
	}
	return false
}

func (c *Core) sortOrder(o *order) {
	f := o.feature
	value := func(id uint32) (int64, bool) { return f.value(c, id, c.now) }
	if isKept(f) {
		kept := &instantColumn{}
		o.kept = kept
		value = func(id uint32) (int64, bool) {
			r := kept.get(id)
			return r.value, r.known
		}
	}
	o.sorted = timeorder.New(value)
	o.sorted.Build(func(yield func(id uint32, v int64) bool) {
		for id := range c.table.Presence().All {
			v, ok := f.value(c, id, c.now)
			o.keep(id, reading{v, ok})
			if ok && !yield(id, v) {
				return
			}
		}
	})
}

// sameSource reports whether two features read the same columns: those of a
// type of events are replaced when more of it is loaded.
func sameSource(a, b feature) bool {
	switch a := a.(type) {
	case lastOf:
		b, ok := b.(lastOf)
		return ok && sameStreams(a.stream, b.stream)
	case intColumn:
		b, ok := b.(intColumn)
		return ok && a.column == b.column
	}
	return false
}

func sameStreams(a, b stream) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// setCursors finds out whom each cursor passes next.
func (d *Draft) setCursors() {
	c := d.core
	c.cursors = c.cursors[:0]
	for _, o := range c.index.orders {
		for _, cur := range slices.Concat(o.fixed, o.calendar) {
			cur.heap = -1
			cur.advanced(c)
		}
	}
}
