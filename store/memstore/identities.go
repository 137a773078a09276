package memstore

import (
	"sync/atomic"
	"unique"

	"github.com/audiencekit/audiencekit/audience"
)

// identities finds who holds an identity. It is not part of a version but one
// hash table for all of them, in which a claim says from which edit on it
// holds: identities come in no order, so that a tree of them has a node to copy
// for nearly every claim of a batch, and that costs more than all the rest.
//
// One writer at a time changes it, and any number of readers read meanwhile
// without a lock. That works because claims never change once they are in a
// slot: the writer puts another one in their place, with what it replaces
// behind it, and a reader goes back to the claim of its version. What no
// version that is still read needs is taken out by [identities.prune].
type identities struct {
	parts   [parts]atomic.Pointer[table]
	written []writing // by the transaction under way, in order
	removed claim     // stands in slots that are to be passed over
	stale   []*claim  // of ended transactions, ascending by edit: what they replaced waits to be forgotten
}

// parts is how many tables there are, by the top bits of the hash, so that
// making room is never done for all at once.
const (
	partBits = 8
	parts    = 1 << partBits
)

// claim says that from an edit on a contact has an identity; 0: nobody does.
type claim struct {
	kind    unique.Handle[string]
	key     string
	edit    uint64
	older   *claim // what held before; nil: nobody had it
	contact audience.ContactID
}

// writing is a claim that a transaction put in the place of another one.
type writing struct {
	hash   uint64
	put    *claim
	before *claim // nil: there was none
}

type table struct {
	slots []slot // a power of two, and never all in use
	used  int    // slots that are not nil; the writer's
	live  int    // of these: with a claim, not removed; the writer's
}

// slot holds a claim. The writer sets hash first and claim then, readers read
// them the other way round: so who sees a claim sees its hash.
type slot struct {
	hash  atomic.Uint64
	claim atomic.Pointer[claim]
}

func (c *claim) is(k identityKey) bool { return c.key == k.key && c.kind == k.kind }

// get gives who has an identity as of an edit; 0 when nobody has.
func (i *identities) get(edit uint64, k identityKey) audience.ContactID {
	t := i.part(k.hash).Load()
	if t == nil {
		return 0
	}
	s, _ := i.find(t, k)
	if s == nil {
		return 0
	}
	return s.claim.Load().holder(edit)
}

// holder gives who has the identity as of an edit; 0 when nobody has.
func (c *claim) holder(edit uint64) audience.ContactID {
	for ; c != nil; c = c.older {
		if c.edit <= edit {
			return c.contact
		}
	}
	return 0
}

func (i *identities) part(hash uint64) *atomic.Pointer[table] { return &i.parts[hash>>(64-partBits)] }

// find gives the slot of an identity, nil when it has none, and the first slot
// on the way to it that a new one may take.
func (i *identities) find(t *table, k identityKey) (s, free *slot) {
	mask := uint64(len(t.slots) - 1)
	for at := k.hash & mask; ; at = (at + 1) & mask {
		s = &t.slots[at]
		c := s.claim.Load()
		switch {
		case c == nil:
			if free == nil {
				free = s
			}
			return nil, free
		case c == &i.removed:
			if free == nil {
				free = s
			}
		case s.hash.Load() == k.hash && c.is(k):
			return s, free
		}
	}
}

// claim gives an identity to a contact from an edit on, and gives who has it
// then: somebody else keeps it.
func (i *identities) claim(edit uint64, k identityKey, contact audience.ContactID) (holder audience.ContactID) {
	s := i.slot(k)
	before := s.claim.Load()
	if holder := before.holder(edit); holder != 0 || contact == 0 {
		return holder
	}
	i.put(s, before, &claim{kind: k.kind, key: k.key, edit: edit, contact: contact}, k.hash)
	return contact
}

