package live

import (
	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/agenda"
)

// standing is a status that the ledger gives: that of the contact, the consent
// for a purpose, the joining of a topic. It is folded when the ledger changes
// and when it changes by itself, and kept for every contact.
type standing struct {
	key    string
	fold   func(h *audience.History, at int64) audience.Standing
	source agenda.Source
	pages  []*[pageSize]uint8 // status and 1, 0: not known yet
}

const pageSize = 1 << 16

func statusOf(h *audience.History, at int64) audience.Standing {
	return h.Fold(audience.MarketingScope(), audience.FromMicros(at))
}

func consentFor(purpose string) func(*audience.History, int64) audience.Standing {
	scope := audience.Scope{Channel: audience.ChannelEmail, Purpose: purpose}
	return func(h *audience.History, at int64) audience.Standing { return h.Fold(scope, audience.FromMicros(at)) }
}

func onTopic(list audience.List) func(*audience.History, int64) audience.Standing {
	return func(h *audience.History, at int64) audience.Standing { return h.OnList(list, audience.FromMicros(at)) }
}

func (f *standing) value(_ *Core, id uint32, _ int64) (int64, bool) {
	page := int(id >> 16)
	if page >= len(f.pages) || f.pages[page] == nil {
		return int64(audience.StatusNone), true
	}
	if v := f.pages[page][id&(pageSize-1)]; v != 0 {
		return int64(v - 1), true
	}
	return int64(audience.StatusNone), true
}

func (*standing) price() int { return 2 }

func (f *standing) between(_ *Core, page int, in *words, lo, hi int64) {
	if page >= len(f.pages) || f.pages[page] == nil {
		if none := int64(audience.StatusNone); none < lo || none > hi {
			clear(in[:])
		}
		return
	}
	var accepted [256]bool
	for v := range accepted {
		status := int64(max(v-1, 0))
		accepted[v] = lo <= status && status <= hi
	}
	values := f.pages[page]
	for i, w := range in {
		var kept uint64
		block := values[i<<6 : i<<6+64]
		for rest := w; rest != 0; rest &= rest - 1 {
			if bit := lowest(rest); accepted[block[bit]] {
				kept |= 1 << bit
			}
		}
		in[i] = kept
	}
}

// refresh folds the ledger of a contact anew, and sees to it that this happens
// again when the status changes by itself.
func (f *standing) refresh(c *Core, id uint32) {
	h := c.table.History(id)
	var s audience.Standing
	if len(h.Records) > 0 || len(h.Merged) > 0 {
		s = f.fold(&h, c.now)
	}
	f.set(id, s.Status)
	if !s.Until.IsZero() {
		c.agenda.Set(f.source, id, audience.Micros(s.Until))
	}
}

// refreshAll is refresh for everybody, when nobody is known yet.
func (f *standing) refreshAll(c *Core) {
	var ahead []agenda.Entry
	for id, h := range c.table.Histories() {
		s := f.fold(h, c.now)
		f.set(id, s.Status)
		if !s.Until.IsZero() {
			ahead = append(ahead, agenda.Entry{At: audience.Micros(s.Until), Source: f.source, Contact: id})
		}
	}
	c.agenda.SetMany(ahead)
}

func (f *standing) set(id uint32, status audience.Status) {
	page := int(id >> 16)
	for len(f.pages) <= page {
		f.pages = append(f.pages, nil)
	}
	if f.pages[page] == nil {
		if status == audience.StatusNone {
			return
		}
		f.pages[page] = new([pageSize]uint8)
	}
	f.pages[page][id&(pageSize-1)] = uint8(status) + 1
}

// suppression is whether an address of the contact is suppressed, 1 or 0.
type suppression struct{ source agenda.Source }

func (suppression) value(c *Core, id uint32, now int64) (int64, bool) {
	if from, ok := c.table.SuppressedFrom(id); ok && from <= now {
		return 1, true
	}
	return 0, true
}
func (suppression) price() int { return 5 }

// refresh sees to it that the contact comes up when her suppression begins.
func (f suppression) refresh(c *Core, id uint32) {
	if from, ok := c.table.SuppressedFrom(id); ok && from > c.now {
		c.agenda.Set(f.source, id, from)
	}
}

// refreshAll is refresh for everybody.
func (f suppression) refreshAll(c *Core) {
	var ahead []agenda.Entry
	for id := range c.table.Presence().All {
		if from, ok := c.table.SuppressedFrom(id); ok && from > c.now {
			ahead = append(ahead, agenda.Entry{At: from, Source: f.source, Contact: id})
		}
	}
	c.agenda.SetMany(ahead)
}
