package audiencetest

import (
	"cmp"
	"slices"
)

// maxMails and maxOrders bound what one contact does.
const (
	maxMails  = 600
	maxOrders = 300
)

// history draws the events of one contact.
type history struct {
	dice
	person     Person
	start, end int64 // of what she can do
	orders     int32
	events     []ShopEvent
	from       int // where hers begin in events
}

// AppendEvents appends the events of one contact, ordered by time, and gives
// the longer slice. With room enough in it nothing is allocated.
func (s Shop) AppendEvents(into []ShopEvent, index int) []ShopEvent {
	start, end := s.span()
	p := s.Person(index)
	h := history{
		dice: newDice(s.Seed, forEvents, uint64(index)), person: p,
		start: max(start, p.Created), end: end, events: into, from: len(into),
	}
	h.mails(s.standing(index, p.Created, end), end-start)
	h.shopping(end - start)

	hers := h.events[h.from:]
	slices.SortStableFunc(hers, func(a, b ShopEvent) int { return cmp.Compare(a.Time, b.Time) })
	for i := range hers {
		hers[i].Seq = int32(i)
	}
	return h.events
}

// add leaves out what would happen after the end.
func (h *history) add(e ShopEvent) bool {
	if e.Time >= h.end {
		return false
	}
	h.events = append(h.events, e)
	return true
}

// mails draws what was sent to her while she was subscribed, and what she did
// with it. whole is the length of the shop's time.
func (h *history) mails(st standing, whole int64) {
	from, until := max(h.start, st.granted), min(st.until, h.end)
	if until <= from {
		return
	}
	opens := h.opening()
	n := h.below(9) + h.below(int64(h.person.Activity)+2)*2
	n = min(maxMails, (n*((until-from)/hour)+whole/hour/2)/(whole/hour))
	for range n {
		h.mail(from, until, opens)
	}
	if st.regrant != 0 || until == h.end {
		return
	}
	last := ShopEvent{Number: int32(until / day), Time: until}
	switch st.story {
	case bounced:
		last.Kind = EmailBounced
	case complains:
		last.Kind = EmailComplained
	case withdrawn:
		last.Kind = EmailUnsubscribed
	default:
		return
	}
	h.add(last)
}

// opening draws how many of 1,000 mails she opens.
func (h *history) opening() int64 {
	switch h.pick([]uint16{30, 45, 25}) {
	case 0:
		return h.below(20)
	case 1:
		return 150 + h.below(300)
	default:
		return 500 + h.below(400)
	}
}

// mail draws one mail: sent in the morning, delivered seconds later, opened
// after minutes or days, clicked soon after.
func (h *history) mail(from, until, opens int64) {
	at := h.between(from, until)
	morning := at - at%day + 8*hour + h.below(2*hour)
	if morning < from || morning >= until {
		morning = at
	}
	e := ShopEvent{Kind: EmailSent, Number: int32(at / day), Time: morning}
	h.add(e)
	if h.chance(15) {
		return // lost on the way
	}
	e.Kind, e.Time = EmailDelivered, e.Time+h.below(90*second)+1
	if !h.add(e) || !h.chance(opens) {
		return
	}
	e.Kind, e.Time, e.Machine = EmailOpened, e.Time+h.delay(5*minute), h.chance(100)
	if !h.add(e) {
		return
	}
	if h.chance(150) { // once more
		again := e
		again.Machine, again.Time = false, e.Time+h.delay(hour)
		h.add(again)
	}
	if e.Machine || !h.chance(270) {
		return
	}
	e.Kind, e.Link, e.Time = EmailClicked, uint8(h.below(8)), e.Time+h.delay(10*second)
	if h.add(e) && h.chance(150) {
		h.order(e.Time + h.delay(5*minute))
	}
}

// delay draws from the unit upwards, doubled for every second one; half of
// them are below two units, one in a thousand above a thousand.
func (h *history) delay(unit int64) int64 {
	unit <<= min(h.halvings(), 12)
	return unit + h.below(unit)
}

// shopping draws her orders apart from those that follow mails.
func (h *history) shopping(whole int64) {
	if h.end <= h.start {
		return
	}
	n := int64(0)
	if a := int64(h.person.Activity); a > 1 || h.chance(400) {
		n = h.below(a*5/4 + 2)
	}
	n = (n*((h.end-h.start)/hour) + whole/hour/2) / (whole / hour)
	for range n {
		at := h.between(h.start, h.end)
		if of := at / day % 365; of < 305 && h.chance(250) { // before Christmas there is more
			at = h.between(h.start, h.end)
		}
		evening := at - at%day + (17+h.below(5))*hour + h.below(hour)
		if h.chance(600) && evening >= h.start {
			at = evening
		}
		h.order(at)
	}
}

// order draws a purchase of some 35, in a long tail, and for a few what came
// back of it.
func (h *history) order(at int64) {
	if int(h.orders) >= maxOrders {
		return
	}
	e := ShopEvent{
		Kind: Purchase, Number: h.orders, Time: at, Currency: h.person.Currency,
		Cents: h.price(), Items: uint8(1 + min(h.halvings(), 20)),
	}
	if !h.add(e) {
		return
	}
	h.orders++
	if !h.chance(45) {
		return
	}
	e.Kind, e.Time = Refund, e.Time+day+h.below(20*day)
	if e.Items > 1 && h.chance(400) {
		e.Items, e.Cents = 1, max(1, e.Cents/int64(e.Items))
	}
	h.add(e)
}

// price draws cents around 3,500, with a tail as of a log-normal distribution
// and one in a hundred beyond it.
func (d *dice) price() int64 {
	cents := power(11<<16 + 50_000 + (d.bell()-32_768)*5)
	if d.chance(10) {
		cents *= 5
	}
	return cents
}
