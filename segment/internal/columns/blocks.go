package columns

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/audiencekit/audiencekit/audience"
)

// blocks lays out the rows of the contacts of one page in one array, those of
// a contact in one block. A block has room for what [roomFor] says of its
// length, so that most appends are in place; blocks that became too small are
// given to others, and once the array is full it is laid out anew. The array
// itself is the owner's: [mover] moves its rows.
type blocks struct {
	starts []uint32 // by low bits of the contact
	lens   []uint32
	used   uint32 // rows that belong, or belonged, to a block
	size   uint32 // rows of the array
	taken  uint32 // rows of the blocks in use
	free   [][]uint32
	bulk   bool // while a table is loaded arrays double
}

// mover is the owner of the rows.
type mover interface {
	// renew makes an array of a size and copies rows: move is called with a
	// function that copies n rows from the old place to the new one.
	renew(size uint32, each func(move func(from, to, n uint32)))
	// move copies rows within the array.
	move(from, to, n uint32)
}

// roomFor gives the rows that a block of n has room for, and the number of
// its class: as many up to 8, from there in quarters of a power of two.
func roomFor(n uint32) (class int, room uint32) {
	if n <= 8 {
		return int(n), n
	}
	e := bits.Len32(n-1) - 3
	room = (n + 1<<e - 1) >> e << e
	return 8 + (e-1)*4 + int(room>>e) - 4, room
}

// at gives the place of a contact's rows.
func (b *blocks) at(low uint32) (start, n uint32) {
	if int(low) >= len(b.lens) {
		return 0, 0
	}
	return b.starts[low], b.lens[low]
}

// resize gives a contact a block of n rows that begins with the rows she has,
// as far as they fit. The rest holds anything.
func (b *blocks) resize(owner mover, low, n uint32) (start uint32, err error) {
	if n > 0 {
		b.starts, b.lens = reach(b.starts, low), reach(b.lens, low)
	}
	start, have := b.at(low)
	oldClass, oldRoom := roomFor(have)
	class, room := roomFor(n)
	if class == oldClass {
		if have != n {
			b.lens[low] = n
		}
		return start, nil
	}
	if n == 0 {
		b.release(start, oldClass, oldRoom)
		b.lens[low] = 0
		b.tidy(owner)
		return 0, nil
	}
	to, ok := b.find(class, room)
	if !ok {
		if err := b.grow(owner, room); err != nil {
			return 0, err
		}
		start, _ = b.at(low)
		to, _ = b.find(class, room)
	}
	if have > 0 {
		owner.move(start, to, min(have, n))
		b.release(start, oldClass, oldRoom)
	}
	b.starts[low], b.lens[low] = to, n
	b.taken += room
	b.tidy(owner)
	return b.starts[low], nil
}

// find finds a place for a block.
func (b *blocks) find(class int, room uint32) (uint32, bool) {
	if class < len(b.free) {
		if k := len(b.free[class]); k > 0 {
			at := b.free[class][k-1]
			b.free[class] = b.free[class][:k-1]
			return at, true
		}
	}
	if uint64(b.used)+uint64(room) > uint64(b.size) {
		return 0, false
	}
	b.used += room
	return b.used - room, true
}

func (b *blocks) release(start uint32, class int, room uint32) {
	for len(b.free) <= class {
		b.free = append(b.free, nil)
	}
	b.free[class] = append(b.free[class], start)
	b.taken -= room
}

// grow lays the blocks out anew, with room for one more and a quarter above:
// an event costs that many moves of others as blocks are given up until then,
// times four.
func (b *blocks) grow(owner mover, room uint32) error {
	size := uint64(b.taken) + uint64(room)
	if b.bulk {
		size *= 2
	}
	size += max(size/4, 16)
	if size > math.MaxUint32 {
		return fmt.Errorf("columns: too many rows of 65,536 contacts: %w", audience.ErrFull)
	}
	b.layout(owner, uint32(size))
	return nil
}

// tidy lays the blocks out anew once a third of the array is of no use.
func (b *blocks) tidy(owner mover) {
	if waste := b.used - b.taken; waste > 4096 && waste > b.used/3 {
		b.layout(owner, b.taken+b.taken/4)
	}
}

// trim gives back what the array has beyond a sixteenth.
func (b *blocks) trim(owner mover) {
	b.bulk = false
	if most := b.taken + b.taken/16; b.size > most {
		b.layout(owner, most)
	}
}

func (b *blocks) layout(owner mover, size uint32) {
	owner.renew(size, func(move func(from, to, n uint32)) {
		b.used = 0
		for low, n := range b.lens {
			if n == 0 {
				continue
			}
			_, room := roomFor(n)
			move(b.starts[low], b.used, n)
			b.starts[low] = b.used
			b.used += room
		}
	})
	b.size, b.taken, b.free = size, b.used, nil
}

func (b *blocks) bytes() int {
	n := 4*(cap(b.starts)+cap(b.lens)) + 24*cap(b.free)
	for _, f := range b.free {
		n += 4 * cap(f)
	}
	return n
}
