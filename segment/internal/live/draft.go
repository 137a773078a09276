package live

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/bitset"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
)

// Definition says what a segment is to be.
type Definition struct {
	Name    string
	Program *celenv.Program
	Names   []string // what the program's places of segments mean
}

// Draft is a change of the segments that was worked out and not published.
// Nothing else may be called on the core between [Core.Draft] and
// [Draft.Publish] or [Draft.Drop].
type Draft struct {
	core      *Core
	index     *index
	segments  []*Segment // all there will be, each after those that it names
	roots     map[*Segment]node
	defined   map[*Segment]Definition // those defined anew
	removed   []*Segment
	dirty     []*Segment // whose members were evaluated, in that order
	scratch   map[*Segment]*drafted
	current   *drafted
	standings map[string]*standing
	saved     map[string]*savedStanding // of which there may be use
}

// drafted is a segment whose members were evaluated.
type drafted struct {
	fresh     pages
	deadlines []deadline
}

type deadline struct {
	id uint32
	at int64
}

func (d *Draft) deadline(id uint32, at int64) {
	d.current.deadlines = append(d.current.deadlines, deadline{id, at})
}

// Draft works out what it means to define some segments, anew or for the first
// time, and to remove others. The columns that they read must be there. The
// definitions must name nothing that will not be there, and no cycle.
func (c *Core) Draft(put []Definition, remove []string) (*Draft, error) {
	d, err := c.begun(put, remove, nil)
	if err != nil {
		return nil, err
	}
	d.evaluate()
	if err := c.failed; err != nil {
		d.Drop()
		return nil, err
	}
	return d, nil
}

// begun makes a draft that is compiled and not evaluated. Standings that were
// saved are taken over.
func (c *Core) begun(put []Definition, remove []string, saved []savedStanding) (*Draft, error) {
	d := &Draft{
		core: c, index: newIndex(), roots: map[*Segment]node{}, defined: map[*Segment]Definition{},
		scratch: map[*Segment]*drafted{}, standings: map[string]*standing{},
	}
	byName := maps.Clone(c.byName)
	for _, name := range remove {
		if s := byName[name]; s != nil {
			d.removed = append(d.removed, s)
			delete(byName, name)
		}
	}
	for _, def := range put {
		s := byName[def.Name]
		if s == nil {
			s = &Segment{name: def.Name, core: c}
			byName[def.Name] = s
			if i := slices.IndexFunc(d.removed, func(o *Segment) bool { return o.name == def.Name }); i >= 0 {
				s = d.removed[i]
				d.removed = slices.Delete(d.removed, i, i+1)
				byName[def.Name] = s
			}
		}
		d.defined[s] = def
	}
	if err := d.sort(byName); err != nil {
		return nil, err
	}
	c.draft = d
	c.failed = nil
	c.changes++
	c.epoch++ // flips of the last contact decided are those of others now
	d.restoreStandings(saved)
	d.compile(byName)
	return d, nil
}

// Preview works out who would be in one more segment, which no segment names
// and which is never published: the draft is only good for [Draft.Members] and
// [Draft.Drop]. It costs nothing for the other segments.
func (c *Core) Preview(def Definition) (*Draft, error) {
	s := &Segment{name: def.Name, core: c}
	d := &Draft{
		core: c, index: newIndex(), roots: map[*Segment]node{}, defined: map[*Segment]Definition{s: def},
		segments: []*Segment{s}, dirty: []*Segment{s}, scratch: map[*Segment]*drafted{}, standings: map[string]*standing{},
	}
	c.draft = d
	c.failed = nil
	c.changes++
	c.epoch++
	d.compile(c.byName)
	d.evaluate()
	if err := c.failed; err != nil {
		d.Drop()
		return nil, err
	}
	return d, nil
}

// definition gives what a segment will be.
func (d *Draft) definition(s *Segment) Definition {
	if def, ok := d.defined[s]; ok {
		return def
	}
	return Definition{Name: s.name, Program: s.program, Names: s.names}
}

