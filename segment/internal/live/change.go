package live

import (
	"github.com/audiencekit/audiencekit/segment/internal/agenda"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
	"github.com/audiencekit/audiencekit/store"
)

// causeOf says what a change of a kind is as a cause.
func causeOf(kind store.ChangeKind) Cause {
	switch kind {
	case store.ChangeEvent:
		return CauseEvent
	case store.ChangeLedger, store.ChangeSuppression:
		return CauseLedger
	case store.ChangeList:
		return CauseList
	case store.ChangeMerge, store.ChangeUnmerge:
		return CauseMerge
	case store.ChangeDelete, store.ChangeErase:
		return CauseErasure
	default:
		return CauseField
	}
}

// change applies one change. Values are read before and after it; literals
// that it crosses put their segments up.
func (c *Core) change(ch *store.Change) error {
	c.tick.effects = c.table.Effects(ch, c.tick.effects[:0])
	cause := causeOf(ch.Kind)
	c.tick.before = c.tick.before[:0]
	for i := range c.tick.effects {
		e := &c.tick.effects[i]
		c.causedBy(e.Contact, cause)
		if r := c.reads(e); r != nil {
			c.readBefore(r, e.Contact, c.now)
		}
		if e.Kind == columns.EffectTag && !e.On || e.Kind == columns.EffectItem && !e.On || e.Kind == columns.EffectList && !e.On {
			c.rememberFlag(e)
		}
	}
	if err := c.table.Apply(ch); err != nil {
		return err
	}
	c.changes++
	at := 0
	for i := range c.tick.effects {
		at = c.effect(&c.tick.effects[i], at)
	}
	return nil
}

// reads gives what reads the aspect that an effect is about, nil for nothing
// and for what is handled by itself.
func (c *Core) reads(e *columns.Effect) *readers {
	x := c.index
	switch e.Kind {
	case columns.EffectField:
		return x.fields[e.Field]
	case columns.EffectBuiltin:
		return x.builtins[e.Builtin]
	case columns.EffectEvents:
		return x.events[e.Text]
	case columns.EffectLedger:
		return &x.ledger
	case columns.EffectSuppressed:
		return &x.suppressed
	default:
		return nil
	}
}

// readBefore notes what everything that reads an aspect gives for a contact
// at an instant, for compare.
func (c *Core) readBefore(r *readers, id uint32, now int64) {
	for _, g := range r.gauges {
		v, ok := g.feature.value(c, id, now)
		c.tick.before = append(c.tick.before, reading{v, ok})
	}
	for _, o := range r.orders {
		v, ok := o.feature.value(c, id, now)
		c.tick.before = append(c.tick.before, reading{v, ok})
	}
}

// compare visits what crossed since readBefore, whose readings begin at at.
func (c *Core) compare(r *readers, id uint32, at int) int {
	touch := func(l *literal) { c.touch(&l.parents, id, l) }
	for _, g := range r.gauges {
		if f, ok := g.feature.(*standing); ok {
			f.refresh(c, id)
		}
		v, ok := g.feature.value(c, id, c.now)
		from, to := c.tick.before[at], reading{v, ok}
		at++
		if from != to {
			c.tick.remember(g, id, from)
			g.cross(from, to, touch)
		}
	}
	for _, o := range r.orders {
		v, ok := o.feature.value(c, id, c.now)
		from, to := c.tick.before[at], reading{v, ok}
		at++
		if from == to {
			continue
		}
		o.keep(id, to)
		if to.known {
			o.inserted(c, id, to.value)
		}
		o.cross(c, from, to, touch)
	}
	c.touch(&r.rowwise, id, nil)
	return at
}

// effect follows up one effect after the change was applied.
func (c *Core) effect(e *columns.Effect, at int) int {
	id := e.Contact
	if r := c.reads(e); r != nil {
		at = c.compare(r, id, at)
	}
	switch e.Kind {
	case columns.EffectEvents:
		if a := c.arrivals[e.Text]; a != nil {
			a.expect(c, id)
		}
	case columns.EffectSuppressed:
		c.suppression.refresh(c, id)
	case columns.EffectTag:
		c.touchFlag(c.index.tags[e.Text], id)
		c.touch(&c.index.anyTag.rowwise, id, nil)
	case columns.EffectItem:
		c.touchFlag(c.index.items[itemKey{e.Field, e.Text}], id)
		if r := c.index.fields[e.Field]; r != nil {
			c.touch(&r.rowwise, id, nil)
		}
	case columns.EffectList:
		c.touchFlag(c.index.lists[e.Text], id)
	case columns.EffectRemoved:
		for _, o := range c.index.orders {
			o.keep(id, reading{})
		}
		c.touchMemberships(id)
	case columns.EffectCreated, columns.EffectMerged:
		c.refresh(id)
		c.touchMemberships(id)
		c.touch(&c.index.everything, id, nil)
	default: // compared above
	}
	return at
}

