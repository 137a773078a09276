package store

import (
	"hash/maphash"
	"math/bits"

	"github.com/audiencekit/audiencekit/audience"
)

// numbers gives identities numbers, 0 and on in the order in which they come. It
// is a hash table of the numbers alone: a map would hold every identity a second
// time, and the garbage collector would look through it.
type numbers struct {
	seed  maphash.Seed        // so that nobody can choose identities that collide
	slots []int32             // a power of two: a number and 1 at the place of its hash or the next free one, else 0
	all   []audience.Identity // by number
}

// newNumbers has room for some identities.
func newNumbers(some int) numbers {
	return numbers{
		seed:  maphash.MakeSeed(),
		slots: make([]int32, 1<<bits.Len(uint(2*some))),
		all:   make([]audience.Identity, 0, some),
	}
}

// of gives the number of an identity, the next one if it has none yet.
func (n *numbers) of(identity audience.Identity) int {
	if 2*len(n.all) >= len(n.slots) {
		n.grow()
	}
	for at := n.place(identity); ; at = (at + 1) % len(n.slots) {
		known := int(n.slots[at]) - 1
		switch {
		case known < 0:
			n.all = append(n.all, identity)
			n.slots[at] = int32(len(n.all)) // bounded by a batch and what a contact may have
			return len(n.all) - 1
		case n.all[known].Equal(identity):
			return known
		}
	}
}

// place is where the search for an identity begins.
func (n *numbers) place(identity audience.Identity) int {
	h := maphash.String(n.seed, identity.Key()) ^ bits.RotateLeft64(maphash.String(n.seed, identity.Kind()), 1)
	return int(h & uint64(len(n.slots)-1))
}

func (n *numbers) grow() {
	n.slots = make([]int32, 2*len(n.slots))
	for number, identity := range n.all {
		at := n.place(identity)
		for n.slots[at] != 0 {
			at = (at + 1) % len(n.slots)
		}
		n.slots[at] = int32(number + 1)
	}
}
