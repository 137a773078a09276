package live

import (
	"slices"

	"github.com/audiencekit/audiencekit/segment/internal/columns"
)

// literal is a condition that is true or not for a contact, never unknown.
// All segments that have it share it.
type literal struct {
	key     string
	test    test
	parents parents

	flips flips
}

// flips says for whom a literal may have changed in a tick.
type flips struct {
	tick uint64 // the last in which it may have
	id   uint32 // for her
	more bool   // and for others
}

// mayFlip notes that a literal may have changed for a contact in this tick.
func (l *literal) mayFlip(c *Core, id uint32) {
	switch f := &l.flips; {
	case f.tick != c.tick.number:
		*f = flips{tick: c.tick.number, id: id}
	case f.id != id:
		f.more = true
	}
}

// isSteady reports whether a literal is for a contact what it was before this
// tick. It may be without being known to.
func (l *literal) isSteady(c *Core, id uint32) bool {
	return l.flips.tick != c.tick.number || l.flips.id != id && !l.flips.more
}

// test is what a literal asks.
type test interface {
	// holds answers for one contact who exists, as of the clock.
	holds(c *Core, id uint32) bool
	// filter clears the bits of those of a page for whom it does not hold. All
	// whose bits are set exist.
	filter(c *Core, page int, in *words)
	// price is about how many nanoseconds holds takes.
	price() int
}

func (l *literal) holds(c *Core, id uint32) bool       { return l.test.holds(c, id) }
func (l *literal) filter(c *Core, page int, in *words) { l.test.filter(c, page, in) }
func (l *literal) price() int                          { return l.test.price() }
func (l *literal) each(visit func(node))               { visit(l) }

// form is how a valueTest compares.
type form uint8

const (
	inRange  form = iota // known, and from lo to hi; one of them is no bound
	isOneOf              // known, and in set
	isNoneOf             // known, and not in set
	isKnown
	isAbsent
)

// valueTest compares a feature with constants.
type valueTest struct {
	gauge  *gauge
	form   form
	lo, hi int64
	set    []int64 // sorted, each once
}

func (t *valueTest) holds(c *Core, id uint32) bool {
	r := t.gauge.read(c, id)
	return t.accepts(r.value, r.known)
}

func (t *valueTest) accepts(v int64, known bool) bool {
	switch t.form {
	case inRange:
		return known && t.lo <= v && v <= t.hi
	case isOneOf:
		return known && t.contains(v)
	case isNoneOf:
		return known && !t.contains(v)
	case isKnown:
		return known
	default:
		return !known
	}
}

func (t *valueTest) contains(v int64) bool {
	if len(t.set) == 1 {
		return t.set[0] == v
	}
	_, ok := slices.BinarySearch(t.set, v)
	return ok
}

func (t *valueTest) filter(c *Core, page int, in *words) {
	if f, ok := t.gauge.feature.(between); ok {
		switch {
		case t.form == inRange:
			f.between(c, page, in, t.lo, t.hi)
			return
		case t.form == isOneOf && len(t.set) == 1:
			f.between(c, page, in, t.set[0], t.set[0])
			return
		}
	}
	filterOneByOne(page, in, func(id uint32) bool { return t.holds(c, id) })
}

func (t *valueTest) price() int { return t.gauge.feature.price() }

// flagTest asks whether a contact is in a set of the columns: a tag, an item
// of a list field, a hand-picked list.
type flagTest struct {
	set  *columns.Presence
	want bool
}

func (t *flagTest) holds(_ *Core, id uint32) bool { return t.set.Contains(id) == t.want }

func (t *flagTest) filter(_ *Core, page int, in *words) {
	set := t.set.Page(page)
	switch {
	case set == nil && t.want:
		clear(in[:])
	case set == nil:
	case t.want:
		for i, w := range set {
			in[i] &= w
		}
	default:
		for i, w := range set {
			in[i] &^= w
		}
	}
}

func (*flagTest) price() int { return 1 }

// memberTest asks whether a contact is in another segment.
type memberTest struct {
	segment *Segment
	want    bool
}

func (t *memberTest) holds(c *Core, id uint32) bool { return c.isMember(t.segment, id) == t.want }

func (t *memberTest) filter(c *Core, page int, in *words) {
	filterOneByOne(page, in, func(id uint32) bool { return t.holds(c, id) })
}

func (*memberTest) price() int { return 2 }
