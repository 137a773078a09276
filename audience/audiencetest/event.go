package audiencetest

import (
	"strconv"

	"github.com/audiencekit/audiencekit/audience"
)

// EventKind is the type of a shop's event.
type EventKind uint8

// The types of a shop's events.
const (
	EmailSent EventKind = iota
	EmailDelivered
	EmailOpened
	EmailClicked
	EmailBounced
	EmailComplained
	EmailUnsubscribed
	Purchase
	Refund
)

// String gives the type as an event names it, such as "email.opened".
func (k EventKind) String() string {
	switch k {
	case EmailSent:
		return "email.sent"
	case EmailDelivered:
		return "email.delivered"
	case EmailOpened:
		return "email.opened"
	case EmailClicked:
		return "email.clicked"
	case EmailBounced:
		return "email.bounced"
	case EmailComplained:
		return "email.complained"
	case EmailUnsubscribed:
		return "email.unsubscribed"
	case Purchase:
		return "purchase"
	case Refund:
		return "refund"
	default:
		return "none"
	}
}

// isOrder reports whether the event is about money, not about a mail.
func (k EventKind) isOrder() bool { return k == Purchase || k == Refund }

// ShopEvent is an event of a contact, in a form that costs no allocation.
type ShopEvent struct {
	Kind    EventKind
	Machine bool  // opened by a program, not by her
	Items   uint8 // of an order
	Link    uint8 // which link of the mail was clicked
	// Number is the day of the campaign, counted from 1970-01-01, or that of
	// the order among the contact's orders, from 0.
	Number   int32
	Seq      int32  // 0, 1, 2 in the order of the contact's events; its id
	Currency string // of an order
	Time     int64  // microseconds
	Cents    int64  // of an order, above 0
}

// EventWriter makes writes of events. It keeps the values that many events
// have in common, so that they are in memory once. The zero EventWriter is
// ready; it is for one goroutine.
type EventWriter struct {
	campaigns map[int32]audience.Value
	texts     map[string]audience.Value
}

// Write gives the write that appends an event of the contact with an index.
func (w *EventWriter) Write(index int, e *ShopEvent) audience.EventWrite {
	out := audience.EventWrite{
		Contact: audience.Key(Key(index)), ID: strconv.FormatInt(int64(e.Seq), 36), Type: e.Kind.String(), Time: audience.FromMicros(e.Time),
	}
	if e.Kind.isOrder() {
		out.Props = map[string]audience.Value{
			"value":    hundredths(e.Cents),
			"currency": w.text(e.Currency),
			"order":    audience.StringValue(Key(index) + "-" + strconv.Itoa(int(e.Number))),
			"items":    audience.IntValue(int64(e.Items)),
		}
		return out
	}
	out.Props = map[string]audience.Value{"campaign": w.campaign(e.Number)}
	switch e.Kind {
	case EmailOpened:
		out.Props["machine"] = audience.BoolValue(e.Machine)
	case EmailClicked:
		out.Props["url"] = w.text("https://shop.example.com/" + strconv.Itoa(int(e.Link)))
	default: // nothing more is known
	}
	return out
}

func (w *EventWriter) campaign(number int32) audience.Value {
	v, ok := w.campaigns[number]
	if !ok {
		if w.campaigns == nil {
			w.campaigns = make(map[int32]audience.Value)
		}
		v = audience.StringValue("news-" + audience.Date(number).String())
		w.campaigns[number] = v
	}
	return v
}

func (w *EventWriter) text(s string) audience.Value {
	v, ok := w.texts[s]
	if !ok {
		if w.texts == nil {
			w.texts = make(map[string]audience.Value)
		}
		v = audience.StringValue(s)
		w.texts[s] = v
	}
	return v
}
