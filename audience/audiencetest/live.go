package audiencetest

import (
	"iter"
	"strconv"

	"github.com/audiencekit/audiencekit/audience"
)

// Live is something that happens in a shop after its end. One of Contact,
// Consent and Event is there.
type Live struct {
	Index   int   // of the contact
	Time    int64 // microseconds, later than everything before
	Contact *audience.ContactWrite
	Consent *audience.ConsentWrite
	Event   *audience.EventWrite
}

// Live gives the first n things that happen after the shop's end, a second
// apart on average, most of them to contacts who do much anyway: nine in ten
// are events, which have ids, the rest changes of fields and tags, and a few
// of consent. The first ones are the same for every n.
func (s Shop) Live(n int) iter.Seq[Live] {
	return func(yield func(Live) bool) {
		_, now := s.span()
		d := newDice(s.Seed, forLive, 0)
		var writer EventWriter
		for seq := range n {
			now += 1 + d.below(2*second)
			if !yield(s.happening(&d, &writer, seq, now)) {
				return
			}
		}
	}
}

func (s Shop) happening(d *dice, writer *EventWriter, seq int, now int64) Live {
	p := s.busy(d)
	l := Live{Index: p.Index, Time: now}
	switch n := d.below(1000); {
	case n < 80:
		w := change(d, &p, now)
		l.Contact = &w
	case n < 100:
		c := Consent{Index: p.Index, Kind: audience.ConsentGranted, Acted: now, Mechanism: audience.MechanismDoubleOptIn}
		if refusal := d.pick([]uint16{550, 350, 75, 25}); refusal > 0 {
			c.Kind, c.Mechanism = []audience.ConsentKind{audience.ConsentWithdrawn, audience.ConsentBounced, audience.ConsentComplained}[refusal-1], ""
		}
		w := c.Write()
		l.Consent = &w
	default:
		e := liveEvent(d, &p, now)
		w := writer.Write(p.Index, &e)
		w.ID = "live-" + strconv.Itoa(seq)
		l.Event = &w
	}
	return l
}

// busy gives the busiest of three contacts.
func (s Shop) busy(d *dice) Person {
	n := int64(s.Len())
	best := s.Person(int(d.below(n)))
	for range 2 {
		if p := s.Person(int(d.below(n))); p.Activity > best.Activity {
			best = p
		}
	}
	return best
}

func liveEvent(d *dice, p *Person, now int64) ShopEvent {
	e := ShopEvent{
		Kind: EventKind(d.pick([]uint16{
			EmailSent: 330, EmailDelivered: 320, EmailOpened: 160, EmailClicked: 50, EmailBounced: 3, EmailComplained: 1, EmailUnsubscribed: 6, Purchase: 120, Refund: 10,
		})),
		Number: int32(now / day), Time: now,
	}
	switch e.Kind {
	case EmailOpened:
		e.Machine = d.chance(100)
	case EmailClicked:
		e.Link = uint8(d.below(8))
	case Purchase, Refund:
		e.Currency, e.Cents, e.Items = p.Currency, d.price(), uint8(1+min(d.halvings(), 20))
	default: // nothing more to say
	}
	return e
}

// change draws a change of the contact's fields or tags.
func change(d *dice, p *Person, now int64) audience.ContactWrite {
	w := audience.ContactWrite{Match: audience.Key(Key(p.Index)), Mode: audience.UpdateOnly}
	all := places()
	switch d.below(6) {
	case 0:
		w.Set = Values("score", float64(d.below(10_001))/100)
	case 1:
		w.Set = Values("plan", Plans()[1+d.below(3)], "renews_at", audience.FromMicros(now+30*day))
	case 2:
		here := &all[d.below(countries)]
		w.Set = Values("country", here.country, "city", here.cities[d.below(3)])
	case 3:
		w.Set = Values("age", 18+d.below(60))
	case 4:
		w.AddTags = []string{Tags()[d.below(tagCount)]}
	default:
		w.RemoveTags = []string{Tags()[d.below(10)]}
	}
	return w
}
