package audiencetest

import (
	"strconv"

	"github.com/audiencekit/audiencekit/audience"
)

// Person is what a shop knows about a contact, in a form that costs no
// allocation. A value that is not known has the zero of its type, or what its
// comment says.
type Person struct {
	Index       int
	Created     int64 // microseconds
	Country     string
	Currency    string // of her orders; always known
	City        string
	Plan        string
	Age         int           // years
	VIP         bool          // when it is known
	HasVIP      bool          // whether VIP is known
	Score       int           // hundredths, 0 to 10,000; -1 when not known
	Birthday    audience.Date // when it is known
	HasBirthday bool          // whether Birthday is known
	RenewsAt    int64         // microseconds
	Interests   uint16        // a bit for each of [Interests]; no bit: not known
	Tags        uint64        // a bit for each of [Tags]
	Activity    int           // how much she does, 1 to 1,000; nothing that a host would know
}

// Person gives a contact by her index.
func (s Shop) Person(index int) Person {
	start, end := s.span()
	d := newDice(s.Seed, forPerson, uint64(index))
	p := Person{Index: index, Activity: d.activity(), Score: -1}

	// Half were there before the events begin; the shop has grown since.
	if d.chance(500) {
		p.Created = d.between(start-3*365*day, start)
	} else {
		p.Created = max(d.between(start, end), d.between(start, end))
	}
	p.live(&d)
	p.age(&d, end)
	p.subscribe(&d, end)
	p.tag(&d)
	return p
}

// activity is a power law: twice as much for about one in two and a half.
func (d *dice) activity() int {
	level := min(d.halvings(), 13)
	a := int64(64)
	for range level {
		a = a * 27 / 16
	}
	return int(min(1000, max(1, d.between(a, a*27/16)/64)))
}

func (p *Person) live(d *dice) {
	all := places()
	var weights [countries]uint16
	for i := range all {
		weights[i] = all[i].weight
	}
	here := &all[d.pick(weights[:])]
	p.Currency = here.currency
	city := here.cities[d.pick([]uint16{60, 25, 15})]
	if d.chance(965) {
		p.Country = here.country
		if d.chance(880) {
			p.City = city
		}
	}
}

func (p *Person) age(d *dice, end int64) {
	age := 12 + d.bell()*56/65_536 + d.below(16) // 12 to 83, about 47
	if d.chance(820) {
		p.Age = int(age)
	}
	passed := d.below(365)
	if p.HasBirthday = d.chance(450); p.HasBirthday {
		p.Birthday = audience.DateOf(audience.FromMicros(end), nil) - audience.Date(age*1461/4+passed)
	}
}

func (p *Person) subscribe(d *dice, end int64) {
	plan := d.pick([]uint16{700, 180, 90, 30})
	p.Plan = Plans()[plan]
	renewal := d.below(365 * day)
	if plan > 0 {
		p.RenewsAt = end + renewal - 30*day // some are overdue
	}
	p.VIP = p.Activity >= 8 && d.chance(600) || d.chance(10)
	p.HasVIP = p.VIP || d.chance(900)
	if d.chance(700) {
		p.Score = int(min(10_000, d.below(6_000)+int64(p.Activity)*100))
	}
	for bit := range interestCount {
		if d.chance(int64(280 / (bit/3 + 1))) {
			p.Interests |= 1 << bit
		}
	}
}

func (p *Person) tag(d *dice) {
	if p.VIP && d.chance(850) || d.chance(15) {
		p.Tags = 1
	}
	for bit := 1; bit < tagCount; bit++ {
		if d.chance(int64(550 / (bit + 1))) {
			p.Tags |= 1 << bit
		}
	}
}

// HasTag reports whether she has the tag with a position in [Tags].
func (p *Person) HasTag(i int) bool { return p.Tags>>i&1 == 1 }

// TagNames gives the names of her tags in the order of [Tags].
func (p *Person) TagNames() []string {
	var out []string
	for i, name := range tags() {
		if p.HasTag(i) {
			out = append(out, name)
		}
	}
	return out
}

// InterestNames gives her interests in the order of [Interests].
func (p *Person) InterestNames() []string {
	var out []string
	for i, name := range interests() {
		if p.Interests>>i&1 == 1 {
			out = append(out, name)
		}
	}
	return out
}

// Write gives the write that creates the contact.
func (p *Person) Write() audience.ContactWrite {
	key := Key(p.Index)
	w := audience.ContactWrite{
		Match:     audience.Key(key),
		Email:     audience.MustAddress(key + "@example.com"),
		FirstName: audience.NewPrivate("First" + strconv.Itoa(p.Index%5_000)),
		LastName:  audience.NewPrivate("Last" + strconv.Itoa(p.Index%50_000)),
		AddTags:   p.TagNames(),
		CreatedAt: audience.FromMicros(p.Created),
		Set:       make(map[string]audience.Value, 9),
	}
	set := func(known bool, name string, v audience.Value) {
		if known {
			w.Set[name] = v
		}
	}
	set(p.Country != "", "country", audience.StringValue(p.Country))
	set(p.City != "", "city", audience.StringValue(p.City))
	set(p.Plan != "", "plan", audience.StringValue(p.Plan))
	set(p.Age != 0, "age", audience.IntValue(int64(p.Age)))
	set(p.HasVIP, "vip", audience.BoolValue(p.VIP))
	set(p.Score >= 0, "score", hundredths(int64(p.Score)))
	set(p.RenewsAt != 0, "renews_at", audience.TimestampValue(audience.FromMicros(p.RenewsAt)))
	set(p.Interests != 0, "interests", audience.StringListValue(p.InterestNames()...))
	set(p.HasBirthday, "birthday", audience.DateValue(p.Birthday))
	return w
}

// hundredths gives the double next to a number with two decimals. A division
// of two whole doubles is rounded once, the same everywhere.
func hundredths(n int64) audience.Value { return audience.DoubleValue(float64(n) / 100) }
