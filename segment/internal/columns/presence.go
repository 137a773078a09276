package columns

import "math/bits"

// Presence is a set of contacts in pages of 65,536 ids.
type Presence struct {
	pages []*[pageWords]uint64
	count int
}

// Len gives the number of contacts.
func (p *Presence) Len() int { return p.count }

// Pages gives how many pages there are, nil ones counted.
func (p *Presence) Pages() int { return len(p.pages) }

// Page gives the words of a page, nil if nobody was ever in it. It is valid
// until the next write and not to be changed.
func (p *Presence) Page(i int) *[pageWords]uint64 {
	if i < 0 || i >= len(p.pages) {
		return nil
	}
	return p.pages[i]
}

// Contains reports whether a contact is in the set.
func (p *Presence) Contains(id uint32) bool {
	page, low := p.Page(int(id>>pageBits)), id&(pageSize-1)
	return page != nil && page[low/64]>>(low%64)&1 != 0
}

// All gives the contacts in ascending order.
func (p *Presence) All(yield func(uint32) bool) {
	for i, page := range p.pages {
		if page == nil {
			continue
		}
		for w, word := range page {
			for ; word != 0; word &= word - 1 {
				if !yield(uint32(i<<pageBits | w*64 | bits.TrailingZeros64(word))) {
					return
				}
			}
		}
	}
}

func (p *Presence) add(id uint32) {
	if p.Contains(id) {
		return
	}
	i, low := int(id>>pageBits), id&(pageSize-1)
	for len(p.pages) <= i {
		p.pages = append(p.pages, nil)
	}
	if p.pages[i] == nil {
		p.pages[i] = new([pageWords]uint64)
	}
	p.pages[i][low/64] |= 1 << (low % 64)
	p.count++
}

func (p *Presence) remove(id uint32) {
	if !p.Contains(id) {
		return
	}
	low := id & (pageSize - 1)
	p.pages[id>>pageBits][low/64] &^= 1 << (low % 64)
	p.count--
}

func (p *Presence) put(id uint32, in bool) {
	if in {
		p.add(id)
	} else {
		p.remove(id)
	}
}

func (p *Presence) bytes() int {
	n := 8 * len(p.pages)
	for _, page := range p.pages {
		if page != nil {
			n += 8 * pageWords
		}
	}
	return n
}
