package dbtest

import (
	"fmt"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// Rows are compared as text that shows all of them. Nobody in them is real.

func contactText(c *audience.Contact) string {
	var b strings.Builder
	fmt.Fprintf(&b, "contact %d v%d names %q %q phone %q frequency %q created %d updated %d", uint32(c.ID), c.Version,
		c.FirstName.Reveal(), c.LastName.Reveal(), c.Phone.Reveal(), c.Frequency, audience.Micros(c.CreatedAt), audience.Micros(c.UpdatedAt))
	for _, a := range c.Addresses {
		fmt.Fprintf(&b, " address %q", a.Reveal())
	}
	for _, x := range c.External {
		fmt.Fprintf(&b, " external %q:%q", x.System, x.ID.Reveal())
	}
	for _, tag := range c.Tags {
		fmt.Fprintf(&b, " tag %q from %s", tag.Name, originText(tag.Origin))
	}
	for _, f := range c.Fields {
		fmt.Fprintf(&b, " field %d %s from %s", f.ID, valueText(f.Value), originText(f.Origin))
	}
	return b.String()
}

func originText(p *audience.Provenance) string {
	if p == nil {
		return "nowhere"
	}
	return fmt.Sprintf("%d/%q/%q@%d", p.Kind, p.Name, p.Actor, audience.Micros(p.At))
}

func valueText(v audience.Value) string {
	if items, ok := v.StringList(); ok {
		return fmt.Sprintf("list:%q", items)
	}
	return fmt.Sprintf("%s:%q", v.Type(), v.Reveal())
}

// eventText leaves out whose the event is by now, which merges change.
func eventText(e *audience.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "event %d %q %q at %d r%d retracted %t", e.Origin, e.Type, e.ID, audience.Micros(e.Time), e.Revision, e.Retracted)
	for _, p := range e.Props {
		fmt.Fprintf(&b, " prop %d %s", p.ID, valueText(p.Value))
	}
	return b.String()
}

func ledgerText(r *audience.ConsentRecord) string {
	return fmt.Sprintf("record %d/%d %s %x", uint32(r.Contact), r.Seq, r.Kind, r.Hash)
}
