package live

import (
	"slices"
	"sort"

	"github.com/audiencekit/audiencekit/segment/internal/celenv"
	"github.com/audiencekit/audiencekit/segment/internal/timeorder"
)

// order keeps contacts in the order of a feature that is an instant: their
// last opening, their creation. Every window over it, of whatever length, is a
// cursor that passes contacts as time goes on.
type order struct {
	key     string
	feature feature
	core    *Core
	sorted  *timeorder.Order
	kept    *instantColumn // of every contact, for the orders that most windows are over; else nil

	fixed    []*cursor // by distance, each once, the nearest to now first; their next never grows along it
	calendar []*cursor // those whose distance from now varies

	last memo
}

// read gives the instant of a contact as of the clock.
func (o *order) read(c *Core, id uint32) reading {
	if o.kept != nil {
		return o.kept.get(id)
	}
	if o.last.id != id || o.last.changes != c.changes {
		v, ok := o.feature.value(c, id, c.now)
		o.last = memo{id, c.changes, reading{v, ok}}
	}
	return o.last.reading
}

// cursor is an instant that moves with now and the literals that ask whether a
// contact's instant was passed by it: whether it is not later.
type cursor struct {
	order  *order
	move   celenv.Movement
	before int64 // its place is so many microseconds, 0 or 1, before the movement
	tests  []*literal

	next  int64 // the least instant of anybody that was not passed, or less
	due   int64 // when it is passed, or before
	exact bool  // due is no bound
	heap  int   // its place among the cursors, -1: none
	rank  int   // among the fixed ones of its order

	placeAt, place int64 // its place at an instant, once computed
	placed         bool
}

func newOrder(c *Core, key string, f feature) *order {
	o := &order{key: key, feature: f, core: c}
	return o
}

// cursor finds or makes the cursor of a movement.
func (o *order) cursor(move celenv.Movement, before int64) *cursor {
	cur := &cursor{order: o, move: move, before: before, heap: -1, next: never, due: never}
	if !move.IsFixed() {
		if i := slices.IndexFunc(o.calendar, func(c *cursor) bool { return c.before == before && c.move == move }); i >= 0 {
			return o.calendar[i]
		}
		o.calendar = append(o.calendar, cur)
		return cur
	}
	// Two at one place, however that is written, would wait for each other: see
	// advanced.
	i := sort.Search(len(o.fixed), func(i int) bool { return o.fixed[i].distance() <= cur.distance() })
	if i < len(o.fixed) && o.fixed[i].distance() == cur.distance() {
		return o.fixed[i]
	}
	o.fixed = slices.Insert(o.fixed, i, cur)
	for rank, cur := range o.fixed {
		cur.rank = rank
	}
	return cur
}

// distance is how far ahead of now the place of a fixed cursor is.
func (cur *cursor) distance() int64 { return cur.move.Distance() - cur.before }

// at gives the place of the cursor: instants up to it are passed.
func (cur *cursor) at(c *Core, now int64) int64 {
	if cur.move.IsFixed() {
		return now + cur.distance()
	}
	if !cur.placed || cur.placeAt != now {
		place, ok := cur.move.At(c.calendar, now)
		if !ok { // movements that could leave the years are no cursors
			place = least + 1
		}
		cur.placeAt, cur.place, cur.placed = now, place-cur.before, true
	}
	return cur.place
}

// arrival gives when the cursor passes an instant: the first now at which its
// place is not before it.
func (cur *cursor) arrival(c *Core, v int64) int64 {
	return cur.move.Reach(c.calendar, v+cur.before)
}

// soonest gives an instant not after arrival at which to look again, and
// whether it is arrival itself. A calendar is asked only shortly before.
func (cur *cursor) soonest(c *Core, v int64) (int64, bool) {
	if v == never {
		return never, true
	}
	if cur.move.IsFixed() {
		return v - cur.distance(), true
	}
	const month, slack = 28 * day, 4 * day
	away := int64(cur.move.Period.Months())*month - slack
	if cur.move.Forward {
		away = -int64(cur.move.Period.Months())*(31*day) - slack
	}
	bound := v + cur.before - cur.move.Distance() + away
	if bound <= c.now {
		return cur.arrival(c, v), true
	}
	return bound, false
}

const day = int64(24 * 3600 * 1e6)

