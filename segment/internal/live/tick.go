package live

import (
	"cmp"
	"slices"

	"github.com/audiencekit/audiencekit/segment/internal/agenda"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
	"github.com/audiencekit/audiencekit/store"
)

// Cause says what moved a contact in or out. Several may come together.
type Cause uint16

// The causes.
const (
	CauseEvent Cause = 1 << iota
	CauseField
	CauseList
	CauseLedger
	CauseTime
	CauseDefinition
	CauseMerge
	CauseErasure
	CauseRebuild
)

// Move is one contact entering or leaving one segment.
type Move struct {
	Segment *Segment
	Contact uint32
	Entered bool
	Causes  Cause
}

// tick is what happens within one tick.
type tick struct {
	number  uint64 // from 1
	moves   []Move
	causes  map[uint32]Cause // of the contacts that the tick is about
	cause   Cause            // for all others
	due     []agenda.Entry
	effects []columns.Effect
	before  []reading
	old     map[oldKey][]int64   // values of features that contacts had before, or between its changes
	oldIn   map[oldFlag]struct{} // sets that contacts were in before
}

type oldKey struct {
	gauge *gauge
	id    uint32
}

type oldFlag struct {
	literal *literal
	id      uint32
}

// remember notes a value that a contact had until now: segments filed under it
// may lose her.
func (t *tick) remember(g *gauge, id uint32, from reading) {
	if from.known && len(g.equal) > 0 {
		if t.old == nil {
			t.old = map[oldKey][]int64{}
		}
		key := oldKey{g, id}
		t.old[key] = append(t.old[key], from.value)
	}
}

func (t *tick) visitOld(g *gauge, id uint32, visit func(v int64)) {
	if len(t.old) == 0 {
		return
	}
	for _, v := range t.old[oldKey{g, id}] {
		visit(v)
	}
}

func (t *tick) wasIn(l *literal, id uint32) {
	if t.oldIn == nil {
		t.oldIn = map[oldFlag]struct{}{}
	}
	t.oldIn[oldFlag{l, id}] = struct{}{}
}

func (t *tick) wasSet(l *literal, id uint32) bool {
	if len(t.oldIn) == 0 {
		return false
	}
	_, ok := t.oldIn[oldFlag{l, id}]
	return ok
}

// Commit applies one commit of the feed. Everything due before it must have
// happened: see [Core.Settle]. The clock goes to at, the instant of the
// commit, never back. What else readers are to see together with what comes of
// it, also does, unless nil. The moves are in order of segment name and contact and
// are valid until the next call. After an error the core is of no more use,
// but to ask for the members and the clock as they were before.
func (c *Core) Commit(at int64, changes []store.Change, also func()) (moves []Move, err error) {
	before := c.now
	defer func() {
		if err != nil {
			c.now = before
		}
	}()
	c.begin(max(at, c.now), 0)
	for i := range changes {
		if err := c.change(&changes[i]); err != nil {
			return nil, err
		}
	}
	return c.finish(also)
}

// Settle lets everything happen that is due up to an instant, tick by tick.
// Each gets its moves, which are valid until it returns, and its instant;
// ticks without moves are left out. When each fails, settling stops after that
// tick.
func (c *Core) Settle(to int64, each func(at int64, moves []Move) error) error {
	for {
		at := min(c.agenda.Earliest(), c.dueAt())
		if at > to || at == never {
			break
		}
		before := c.now
		c.begin(max(at, c.now), CauseTime)
		for c.dueAt() <= c.now {
			c.pass(c.cursors[0])
		}
		if at := c.agenda.Earliest(); at <= c.now {
			c.tick.due = c.agenda.Take(at, c.tick.due[:0])
			for _, e := range c.tick.due {
				if t, ok := c.sources[e.Source]; ok {
					t.come(c, e.Contact)
				}
			}
		}
		moves, err := c.finish(nil)
		if err != nil {
			c.now = before
			return err
		}
		if len(moves) > 0 && each != nil {
			if err := each(c.now, moves); err != nil {
				return err
			}
		}
	}
	c.now = max(c.now, to)
	return nil
}

// pass puts everybody up whom a cursor passes now.
func (c *Core) pass(cur *cursor) {
	place := cur.at(c, c.now) // a calendar may skip some time
	for v, ok := cur.next, true; ok && v <= place; v, ok = cur.order.sorted.Next(v) {
		cur.order.sorted.At(v, func(id uint32) {
			for _, l := range cur.tests {
				c.touch(&l.parents, id, l)
			}
		})
	}
	cur.advanced(c)
}

// begin starts a tick.
func (c *Core) begin(at int64, cause Cause) {
	c.now = at
	c.changes++
	c.tick.number++
	c.tick.moves = c.tick.moves[:0]
	c.tick.cause = cause
	c.tick.causes = emptied(c.tick.causes)
	c.tick.old = emptied(c.tick.old)
	c.tick.oldIn = emptied(c.tick.oldIn)
	c.reset()
}

// emptied gives the map without its entries, to be used again, or none when it
// had grown: emptying a map costs what it ever held, and after a large import
// every small commit would pay for it.
func emptied[K comparable, V any](m map[K]V) map[K]V {
	const small = 64
	if len(m) > small {
		return nil
	}
	clear(m)
	return m
}

// causedBy notes what happened to a contact in this tick.
func (c *Core) causedBy(id uint32, cause Cause) {
	if c.tick.causes == nil {
		c.tick.causes = map[uint32]Cause{}
	}
	c.tick.causes[id] |= cause
}

// finish decides the candidates and publishes what came of it.
func (c *Core) finish(also func()) ([]Move, error) {
	c.decide()
	if err := c.failed; err != nil {
		return nil, err
	}
	moves := c.tick.moves
	slices.SortFunc(moves, func(a, b Move) int {
		return cmp.Or(cmp.Compare(a.Segment.place, b.Segment.place), cmp.Compare(a.Contact, b.Contact))
	})
	earliest := min(c.agenda.Earliest(), c.dueAt())
	if len(moves) == 0 && also == nil {
		c.earliest.Store(earliest)
		return nil, nil
	}
	c.version.Add(1)
	for i := range moves {
		moves[i].Segment.live.Set(moves[i].Contact, moves[i].Entered)
	}
	c.earliest.Store(earliest)
	if also != nil {
		also()
	}
	c.version.Add(1)
	return moves, nil
}
