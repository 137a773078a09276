package segmenttest

import (
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// create makes the write of a new contact.
func (h *history) create(name string) Put {
	w := audience.ContactWrite{Match: audience.Key(name)}
	if h.chance(0.8) {
		w.Email = audience.MustAddress(name + "@example.com")
		if h.chance(0.15) {
			w.Email = pick(h.random, h.pools.addresses)
		}
	}
	for _, f := range h.schema.Fields {
		if h.chance(0.6) {
			h.set(&w, f)
		}
	}
	if h.chance(0.5) {
		w.SetTags = h.tags()
	}
	h.private(&w, 0.4)
	if h.chance(0.2) {
		w.Frequency = h.frequency()
	}
	if h.chance(0.4) {
		w.CreatedAt = h.past()
	}
	return Put{Name: name, Write: w}
}

// change changes some of what is known of a contact.
func (h *history) change() (deed, bool) {
	name := h.person()
	if name == "" {
		return deed{}, false
	}
	w := audience.ContactWrite{Match: audience.Key(name)}
	kind := ""
	for range 1 + h.random.IntN(3) {
		kind = h.changeOne(&w)
	}
	return deed{"contact " + kind, Put{Name: name, Write: w}}, true
}

// changeOne puts one change into a write and says which.
func (h *history) changeOne(w *audience.ContactWrite) string {
	n := h.random.IntN(100)
	switch {
	case n < 58 && len(h.pools.fields) > 0:
		f := pick(h.random, h.pools.fields)
		if h.chance(0.2) && w.Set[f.Name].IsZero() && !slices.Contains(w.Clear, f.Name) {
			w.Clear = append(w.Clear, f.Name)
			return "clear"
		}
		if !slices.Contains(w.Clear, f.Name) {
			h.set(w, f)
		}
		return "set"
	case n < 66:
		w.SetTags, w.AddTags, w.RemoveTags = h.tags(), nil, nil
		return "tags"
	case n < 76 && w.SetTags == nil:
		w.AddTags, w.RemoveTags = nil, nil
		if tags := h.tags(); len(tags) > 0 && h.chance(0.6) {
			w.AddTags = tags
		} else if len(tags) > 0 {
			w.RemoveTags = tags
		}
		return "tags"
	case n < 84:
		h.private(w, 0.5)
		return "names"
	case n < 88:
		w.Frequency = h.frequency()
		return "frequency"
	case n < 92:
		w.External = []audience.ExternalID{audience.External("crm", pick(h.random, []string{"1", "2", "3", "a b"}))}
		return "external id"
	case n < 96:
		w.Addresses = []audience.Address{pick(h.random, h.pools.addresses)}
		return "address"
	}
	w.Email = pick(h.random, h.pools.addresses)
	return "address"
}

func (h *history) set(w *audience.ContactWrite, f audience.Field) {
	if w.Set == nil {
		w.Set = make(map[string]audience.Value)
	}
	w.Set[f.Name] = h.value(f.Name, f.Type)
}

func (h *history) private(w *audience.ContactWrite, p float64) {
	for _, x := range []struct {
		key string
		to  *audience.Private
	}{{"first_name", &w.FirstName}, {"last_name", &w.LastName}, {"phone", &w.Phone}} {
		s := h.text(x.key)
		switch {
		case h.chance(p) && s != "" && !slices.Contains(w.Clear, x.key):
			*x.to = audience.NewPrivate(s)
		case h.chance(p/4) && x.to.IsZero() && !slices.Contains(w.Clear, x.key):
			w.Clear = append(w.Clear, x.key)
		}
	}
}

func (h *history) frequency() *string {
	s := pick(h.random, []string{"daily", "weekly", ""})
	return &s
}

// tags gives a set of names that tags can have, never nil.
func (h *history) tags() []string {
	items := []string{}
	for range h.random.IntN(4) {
		s := h.text("tags")
		if audience.CheckName("tags", s, audience.Limits{}) == nil && !slices.Contains(items, s) {
			items = append(items, s)
		}
	}
	return items
}

// text gives a text for something of a name, more often than not one that an expression mentions beside the name.
func (h *history) text(name string) string {
	if near := h.pools.near[name]; near != nil && len(near.strings) > 0 && h.chance(0.7) {
		return pick(h.random, near.strings)
	}
	return pick(h.random, h.pools.strings)
}

// value gives a value of a type for a field or property.
func (h *history) value(name string, t audience.Type) audience.Value {
	near := h.pools.near[name]
	if near == nil || h.chance(0.3) {
		near = &h.pools.values
	}
	switch t {
	case audience.TypeInt:
		if len(near.ints) == 0 || h.chance(0.3) {
			return audience.IntValue(h.random.Int64N(7) - 1)
		}
		return audience.IntValue(pick(h.random, near.ints))
	case audience.TypeDouble:
		if len(near.doubles) == 0 || h.chance(0.3) {
			return audience.DoubleValue(float64(h.random.IntN(30)-5) / 10)
		}
		return audience.DoubleValue(pick(h.random, near.doubles))
	case audience.TypeBool:
		return audience.BoolValue(h.chance(0.5))
	case audience.TypeTimestamp:
		if h.chance(0.02) { // where arithmetic overflows
			return audience.TimestampValue(pick(h.random, []time.Time{audience.MinInstant(), audience.MaxInstant()}))
		}
		return audience.TimestampValue(h.when())
	case audience.TypeDate:
		d := h.calendar.DateOf(h.when()) + audience.Date(h.random.IntN(3)-1)
		if v := audience.DateValue(d); v.Check("", audience.Limits{}) == nil {
			return v
		}
		return audience.DateValue(h.calendar.DateOf(h.now()))
	case audience.TypeStringList:
		var items []string
		for range h.random.IntN(4) {
			items = append(items, h.text(name))
		}
		return audience.StringListValue(items...)
	default:
		return audience.StringValue(h.text(name))
	}
}

// moveAddress takes an address from one contact, and gives it to another one next.
func (h *history) moveAddress() (deed, bool) {
	from, to := h.person(), h.person()
	if from == "" || from == to {
		return deed{}, false
	}
	a := pick(h.random, h.pools.addresses)
	if h.chance(0.5) {
		a = audience.MustAddress(from + "@example.com")
	}
	give := audience.ContactWrite{Match: audience.Key(to), Email: a}
	if h.chance(0.3) {
		give.Email, give.Addresses = audience.Address{}, []audience.Address{a}
	}
	h.queue = append(h.queue, deed{"address given on", Put{Name: to, Write: give}})
	take := audience.ContactWrite{Match: audience.Key(from), Detach: []audience.Identity{audience.AddressIdentity(a)}}
	return deed{"address taken away", Put{Name: from, Write: take}}, true
}

// suppression suppresses an address or lifts that.
func (h *history) suppression() (deed, bool) {
	a := pick(h.random, h.pools.addresses)
	if name := h.person(); name != "" && h.chance(0.7) {
		a = audience.MustAddress(name + "@example.com")
	}
	w := store.SuppressionWrite{Address: a, Reason: audience.SuppressedManually, Lift: h.chance(0.4)}
	if !w.Lift && h.chance(0.4) {
		w.Reason = pick(h.random, []audience.SuppressionReason{
			audience.SuppressedWithdrawn, audience.SuppressedBounced, audience.SuppressedComplained,
		})
	}
	if w.Lift {
		return deed{"lift", Suppress{Write: w}}, true
	}
	return deed{"suppress", Suppress{Write: w}}, true
}

// consent records what a contact wants.
func (h *history) consent() (deed, bool) {
	name := h.person()
	if name == "" {
		return deed{}, false
	}
	if h.chance(0.15) {
		if do, ok := h.takeBack(name); ok {
			return deed{"consent taken back", do}, true
		}
	}
	do := h.record(name)
	return deed{"consent " + do.Write.Kind.String(), do}, true
}

func (h *history) record(name string) Record {
	granted := audience.ConsentGranted
	w := audience.ConsentWrite{
		Contact: audience.Key(name), Scope: pick(h.random, h.scopes),
		Kind: pick(h.random, []audience.ConsentKind{
			granted, granted, granted, granted, granted, audience.ConsentRequested,
			audience.ConsentWithdrawn, audience.ConsentWithdrawn, audience.ConsentBounced, audience.ConsentComplained,
		}),
	}
	if w.Kind == granted {
		w.Evidence = []byte("form")
		w.Mechanism = pick(h.random, []audience.Mechanism{
			audience.MechanismDoubleOptIn, audience.MechanismDoubleOptIn, audience.MechanismSingleOptIn, audience.MechanismSingleOptIn,
			audience.MechanismDoubleOptIn, audience.MechanismAttested, audience.MechanismPaper, audience.MechanismPreTicked,
		})
	}
	if h.chance(0.4) {
		w.Acted = h.past()
	}
	if !w.Kind.IsRefusal() && h.chance(0.4) {
		if t := h.when(); t.After(h.now()) || t.After(w.Acted) && !w.Acted.IsZero() {
			w.Expires = t
		} else {
			w.Expires = h.reaches(h.now(), pick(h.random, h.pools.periods), -1)
		}
	}
	return Record{Write: w}
}

// takeBack says that a request or grant was an error: one of the contact's own chain, wherever that is by now.
func (h *history) takeBack(name string) (Record, bool) {
	id := h.player.ids[name]
	var own []audience.ConsentRecord
	var find func(f *audience.History)
	find = func(f *audience.History) {
		if len(f.Records) > 0 && f.Records[0].Contact == id {
			own = f.Records
		}
		for i := range f.Merged {
			find(&f.Merged[i].History)
		}
	}
	for i := range h.oracle.rows {
		find(&h.oracle.rows[i].profile.History)
	}
	var open []uint64
	for i := range own {
		if k := own[i].Kind; k == audience.ConsentRequested || k == audience.ConsentGranted {
			open = append(open, own[i].Seq)
		}
	}
	if len(open) == 0 {
		return Record{}, false
	}
	w := audience.ConsentWrite{Contact: audience.Key(name), Kind: audience.ConsentRetracted, Retracts: pick(h.random, open)}
	if h.chance(0.3) {
		w.Acted = h.past()
	}
	return Record{Write: w}, true
}
