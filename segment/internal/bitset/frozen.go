package bitset

import (
	"bytes"
	"encoding/binary"
	"iter"

	"github.com/RoaringBitmap/roaring/v2"
)

// Frozen is a [Live] set as it was at one moment. It is immutable and may be
// read from any number of goroutines. It keeps the pages that it shares alive.
type Frozen struct {
	slots  []*page
	length int
}

// Len gives the number of ids.
func (f *Frozen) Len() int { return f.length }

// Contains reports whether the id is in the set.
func (f *Frozen) Contains(id uint32) bool {
	return f.page(int(id >> pageBits)).contains(uint16(id & lowMask))
}

// Pages gives how many pages there are, empty ones counted.
func (f *Frozen) Pages() int { return len(f.slots) }

// Page gives the words of a page, nil if it is empty. They are not to be
// changed, and valid until the next use of scratch, in which they may lie.
func (f *Frozen) Page(i int, scratch *Words) *Words { return f.page(i).words(scratch) }

// All gives the ids in ascending order. It can be ranged over many times.
func (f *Frozen) All() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i, p := range f.slots {
			if !p.yield(uint32(i)<<pageBits, yield) {
				return
			}
		}
	}
}

// Set gives the same ids as a Set. The pages are copied, which costs some
// microseconds for each.
func (f *Frozen) Set() Set {
	if f.length == 0 {
		return Set{}
	}
	bitmap := roaring.New()
	if _, err := bitmap.ReadFrom(bytes.NewReader(f.portable())); err != nil {
		panic("bitset: a bitmap that was just written cannot be read: " + err.Error())
	}
	return newSet(bitmap)
}

// portable gives the ids in the bitmap library's portable format, the one way
// to hand it whole pages.
func (f *Frozen) portable() []byte {
	size, n := 8, 0
	for _, p := range f.slots {
		if p != nil {
			size += 8 + containerSize(p.count)
			n++
		}
	}
	out := make([]byte, 0, size)
	out = binary.LittleEndian.AppendUint32(out, cookieNoRuns)
	out = binary.LittleEndian.AppendUint32(out, uint32(n))
	for i, p := range f.slots {
		if p != nil {
			out = binary.LittleEndian.AppendUint16(out, uint16(i))
			out = binary.LittleEndian.AppendUint16(out, uint16(p.count-1))
		}
	}
	offset := 8 + 8*n
	for _, p := range f.slots {
		if p != nil {
			out = binary.LittleEndian.AppendUint32(out, uint32(offset))
			offset += containerSize(p.count)
		}
	}
	for _, p := range f.slots {
		switch {
		case p == nil:
		case p.count > arrayMost:
			for _, w := range p.dense {
				out = binary.LittleEndian.AppendUint64(out, w)
			}
		default:
			p.yield(0, func(low uint32) bool {
				out = binary.LittleEndian.AppendUint16(out, uint16(low))
				return true
			})
		}
	}
	return out
}

func (f *Frozen) page(i int) *page {
	if i < 0 || i >= len(f.slots) {
		return nil
	}
	return f.slots[i]
}

// yield gives the ids of a page and reports whether all were taken.
func (p *page) yield(base uint32, yield func(uint32) bool) bool {
	switch {
	case p == nil:
	case p.dense != nil:
		for low := range wordIDs(p.dense) {
			if !yield(base | uint32(low)) {
				return false
			}
		}
	default:
		for _, low := range p.sparse {
			if !yield(base | uint32(low)) {
				return false
			}
		}
	}
	return true
}

// pages gives the set by pages, in words that the next page overwrites.
func (s Set) pages() iter.Seq2[int, *Words] {
	return func(yield func(int, *Words) bool) {
		if s.bitmap == nil {
			return
		}
		words, at := new(Words), -1
		ids := s.bitmap.ManyIterator()
		buffer := make([]uint32, min(s.length, 1024))
		for n := ids.NextMany(buffer); n > 0; n = ids.NextMany(buffer) {
			for _, id := range buffer[:n] {
				if i := int(id >> pageBits); i != at {
					if at >= 0 && !yield(at, words) {
						return
					}
					*words, at = Words{}, i
				}
				low := id & lowMask
				words[low/64] |= 1 << (low % 64)
			}
		}
		yield(at, words)
	}
}
