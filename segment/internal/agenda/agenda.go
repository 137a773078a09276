package agenda

import (
	"cmp"
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

// Agenda holds the entries. It is not safe for concurrent use, reading
// included.
type Agenda struct {
	queue   queue
	sources []*instants // by source, nil where nothing waits
	waiting int         // entries of the queue that count; the others are stale
}

// New gives an empty agenda.
func New() *Agenda { return &Agenda{} }

// Len gives how many pairs of a source and a contact wait.
func (a *Agenda) Len() int { return a.waiting }

// Bytes gives about how much memory the agenda takes.
func (a *Agenda) Bytes() int {
	const perEntry, perSource = 16, 8
	n := perEntry*(cap(a.queue.far)+cap(a.queue.near)) + perSource*cap(a.sources)
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
		a.queue.push(Entry{At: at, Source: s, Contact: contact})
		a.compact()
	}
}

// SetMany is Set for each of the entries, in any order, and cheaper for many.
// It keeps none of the slice but changes its order.
func (a *Agenda) SetMany(entries []Entry) {
	if len(entries) < a.queue.len()/8 {
		for _, e := range entries {
			a.Set(e.Source, e.Contact, e.At)
		}
		return
	}
	n := 0
	for _, e := range entries {
		if a.note(e.Source, e.Contact, e.At) {
			entries[n] = e
			n++
		}
	}
	a.queue.pushAll(entries[:n])
	a.compact()
}

// Each visits what waits for a source, in ascending order of the contacts. The
// agenda must not change meanwhile.
func (a *Agenda) Each(s Source, visit func(contact uint32, at int64)) {
	if int64(s) < int64(len(a.sources)) && a.sources[s] != nil {
		a.sources[s].each(visit)
	}
}

// Earliest gives the instant of what is due first, None if nothing waits.
func (a *Agenda) Earliest() int64 {
	for e, found := a.queue.first(); found; e, found = a.queue.first() {
		if a.counts(e) {
			return e.At
		}
		a.queue.pop()
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
	for e, found := a.queue.first(); found && e.At == at; e, found = a.queue.first() {
		if a.counts(e) { // no longer, if the same entry comes again
			a.sources[e.Source].clear(e.Contact)
			a.waiting--
			into = append(into, e)
		}
		a.queue.pop()
	}
	if taken := into[start:]; len(taken) > 1 {
		slices.SortFunc(taken, func(x, y Entry) int { return cmp.Compare(x.who(), y.who()) })
	}
	a.compact()
	return into
}

// Drop forgets what waits for a source, which may be used again at once.
func (a *Agenda) Drop(s Source) {
	if int64(s) < int64(len(a.sources)) && a.sources[s] != nil {
		a.waiting -= a.sources[s].count
		a.sources[s] = nil
		a.compact()
	}
}

func (e Entry) who() uint64 { return uint64(e.Source)<<32 | uint64(e.Contact) }

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
		a.waiting++
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

// makeRoom compacts before the queue has to grow, if that gives room enough.
func (a *Agenda) makeRoom() {
	const least = 64
	if n := len(a.queue.far); n == cap(a.queue.far) && n > least && a.waiting < a.queue.len()-a.queue.len()/4 {
		a.sift()
	}
}

// compact removes the stale entries when they are the majority: that many were
// added since the last time, so each costs a constant.
func (a *Agenda) compact() {
	const least = 64
	if stale := a.queue.len() - a.waiting; stale > least && stale > a.queue.len()/2 {
		a.sift()
	}
}

// sift removes all stale entries. Of two equal ones that count, one is stale
// too: an entry that was seen is marked by taking its instant away meanwhile.
func (a *Agenda) sift() {
	a.queue.filter(func(e Entry) bool {
		counts := a.counts(e)
		if counts {
			a.sources[e.Source].put(e.Contact, None)
		}
		return counts
	})
	for _, entries := range [][]Entry{a.queue.near, a.queue.far} {
		for _, e := range entries {
			a.sources[e.Source].put(e.Contact, e.At)
		}
	}
}
