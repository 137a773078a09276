package segment

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
	"github.com/audiencekit/audiencekit/store"
)

// RefKinds says by which kinds of Ref an engine finds contacts. The zero
// RefKinds is the host's own keys.
type RefKinds uint8

// The kinds. Ids are always found.
const (
	RefKeys      RefKinds = iota // the host's own keys, some 90 bytes each besides the key
	RefAddresses                 // those, and all addresses of contacts
	RefIDs                       // ids alone: nothing is kept
)

// refIndex finds contacts by what hosts call them. It is safe for concurrent
// use.
type refIndex struct {
	kinds RefKinds

	mu    sync.RWMutex
	byKey map[string]uint32
	byAdr map[string]uint32 // by the compare form
	names namesByID

	merges atomic.Pointer[sync.Map] // uint32 to uint32: who stands for a merged contact
	merged atomic.Int64             // how many
}

func newRefIndex(kinds RefKinds) *refIndex {
	x := &refIndex{kinds: kinds, byKey: map[string]uint32{}, byAdr: map[string]uint32{}}
	x.merges.Store(&sync.Map{})
	return x
}

// find gives the contact that a Ref names.
func (x *refIndex) find(ref audience.Ref) (audience.ContactID, bool) {
	if id, ok := ref.ContactID(); ok {
		return id, true
	}
	if x.kinds == RefIDs {
		return 0, false
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	if external, ok := ref.External(); ok {
		if external.System != audience.HostSystem {
			return 0, false
		}
		id, ok := x.byKey[external.ID.Reveal()]
		return audience.ContactID(id), ok
	}
	address, _ := ref.Address()
	id, ok := x.byAdr[address.Canonical()]
	return audience.ContactID(id), ok
}

// current gives who stands for a contact now.
func (x *refIndex) current(id audience.ContactID) audience.ContactID {
	if x.merged.Load() == 0 {
		return id
	}
	merges := x.merges.Load()
	for range x.merged.Load() + 1 {
		winner, ok := merges.Load(uint32(id))
		if !ok {
			return id
		}
		id = audience.ContactID(winner.(uint32))
	}
	return id
}

// mergedInto gives everybody who was merged into a contact.
func (x *refIndex) mergedInto(id uint32) (out []uint32) {
	x.merges.Load().Range(func(loser, _ any) bool {
		if l := loser.(uint32); l != id && uint32(x.current(audience.ContactID(l))) == id {
			out = append(out, l)
		}
		return true
	})
	return out
}

// change follows a change of the feed.
func (x *refIndex) change(ch *store.Change) {
	switch ch.Kind {
	case store.ChangeMerge:
		x.forget(uint32(ch.Other))
		if _, known := x.merges.Load().Swap(uint32(ch.Other), uint32(ch.Contact)); !known {
			x.merged.Add(1)
		}
	case store.ChangeUnmerge:
		if _, known := x.merges.Load().LoadAndDelete(uint32(ch.Other)); known {
			x.merged.Add(-1)
		}
	case store.ChangeDelete, store.ChangeErase:
		x.forget(uint32(ch.Contact))
	default:
	}
	if ch.After != nil {
		x.put(ch.After)
	}
}

// moves reports whether changes make somebody known be called otherwise.
func (x *refIndex) moves(changes []store.Change) bool {
	for i := range changes {
		switch ch := &changes[i]; ch.Kind {
		case store.ChangeMerge, store.ChangeUnmerge, store.ChangeDelete, store.ChangeErase:
			return true
		default:
			if ch.After == nil || x.kinds == RefIDs {
				continue
			}
			if old, known := x.namesOf(uint32(ch.After.ID)); known && !old.equal(x.namesIn(ch.After)) {
				return true
			}
		}
	}
	return false
}

func (x *refIndex) namesOf(id uint32) (refNames, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.names.get(id)
}

// namesIn gives what a contact is to be found by.
func (x *refIndex) namesIn(c *audience.Contact) (n refNames) {
	for _, e := range c.External {
		if e.System == audience.HostSystem {
			n.keys = append(n.keys, e.ID.Reveal())
		}
	}
	if x.kinds == RefAddresses {
		for _, a := range c.Addresses {
			n.addresses = append(n.addresses, a.Canonical())
		}
	}
	return n
}

// put makes a contact found by what she is called now, and by nothing else.
func (x *refIndex) put(c *audience.Contact) {
	if x.kinds == RefIDs {
		return
	}
	id, n := uint32(c.ID), x.namesIn(c)
	x.mu.Lock()
	defer x.mu.Unlock()
	if old, known := x.names.get(id); known {
		if old.equal(n) && x.isFoundBy(id, n) {
			return
		}
		x.forgetLocked(id)
	}
	x.names.set(id, n)
	for _, key := range n.keys {
		x.byKey[key] = id
	}
	for _, a := range n.addresses {
		x.byAdr[a] = id
	}
}

// isFoundBy reports whether nobody else has taken a name over.
func (x *refIndex) isFoundBy(id uint32, n refNames) bool {
	for _, key := range n.keys {
		if x.byKey[key] != id {
			return false
		}
	}
	for _, a := range n.addresses {
		if x.byAdr[a] != id {
			return false
		}
	}
	return true
}

func (x *refIndex) forget(id uint32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.forgetLocked(id)
}

func (x *refIndex) forgetLocked(id uint32) {
	n, ok := x.names.get(id)
	if !ok {
		return
	}
	x.names.set(id, refNames{})
	for _, key := range n.keys {
		if x.byKey[key] == id { // it may be somebody else's by now
			delete(x.byKey, key)
		}
	}
	for _, a := range n.addresses {
		if x.byAdr[a] == id {
			delete(x.byAdr, a)
		}
	}
}

// load reads what all contacts are called into an index that is empty.
func (x *refIndex) load(ctx context.Context, r *store.Reader, table *columns.Table) error {
	x.loadMerges(table)
	if x.kinds == RefIDs {
		return nil
	}
	x.byKey = make(map[string]uint32, table.Len())
	if x.kinds == RefAddresses {
		x.byAdr = make(map[string]uint32, table.Len())
	}
	for c, err := range r.AllContacts(ctx, store.ContactQuery{}) {
		if err != nil {
			return err
		}
		x.put(&c)
	}
	return nil
}

func (x *refIndex) loadMerges(table *columns.Table) {
	table.Merges(func(loser, winner uint32) {
		x.merges.Load().Store(loser, winner)
		x.merged.Add(1)
	})
}

// replace takes over what another index holds.
func (x *refIndex) replace(o *refIndex) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.byKey, x.byAdr, x.names = o.byKey, o.byAdr, o.names
	x.merges.Store(o.merges.Load())
	x.merged.Store(o.merged.Load())
}
