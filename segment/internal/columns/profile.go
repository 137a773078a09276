package columns

import (
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// Profile gives a contact as a profile of her own, which stays as it is: what
// the table keeps of her, the rest is absent. Its Parts are those that the
// table keeps. Dates are timestamps in it, as in [Row].
func (t *Table) Profile(id uint32) *audience.Profile {
	row := t.Row() // nobody else moves it on
	row.Seek(id)
	p := &audience.Profile{
		Contact: row.contact, Parts: t.needs.Parts(), History: t.History(id), SuppressedFrom: row.SuppressedFrom(),
	}
	p.Contact.Addresses = slices.Clone(p.Contact.Addresses)
	for _, s := range t.streams {
		if events := row.Events(s.needs.Type); len(events) > 0 {
			p.Streams = append(p.Streams, audience.EventStream{Type: s.needs.Type, Events: events})
		}
	}
	for _, l := range t.lists {
		if l.on.Contains(id) {
			p.Lists = append(p.Lists, l.name)
		}
	}
	return p
}
