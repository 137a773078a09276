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
	losers []string                        // those who were merged into her
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

// merge makes a living contact part of another one.
func (c *cast) merge(loser, winner string) {
	c.people[loser].into = winner
	c.people[winner].losers = append(c.people[winner].losers, loser)
}

// unmerge makes a contact one of her own again.
func (c *cast) unmerge(loser string) {
	x := c.people[loser]
	if winner := c.people[x.into]; winner != nil {
		winner.losers = slices.DeleteFunc(slices.Clone(winner.losers), func(name string) bool { return name == loser })
	}
	x.into = ""
}

// each calls f for a contact and all who were merged into her, winners first.
func (c *cast) each(name string, f func(*person)) {
	x := c.people[name]
	f(x)
	for _, loser := range x.losers {
		c.each(loser, f)
	}
}

// remove takes out a contact and all who were merged into her.
func (c *cast) remove(name string) {
	c.each(name, func(x *person) { x.gone = true })
}

// event gives the last word on an event of a contact: of those merged, the highest revision, on a tie the winner's.
func (c *cast) event(name, id string) *audience.EventWrite {
	var last *audience.EventWrite
	c.each(c.root(name), func(x *person) {
		if e := x.events[id]; e != nil && (last == nil || e.Revision > last.Revision) {
			last = e
		}
	})
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