func (c *Core) touchFlag(f *flag, id uint32) {
	if f == nil {
		return
	}
	for _, l := range f.literals {
		c.touch(&l.parents, id, l)
	}
	c.touch(&f.rowwise.rowwise, id, nil)
}

// rememberFlag notes that a contact was in a set until this tick.
func (c *Core) rememberFlag(e *columns.Effect) {
	var f *flag
	switch e.Kind {
	case columns.EffectTag:
		f = c.index.tags[e.Text]
	case columns.EffectItem:
		f = c.index.items[itemKey{e.Field, e.Text}]
	default:
		f = c.index.lists[e.Text]
	}
	if f == nil {
		return
	}
	for _, l := range f.literals {
		if l.isAccess() {
			c.tick.wasIn(l, e.Contact)
		}
	}
}

// touchMemberships puts up the segments that a contact is in.
func (c *Core) touchMemberships(id uint32) {
	for _, s := range c.segments {
		if s.live.Contains(id) {
			c.candidate(s, id, nil)
		}
	}
}

// refresh brings everything up to date that is kept of a contact beside the
// columns.
func (c *Core) refresh(id uint32) {
	for _, f := range c.standings {
		f.refresh(c, id)
	}
	if c.table.Needs().Suppressed {
		c.suppression.refresh(c, id)
	}
	for _, a := range c.arrivals {
		a.expect(c, id)
	}
	for _, o := range c.index.orders {
		v, ok := o.feature.value(c, id, c.now)
		o.keep(id, reading{v, ok})
		if ok {
			o.inserted(c, id, v)
		}
	}
}

// arrivals brings events up that were dated ahead of their recording, when
// their time has come.
type arrivals struct {
	eventType string
	stream    *columns.Stream
	source    agenda.Source
}

// expect sees to it that the next event ahead of a contact comes up.
func (a *arrivals) expect(c *Core, id uint32) {
	times := a.stream.Times(id)
	if n := upTo(times, c.now); n < len(times) {
		c.agenda.Set(a.source, id, times[n])
	}
}

// expectAll is expect for everybody.
func (a *arrivals) expectAll(c *Core) {
	var ahead []agenda.Entry
	for page := range a.stream.Pages() {
		starts, lens, times := a.stream.Page(page)
		for low, n := range lens {
			if n == 0 || times[starts[low]+n-1] <= c.now {
				continue
			}
			if id := uint32(page<<16 | low); c.table.Presence().Contains(id) {
				own := times[starts[low] : starts[low]+n]
				ahead = append(ahead, agenda.Entry{At: own[upTo(own, c.now)], Source: a.source, Contact: id})
			}
		}
	}
	c.agenda.SetMany(ahead)
}

func (a *arrivals) come(c *Core, id uint32) {
	if r := c.index.events[a.eventType]; r != nil {
		c.timed(r, id)
	}
	a.expect(c, id)
}

// timed compares everything that reads an aspect with the instant before.
func (c *Core) timed(r *readers, id uint32) {
	c.tick.before = c.tick.before[:0]
	c.readBefore(r, id, c.now-1)
	c.compare(r, id, 0)
}

// come folds the ledger of a contact again.
func (f *standing) come(c *Core, id uint32) {
	g := c.index.gauges[f.key]
	if g == nil {
		return
	}
	v, ok := f.value(c, id, c.now)
	f.refresh(c, id)
	w, okNow := f.value(c, id, c.now)
	from, to := reading{v, ok}, reading{w, okNow}
	if from != to {
		c.tick.remember(g, id, from)
		g.cross(from, to, func(l *literal) { c.touch(&l.parents, id, l) })
	}
}

// suppressedComes brings contacts up whose suppression begins.
type suppressedComes struct{}

func (suppressedComes) come(c *Core, id uint32) {
	c.timed(&c.index.suppressed, id)
	c.suppression.refresh(c, id)
}

// come puts a segment up whose row-by-row parts may change now.
func (s *Segment) come(c *Core, id uint32) { c.candidate(s, id, nil) }
