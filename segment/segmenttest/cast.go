package segmenttest

import (
	"maps"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// cast is who is in a script at one of its lines, by name.
type cast struct {
	people map[string]*person
}

// person is one contact of a script.
type person struct {
	gone   bool                            // deleted or erased
	into   string                          // the contact she was merged into
	events map[string]*audience.EventWrite // the last word on each event she was given, by id
}

func newCast() *cast { return &cast{people: make(map[string]*person)} }

// clone gives a copy that can go its own way.
func (c *cast) clone() *cast {
	out := newCast()
	for name, x := range c.people {
		copied := *x
		copied.events = maps.Clone(x.events)
		out.people[name] = &copied
	}
	return out
}

// add makes a contact, unless there is one.
func (c *cast) add(name string) {
	if x := c.people[name]; x == nil || x.gone {
		c.people[name] = &person{events: make(map[string]*audience.EventWrite)}
	}
}

// known reports whether the name leads to a contact, perhaps one that she was merged into.
func (c *cast) known(name string) bool {
	x := c.people[name]
	return x != nil && !x.gone
}

// lives reports whether the name is a contact of its own.
func (c *cast) lives(name string) bool { return c.known(name) && c.people[name].into == "" }

// root gives the contact that stands for a known name.
func (c *cast) root(name string) string {
	for c.people[name].into != "" {
		name = c.people[name].into
	}
	return name
}

// living gives the contacts, sorted.
func (c *cast) living() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(c.people)), func(name string) bool { return !c.lives(name) })
}

// remove takes out a contact and all who were merged into her.
func (c *cast) remove(name string) {
	var all []string
	for other := range c.people {
		if c.known(other) && c.root(other) == name {
			all = append(all, other)
		}
	}
	for _, other := range all {
		c.people[other].gone = true
	}
}

// event gives the last word on an event of a contact: of those merged, the highest revision.
func (c *cast) event(name, id string) *audience.EventWrite {
	var last *audience.EventWrite
	for _, other := range slices.Sorted(maps.Keys(c.people)) {
		if !c.known(other) || c.root(other) != c.root(name) {
			continue
		}
		if e := c.people[other].events[id]; e != nil && (last == nil || e.Revision > last.Revision) {
			last = e
		}
	}
	return last
}

// keep remembers an event write of a contact.
func (c *cast) keep(name string, w audience.EventWrite) {
	if w.ID == "" {
		return
	}
	if last := c.event(name, w.ID); last == nil || w.Revision >= last.Revision {
		c.people[c.root(name)].events[w.ID] = &w
	}
}