// advanced finds out whom the cursor passes next.
func (cur *cursor) advanced(c *Core) {
	next, ok := cur.order.sorted.Next(cur.at(c, c.now))
	if !ok {
		next = never
	}
	cur.next = next
	if cur.move.IsFixed() { // not above that of a nearer cursor, so that insert can stop early
		if cur.rank > 0 {
			cur.next = min(next, cur.order.fixed[cur.rank-1].next)
		}
	}
	c.reschedule(cur)
}

// inserted is told that a contact's instant became v.
func (o *order) inserted(c *Core, id uint32, v int64) {
	o.sorted.Add(id, v)
	first := sort.Search(len(o.fixed), func(i int) bool { return c.now+o.fixed[i].distance() < v })
	for _, cur := range o.fixed[first:] {
		if cur.next <= v {
			break
		}
		cur.next = v
		c.reschedule(cur)
	}
	for _, cur := range o.calendar {
		if cur.next > v && cur.at(c, c.now) < v {
			cur.next = v
			c.reschedule(cur)
		}
	}
}

// cross visits the literals whose truth changes when a contact's instant does.
func (o *order) cross(c *Core, from, to reading, visit func(*literal)) {
	if from == to {
		return
	}
	if from.known != to.known {
		for _, list := range [][]*cursor{o.fixed, o.calendar} {
			for _, cur := range list {
				o.crossOne(c, cur, from, to, visit)
			}
		}
		return
	}
	lo, hi := min(from.value, to.value), max(from.value, to.value)
	first := sort.Search(len(o.fixed), func(i int) bool { return c.now+o.fixed[i].distance() < hi })
	for _, cur := range o.fixed[first:] {
		if c.now+cur.distance() < lo {
			break
		}
		visitAll(cur.tests, visit)
	}
	for _, cur := range o.calendar {
		if cur.mayBeWithin(c.now, lo, hi) {
			if at := cur.at(c, c.now); lo <= at && at < hi {
				visitAll(cur.tests, visit)
			}
		}
	}
}

// crossOne visits the literals of a cursor whose truth changes when an instant
// appears or disappears.
func (o *order) crossOne(c *Core, cur *cursor, from, to reading, visit func(*literal)) {
	place := cur.at(c, c.now)
	for _, l := range cur.tests {
		t := l.test.(*orderTest)
		if t.accepts(from, place) != t.accepts(to, place) {
			visit(l)
		}
	}
}

// mayBeWithin reports, without asking a calendar, whether the place can be in
// [lo, hi).
func (cur *cursor) mayBeWithin(now, lo, hi int64) bool {
	months := int64(cur.move.Period.Months())
	base := now + cur.move.Distance() - cur.before
	nearest, farthest := months*28*day-4*day, months*31*day+4*day
	if cur.move.Forward {
		return base+farthest >= lo && base+nearest < hi
	}
	return base-nearest >= lo && base-farthest < hi
}

// orderForm is what an orderTest asks.
type orderForm uint8

const (
	isAfter    orderForm = iota // known, and not passed
	isBefore                    // known, and passed
	isNotAfter                  // absent or passed
)

// orderTest asks whether a contact's instant was passed by a cursor.
type orderTest struct {
	cursor *cursor
	form   orderForm
}

func (t *orderTest) accepts(r reading, place int64) bool {
	switch t.form {
	case isAfter:
		return r.known && r.value > place
	case isBefore:
		return r.known && r.value <= place
	default:
		return !r.known || r.value <= place
	}
}

func (t *orderTest) holds(c *Core, id uint32) bool {
	return t.accepts(t.cursor.order.read(c, id), t.cursor.at(c, c.now))
}

func (t *orderTest) filter(c *Core, page int, in *words) {
	o := t.cursor.order
	f, ok := o.feature.(between)
	if o.kept != nil {
		f, ok = o.kept, true
	}
	if !ok {
		filterOneByOne(page, in, func(id uint32) bool { return t.holds(c, id) })
		return
	}
	place := t.cursor.at(c, c.now)
	switch t.form {
	case isAfter:
		f.between(c, page, in, place+1, most)
	case isBefore:
		f.between(c, page, in, least, place)
	default:
		after := *in
		f.between(c, page, &after, place+1, most)
		for i := range in {
			in[i] &^= after[i]
		}
	}
}

func (t *orderTest) price() int { return t.cursor.order.feature.price() + 2 }
