package segment_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// naiveWorld is a random audience: a schema, a zone, contacts, and the
// instants that everything in it happens at.
type naiveWorld struct {
	random   *rand.Rand
	schema   audience.Schema
	zone     *time.Location
	base     time.Time   // what most instants lie around
	instants []time.Time // drawn from again and again, so that edges and ties are met
	profiles []*audience.Profile
}

// naiveZones have clocks that are turned at odd hours, by odd amounts, over
// midnight, over a whole day, or not at all.
func naiveZones() []string {
	return []string{
		"UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia",
		"Africa/Casablanca", "America/Sao_Paulo", "Asia/Beirut", "America/Havana", "Asia/Kathmandu", "Africa/Cairo",
		"Atlantic/Azores", "Europe/Dublin", "Antarctica/Troll", "America/Asuncion",
	}
}

func naiveNewWorld(random *rand.Rand, contacts int) *naiveWorld {
	w := &naiveWorld{random: random}
	zone, err := time.LoadLocation(naivePick(random, naiveZones()))
	if err != nil {
		panic(err)
	}
	w.zone = zone
	w.base = w.newBase()
	w.instants = w.newInstants()
	w.schema = w.newSchema()
	for i := range contacts {
		w.profiles = append(w.profiles, w.newProfile(audience.ContactID(i+1)))
	}
	return w
}

func naivePick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

func (w *naiveWorld) chance(p float64) bool { return w.random.Float64() < p }

// newBase picks an instant at which calendars are hard.
func (w *naiveWorld) newBase() time.Time {
	year := 2005 + w.random.IntN(24)
	t := time.Date(year, 1, 1+w.random.IntN(366), w.random.IntN(24), w.random.IntN(60), 0, w.random.IntN(1e6)*1000, w.zone)
	switch w.random.IntN(6) {
	case 0: // the clock is turned
		if _, turned := t.ZoneBounds(); !turned.IsZero() && turned.Year() < 2040 {
			t = turned
		}
	case 1: // the ends of a month
		t = time.Date(year, t.Month()+1, 1, 0, 0, 0, 0, w.zone)
	case 2:
		t = time.Date(year, t.Month(), 29+w.random.IntN(3), t.Hour(), t.Minute(), 0, 0, w.zone)
	case 3: // leap days
		t = time.Date(year/4*4+w.random.IntN(2), 2, 28+w.random.IntN(2), t.Hour(), 0, 0, 0, w.zone)
	case 4: // around New Year
		t = time.Date(year, 1, 1, 0, 0, 0, 0, w.zone)
	}
	return t.UTC()
}

func (w *naiveWorld) newInstants() []time.Time {
	nudges := []time.Duration{0, 0, 0, 1, -1, 2, 1e6, -1e6, 3600e6, -3600e6, 7200e6, 4 * 3600e6}
	out := []time.Time{w.base}
	for len(out) < 40 {
		t := w.base
		switch w.random.IntN(4) {
		case 0: // exactly a period away, as often as not the same one
			p := naiveParsePeriod(naivePick(w.random, naivePeriods(true)))
			t = naiveShift(t, p, naivePick(w.random, []int{-1, -1, -1, 1}), w.zone)
		case 1: // near something else
			t = naivePick(w.random, out).Add(naiveParsePeriod(naivePick(w.random, naivePeriods(false))).exact)
		case 2:
			t = w.base.Add(time.Duration(w.random.Int64N(430*24*3600e6)-400*24*3600e6) * time.Microsecond)
		}
		out = append(out, t.Add(naivePick(w.random, nudges)*time.Microsecond).UTC())
	}
	return out
}

// instant gives an instant near others, so that times are equal or next to
// each other more often than chance would have it.
func (w *naiveWorld) instant() time.Time {
	t := naivePick(w.random, w.instants)
	if w.chance(0.2) {
		t = t.Add(time.Duration(w.random.IntN(3)-1) * time.Microsecond)
	}
	return t
}

// past gives an instant up to base, for what has happened.
func (w *naiveWorld) past() time.Time {
	for range 20 {
		if t := w.instant(); !t.After(w.base) {
			return t
		}
	}
	return w.base
}

