package segment

import (
	"encoding/binary"
	"iter"
	"math/bits"
)

const (
	pageFormat  = 1
	pageBits    = 1 << 16
	pageWords   = pageBits / 64
	pageSparse  = 0 // a list of steps
	pageDense   = 1 // the words
	pageNumbers = 1 << 16
)

// memberPage holds which of 65,536 consecutive contacts are in a set.
type memberPage [pageWords]uint64

func pageOf(contact uint32) (page uint32, bit uint16) { return contact >> 16, uint16(contact) }

func (p *memberPage) set(bit uint16, in bool) {
	mask := uint64(1) << (bit & 63)
	if in {
		p[bit>>6] |= mask
	} else {
		p[bit>>6] &^= mask
	}
}

func (p *memberPage) or(o *memberPage) {
	for i := range p {
		p[i] |= o[i]
	}
}

func (p *memberPage) andNot(o *memberPage) {
	for i := range p {
		p[i] &^= o[i]
	}
}

func (p *memberPage) len() (n int) {
	for _, w := range p {
		n += bits.OnesCount64(w)
	}
	return n
}

// all gives the members in order.
func (p *memberPage) all() iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for i, w := range p {
			for ; w != 0; w &= w - 1 {
				if !yield(uint16(i<<6 + bits.TrailingZeros64(w))) {
					return
				}
			}
		}
	}
}

// encode gives the shorter of the two forms; at most 8,194 bytes.
func (p *memberPage) encode() []byte {
	n := p.len()
	if n < pageBits/8 {
		b := binary.AppendUvarint([]byte{pageFormat, pageSparse}, uint64(n))
		before := -1
		for bit := range p.all() {
			b = binary.AppendUvarint(b, uint64(int(bit)-before-1))
			before = int(bit)
		}
		if len(b) <= 2+8*pageWords {
			return b
		}
	}
	b := []byte{pageFormat, pageDense}
	for _, w := range p {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

func decodePage(b []byte) (*memberPage, error) {
	const what = "page"
	if len(b) < 2 {
		return nil, errDamaged(what)
	}
	if b[0] != pageFormat {
		return nil, errNewer(what)
	}
	p := new(memberPage)
	switch {
	case b[1] == pageDense && len(b) == 2+8*pageWords:
		for i := range p {
			p[i] = binary.LittleEndian.Uint64(b[2+8*i:])
		}
		return p, nil
	case b[1] != pageSparse:
		return nil, errDamaged(what)
	}
	w := wire{rest: b[2:]}
	bit := -1
	for range w.number(pageBits) {
		bit += 1 + int(w.number(pageBits-1))
		if w.bad || bit >= pageBits {
			return nil, errDamaged(what)
		}
		p.set(uint16(bit), true)
	}
	if !w.done() {
		return nil, errDamaged(what)
	}
	return p, nil
}
