package agenda

import (
	"math"
	"slices"
)

// None is the instant of what is not queued.
const None int64 = math.MaxInt64

// Source is what asks to be woken. They are given from 0 on and reused: the
// agenda holds a table up to the highest.
type Source uint32

// Entry wakes a contact for a source at an instant in microseconds.
type Entry struct {
	At      int64
	Source  Source
	Contact uint32
}

// Agenda holds the entries. It is not safe for concurrent use.
type Agenda struct {
	heap    []Entry
	sources []*instants // by source, nil where nothing waits
	queued  int         // entries of the heap that count; the others are stale
}

// New gives an empty agenda.
func New() *Agenda { return &Agenda{} }

// Len gives how many pairs of a source and a contact wait.
func (a *Agenda) Len() int { return a.queued }

// Bytes gives about how much memory the agenda takes.
func (a *Agenda) Bytes() int {
	const perEntry, perSource = 16, 8
	n := perEntry*cap(a.heap) + perSource*cap(a.sources)
	for _, s := range a.sources {
		n += s.bytes()
	}
	return n
}

// Set wakes the contact for the source at the instant, at the latest: if she
// is queued for an earlier one, that stays. None asks for nothing.
func (a *Agenda) Set(s Source, contact uint32, at int64) {
	if a.note(s, contact, at) {
		a.makeRoom()
		a.heap = append(a.heap, Entry{At: at, Source: s, Contact: contact})
		a.up(len(a.heap) - 1)
	}
}

// SetMany is Set for each of the entries, in any order, and cheaper for many.
func (a *Agenda) SetMany(entries []Entry) {
	before := len(a.heap)
	a.heap = slices.Grow(a.heap, len(entries))
	for _, e := range entries {
		if a.note(e.Source, e.Contact, e.At) {
			a.heap = append(a.heap, e)
		}
	}
	if added := len(a.heap) - before; added > before/8 {
		a.heapify()
		return
	}
	for i := before; i < len(a.heap); i++ {
		a.up(i)
	}
}

// Earliest gives the instant of what is due first, None if nothing waits.
func (a *Agenda) Earliest() int64 {
	for len(a.heap) > 0 {
		if a.counts(a.heap[0]) {
			return a.heap[0].At
		}
		a.pop()
	}
	return None
}

// Take removes everything that is due exactly at Earliest, if that is the
// instant given, and appends it to into: each source and contact once, in the
// order of source, then contact.
func (a *Agenda) Take(at int64, into []Entry) []Entry {
	if at == None || a.Earliest() != at {
		return into
	}
	start := len(into)
	into = a.takeEqual(at, into)
	taken := slices.CompactFunc(into[start:], func(x, y Entry) bool { return x == y })
	for _, e := range taken {
		a.sources[e.Source].clear(e.Contact)
	}
	a.queued -= len(taken)
	a.compact()
	return into[:start+len(taken)]
}

// Drop forgets what waits for a source, which may be used again at once.
func (a *Agenda) Drop(s Source) {
	if int64(s) < int64(len(a.sources)) && a.sources[s] != nil {
		a.queued -= a.sources[s].count
		a.sources[s] = nil
		a.compact()
	}
}

// note makes the instant the one that counts and reports whether it does.
func (a *Agenda) note(s Source, contact uint32, at int64) bool {
	if at == None {
		return false
	}
	if int64(s) >= int64(len(a.sources)) {
		a.sources = append(a.sources, make([]*instants, int(s)+1-len(a.sources))...)
	}
	if a.sources[s] == nil {
		a.sources[s] = new(instants)
	}
	before := a.sources[s].lower(contact, at)
	if before == None {
		a.queued++
	}
	return at < before
}

// counts reports whether an entry is the one that counts. An entry that was
// overtaken, taken or dropped and whose instant was then asked for again does:
// it says the same as the one queued for that.
func (a *Agenda) counts(e Entry) bool {
	s := a.sources[e.Source]
	return s != nil && s.get(e.Contact) == e.At
}

// makeRoom compacts before the heap has to grow, if that gives room enough.
func (a *Agenda) makeRoom() {
	if len(a.heap) == cap(a.heap) && a.queued < len(a.heap)-len(a.heap)/4 {
		a.sift()
	}
}

// compact removes the stale entries when they are the majority. Stale ones are
// no more than have been added since, so that each costs a constant.
func (a *Agenda) compact() {
	const worthwhile = 64
	if stale := len(a.heap) - a.queued; stale > worthwhile && stale > len(a.heap)/2 {
		a.sift()
	}
}

// sift removes all stale entries. Of two equal ones that count, one is stale
// too: an entry that was seen is marked by taking its instant away meanwhile.
func (a *Agenda) sift() {
	kept := a.heap[:0]
	for _, e := range a.heap {
		if a.counts(e) {
			a.sources[e.Source].put(e.Contact, None)
			kept = append(kept, e)
		}
	}
	for _, e := range kept {
		a.sources[e.Source].put(e.Contact, e.At)
	}
	if a.heap = kept; len(kept) < cap(kept)/4 {
		a.heap = slices.Clone(kept)
	}
	a.heapify()
}