// newSchema gives a schema with every type of field and of property, in
// different order and under different numbers each time.
func (w *naiveWorld) newSchema() audience.Schema {
	s := audience.Schema{
		Purposes: []audience.Purpose{{Name: "marketing"}, {Name: "offers"}},
		Lists: []audience.List{
			{Name: "news", Kind: audience.ListTopic},
			{Name: "deals", Kind: audience.ListTopic, Purpose: "offers"},
			{Name: "vip-by-hand", Kind: audience.ListStatic},
			{Name: "never", Kind: audience.ListStatic},
			{Name: "qa", Kind: audience.ListTest},
		},
	}
	names := []string{
		"city", "plan", "age", "points", "score", "ltv", "vip", "active", "last_seen", "renews_at", "birthday",
		"joined_on", "interests", "codes", "x1", "y_2",
	}
	w.random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for i, number := range w.random.Perm(len(names)) {
		s.Fields = append(s.Fields, audience.Field{
			Name: names[i], Type: audience.Type(1 + i%7), ID: audience.FieldID(3*number + 1),
		})
	}
	prop := func(name string, t audience.Type) audience.Prop { return audience.Prop{Name: name, Type: t} }
	s.Events = []audience.EventType{
		{Name: "visit", Props: []audience.Prop{
			prop("page", audience.TypeString), prop("secs", audience.TypeInt), prop("depth", audience.TypeDouble),
			prop("paid", audience.TypeBool), prop("at", audience.TypeTimestamp), prop("day", audience.TypeDate),
			prop("labels", audience.TypeStringList), prop("utm-source", audience.TypeString),
		}},
		{Name: "signup", Props: []audience.Prop{
			prop("page", audience.TypeString), prop("secs", audience.TypeInt), prop("score", audience.TypeInt),
			prop("day", audience.TypeDate), prop("labels", audience.TypeStringList),
		}},
		{Name: "quiz", Props: []audience.Prop{prop("score", audience.TypeDouble), prop("paid", audience.TypeBool)}},
		{Name: "ping"},
	}
	for _, name := range []string{"purchase", "refund"} {
		s.Events = append(s.Events, audience.EventType{Name: name, Props: []audience.Prop{
			prop("value", audience.TypeDouble), prop("currency", audience.TypeString),
			prop("order", audience.TypeString), prop("items", audience.TypeInt),
		}})
	}
	for _, name := range []string{"email.opened", "email.sent"} {
		s.Events = append(s.Events, audience.EventType{Name: name, Props: []audience.Prop{
			prop("campaign", audience.TypeString), prop("message", audience.TypeString),
			prop("url", audience.TypeString), prop("machine", audience.TypeBool),
		}})
	}
	s = s.Complete()
	w.random.Shuffle(len(s.Events), func(i, j int) { s.Events[i], s.Events[j] = s.Events[j], s.Events[i] })
	for i := range s.Events {
		s.Events[i].ID = audience.EventTypeID(2*i + 1)
		props := s.Events[i].Props
		for j, number := range w.random.Perm(len(props)) {
			props[j].ID = audience.PropID(2*number + 1)
		}
	}
	return s
}

// newProfile gives a contact with everything that can be known of one, or
// parts of it.
func (w *naiveWorld) newProfile(id audience.ContactID) *audience.Profile {
	private := func() audience.Private {
		if w.chance(0.3) {
			return audience.Private{}
		}
		return audience.NewPrivate(w.str())
	}
	p := &audience.Profile{Parts: audience.ProfileParts{Lists: true, Ledger: true, Suppressed: true}}
	if w.chance(0.5) {
		p.SuppressedFrom = w.instant()
	}
	for _, t := range w.schema.Events {
		p.Parts.Events = append(p.Parts.Events, t.Name)
	}
	p.Contact = audience.Contact{
		ID: id, Version: 1, FirstName: private(), LastName: private(), Phone: private(),
		CreatedAt: w.past(), UpdatedAt: w.past(),
	}
	if w.chance(0.02) {
		p.Contact.ID = 4294967295 - id
	}
	if w.chance(0.7) {
		p.Contact.Addresses = []audience.Address{audience.MustAddress(naivePick(w.random, naiveAddresses()))}
	}
	if w.chance(0.5) {
		p.Contact.Frequency = naivePick(w.random, []string{"daily", "weekly"})
	}
	for _, t := range w.strs() {
		if t != "" {
			p.Contact.Tags = append(p.Contact.Tags, audience.Tag{Name: t})
		}
	}
	for _, f := range w.schema.Fields {
		if w.chance(0.7) {
			p.Contact.Fields = append(p.Contact.Fields, audience.FieldValue{ID: f.ID, Value: w.value(f.Type)})
		}
	}
	slices.SortFunc(p.Contact.Fields, func(a, b audience.FieldValue) int { return cmp.Compare(a.ID, b.ID) })
	for _, l := range w.schema.Lists {
		if l.Kind != audience.ListTopic && w.chance(0.5) {
			p.Lists = append(p.Lists, l.Name)
		}
	}
	slices.Sort(p.Lists)
	p.Streams = w.newStreams(id)
	p.History = w.newHistory(id, 2)
	return p
}

// newStreams gives a contact's events. Types come in a random number, times
// repeat, ids sort differently from the order in which they were made.
func (w *naiveWorld) newStreams(id audience.ContactID) []audience.EventStream {
	var out []audience.EventStream
	n := 0
	for _, t := range w.schema.Events {
		s := audience.EventStream{Type: t.Name}
		for range naivePick(w.random, []int{0, 0, 1, 1, 2, 3, 3, 5, 8}) {
			n++
			e := audience.Event{
				Contact: id, Origin: id, Type: t.Name, Time: w.instant(),
				ID: fmt.Sprintf("%c%d", 'A'+w.random.IntN(50), n),
			}
			for _, p := range t.Props {
				if w.chance(0.75) {
					e.Props = append(e.Props, audience.EventProp{ID: p.ID, Value: w.value(p.Type)})
				}
			}
			slices.SortFunc(e.Props, func(a, b audience.EventProp) int { return cmp.Compare(a.ID, b.ID) })
			s.Events = append(s.Events, e)
		}
		slices.SortFunc(s.Events, func(a, b audience.Event) int {
			return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
		})
		if len(s.Events) > 0 {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b audience.EventStream) int { return cmp.Compare(a.Type, b.Type) })
	return out
}