// release takes an identity from a contact that has it.
func (i *identities) release(edit uint64, k identityKey, contact audience.ContactID) {
	if contact == 0 || i.get(edit, k) != contact {
		return
	}
	s := i.slot(k)
	i.put(s, s.claim.Load(), &claim{kind: k.kind, key: k.key, edit: edit}, k.hash)
}

// slot gives the slot of an identity, or one that it may take.
func (i *identities) slot(k identityKey) *slot {
	p := i.part(k.hash)
	t := p.Load()
	if t == nil || t.used >= len(t.slots)/4*3 {
		t = i.larger(t)
		p.Store(t)
	}
	s, free := i.find(t, k)
	if s == nil {
		return free
	}
	return s
}

// put puts a claim in the place of what its slot holds.
func (i *identities) put(s *slot, before, c *claim, hash uint64) {
	t := i.part(hash).Load()
	if before == nil {
		t.used++
	}
	if before == nil || before == &i.removed {
		before = nil
		t.live++
		s.hash.Store(hash)
	}
	c.older = before
	s.claim.Store(c)
	i.written = append(i.written, writing{hash, c, before})
}

// larger gives a table with room for as much again. Readers of the one that it
// is made of find there all that they may see.
func (i *identities) larger(t *table) *table {
	const least = 8
	size := least
	if t != nil {
		for size < 2*t.live {
			size *= 2
		}
	}
	out := &table{slots: make([]slot, size)}
	if t == nil {
		return out
	}
	mask := uint64(size - 1)
	for n := range t.slots {
		c := t.slots[n].claim.Load()
		if c == nil || c == &i.removed {
			continue
		}
		hash := t.slots[n].hash.Load()
		at := hash & mask
		for out.slots[at].claim.Load() != nil {
			at = (at + 1) & mask
		}
		out.slots[at].hash.Store(hash)
		out.slots[at].claim.Store(c)
	}
	out.used, out.live = t.live, t.live
	return out
}

// replace puts a claim, nil for none, in the place of one that is in a slot,
// if it still is.
func (i *identities) replace(hash uint64, c, by *claim) {
	t := i.part(hash).Load()
	if t == nil { // closed meanwhile
		return
	}
	s, _ := i.find(t, identityKey{hash: hash, kind: c.kind, key: c.key})
	if s == nil || s.claim.Load() != c {
		return
	}
	if by == nil {
		by = &i.removed
		t.live--
	}
	s.claim.Store(by)
}

// rollback takes back what was written behind the first n writings.
func (i *identities) rollback(n int) {
	for at := len(i.written) - 1; at >= n; at-- {
		w := &i.written[at]
		i.replace(w.hash, w.put, w.before)
	}
	clear(i.written[n:]) // they hold texts
	i.written = i.written[:n]
	i.shrink()
}

// commit ends a transaction: what it wrote stays.
func (i *identities) commit() {
	for at := range i.written {
		if c := i.written[at].put; c.older != nil || c.contact == 0 {
			i.stale = append(i.stale, c)
		}
	}
	clear(i.written)
	i.written = i.written[:0]
	i.shrink()
}

// shrink gives back what a large transaction took.
func (i *identities) shrink() {
	const enough = 1 << 16
	if len(i.written) == 0 && cap(i.written) > enough {
		i.written = nil
	}
}

// prune forgets what only versions before an edit can see.
func (i *identities) prune(p *partition, edit uint64) {
	n := 0
	for ; n < len(i.stale) && i.stale[n].edit <= edit; n++ {
		c := i.stale[n]
		var alone *claim
		if c.contact != 0 {
			alone = &claim{kind: c.kind, key: c.key, edit: c.edit, contact: c.contact}
		}
		i.replace(p.hashOf(c.kind.Value(), c.key), c, alone) // a later one forgets both
	}
	clear(i.stale[:n])
	if i.stale = i.stale[n:]; len(i.stale) == 0 {
		i.stale = nil
	}
}

// clear lets go of everything.
func (i *identities) clear() {
	for n := range i.parts {
		i.parts[n].Store(nil)
	}
}
