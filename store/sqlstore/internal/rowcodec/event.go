package rowcodec

import (
	"github.com/audiencekit/audiencekit/audience"
)

// AppendProps appends the blob of an event row: its properties. Everything
// else of an event stands in columns.
func AppendProps(b []byte, props []audience.EventProp) []byte {
	e := encoder{b: append(b, version1)}
	e.props(props)
	return e.b
}

// Props reads what [AppendProps] made.
func Props(b []byte) ([]audience.EventProp, error) {
	d := open("event", b)
	props := d.props()
	if err := d.close(); err != nil {
		return nil, err
	}
	return props, nil
}

func (e *encoder) props(props []audience.EventProp) {
	e.count(len(props), props == nil)
	for i := range props {
		e.uint(uint64(props[i].ID))
		e.value(props[i].Value)
	}
}

func (d *decoder) props() []audience.EventProp {
	n := d.count(2)
	out := items[audience.EventProp](n)
	for i := 0; i < n && d.ok(); i++ {
		out = append(out, audience.EventProp{ID: audience.PropID(d.uint32()), Value: d.value()})
	}
	return out
}

// What is rare about an event that stands in another row.
const (
	eventRetracted = 1 << iota
	eventMoved     // the contact is not the origin
	eventRevised
	eventFlags // above all of them
)

// event writes an event that stands in another row.
func (e *encoder) event(v *audience.Event) {
	flags := byte(0)
	if v.Retracted {
		flags |= eventRetracted
	}
	if v.Contact != v.Origin {
		flags |= eventMoved
	}
	if v.Revision != 0 {
		flags |= eventRevised
	}
	e.byte(flags)
	e.uint(uint64(v.Origin))
	if v.Contact != v.Origin {
		e.uint(uint64(v.Contact))
	}
	if v.Revision != 0 {
		e.uint(v.Revision)
	}
	e.text(v.ID)
	e.text(v.Type)
	e.time(v.Time)
	e.props(v.Props)
}

// leastEvent is how many bytes an event has at least.
const leastEvent = 6

func (d *decoder) event() audience.Event {
	flags := d.byte()
	if flags >= eventFlags {
		d.fail()
	}
	v := audience.Event{Retracted: flags&eventRetracted != 0, Origin: audience.ContactID(d.uint32())}
	v.Contact = v.Origin
	if flags&eventMoved != 0 {
		v.Contact = audience.ContactID(d.uint32())
	}
	if flags&eventRevised != 0 {
		v.Revision = d.uint()
	}
	v.ID, v.Type, v.Time, v.Props = d.text(), d.text(), d.time(), d.props()
	return v
}

func (d *decoder) events() []audience.Event {
	n := d.count(leastEvent)
	out := items[audience.Event](n)
	for i := 0; i < n && d.ok(); i++ {
		out = append(out, d.event())
	}
	return out
}
