package timeorder

const (
	presencePage  = 1 << 16
	presenceWords = presencePage / 64
)

// presence knows which contacts are in the order.
type presence struct {
	pages []*[presenceWords]uint64
	count int
}

func (p *presence) add(id uint32) {
	i, low := int(id/presencePage), id%presencePage
	if i >= len(p.pages) {
		p.pages = append(p.pages, make([]*[presenceWords]uint64, i+1-len(p.pages))...)
	}
	if p.pages[i] == nil {
		p.pages[i] = new([presenceWords]uint64)
	}
	if word, bit := &p.pages[i][low/64], uint64(1)<<(low%64); *word&bit == 0 {
		*word |= bit
		p.count++
	}
}

// remove takes out an id that was added once.
func (p *presence) remove(id uint32) {
	low := id % presencePage
	if word, bit := &p.pages[id/presencePage][low/64], uint64(1)<<(low%64); *word&bit != 0 {
		*word &^= bit
		p.count--
	}
}

func (p *presence) bytes() int {
	n := 8 * cap(p.pages)
	for _, page := range p.pages {
		if page != nil {
			n += presencePage / 8
		}
	}
	return n
}
