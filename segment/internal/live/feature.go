package live

import (
	"slices"
	"sort"

	"github.com/audiencekit/audiencekit/segment/internal/columns"
)

// feature is a value of a contact that literals compare with constants.
type feature interface {
	// value gives it as the columns are, at an instant up to which everything
	// due has happened, or the one before; false when it is absent.
	value(c *Core, id uint32, now int64) (int64, bool)
	// price is about how many nanoseconds value takes.
	price() int
}

// between is a feature that can tell at once who of a page has a value from
// lo to hi: it clears the bits of all others.
type between interface {
	between(c *Core, page int, in *words, lo, hi int64)
}

// gauge is a feature with the literals about it. A change of its value visits
// those whose truth it changes.
type gauge struct {
	key      string
	feature  feature
	up       []cut // ranges with an upper end that is no bound: true from there up
	down     []cut // ranges with a lower end that is no bound: true below
	equal    map[int64][]*literal
	unequal  map[int64][]*literal
	differs  []*literal // all of unequal, each once
	presence []*literal // known and absent

	last memo
}

// memo is the value that a feature had for the contact who was asked last:
// many segments ask for her one after the other.
type memo struct {
	id      uint32
	changes uint64 // of the core; what is kept holds while nothing changes
	reading
}

// read gives the value as of the clock.
func (g *gauge) read(c *Core, id uint32) reading {
	if g.last.id != id || g.last.changes != c.changes {
		v, ok := g.feature.value(c, id, c.now)
		g.last = memo{id, c.changes, reading{v, ok}}
	}
	return g.last.reading
}

// cut is where literals change.
type cut struct {
	at       int64
	literals []*literal
}

// add files a literal about the feature.
func (g *gauge) add(l *literal) {
	t := l.test.(*valueTest)
	switch {
	case t.form == isKnown || t.form == isAbsent:
		g.presence = append(g.presence, l)
	case t.form == isOneOf:
		for _, v := range t.set {
			g.equal = file(g.equal, v, l)
		}
	case t.form == isNoneOf:
		for _, v := range t.set {
			g.unequal = file(g.unequal, v, l)
		}
		g.differs = append(g.differs, l)
	case t.hi == most:
		g.up = fileCut(g.up, t.lo, l)
	default: // lo is least
		g.down = fileCut(g.down, t.hi+1, l)
	}
}

func file(m map[int64][]*literal, v int64, l *literal) map[int64][]*literal {
	if m == nil {
		m = map[int64][]*literal{}
	}
	m[v] = append(m[v], l)
	return m
}

func fileCut(cuts []cut, at int64, l *literal) []cut {
	i := sort.Search(len(cuts), func(i int) bool { return cuts[i].at >= at })
	if i == len(cuts) || cuts[i].at != at {
		cuts = slices.Insert(cuts, i, cut{at: at})
	}
	cuts[i].literals = append(cuts[i].literals, l)
	return cuts
}

// reading is a value that may be absent.
type reading struct {
	value int64
	known bool
}

// cross visits the literals that a change of value makes true or false, some
// of them twice and few others.
func (g *gauge) cross(from, to reading, visit func(*literal)) {
	if from == to || !from.known && !to.known {
		return
	}
	// Absent is below all for those that are true upwards, above all for the others.
	upFrom, upTo := int64(least), int64(least)
	downFrom, downTo := int64(most), int64(most)
	for _, r := range []struct {
		r        reading
		up, down *int64
	}{{from, &upFrom, &downFrom}, {to, &upTo, &downTo}} {
		if r.r.known {
			*r.up, *r.down = r.r.value, r.r.value
			visitAll(g.equal[r.r.value], visit)
			visitAll(g.unequal[r.r.value], visit)
		}
	}
	visitCuts(g.up, upFrom, upTo, visit)
	visitCuts(g.down, downFrom, downTo, visit)
	if from.known != to.known {
		visitAll(g.presence, visit)
		visitAll(g.differs, visit)
	}
}

// visitCuts visits the literals of the cuts in (a, b], the other way round
// when b is less.
func visitCuts(cuts []cut, a, b int64, visit func(*literal)) {
	if a > b {
		a, b = b, a
	}
	first := sort.Search(len(cuts), func(i int) bool { return cuts[i].at > a })
	for _, c := range cuts[first:] {
		if c.at > b {
			return
		}
		visitAll(c.literals, visit)
	}
}

func visitAll(literals []*literal, visit func(*literal)) {
	for _, l := range literals {
		visit(l)
	}
}

// intColumn is a field of numbers, bools or instants.
type intColumn struct{ column *columns.Column[int64] }

func (f intColumn) value(_ *Core, id uint32, _ int64) (int64, bool) { return f.column.Get(id) }
func (intColumn) price() int                                        { return 3 }

func (f intColumn) between(_ *Core, page int, in *words, lo, hi int64) {
	values, known := f.column.Page(page)
	filterRange(in, values, known, lo, hi)
}

// floatColumn is a field of doubles.
type floatColumn struct{ column *columns.Column[float64] }

func (f floatColumn) value(_ *Core, id uint32, _ int64) (int64, bool) {
	v, ok := f.column.Get(id)
	return fromFloat(v), ok
}
func (floatColumn) price() int { return 3 }

func (f floatColumn) between(_ *Core, page int, in *words, lo, hi int64) {
	values, known := f.column.Page(page)
	filterPage(in, values, known, func(v float64) bool { x := fromFloat(v); return lo <= x && x <= hi })
}

// codeColumn is a field of texts.
type codeColumn struct{ column *columns.Column[uint32] }

func (f codeColumn) value(_ *Core, id uint32, _ int64) (int64, bool) {
	v, ok := f.column.Get(id)
	return int64(v), ok
}
func (codeColumn) price() int { return 2 }

func (f codeColumn) between(_ *Core, page int, in *words, lo, hi int64) {
	values, known := f.column.Page(page)
	filterRange(in, values, known, lo, hi)
}

// filterRange is filterPage for whole numbers from lo to hi, without a call for
// each.
func filterRange[T int64 | uint32](in *words, values []T, known []uint64, lo, hi int64) {
	if values == nil {
		clear(in[:])
		return
	}
	for i := range in {
		var kept uint64
		if w := in[i] & known[i]; w != 0 {
			block := values[i<<6:]
			for rest := w; rest != 0; rest &= rest - 1 {
				bit := lowest(rest)
				if v := int64(block[bit]); lo <= v && v <= hi {
					kept |= 1 << bit
				}
			}
		}
		in[i] = kept
	}
}

// filterPage clears the bits of those of a page whose value is absent or not
// as it should be.
func filterPage[T any](in *words, values []T, known []uint64, holds func(T) bool) {
	if values == nil {
		clear(in[:])
		return
	}
	for i := range in {
		w := in[i] & known[i]
		if w == 0 {
			in[i] = 0
			continue
		}
		var kept uint64
		block := values[i<<6:] // there may be fewer than 64: those that are known
		for rest := w; rest != 0; rest &= rest - 1 {
			if bit := lowest(rest); holds(block[bit]) {
				kept |= 1 << bit
			}
		}
		in[i] = kept
	}
}

// contactID is contact.id.
type contactID struct{}

func (contactID) value(_ *Core, id uint32, _ int64) (int64, bool) { return int64(id), true }
func (contactID) price() int                                      { return 1 }
