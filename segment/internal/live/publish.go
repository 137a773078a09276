package live

import (
	"maps"
	"slices"
)

// Publish makes the segments those of the draft, for all readers at once.
func (d *Draft) Publish() {
	c := d.core
	c.draft = nil
	for _, s := range d.removed {
		if s.rowwise != 0 {
			c.close(s.rowwise)
			s.rowwise = 0
		}
	}
	c.byName = make(map[string]*Segment, len(d.segments))
	c.segments = d.segments
	for rank, s := range d.segments {
		def := d.definition(s)
		s.rank, s.program, s.names, s.root = uint32(rank), def.Program, def.Names, d.roots[s]
		c.byName[s.name] = s
	}
	old := c.index
	c.index = d.index
	c.arrange()
	sorted := d.sortOrders(old)
	d.keepStandings()
	d.keepArrivals()
	d.keepDeadlines()
	sorted()
	d.setCursors()
	d.setMembers()
}

// arrange makes changes find the segments, whose formulas and ranks are there.
func (c *Core) arrange() {
	for place, name := range slices.Sorted(maps.Keys(c.byName)) {
		c.byName[name].place = place
	}
	c.nesting = false
	for _, s := range c.segments {
		s.literals = conjunction(s.root)
		c.nesting = c.nesting || len(s.program.Segments()) > 0
	}
	c.index.connect(c.segments)
}

// conjunction gives the literals of a formula that is nothing but their
// conjunction, nil for any other; one that names segments is left out, since
// their flips come from elsewhere.
func conjunction(root node) []*literal {
	parts, ok := root.(all)
	if !ok {
		return nil
	}
	var out []*literal
	for _, p := range parts {
		l, ok := p.(*literal)
		if !ok || slices.Contains(out, l) {
			return nil
		}
		if _, names := l.test.(*memberTest); names {
			return nil
		}
		out = append(out, l)
	}
	return out
}

// keepStandings lets go of the standings that nothing reads any more.
func (d *Draft) keepStandings() {
	c := d.core
	maps.Copy(c.standings, d.standings)
	for key, f := range c.standings {
		if c.index.gauges[key] == nil {
			c.close(f.source)
			delete(c.standings, key)
		}
	}
}

// keepArrivals expects the events ahead of the types that something reads.
func (d *Draft) keepArrivals() {
	c := d.core
	for eventType, a := range c.arrivals {
		if c.index.events[eventType] == nil {
			c.close(a.source)
			delete(c.arrivals, eventType)
		}
	}
	for eventType := range c.index.events {
		stream := c.table.Stream(eventType)
		if a := c.arrivals[eventType]; a != nil && a.stream == stream {
			continue
		} else if a != nil {
			c.close(a.source)
		}
		a := &arrivals{eventType: eventType, stream: stream}
		a.source = c.open(a)
		c.arrivals[eventType] = a
		a.expectAll(c)
	}
	if len(c.index.suppressed.gauges) > 0 {
		c.suppression.refreshAll(c)
	}
}

// keepDeadlines queues what was found while the members were worked out.
func (d *Draft) keepDeadlines() {
	c := d.core
	for _, s := range d.dirty {
		s.fresh = nil
		if s.rowwise != 0 {
			c.close(s.rowwise)
			s.rowwise = 0
		}
		if !hasRowwise(s.root) {
			continue
		}
		s.rowwise = c.open(s)
		c.agenda.SetMany(entriesOf(s.rowwise, d.scratch[s].deadlines))
	}
}

func hasRowwise(root node) bool {
	found := false
	root.each(func(leaf node) {
		if _, ok := leaf.(*rowwise); ok {
			found = true
		}
	})
	return found
}

func (d *Draft) setMembers() {
	c := d.core
	earliest := min(c.agenda.Earliest(), c.dueAt())
	c.version.Add(1)
	for _, s := range d.removed {
		for page := range s.live.Pages() {
			s.live.SetPage(page, new([1024]uint64))
		}
	}
	for _, s := range d.dirty {
		fresh := d.scratch[s].fresh
		for page := range max(len(fresh), s.live.Pages()) {
			in := new(words)
			if page < len(fresh) && fresh[page] != nil {
				in = fresh[page]
			}
			s.live.SetPage(page, (*[1024]uint64)(in))
		}
	}
	c.earliest.Store(earliest)
	c.version.Add(1)
}
