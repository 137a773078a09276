package agenda

import (
	"slices"
	"unsafe"
)

const (
	pageBits  = 10
	pageSize  = 1 << pageBits
	blockBits = 10 // pages per block
	blockSize = 1 << blockBits

	// A page with more entries than this is a plain array.
	fewMost = pageSize / 8
)

// instants holds one instant per contact, None for the others. Contacts that
// wait in one place cost eight bytes each; few among many cost ten and a part
// of the tables above them.
type instants struct {
	blocks []*block
	count  int
}

type block [blockSize]*page

// page holds the instants of 1,024 ids: all of them, or those that are not
// None, in the order of the ids.
type page struct {
	all  *[pageSize]int64
	ids  []uint16
	at   []int64 // of ids
	used int
}

func (s *instants) get(contact uint32) int64 {
	if p := s.page(contact); p != nil {
		return p.get(contact & (pageSize - 1))
	}
	return None
}

// lower makes the instant that of the contact if it is earlier than hers, and
// gives what hers was.
func (s *instants) lower(contact uint32, at int64) int64 {
	low := contact & (pageSize - 1)
	p := s.page(contact)
	if p == nil {
		s.add(contact, &page{ids: []uint16{uint16(low)}, at: []int64{at}, used: 1})
		s.count++
		return None
	}
	before := p.lower(low, at)
	if before == None {
		s.count++
	}
	return before
}

// put makes the instant that of a contact who has a place.
func (s *instants) put(contact uint32, at int64) {
	p, low := s.page(contact), contact&(pageSize-1)
	if p.all != nil {
		p.all[low] = at
		return
	}
	i, _ := slices.BinarySearch(p.ids, uint16(low))
	p.at[i] = at
}

// clear takes the instant of a contact, who has one, away.
func (s *instants) clear(contact uint32) {
	p, low := s.page(contact), contact&(pageSize-1)
	s.count--
	if p.used--; p.used == 0 {
		s.blocks[contact>>(pageBits+blockBits)][contact>>pageBits%blockSize] = nil
		return
	}
	if p.all != nil {
		p.all[low] = None
		return
	}
	i, _ := slices.BinarySearch(p.ids, uint16(low))
	p.ids = slices.Delete(p.ids, i, i+1)
	p.at = slices.Delete(p.at, i, i+1)
}

func (s *instants) page(contact uint32) *page {
	b := contact >> (pageBits + blockBits)
	if int(b) >= len(s.blocks) || s.blocks[b] == nil {
		return nil
	}
	return s.blocks[b][contact>>pageBits%blockSize]
}

func (s *instants) add(contact uint32, p *page) {
	b := int(contact >> (pageBits + blockBits))
	if b >= len(s.blocks) {
		s.blocks = append(s.blocks, make([]*block, b+1-len(s.blocks))...)
	}
	if s.blocks[b] == nil {
		s.blocks[b] = new(block)
	}
	s.blocks[b][contact>>pageBits%blockSize] = p
}

// each visits the instants there are, in ascending order of the contacts.
func (s *instants) each(visit func(contact uint32, at int64)) {
	for b, pages := range s.blocks {
		if pages == nil {
			continue
		}
		for i, p := range pages {
			if p != nil {
				p.each(uint32(b<<blockBits|i)<<pageBits, visit)
			}
		}
	}
}

func (p *page) each(base uint32, visit func(contact uint32, at int64)) {
	if p.all != nil {
		for low, at := range p.all {
			if at != None {
				visit(base|uint32(low), at)
			}
		}
		return
	}
	for i, low := range p.ids {
		visit(base|uint32(low), p.at[i])
	}
}

func (s *instants) bytes() int {
	if s == nil {
		return 0
	}
	n := int(unsafe.Sizeof(*s)) + 8*cap(s.blocks)
	for _, b := range s.blocks {
		if b == nil {
			continue
		}
		n += int(unsafe.Sizeof(*b))
		for _, p := range b {
			if p == nil {
				continue
			}
			n += int(unsafe.Sizeof(*p)) + 2*cap(p.ids) + 8*cap(p.at)
			if p.all != nil {
				n += int(unsafe.Sizeof(*p.all))
			}
		}
	}
	return n
}

func (p *page) get(low uint32) int64 {
	if p.all != nil {
		return p.all[low]
	}
	if i, found := slices.BinarySearch(p.ids, uint16(low)); found {
		return p.at[i]
	}
	return None
}

func (p *page) lower(low uint32, at int64) int64 {
	if p.all == nil {
		i, found := slices.BinarySearch(p.ids, uint16(low))
		if found {
			before := p.at[i]
			p.at[i] = min(before, at)
			return before
		}
		if len(p.ids) < fewMost {
			p.ids, p.at = slices.Insert(p.ids, i, uint16(low)), slices.Insert(p.at, i, at)
			p.used++
			return None
		}
		p.spread()
	}
	before := p.all[low]
	if before == None {
		p.used++
	}
	p.all[low] = min(before, at)
	return before
}

func (p *page) spread() {
	p.all = new([pageSize]int64)
	for i := range p.all {
		p.all[i] = None
	}
	for i, low := range p.ids {
		p.all[low] = p.at[i]
	}
	p.ids, p.at = nil, nil
}
