package columns

import (
	"math"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// Stream holds the events of one type that count, without those taken back,
// per contact in order of time. What was written under contacts who were
// merged stands under who they are now. Slices that it gives are valid until
// the next write and not to be changed.
type Stream struct {
	needs EventNeeds
	props []streamProp
	pages []*streamPage
	// origins tells, of merged contacts, under whom each row was written.
	origins map[uint32][]uint32
	ids     *names // of the events, when their order within an instant matters
	table   *Table
	scratch []cell
}

type streamProp struct {
	id  audience.PropID
	typ audience.Type
}

// streamPage has the rows of 65,536 contacts.
type streamPage struct {
	blocks
	times []int64
	props []propRows
	ids   []uint32
	named bool // rows have ids
}

// propRows has the values of one property; which member, its type says.
type propRows struct {
	floats []float64
	ints   []int64
	known  []bool
	codes  []uint32
}

// cell is one value: bits of a double, an int, or a number of a dictionary.
type cell struct {
	bits  uint64
	known bool
}

func newStream(t *Table, needs EventNeeds) *Stream {
	s := &Stream{needs: needs, table: t}
	if needs.Ordered {
		s.ids = &names{}
	}
	eventType, _ := t.schema.EventNamed(needs.Type)
	for _, id := range needs.Props {
		prop := streamProp{id: id}
		for _, p := range eventType.Props {
			if p.ID == id {
				prop.typ = p.Type
			}
		}
		s.props = append(s.props, prop)
	}
	return s
}

// Len gives the number of events of a contact.
func (s *Stream) Len(id uint32) int {
	_, _, n := s.at(id)
	return int(n)
}

// Times gives the instants of the events of a contact, in order.
func (s *Stream) Times(id uint32) []int64 {
	p, start, n := s.at(id)
	if n == 0 {
		return nil
	}
	return p.times[start : start+n : start+n]
}

// Floats gives a property of type double of each event, NaN where an event
// has none; nil for a property of another type or that is not kept.
func (s *Stream) Floats(prop audience.PropID, id uint32) []float64 {
	p, start, n := s.at(id)
	if k := s.propAt(prop); n > 0 && k >= 0 && p.props[k].floats != nil {
		return p.props[k].floats[start : start+n : start+n]
	}
	return nil
}

// Ints gives a property of each event that is an int, a bool (0 or 1), a
// timestamp (microseconds) or a date (days, as [audience.Date] counts them),
// and whether the event has it; nil for a property of another type or that is
// not kept.
func (s *Stream) Ints(prop audience.PropID, id uint32) (values []int64, known []bool) {
	p, start, n := s.at(id)
	if k := s.propAt(prop); n > 0 && k >= 0 && p.props[k].ints != nil {
		return p.props[k].ints[start : start+n : start+n], p.props[k].known[start : start+n : start+n]
	}
	return nil, nil
}

// Codes gives a property of each event that is a string, by [Table.Text], or
// a list of strings, by [Table.Set]; 0 where an event has none; nil for a
// property of another type or that is not kept.
func (s *Stream) Codes(prop audience.PropID, id uint32) []uint32 {
	p, start, n := s.at(id)
	if k := s.propAt(prop); n > 0 && k >= 0 && p.props[k].codes != nil {
		return p.props[k].codes[start : start+n : start+n]
	}
	return nil
}

// Pages gives how many pages of 65,536 ids there are, nil ones counted.
func (s *Stream) Pages() int { return len(s.pages) }

// Page gives, by the low bits of ids, where the events of the contacts of a
// page begin in the arrays of the page and how many they are, and the array
// of their instants. There may be fewer starts and lens than ids: the rest
// has no events.
func (s *Stream) Page(i int) (starts, lens []uint32, times []int64) {
	if p := s.page(i); p != nil {
		return p.starts, p.lens, p.times
	}
	return nil, nil, nil
}

// FloatsPage gives the array of a property of type double, as [Stream.Page].
func (s *Stream) FloatsPage(prop audience.PropID, i int) []float64 {
	if p, k := s.page(i), s.propAt(prop); p != nil && k >= 0 {
		return p.props[k].floats
	}
	return nil
}

// IntsPage gives the arrays of a property of the types of [Stream.Ints].
func (s *Stream) IntsPage(prop audience.PropID, i int) (values []int64, known []bool) {
	if p, k := s.page(i), s.propAt(prop); p != nil && k >= 0 {
		return p.props[k].ints, p.props[k].known
	}
	return nil, nil
}

// CodesPage gives the array of a property of the types of [Stream.Codes].
func (s *Stream) CodesPage(prop audience.PropID, i int) []uint32 {
	if p, k := s.page(i), s.propAt(prop); p != nil && k >= 0 {
		return p.props[k].codes
	}
	return nil
}

func (s *Stream) page(i int) *streamPage {
	if i < 0 || i >= len(s.pages) {
		return nil
	}
	return s.pages[i]
}

func (s *Stream) at(id uint32) (p *streamPage, start, n uint32) {
	if p = s.page(int(id >> pageBits)); p == nil {
		return nil, 0, 0
	}
	start, n = p.at(id & (pageSize - 1))
	return p, start, n
}

func (s *Stream) propAt(prop audience.PropID) int {
	for i := range s.props {
		if s.props[i].id == prop {
			return i
		}
	}
	return -1
}

// own gives the page of a contact, making it.
func (s *Stream) own(id uint32) *streamPage {
	i := int(id >> pageBits)
	for len(s.pages) <= i {
		s.pages = append(s.pages, nil)
	}
	if s.pages[i] == nil {
		p := &streamPage{props: make([]propRows, len(s.props)), named: s.ids != nil}
		for k := range p.props {
			p.props[k] = newPropRows(s.props[k].typ, 0)
		}
		s.pages[i] = p
	}
	return s.pages[i]
}

// newPropRows makes the array of a property; one of a type that the schema
// does not know has none.
func newPropRows(t audience.Type, size uint32) propRows {
	switch t {
	case audience.TypeDouble:
		return propRows{floats: make([]float64, size)}
	case audience.TypeInt, audience.TypeBool, audience.TypeTimestamp, audience.TypeDate:
		return propRows{ints: make([]int64, size), known: make([]bool, size)}
	case audience.TypeString, audience.TypeStringList:
		return propRows{codes: make([]uint32, size)}
	default:
		return propRows{}
	}
}

// like gives empty rows of the same type.
func (r *propRows) like(size uint32) propRows {
	switch {
	case r.floats != nil:
		return newPropRows(audience.TypeDouble, size)
	case r.ints != nil:
		return newPropRows(audience.TypeInt, size)
	case r.codes != nil:
		return newPropRows(audience.TypeString, size)
	}
	return propRows{}
}

func (r *propRows) copyFrom(o *propRows, from, to, n uint32) {
	switch {
	case r.floats != nil:
		copy(r.floats[to:to+n], o.floats[from:from+n])
	case r.ints != nil:
		copy(r.ints[to:to+n], o.ints[from:from+n])
		copy(r.known[to:to+n], o.known[from:from+n])
	case r.codes != nil:
		copy(r.codes[to:to+n], o.codes[from:from+n])
	}
}

func (r *propRows) put(at uint32, c cell) {
	switch {
	case r.floats != nil:
		r.floats[at] = math.NaN()
		if c.known {
			r.floats[at] = math.Float64frombits(c.bits)
		}
	case r.ints != nil:
		r.ints[at], r.known[at] = int64(c.bits), c.known
	case r.codes != nil:
		r.codes[at] = uint32(c.bits)
	}
}

func (r *propRows) get(at uint32) cell {
	switch {
	case r.floats != nil:
		if f := r.floats[at]; !math.IsNaN(f) {
			return cell{math.Float64bits(f), true}
		}
	case r.ints != nil:
		return cell{uint64(r.ints[at]), r.known[at]}
	case r.codes != nil:
		return cell{uint64(r.codes[at]), r.codes[at] != 0}
	}
	return cell{}
}

func (p *streamPage) renew(size uint32, each func(move func(from, to, n uint32))) {
	times, props := make([]int64, size), make([]propRows, len(p.props))
	for k := range props {
		props[k] = p.props[k].like(size)
	}
	var ids []uint32
	if p.named {
		ids = make([]uint32, size)
	}
	each(func(from, to, n uint32) {
		copy(times[to:to+n], p.times[from:from+n])
		for k := range props {
			props[k].copyFrom(&p.props[k], from, to, n)
		}
		if p.named {
			copy(ids[to:to+n], p.ids[from:from+n])
		}
	})
	p.times, p.props, p.ids = times, props, ids
}

func (p *streamPage) move(from, to, n uint32) {
	copy(p.times[to:to+n], p.times[from:from+n])
	for k := range p.props {
		p.props[k].copyFrom(&p.props[k], from, to, n)
	}
	if p.named {
		copy(p.ids[to:to+n], p.ids[from:from+n])
	}
}

// bytes gives the memory of the stream without dictionaries.
func (s *Stream) bytes() int {
	n := 8 * cap(s.pages)
	for _, p := range s.pages {
		if p == nil {
			continue
		}
		n += p.bytes() + 8*cap(p.times) + 4*cap(p.ids)
		for k := range p.props {
			r := &p.props[k]
			n += 8*(cap(r.floats)+cap(r.ints)) + cap(r.known) + 4*cap(r.codes)
		}
	}
	for _, o := range s.origins {
		n += 40 + 4*cap(o)
	}
	if s.ids != nil {
		n += s.ids.size()
	}
	return n
}

func (s *Stream) trim() {
	for _, p := range s.pages {
		if p != nil {
			p.trim(p)
		}
	}
	s.pages = slices.Clip(s.pages)
}
