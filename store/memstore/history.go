package memstore

import (
	"slices"
	"unique"

	"github.com/audiencekit/audiencekit/audience"
)

// history holds the events written under one contact.
type history struct {
	edit uint64
	rows tree[eventKey, eventRow]
	// places finds an event by its id. It is empty while all rows fit one
	// leaf: looking through a leaf is as quick, and most contacts need no more.
	places tree[textKey, eventPlace]
	counts []typeCount // by type; few
}

// eventRow is what an event has beyond its key. Most have nothing but
// properties.
type eventRow struct {
	props []audience.EventProp
	state *eventState // nil: revision 0, not taken back
}

type eventState struct {
	revision  uint64
	retracted bool
}

// eventPlace is the part of an event's key that its id does not give.
type eventPlace struct {
	kind unique.Handle[string]
	at   int64
}

type typeCount struct {
	kind unique.Handle[string]
	n    int
}

// editable gives the history itself when the edit made it, else a copy.
func (h *history) editable(edit uint64) *history {
	switch {
	case h == nil:
		return &history{edit: edit}
	case h.edit == edit:
		return h
	}
	c := *h
	c.edit = edit
	c.counts = slices.Clone(h.counts)
	return &c
}

// find gives the key of an event by its id.
func (h *history) find(id string) (eventKey, bool) {
	if h.places.len > 0 {
		place, ok := h.places.get(textKey(id))
		return eventKey{place.kind, place.at, id}, ok
	}
	if h.rows.root != nil {
		for _, k := range h.rows.root.keys { // a leaf
			if k.id == id {
				return k, true
			}
		}
	}
	return eventKey{}, false
}

// put stores an event in place of the one that has its id.
func (h *history) put(e *audience.Event) {
	key := eventKey{unique.Make(e.Type), audience.Micros(e.Time), e.ID}
	row := eventRow{props: slices.Clip(e.Props)}
	if e.Revision != 0 || e.Retracted {
		row.state = &eventState{e.Revision, e.Retracted}
	}
	if old, ok := h.find(e.ID); ok && old != key {
		h.rows.delete(h.edit, old)
		h.count(old.kind, -1)
	}
	before := h.rows.len
	h.rows.set(h.edit, key, row)
	h.count(key.kind, h.rows.len-before)
	h.place(key)
}

// place keeps places in step with a row that was set.
func (h *history) place(key eventKey) {
	switch {
	case h.places.len > 0:
		h.places.set(h.edit, textKey(key.id), eventPlace{key.kind, key.at})
	case h.rows.len > fan:
		for k := range h.rows.all() {
			h.places.set(h.edit, textKey(k.id), eventPlace{k.kind, k.at})
		}
	}
}

func (h *history) count(kind unique.Handle[string], n int) {
	i := slices.IndexFunc(h.counts, func(c typeCount) bool { return c.kind == kind })
	if i < 0 {
		h.counts = append(h.counts, typeCount{kind: kind})
		i = len(h.counts) - 1
	}
	h.counts[i].n += n
}

// countOf gives how many events there are of a type.
func (h *history) countOf(kind unique.Handle[string]) int {
	for _, c := range h.counts {
		if c.kind == kind {
			return c.n
		}
	}
	return 0
}

func (k eventKey) event(origin audience.ContactID, row eventRow) audience.Event {
	e := audience.Event{
		Contact: origin, Origin: origin,
		ID: k.id, Type: k.kind.Value(), Time: audience.FromMicros(k.at), Props: row.props,
	}
	if row.state != nil {
		e.Revision, e.Retracted = row.state.revision, row.state.retracted
	}
	return e
}
