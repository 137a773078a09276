package columns

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// row is one event on its way into or out of a stream. Cells of texts are
// held in the dictionaries once they are in the stream.
type row struct {
	time   int64
	cells  []cell
	id     uint32 // of names
	origin uint32
}

// cellsOf gives the cells of an event. With hold the texts in it are held;
// without, it reports false when one of them is nobody's, so that no row can
// be equal.
func (s *Stream) cellsOf(e *audience.Event, hold bool) ([]cell, bool) {
	s.scratch = s.scratch[:0]
	found := true
	for i := range s.props {
		c, ok := s.table.cellOf(e.Prop(s.props[i].id), s.props[i].typ, hold)
		s.scratch = append(s.scratch, c)
		found = found && ok
	}
	return s.scratch, found
}

// cellOf gives a value as a cell of a column of a type. It reports false only
// without hold, for a text that is nobody's.
func (t *Table) cellOf(v audience.Value, typ audience.Type, hold bool) (cell, bool) {
	switch typ {
	case audience.TypeDouble:
		f, ok := v.Double()
		return cell{math.Float64bits(f), ok}, true
	case audience.TypeString:
		if text, ok := v.Str(); ok {
			return t.texts.cell(text, hold)
		}
		return cell{}, true
	case audience.TypeStringList:
		if items, ok := v.StringList(); ok {
			return t.sets.cell(encodeSet(items), hold)
		}
		return cell{}, true
	case audience.TypeDate: // two days may begin at one instant, where a zone left one out
		d, ok := v.Date()
		return cell{uint64(d), ok}, true
	case audience.TypeInt, audience.TypeBool, audience.TypeTimestamp:
		n, ok := t.intOf(v)
		return cell{uint64(n), ok}, true
	default: // the schema has no such thing
		return cell{}, true
	}
}

func (d *dictionary) cell(text string, hold bool) (cell, bool) {
	if hold {
		return cell{uint64(d.hold(text)), true}, true
	}
	code, ok := d.find(text)
	return cell{uint64(code), true}, ok
}

// intOf gives an int, a bool, or the instant of a timestamp or a date.
func (t *Table) intOf(v audience.Value) (int64, bool) {
	switch v.Type() {
	case audience.TypeInt:
		return v.Int()
	case audience.TypeBool:
		b, ok := v.Bool()
		if b {
			return 1, ok
		}
		return 0, ok
	case audience.TypeTimestamp:
		at, ok := v.Timestamp()
		return audience.Micros(at), ok
	case audience.TypeDate:
		d, _ := v.Date()
		at, ok := t.calendar.StartOfDate(d)
		if !ok {
			return 0, false
		}
		return audience.Micros(at), true
	default:
		return 0, false
	}
}

// release lets go of the texts in cells.
func (s *Stream) release(cells []cell) {
	for i, c := range cells {
		s.releaseCode(i, uint32(c.bits))
	}
}

// insert adds an event to a contact, behind those of the same instant unless
// their ids say otherwise.
func (s *Stream) insert(id uint32, e *audience.Event) error {
	p := s.own(id)
	low := id & (pageSize - 1)
	start, n := p.at(low)
	at, origin := audience.Micros(e.Time), uint32(e.Origin)
	i := s.place(p, id, start, n, at, e.ID, origin)
	start, err := p.resize(p, low, n+1)
	if err != nil {
		return err
	}
	p.move(start+i, start+i+1, n-i)
	r := row{time: at, origin: origin}
	r.cells, _ = s.cellsOf(e, true)
	if s.ids != nil {
		r.id = s.ids.add(e.ID)
	}
	p.write(start+i, r)
	if origins, ok := s.origins[id]; ok {
		s.origins[id] = slices.Insert(origins, int(i), origin)
	}
	return nil
}

// place gives where an event belongs among the rows of a contact.
func (s *Stream) place(p *streamPage, id, start, n uint32, at int64, eventID string, origin uint32) uint32 {
	if n == 0 || p.times[start+n-1] < at {
		return n
	}
	if s.ids == nil {
		return uint32(sort.Search(int(n), func(k int) bool { return p.times[start+uint32(k)] > at }))
	}
	return uint32(sort.Search(int(n), func(k int) bool {
		return s.compare(p, id, start, uint32(k), at, eventID, origin) > 0
	}))
}

// compare compares a row with an event, in the order of events.
func (s *Stream) compare(p *streamPage, id, start, k uint32, at int64, eventID string, origin uint32) int {
	if c := cmp.Compare(p.times[start+k], at); c != 0 {
		return c
	}
	if c := strings.Compare(s.ids.texts[p.ids[start+k]], eventID); c != 0 {
		return c
	}
	return cmp.Compare(s.origin(id, k), origin)
}

// origin gives under whom a row of a contact was written.
func (s *Stream) origin(id, k uint32) uint32 {
	if origins, ok := s.origins[id]; ok {
		return origins[k]
	}
	return id
}

// remove takes an event from a contact. Of several rows that say the same it
// takes any. It reports whether there was one.
func (s *Stream) remove(id uint32, e *audience.Event) bool {
	p, start, n := s.at(id)
	if n == 0 {
		return false
	}
	cells, ok := s.cellsOf(e, false)
	if !ok {
		return false
	}
	at, origin := audience.Micros(e.Time), uint32(e.Origin)
	k := uint32(sort.Search(int(n), func(k int) bool { return p.times[start+uint32(k)] >= at }))
	for ; k < n && p.times[start+k] == at; k++ {
		if s.origin(id, k) != origin || s.ids != nil && s.ids.texts[p.ids[start+k]] != e.ID {
			continue
		}
		if !p.has(start+k, cells) {
			continue
		}
		s.removeAt(p, id, start, k, n)
		return true
	}
	return false
}

