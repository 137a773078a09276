package segment_test

import (
	"math"
	"math/bits"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/audience/audiencetest"
	"github.com/audiencekit/audiencekit/segment/internal/bitset"
)

// floor is what somebody writes who knows the three queries beforehand and
// has nothing else to do: columns made for them, and loops over these. No
// evaluator can be expected to be faster row by row.
type floor struct {
	contacts   int
	country    []uint8 // 1 for Germany
	age        []uint8 // 0: not known
	vip        []bool  // the tag
	created    []int64
	subscribed []int64 // until when; 0: not subscribed
	sent       postings
	opened     postings
	clicked    postings
	purchased  postings
}

// postings are the events of one type by contact, ordered by time.
type postings struct {
	from  []uint32 // where those of a contact begin; one more at the end
	times []int64
	cents []int64 // aligned with times; of orders
}

func newFloor(shop audiencetest.Shop) *floor {
	f := &floor{contacts: shop.Len()}
	var events []audiencetest.ShopEvent
	for p := range shop.People() {
		f.country = append(f.country, b2u(p.Country == "DE"))
		f.age = append(f.age, uint8(p.Age))
		f.vip = append(f.vip, p.HasTag(0))
		f.created = append(f.created, p.Created)
		f.subscribed = append(f.subscribed, subscribedUntil(shop.ConsentsOf(p.Index)))
		for _, at := range []*postings{&f.sent, &f.opened, &f.clicked, &f.purchased} {
			at.from = append(at.from, uint32(len(at.times)))
		}
		events = shop.AppendEvents(events[:0], p.Index)
		for i := range events {
			f.add(&events[i])
		}
	}
	for _, at := range []*postings{&f.sent, &f.opened, &f.clicked, &f.purchased} {
		at.from = append(at.from, uint32(len(at.times)))
	}
	return f
}

func b2u(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// subscribedUntil knows the stories that a shop tells: the last record
// decides.
func subscribedUntil(consents []audiencetest.Consent) int64 {
	if len(consents) == 0 {
		return 0
	}
	last := consents[len(consents)-1]
	switch {
	case last.Kind != audience.ConsentGranted:
		return 0
	case last.Expires != 0:
		return last.Expires
	}
	return math.MaxInt64
}

func (f *floor) add(e *audiencetest.ShopEvent) {
	switch e.Kind {
	case audiencetest.EmailSent:
		f.sent.times = append(f.sent.times, e.Time)
	case audiencetest.EmailOpened:
		f.opened.times = append(f.opened.times, e.Time)
	case audiencetest.EmailClicked:
		f.clicked.times = append(f.clicked.times, e.Time)
	case audiencetest.Purchase:
		f.purchased.times = append(f.purchased.times, e.Time)
		f.purchased.cents = append(f.purchased.cents, e.Cents)
	default: // the queries do not read it
	}
}

// upTo gives where a contact's events begin and end that are not later than
// now.
func (p *postings) upTo(contact int, now int64) (from, until uint32) {
	from, until = p.from[contact], p.from[contact+1]
	for until > from && p.times[until-1] > now {
		until--
	}
	return from, until
}

// anySince reports an event in (start, now].
func (p *postings) anySince(contact int, start, now int64) bool {
	from, until := p.upTo(contact, now)
	return until > from && p.times[until-1] > start
}

// answer has a bit for each contact.
type answer []uint64

func (a answer) ids() []uint32 {
	out := []uint32{}
	for i, word := range a {
		for ; word != 0; word &= word - 1 {
			out = append(out, uint32(i*64+bits.TrailingZeros64(word))+1)
		}
	}
	return out
}

// query gives the loop of one of the shop's queries.
func (f *floor) query(name string) func(now int64) answer {
	switch name {
	case "fields":
		return f.fields
	case "engaged":
		return f.engaged
	default:
		return f.highValue
	}
}

func (f *floor) fields(int64) answer {
	out := make(answer, (f.contacts+63)/64)
	for i, country := range f.country {
		if country == 1 && f.age[i] >= 30 && f.vip[i] {
			out[i/64] |= 1 << (i % 64)
		}
	}
	return out
}

func (f *floor) engaged(now int64) answer {
	out := make(answer, (f.contacts+63)/64)
	opened, clicked := windowStart(now, "30d"), windowStart(now, "60d")
	for i, until := range f.subscribed {
		if until > now && f.clicked.anySince(i, clicked, now) && f.opened.anySince(i, opened, now) {
			out[i/64] |= 1 << (i % 64)
		}
	}
	return out
}

func (f *floor) highValue(now int64) answer {
	out := make(answer, (f.contacts+63)/64)
	year, halfYear := windowStart(now, "1y"), windowStart(now, "6mo")
	for i, created := range f.created {
		if created >= halfYear {
			continue
		}
		from, until := f.purchased.upTo(i, now)
		if until-from <= 3 || f.purchased.times[until-4] <= year { // more than three since then
			continue
		}
		sum := int64(0)
		for _, cents := range f.purchased.cents[from:until] {
			sum += cents
		}
		if sum <= 10_000 {
			continue
		}
		openedFrom, openedUntil := f.opened.upTo(i, now)
		sentFrom, sentUntil := f.sent.upTo(i, now)
		if sent := sentUntil - sentFrom; sent > 0 && 2*(openedUntil-openedFrom) > sent {
			out[i/64] |= 1 << (i % 64)
		}
	}
	return out
}

func windowStart(now int64, period string) int64 {
	p, err := audience.ParsePeriod(period)
	if err != nil {
		panic(err)
	}
	start, _ := audience.NewCalendar(nil).Ago(audience.FromMicros(now), p)
	return audience.Micros(start)
}

// fieldAtoms gives the bitmaps of the atoms of the query "fields".
func (f *floor) fieldAtoms() []bitset.Set {
	var country, age, vip bitset.Builder
	for i := range f.contacts {
		id := uint32(i + 1)
		if f.country[i] == 1 {
			country.Add(id)
		}
		if f.age[i] >= 30 {
			age.Add(id)
		}
		if f.vip[i] {
			vip.Add(id)
		}
	}
	return []bitset.Set{vip.Build(), country.Build(), age.Build()}
}

func idsOf(s bitset.Set) []uint32 { return slices.AppendSeq([]uint32{}, s.All()) }
