package audiencetest

import (
	"iter"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

const (
	second = int64(1_000_000) // in microseconds, like every instant here
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// Shop describes a web shop: who its contacts are, what they consented to,
// and what they did from Start to End. Everything follows from the four
// members: equal shops give equal bytes on every machine. Nothing is held in
// memory; any contact can be asked for by her index, 0 to Contacts-1, at the
// same small cost. A Shop is safe for concurrent use.
//
// The shapes are those of real shops: a few contacts do most of what is done
// and most do little; countries and tags are skewed; values are missing; mails
// go out in the morning, orders come in the evening and before Christmas;
// nobody opens what was not delivered, nor clicks what was not opened. There
// are about ten events per contact, some have hundreds, and seven in ten
// contacts are subscribed at End.
type Shop struct {
	Contacts int       // how many; 0: 1,000
	Seed     uint64    // another seed is another shop
	Start    time.Time // of the events; zero: 24 months before End
	End      time.Time // no event is later; zero: 2026-03-01T12:00:00Z
}

func (s Shop) withDefaults() Shop {
	if s.Contacts == 0 {
		s.Contacts = 1_000
	}
	if s.End.IsZero() {
		s.End = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	}
	if s.Start.IsZero() {
		s.Start = s.End.AddDate(0, -24, 0)
	}
	return s
}

// span gives start and end in microseconds; there is a day between them at
// least.
func (s Shop) span() (start, end int64) {
	s = s.withDefaults()
	end = audience.Micros(s.End)
	return min(audience.Micros(s.Start), end-day), end
}

// Len gives the number of contacts.
func (s Shop) Len() int { return s.withDefaults().Contacts }

// Schema declares the custom fields of the shop's contacts, its further
// purpose "offers" and its lists: the topics "news" and "deals", the static
// list "never".
func (s Shop) Schema() audience.Schema {
	return audience.Schema{
		Fields: []audience.Field{
			{Name: "country", Type: audience.TypeString},
			{Name: "city", Type: audience.TypeString},
			{Name: "plan", Type: audience.TypeString},
			{Name: "age", Type: audience.TypeInt},
			{Name: "vip", Type: audience.TypeBool},
			{Name: "score", Type: audience.TypeDouble},
			{Name: "birthday", Type: audience.TypeDate},
			{Name: "renews_at", Type: audience.TypeTimestamp},
			{Name: "interests", Type: audience.TypeStringList},
		},
		Purposes: []audience.Purpose{{Name: "offers"}},
		Lists: []audience.List{
			{Name: "news", Kind: audience.ListTopic},
			{Name: "deals", Kind: audience.ListTopic, Purpose: "offers"},
			{Name: "never", Kind: audience.ListStatic},
		},
	}
}

// Key gives the host's own key of the contact with an index: "u0", "u1" and
// so on.
func Key(index int) string { return "u" + strconv.Itoa(index) }

// People gives every contact, by index.
func (s Shop) People() iter.Seq[Person] {
	return func(yield func(Person) bool) {
		for i := range s.Len() {
			if !yield(s.Person(i)) {
				return
			}
		}
	}
}

// ContactWrites gives the write that creates each contact, by index.
func (s Shop) ContactWrites() iter.Seq[audience.ContactWrite] {
	return func(yield func(audience.ContactWrite) bool) {
		for p := range s.People() {
			if !yield(p.Write()) {
				return
			}
		}
	}
}

// ConsentWrites gives the ledger records of each contact, by index, in the
// order in which they were made.
func (s Shop) ConsentWrites() iter.Seq[audience.ConsentWrite] {
	return func(yield func(audience.ConsentWrite) bool) {
		for i := range s.Len() {
			for _, c := range s.ConsentsOf(i) {
				if !yield(c.Write()) {
					return
				}
			}
		}
	}
}

// EventWrites gives the events of each contact, by index and ordered by time
// within a contact.
func (s Shop) EventWrites() iter.Seq[audience.EventWrite] {
	return func(yield func(audience.EventWrite) bool) {
		var writer EventWriter
		var events []ShopEvent
		for i := range s.Len() {
			events = s.AppendEvents(events[:0], i)
			for k := range events {
				if !yield(writer.Write(i, &events[k])) {
					return
				}
			}
		}
	}
}

// EventsOf gives the events of one contact, ordered by time.
func (s Shop) EventsOf(index int) iter.Seq[audience.EventWrite] {
	return func(yield func(audience.EventWrite) bool) {
		var writer EventWriter
		events := s.AppendEvents(nil, index)
		for k := range events {
			if !yield(writer.Write(index, &events[k])) {
				return
			}
		}
	}
}

// Batch is a part of a shop that fits into one transaction: some contacts
// with all that is theirs.
type Batch struct {
	Contacts []audience.ContactWrite
	Consents []audience.ConsentWrite
	Events   []audience.EventWrite
}

// Batches gives the whole shop in batches of at most n contacts, consents and
// events each, in the order in which a store has to take them. A contact with
// more events than n comes in a batch of her own. The batch is valid until the
// next one.
func (s Shop) Batches(n int) iter.Seq[Batch] {
	return func(yield func(Batch) bool) {
		var b Batch
		var writer EventWriter
		var events []ShopEvent
		for i := range s.Len() {
			events = s.AppendEvents(events[:0], i)
			consents := s.ConsentsOf(i)
			full := len(b.Contacts)+1 > n || len(b.Consents)+len(consents) > n || len(b.Events)+len(events) > n
			if full && len(b.Contacts) > 0 {
				if !yield(b) {
					return
				}
				b = Batch{Contacts: b.Contacts[:0], Consents: b.Consents[:0], Events: b.Events[:0]}
			}
			person := s.Person(i)
			b.Contacts = append(b.Contacts, person.Write())
			for _, c := range consents {
				b.Consents = append(b.Consents, c.Write())
			}
			for k := range events {
				b.Events = append(b.Events, writer.Write(i, &events[k]))
			}
		}
		if len(b.Contacts) > 0 {
			yield(b)
		}
	}
}
