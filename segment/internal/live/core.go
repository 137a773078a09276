package live

import (
	"sync/atomic"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/internal/decimal"
	"github.com/audiencekit/audiencekit/segment/internal/agenda"
	"github.com/audiencekit/audiencekit/segment/internal/bitset"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
)

// Core keeps segments. One goroutine at a time calls it, but for
// [Segment.Contains], [Segment.Len], [Core.Earliest] and [Core.Version], which
// anybody may call at any time.
type Core struct {
	table    *columns.Table
	calendar audience.Calendar
	now      int64 // the engine's clock: everything due up to it has happened
	earliest atomic.Int64
	version  atomic.Uint64 // odd while members change

	segments []*Segment // by rank, which is after those that they name
	byName   map[string]*Segment
	index    *index

	agenda      *agenda.Agenda
	sources     map[agenda.Source]timed // what its deadlines are about
	free        agenda.Source           // none below it is free
	standings   map[string]*standing
	arrivals    map[string]*arrivals // by event type
	suppression suppression
	cursors     cursors

	row     *columns.Row
	rowOf   uint32 // who row is on
	rowAt   uint64 // the changes when it was put there
	changes uint64 // grows with everything that may change a row
	members []bool // scratch for row-by-row evaluation
	sum     decimal.Sum
	values  []int64
	draft   *Draft // under way
	until   int64  // of the evaluation under way
	failed  error
	tick    tick
	candidates
}

// timed is something that deadlines are about.
type timed interface {
	// come is called at a deadline of a contact, with the clock there already.
	come(c *Core, id uint32)
}

// New makes a core without segments over a table, with the clock at now. The
// clock has to stay in the years 1000 to 9000, where no window leaves the
// instants there are.
func New(table *columns.Table, calendar audience.Calendar, now int64) *Core {
	c := &Core{
		table: table, calendar: calendar, now: now, byName: map[string]*Segment{}, index: newIndex(), agenda: agenda.New(),
		sources: map[agenda.Source]timed{}, standings: map[string]*standing{}, arrivals: map[string]*arrivals{},
	}
	c.suppression.source = c.open(suppressedComes{})
	c.row = table.Row()
	c.earliest.Store(never)
	return c
}

// Now gives the clock.
func (c *Core) Now() int64 { return c.now }

// Table gives the columns.
func (c *Core) Table() *columns.Table { return c.table }

// Earliest gives an instant before which time alone changes nothing.
func (c *Core) Earliest() int64 { return c.earliest.Load() }

// Version gives a number that grows with everything that changes what
// [Segment.Contains], [Segment.Len] and [Core.Earliest] give, and is odd while
// that is under way. What was read between two equal and even numbers belongs
// together.
func (c *Core) Version() uint64 { return c.version.Load() }

// Retire makes the version odd for good: nobody is to read the core any more.
func (c *Core) Retire() {
	if c.version.Load()&1 == 0 {
		c.version.Add(1)
	}
}

// Segment gives a segment by name, nil when there is none.
func (c *Core) Segment(name string) *Segment { return c.byName[name] }

// Segments gives all segments, each after those that it names.
func (c *Core) Segments() []*Segment { return c.segments }

// open makes deadlines of t possible.
func (c *Core) open(t timed) agenda.Source {
	s := max(c.free, 1) // 0 is none; numbers are used again
	for c.sources[s] != nil {
		s++
	}
	c.sources[s], c.free = t, s+1
	return s
}

func (c *Core) close(s agenda.Source) {
	c.agenda.Drop(s)
	delete(c.sources, s)
	c.free = min(c.free, s)
}

// Segment is a live segment.
type Segment struct {
	name    string
	rank    uint32
	place   int // among the names, sorted
	program *celenv.Program
	names   []string // what the program's places of segments mean
	root    node
	// literals are those of a plain conjunction, each once; nil for any other formula
	literals []*literal
	live     bitset.Live
	core     *Core
	rowwise  agenda.Source // of its row-by-row parts, 0: none
	nested   parents       // those that name it
	fresh    *pages        // members to be, while it is being defined

	flipEpoch uint64 // of the contact for whom flipIn holds
	flipIn    bool
	upEpoch   uint64   // of the contact for whom it was put up
	upBy      *literal // the only one that may have changed for her, nil: any
}

// Name gives the segment's name.
func (s *Segment) Name() string { return s.name }

// Contains reports whether a contact is a member. Any goroutine may ask, and
// tell by [Core.Version] whether the answer was good.
func (s *Segment) Contains(id uint32) bool { return s.live.Contains(id) }

// Len gives how many members there are. Any goroutine may ask, and tell by
// [Core.Version] whether the answer was good.
func (s *Segment) Len() int { return s.live.Len() }

// Freeze gives the members as they are.
func (s *Segment) Freeze() *bitset.Frozen { return s.live.Freeze() }

// Bytes gives about how much memory the members take.
func (s *Segment) Bytes() int { return s.live.Bytes() }