func (s *Stream) removeAt(p *streamPage, id, start, k, n uint32) {
	s.release(p.cells(start+k, s.scratch[:0]))
	if s.ids != nil {
		s.ids.remove(p.ids[start+k])
	}
	p.move(start+k+1, start+k, n-k-1)
	if origins, ok := s.origins[id]; ok {
		s.origins[id] = slices.Delete(origins, int(k), int(k)+1)
	}
	_, _ = p.resize(p, id&(pageSize-1), n-1) // it never needs more room than there was
}

// write stores a row.
func (p *streamPage) write(at uint32, r row) {
	p.times[at] = r.time
	for k := range p.props {
		p.props[k].put(at, r.cells[k])
	}
	if p.named {
		p.ids[at] = r.id
	}
}

func (p *streamPage) cells(at uint32, into []cell) []cell {
	for k := range p.props {
		into = append(into, p.props[k].get(at))
	}
	return into
}

func (p *streamPage) has(at uint32, cells []cell) bool {
	for k := range p.props {
		if p.props[k].get(at) != cells[k] {
			return false
		}
	}
	return true
}

// take takes all rows from a contact; what they hold stays held.
func (s *Stream) take(id uint32) []row {
	p, start, n := s.at(id)
	if n == 0 {
		delete(s.origins, id)
		return nil
	}
	out := make([]row, n)
	for k := range n {
		out[k] = row{time: p.times[start+k], cells: p.cells(start+k, nil), origin: s.origin(id, k)}
		if p.named {
			out[k].id = p.ids[start+k]
		}
	}
	_, _ = p.resize(p, id&(pageSize-1), 0)
	delete(s.origins, id)
	return out
}

// give gives rows to a contact who has none. Of a merged one it remembers the
// origins.
func (s *Stream) give(id uint32, rows []row, merged bool) error {
	if merged {
		if s.origins == nil {
			s.origins = make(map[uint32][]uint32)
		}
		origins := make([]uint32, len(rows))
		for k := range rows {
			origins[k] = rows[k].origin
		}
		s.origins[id] = origins
	}
	if len(rows) == 0 {
		return nil
	}
	p := s.own(id)
	start, err := p.resize(p, id&(pageSize-1), uint32(len(rows)))
	if err != nil {
		return err
	}
	for k := range rows {
		p.write(start+uint32(k), rows[k])
	}
	return nil
}

// sort puts rows in the order of events.
func (s *Stream) sort(rows []row) {
	slices.SortStableFunc(rows, func(a, b row) int {
		if c := cmp.Compare(a.time, b.time); c != 0 || s.ids == nil {
			return c
		}
		if c := strings.Compare(s.ids.texts[a.id], s.ids.texts[b.id]); c != 0 {
			return c
		}
		return cmp.Compare(a.origin, b.origin)
	})
}

// merge puts the rows of a loser under the winner.
func (s *Stream) merge(winner, loser uint32) error {
	rows := append(s.take(winner), s.take(loser)...)
	s.sort(rows)
	return s.give(winner, rows, true)
}

// unmerge gives the rows of some origins to the loser again.
func (s *Stream) unmerge(winner, loser uint32, origins []uint32, winnerMerged bool) error {
	var stay, back []row
	for _, r := range s.take(winner) {
		if slices.Contains(origins, r.origin) {
			back = append(back, r)
		} else {
			stay = append(stay, r)
		}
	}
	if err := s.give(winner, stay, winnerMerged); err != nil {
		return err
	}
	return s.give(loser, back, len(origins) > 1)
}

// forget drops all events of a contact.
func (s *Stream) forget(id uint32) {
	for _, r := range s.take(id) {
		s.release(r.cells)
		if s.ids != nil {
			s.ids.remove(r.id)
		}
	}
}

// load gives a contact who has no events those of a profile, which are in
// order.
func (s *Stream) load(id uint32, events []audience.Event, merged bool) error {
	if merged {
		if s.origins == nil {
			s.origins = make(map[uint32][]uint32)
		}
		origins := make([]uint32, len(events))
		for k := range events {
			origins[k] = uint32(events[k].Origin)
		}
		s.origins[id] = origins
	}
	if len(events) == 0 {
		return nil
	}
	p := s.own(id)
	p.bulk = true
	start, err := p.resize(p, id&(pageSize-1), uint32(len(events)))
	if err != nil {
		return err
	}
	for k := range events {
		r := row{time: audience.Micros(events[k].Time)}
		r.cells, _ = s.cellsOf(&events[k], true)
		if s.ids != nil {
			r.id = s.ids.add(events[k].ID)
		}
		p.write(start+uint32(k), r)
	}
	return nil
}

// same reports whether two events, either nil, look the same in the stream.
func (s *Stream) same(a, b *audience.Event) bool {
	if a == nil || b == nil {
		return a == b
	}
	if !a.Time.Equal(b.Time) || a.Origin != b.Origin || s.ids != nil && a.ID != b.ID {
		return false
	}
	for i := range s.props {
		if !a.Prop(s.props[i].id).Equal(b.Prop(s.props[i].id)) {
			return false
		}
	}
	return true
}