// sort puts all segments in an order in which each comes after those that it
// names, by name where that leaves a choice, and finds those whose members
// have to be worked out: what is defined anew, and what names one of these.
func (d *Draft) sort(byName map[string]*Segment) error {
	names := slices.Sorted(maps.Keys(byName))
	waits := make(map[*Segment]int, len(names))
	namers := map[*Segment][]*Segment{}
	var ready []*Segment
	for _, name := range names {
		s := byName[name]
		def := d.definition(s)
		for _, m := range def.Program.Segments() {
			n := byName[def.Names[m.Segment]]
			if n == nil {
				return fmt.Errorf("segment %q names one that is not there", name)
			}
			waits[s]++
			namers[n] = append(namers[n], s)
		}
		if waits[s] == 0 {
			ready = append(ready, s)
		}
	}
	dirty := map[*Segment]bool{}
	for len(ready) > 0 {
		s := ready[0]
		ready = ready[1:]
		d.segments = append(d.segments, s)
		if _, anew := d.defined[s]; anew {
			dirty[s] = true
		}
		if dirty[s] {
			d.dirty = append(d.dirty, s)
		}
		for _, n := range namers[s] {
			dirty[n] = dirty[n] || dirty[s]
			if waits[n]--; waits[n] == 0 {
				ready = append(ready, n)
			}
		}
	}
	if len(d.segments) != len(names) {
		return errors.New("segments name each other in a circle")
	}
	return nil
}

func (d *Draft) compile(byName map[string]*Segment) {
	for _, s := range d.segments {
		def := d.definition(s)
		k := compiler{core: d.core, index: d.index, draft: d, find: func(place int) *Segment { return byName[def.Names[place]] }}
		d.roots[s] = k.compile(def.Program.Formula(), false)
	}
}

// standing gives the standing of a key, folding every ledger when it is new
// and was not saved.
func (d *Draft) standing(key string, fold func(*audience.History, int64) audience.Standing) *standing {
	c := d.core
	f := c.standings[key]
	if f == nil {
		f = d.standings[key]
	}
	if f == nil {
		f = &standing{key: key, fold: fold}
		f.source = c.open(f)
		d.standings[key] = f
		if saved := d.saved[key]; saved != nil {
			f.restore(c, saved)
		} else {
			f.refreshAll(c)
		}
	}
	return f
}

// evaluate works the members out of all that are dirty, page by page.
func (d *Draft) evaluate() {
	c := d.core
	present := c.table.Presence()
	for _, s := range d.dirty {
		d.current = &drafted{}
		d.scratch[s] = d.current
		for page := range present.Pages() {
			there := present.Page(page)
			if there == nil {
				d.current.fresh = append(d.current.fresh, nil)
				continue
			}
			in := words(*there)
			d.roots[s].filter(c, page, &in)
			d.current.fresh = append(d.current.fresh, &in)
			if c.failed != nil {
				return
			}
		}
		s.fresh = &d.current.fresh
	}
}

// Moves gives who enters and leaves, in order of segment name and contact.
// Members of removed segments leave them.
func (d *Draft) Moves() []Move {
	var out []Move
	for _, s := range d.dirty {
		out = append(out, d.movesOf(s)...)
	}
	for _, s := range d.removed {
		for id := range s.live.Freeze().All() {
			out = append(out, Move{Segment: s, Contact: id, Causes: CauseDefinition})
		}
	}
	slices.SortFunc(out, func(a, b Move) int {
		return cmp.Or(strings.Compare(a.Segment.name, b.Segment.name), cmp.Compare(a.Contact, b.Contact))
	})
	return out
}

func (d *Draft) movesOf(s *Segment) []Move {
	var out []Move
	var scratch bitset.Words
	fresh := d.scratch[s].fresh
	for page := range max(len(fresh), s.live.Pages()) {
		var before, after words
		if in := s.live.Page(page, &scratch); in != nil {
			before = *in
		}
		if page < len(fresh) && fresh[page] != nil {
			after = *fresh[page]
		}
		for i := range after {
			for rest := before[i] ^ after[i]; rest != 0; rest &= rest - 1 {
				bit := lowest(rest)
				id := uint32(page<<16 | i<<6 | bit)
				out = append(out, Move{Segment: s, Contact: id, Entered: after[i]&(1<<bit) != 0, Causes: CauseDefinition})
			}
		}
	}
	return out
}

// Members visits who will be in a segment that was worked out, in ascending
// order, until visit says stop; false when it was not.
func (d *Draft) Members(name string, visit func(id uint32) bool) bool {
	for s, w := range d.scratch {
		if s.name == name {
			w.fresh.each(visit)
			return true
		}
	}
	return false
}

// each visits the members in ascending order until visit says stop.
func (p pages) each(visit func(id uint32) bool) {
	for page, in := range p {
		if in == nil {
			continue
		}
		for i, w := range in {
			for ; w != 0; w &= w - 1 {
				if !visit(uint32(page<<16 | i<<6 | lowest(w))) {
					return
				}
			}
		}
	}
}

// Drop forgets the draft.
func (d *Draft) Drop() {
	c := d.core
	for _, s := range d.dirty {
		s.fresh = nil
	}
	for _, f := range d.standings {
		c.close(f.source)
	}
	c.draft, c.failed = nil, nil
	c.earliest.Store(min(c.agenda.Earliest(), c.dueAt()))
}
