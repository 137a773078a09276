package live

import (
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/agenda"
	"github.com/audiencekit/audiencekit/segment/internal/bitset"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
	"github.com/audiencekit/audiencekit/segment/internal/timeorder"
)

// Basis is what a core holds of some segments beside the columns, as it was
// when it was taken: enough to see what time alone will do, up to an instant,
// while the core goes on.
type Basis struct {
	table      *columns.Table
	calendar   audience.Calendar
	now, until int64

	segments   []basisSegment // each after those that it names
	standings  []basisStanding
	arrivals   map[string][]agenda.Entry
	suppressed []agenda.Entry
}

type basisSegment struct {
	name    string
	program *celenv.Program
	names   []string
	members *bitset.Frozen
	due     []agenda.Entry
}

type basisStanding struct {
	key   string
	fold  func(*audience.History, int64) audience.Standing
	pages []*[pageSize]uint8
	due   []agenda.Entry
}

// Basis takes the basis for the segments of some names, and for those that
// they name. It copies no members, of the standings a byte per contact, and
// what is due up to until.
func (c *Core) Basis(names []string, until int64) *Basis {
	b := &Basis{table: c.table, calendar: c.calendar, now: c.now, until: until, arrivals: map[string][]agenda.Entry{}}
	due := func(s agenda.Source) (out []agenda.Entry) {
		c.agenda.Each(s, until, func(contact uint32, at int64) { out = append(out, agenda.Entry{Contact: contact, At: at}) })
		return out
	}
	for _, s := range c.withNamed(names) {
		x := basisSegment{name: s.name, program: s.program, names: s.names, members: s.live.Freeze()}
		if s.rowwise != 0 {
			x.due = due(s.rowwise)
		}
		b.segments = append(b.segments, x)
	}
	for key, f := range c.standings {
		x := basisStanding{key: key, fold: f.fold, pages: make([]*[pageSize]uint8, len(f.pages)), due: due(f.source)}
		for i, page := range f.pages {
			if page != nil {
				clone := *page
				x.pages[i] = &clone
			}
		}
		b.standings = append(b.standings, x)
	}
	for eventType, a := range c.arrivals {
		b.arrivals[eventType] = due(a.source)
	}
	b.suppressed = due(c.suppression.source)
	return b
}

// withNamed gives the segments of some names and those that they name in
// turn, each after those that it names.
func (c *Core) withNamed(names []string) []*Segment {
	wanted := map[*Segment]bool{}
	for _, name := range names {
		wanted[c.byName[name]] = true
	}
	var out []*Segment
	for _, s := range slices.Backward(c.segments) {
		if !wanted[s] {
			continue
		}
		out = append(out, s)
		for _, m := range s.program.Segments() {
			wanted[c.byName[s.names[m.Segment]]] = true
		}
	}
	slices.Reverse(out)
	return out
}

// Fork makes a core that goes on from the basis by itself: settling it up to
// the basis' until tells what time alone will do. The table must not be
// written until the fork is forgotten; others may read it. Making it costs
// going through the contacts once for each order of contacts, sorting those
// whose turn comes up to until.
func (b *Basis) Fork() *Core {
	f := New(b.table, b.calendar, b.now)
	for _, x := range b.standings {
		f.standings[x.key] = &standing{key: x.key, fold: x.fold, pages: x.pages}
	}
	d := &Draft{core: f, index: newIndex(), standings: map[string]*standing{}}
	for rank, x := range b.segments {
		s := &Segment{name: x.name, rank: uint32(rank), program: x.program, names: x.names, core: f}
		f.byName[x.name] = s
		k := compiler{core: f, index: d.index, draft: d, find: func(place int) *Segment { return f.byName[x.names[place]] }}
		s.root = k.compile(x.program.Formula(), false)
		var scratch bitset.Words
		for page := range x.members.Pages() {
			if in := x.members.Page(page, &scratch); in != nil {
				s.live.SetPage(page, in)
			}
		}
		if hasRowwise(s.root) {
			s.rowwise = f.open(s)
			f.await(s.rowwise, x.due)
		}
		f.segments = append(f.segments, s)
	}
	f.index = d.index
	f.arrange()
	for _, x := range b.standings {
		if f.index.gauges[x.key] == nil {
			delete(f.standings, x.key)
			continue
		}
		s := f.standings[x.key]
		s.source = f.open(s)
		f.await(s.source, x.due)
	}
	for eventType := range f.index.events {
		a := &arrivals{eventType: eventType, stream: f.table.Stream(eventType)}
		a.source = f.open(a)
		f.arrivals[eventType] = a
		f.await(a.source, b.arrivals[eventType])
	}
	if len(f.index.suppressed.gauges) > 0 {
		f.await(f.suppression.source, b.suppressed)
	}
	for _, o := range f.index.orders {
		b.sortOrder(f, o)
	}
	f.earliest.Store(min(f.agenda.Earliest(), f.dueAt()))
	return f
}

// await queues what is due.
func (c *Core) await(s agenda.Source, due []agenda.Entry) {
	for i := range due {
		due[i].Source = s
	}
	c.agenda.SetMany(due)
}

// sortOrder sorts those contacts whom a cursor of the order passes up to
// until.
func (b *Basis) sortOrder(f *Core, o *order) {
	lo, hi := int64(most), int64(least)
	cursors := slices.Concat(o.fixed, o.calendar)
	for _, cur := range cursors {
		lo, hi = min(lo, cur.at(f, b.now)), max(hi, cur.at(f, b.until))
	}
	o.sorted = timeorder.New(func(id uint32) (int64, bool) { return o.feature.value(f, id, f.now) })
	o.sorted.Build(func(yield func(id uint32, v int64) bool) {
		for id := range f.table.Presence().All {
			if v, ok := o.feature.value(f, id, b.now); ok && lo < v && v <= hi && !yield(id, v) {
				return
			}
		}
	})
	for _, cur := range cursors {
		cur.advanced(f)
	}
}
