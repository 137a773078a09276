package segmenttest

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// event tells of an event of a contact: a new one, or again of one that is known.
func (h *history) event() (deed, bool) {
	name := h.person()
	if name == "" {
		return deed{}, false
	}
	ids := h.eventsOf(name)
	n := h.random.IntN(100)
	if len(ids) == 0 || n < 60 {
		do := h.newEvent(name)
		return deed{"event " + h.tense(do), do}, true
	}
	last := *h.player.cast.event(name, h.oneOf(name, ids))
	last.Contact = audience.Key(name)
	last.Props = cloneProps(last.Props)
	switch {
	case n < 66:
		return deed{"event repeated", Append{Write: last}}, true
	case n < 80:
		last.Revision += 1 + h.random.Uint64N(2)
		last.Retract = false
		return deed{"event revised, " + h.revise(&last), Append{Write: last}}, true
	case n < 90:
		last.Revision += 1 + h.random.Uint64N(2)
		last.Retract = true
		return deed{"event retracted", Append{Write: last}}, true
	case last.Revision > 0:
		last.Revision = h.random.Uint64N(last.Revision)
		last.Retract = false
		h.revise(&last)
		return deed{"event revised, lower and late", Append{Write: last}}, true
	}
	return deed{}, false
}

// eventsOf gives the ids of a contact's events, sorted.
func (h *history) eventsOf(name string) []string {
	ids := make(map[string]bool)
	c := h.player.cast
	c.each(c.root(name), func(x *person) {
		for id := range x.events {
			ids[id] = true
		}
	})
	return slices.Sorted(maps.Keys(ids))
}

// oneOf gives one of a contact's events, more often than not the nearest to now of some.
func (h *history) oneOf(name string, ids []string) string {
	id := pick(h.random, ids)
	distance := func(id string) time.Duration { return h.now().Sub(h.player.cast.event(name, id).Time).Abs() }
	for h.chance(0.7) {
		if other := pick(h.random, ids); distance(other) < distance(id) {
			id = other
		}
	}
	return id
}

// newEvent makes an event, its id new for the contact but not always for the others.
func (h *history) newEvent(name string) Append {
	h.events++
	t := pick(h.random, h.pools.types)
	w := audience.EventWrite{Contact: audience.Key(name), Type: t.Name, Time: h.when(), Props: make(map[string]audience.Value)}
	switch {
	case h.chance(0.1): // the store gives one
	case h.chance(0.3):
		if id := "e" + strconv.Itoa(h.random.IntN(5)); !h.player.cast.known(name) || h.player.cast.event(name, id) == nil {
			w.ID = id
		}
	default:
		w.ID = string(rune('a'+h.random.IntN(26))) + strconv.Itoa(h.events) // in another order than they come
	}
	if w.ID != "" && h.chance(0.3) {
		w.Revision = 1 + h.random.Uint64N(3)
	}
	for _, p := range t.Props {
		if h.chance(0.75) {
			w.Props[p.Name] = h.value(p.Name, p.Type)
		}
	}
	return Append{Write: w}
}

// tense says how an event lies to now.
func (h *history) tense(do Append) string {
	switch now := h.now(); {
	case do.Write.Time.After(now):
		return "ahead"
	case do.Write.Time.Equal(now):
		return "now"
	case do.Write.Time.Before(now.AddDate(-1, 0, 0)):
		return "of long ago"
	}
	return "late"
}

// revise changes an event and says how.
func (h *history) revise(w *audience.EventWrite) string {
	switch n := h.random.IntN(10); {
	case n < 4:
		w.Time = h.when()
		return "time"
	case n < 6:
		t := pick(h.random, h.pools.types)
		w.Type = t.Name
		for name, v := range w.Props {
			if p, ok := t.PropNamed(name); !ok || p.Type != v.Type() {
				delete(w.Props, name)
			}
		}
		return "type"
	}
	t, _ := h.schema.EventNamed(w.Type)
	if len(t.Props) == 0 {
		w.Time = h.when()
		return "time"
	}
	p := pick(h.random, t.Props)
	if h.chance(0.25) {
		delete(w.Props, p.Name)
	} else {
		w.Props[p.Name] = h.value(p.Name, p.Type)
	}
	return "property"
}
