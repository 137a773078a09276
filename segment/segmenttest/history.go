package segmenttest

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

// history makes up what happens to an audience. It knows what a script knows; whatever the store refuses did not happen.
type history struct {
	random   *rand.Rand
	schema   audience.Schema // of the store, with its numbers
	calendar audience.Calendar
	zone     *time.Location
	player   *player
	oracle   *oracle
	pools    pools
	last     time.Time   // remembered that something was done then
	facts    []time.Time // instants that something is about
	scopes   []audience.Scope
	sources  []string // expressions that segments are given anew
	segments []string // names of segments
	focus    []string // contacts that most happens to for now
	about    string   // the contact that one commit is about, mostly
	queue    []deed   // what comes next, whatever else
	names    int      // contacts so far
	events   int      // events so far
	merges   int
}

// deed is an action and what kind of one it is, for the report.
type deed struct {
	kind string
	do   Action
}

// inFocus is how many contacts most of the history is about at a time.
const inFocus = 3

// maxFacts is how many instants are remembered.
const maxFacts = 300

// newHistory makes the history of an audience that is as a script begins.
func newHistory(random *rand.Rand, s *Script, g *stage) *history {
	h := &history{
		random: random, schema: g.player.aud.Schema(), calendar: audience.NewCalendar(s.Zone), zone: s.Zone,
		player: g.player, oracle: g.oracle, facts: []time.Time{s.Start},
	}
	for i := range s.Steps {
		if do, ok := s.Steps[i].Do.(Define); ok {
			h.sources = append(h.sources, do.Definition.Source)
			h.segments = append(h.segments, do.Definition.Name)
		}
	}
	h.pools = newPools(h.schema, s.Zone, h.sources)
	h.facts = append(h.facts, h.pools.instants...)
	h.scopes = scopesOf(h.schema)
	return h
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

func (h *history) chance(p float64) bool { return h.random.Float64() < p }

func (h *history) now() time.Time { return h.player.clock.Now() }

// next makes the next action up. One that cannot be now is another one.
func (h *history) next() deed {
	if len(h.queue) > 0 {
		a := h.queue[0]
		h.queue = h.queue[1:]
		return a
	}
	telling := func(maker func() (deed, bool)) func() (deed, bool) {
		return func() (deed, bool) { return h.telling(maker) }
	}
	makers := []struct {
		weight int
		make   func() (deed, bool)
	}{
		{360, h.clock},
		{140, telling(h.change)},
		{270, telling(h.event)},
		{80, telling(h.consent)},
		{45, telling(h.list)},
		{25, h.suppression},
		{25, h.merge},
		{18, h.unmerge},
		{8, h.remove},
		{30, h.comer},
		{25, h.redefine},
		{15, h.moveAddress},
		{60, h.together},
		{12, func() (deed, bool) { return deed{"restart", Restart{}}, true }},
	}
	total := 0
	for _, m := range makers {
		total += m.weight
	}
	for {
		n := h.random.IntN(total)
		for _, m := range makers {
			if n -= m.weight; n < 0 {
				if a, ok := m.make(); ok {
					return a
				}
				break
			}
		}
	}
}

// done takes note of an action that was done.
func (h *history) done(a Action) {
	if now := h.now(); !now.Equal(h.last) {
		h.remember(now)
		h.last = now
	}
	switch do := a.(type) {
	case Together:
		for _, x := range do.Do {
			h.done(x)
		}
	case Append:
		h.player.cast.keep(keyOf(do.Write.Contact), do.Write)
		h.remember(do.Write.Time)
		h.rememberValues(do.Write.Props)
	case Put:
		h.rememberValues(do.Write.Set)
	case Record:
		h.remember(do.Write.Acted)
		h.remember(do.Write.Expires)
	case Merge:
		h.merges++
	}
}

func (h *history) remember(t time.Time) {
	if t.IsZero() {
		return
	}
	if len(h.facts) == maxFacts {
		h.facts = h.facts[maxFacts/10:]
	}
	h.facts = append(h.facts, t)
}

func (h *history) rememberValues(values map[string]audience.Value) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if t, ok := values[name].Timestamp(); ok {
			h.remember(t)
		}
		if d, ok := values[name].Date(); ok {
			h.remember(d.In(h.zone))
		}
	}
}

// person gives a contact of her own, in one of ten cases the name of one who was merged; "" when there is nobody. A few
// are in focus for a while, so that what happens to them has to do with what happened before.
func (h *history) person() string {
	if h.about != "" && h.player.cast.known(h.about) && h.chance(0.75) {
		return h.about
	}
	names := h.player.cast.living()
	if len(names) > 0 && (len(h.focus) < inFocus || h.chance(0.04)) {
		h.focus = append(h.focus, h.nearby(names))
		h.focus = h.focus[max(0, len(h.focus)-inFocus):]
	}
	if len(h.focus) > 0 && h.chance(0.65) {
		if name := pick(h.random, h.focus); h.player.cast.lives(name) {
			return name
		}
	}
	if merged := h.merged(); len(merged) > 0 && h.chance(0.1) {
		names = merged
	}
	if len(names) == 0 {
		return ""
	}
	return pick(h.random, names)
}

// nearby gives a contact, often one who is in a segment or not far from it.
func (h *history) nearby(names []string) string {
	if h.oracle.set == nil || h.chance(0.3) {
		return pick(h.random, names)
	}
	var best []audience.ContactID
	least := -1
	segment := pick(h.random, h.segments)
	for i := range h.oracle.rows {
		id := h.oracle.rows[i].profile.Contact.ID
		missing := h.oracle.missing(segment, i)
		if least < 0 || missing < least {
			least, best = missing, best[:0]
		}
		if missing == least {
			best = append(best, id)
		}
	}
	if len(best) > 0 {
		if name := h.player.names[pick(h.random, best)]; h.player.cast.lives(name) {
			return name
		}
	}
	return pick(h.random, names)
}

// merged gives those who were merged into others, sorted.
func (h *history) merged() []string {
	c := h.player.cast
	return slices.DeleteFunc(slices.Sorted(maps.Keys(c.people)), func(name string) bool { return !c.known(name) || c.lives(name) })
}

// arrival gives a contact with what is known of her at once, and now and then a moment that passes.
func (h *history) arrival(name string) []deed {
	h.names++
	out := []deed{{"contact new", h.create(name)}}
	for range h.random.IntN(5) {
		out = append(out, deed{"event new", h.newEvent(name)})
	}
	for range pick(h.random, []int{0, 1, 1, 2}) {
		out = append(out, deed{"consent", h.record(name)})
	}
	if lists := h.handLists(); len(lists) > 0 && h.chance(0.2) {
		out = append(out, deed{"list join", AddToList{List: pick(h.random, lists), Names: []string{name}}})
	}
	if h.chance(0.1) {
		out = append(out, deed{"clock at first", Advance{To: h.now().Add(time.Duration(h.random.Int64N(3600e6)) * time.Microsecond)}})
	}
	return out
}

// comer is somebody new, or somebody who was deleted and comes back.
func (h *history) comer() (deed, bool) {
	gone := slices.DeleteFunc(slices.Sorted(maps.Keys(h.player.cast.people)), h.player.cast.known)
	if len(gone) > 0 && h.chance(0.5) {
		do := h.create(pick(h.random, gone))
		do.Write.Returning = h.chance(0.7)
		return deed{"contact again", do}, true
	}
	if h.names >= maxContacts-1 {
		return deed{}, false
	}
	h.names++
	return deed{"contact new", h.create("c" + strconv.Itoa(h.names))}, true
}

func (h *history) handLists() []string {
	var out []string
	for _, l := range h.schema.Lists {
		if l.Kind != audience.ListTopic {
			out = append(out, l.Name)
		}
	}
	return out
}

func (h *history) list() (deed, bool) {
	lists, name := h.handLists(), h.person()
	if len(lists) == 0 || name == "" {
		return deed{}, false
	}
	list, names := pick(h.random, lists), []string{name}
	for h.chance(0.3) && len(names) < 5 {
		names = append(names, h.person())
	}
	if h.chance(0.4) {
		return deed{"list leave", RemoveFromList{List: list, Names: names}}, true
	}
	return deed{"list join", AddToList{List: list, Names: names}}, true
}

func (h *history) merge() (deed, bool) {
	names := h.player.cast.living()
	if len(names) < 4 || h.merges >= maxMerges {
		return deed{}, false
	}
	winner, loser := pick(h.random, names), pick(h.random, names)
	if name := h.person(); h.player.cast.lives(name) {
		winner = name
	}
	if merged := slices.DeleteFunc(names, func(name string) bool { return len(h.player.cast.people[name].losers) == 0 }); len(merged) > 0 && h.chance(0.3) {
		loser = pick(h.random, merged) // with those who were merged into her
	}
	kind := "merge"
	if len(h.player.cast.people[loser].losers) > 0 {
		kind = "merge of a merge"
	}
	return deed{kind, Merge{Winner: winner, Loser: loser}}, winner != loser
}

func (h *history) unmerge() (deed, bool) {
	merged := h.merged()
	if len(merged) == 0 {
		return deed{}, false
	}
	return deed{"unmerge", Unmerge{Loser: pick(h.random, merged)}}, true
}

func (h *history) remove() (deed, bool) {
	names := h.player.cast.living()
	if len(names) < 4 {
		return deed{}, false
	}
	if h.chance(0.5) {
		return deed{"erase", Erase{Name: pick(h.random, names)}}, true
	}
	return deed{"delete", Delete{Name: pick(h.random, names)}}, true
}

// together makes one commit of several things, most often about one contact.
func (h *history) together() (deed, bool) {
	makers := []func() (deed, bool){h.change, h.change, h.event, h.event, h.event, h.consent, h.list, h.suppression, h.merge, h.unmerge, h.remove, h.moveAddress}
	before := h.player.cast
	h.about = h.person()
	defer func() { h.player.cast, h.about = before, "" }()
	h.player.cast = before.clone() // as it is after each of them
	var all Together
	for want := 2 + h.random.IntN(4); len(all.Do) < want; {
		if a, ok := pick(h.random, makers)(); ok {
			h.queue = append([]deed{a}, h.queue...)
		}
		for _, a := range h.queue { // two for an address that moves
			h.imagine(a.do)
			all.Do = append(all.Do, a.do)
		}
		h.queue = nil
	}
	return deed{"together", all}, true
}

// imagine does to the cast what an action would.
func (h *history) imagine(a Action) {
	switch do := a.(type) {
	case Append:
		h.player.cast.keep(keyOf(do.Write.Contact), do.Write)
	case Put:
		h.player.cast.add(do.Name)
	case Merge:
		if c := h.player.cast; c.lives(do.Loser) && c.lives(do.Winner) {
			c.merge(do.Loser, do.Winner)
		}
	case Unmerge, Delete, Erase:
		h.player.follow(a)
	}
}

// redefine gives a segment another definition, made of those that there are, unless the set would be refused then.
func (h *history) redefine() (deed, bool) {
	name := pick(h.random, h.segments)
	a, b := pick(h.random, h.sources), pick(h.random, h.sources)
	source := pick(h.random, []string{
		a, a, "!(" + a + "\n  )", "(" + a + "\n  ) && (" + b + "\n  )", "(" + a + "\n  ) || (" + b + "\n  )", `inSegment("` + pick(h.random, h.segments) + `")`,
	})
	if len(source) > 4000 {
		source = a
	}
	def := segment.Definition{Name: name, Source: indented(source)}
	if h.player.defined[name] == def {
		return deed{}, false
	}
	defs := make([]segment.Definition, 0, len(h.player.order))
	for _, other := range h.player.order {
		if other != name {
			defs = append(defs, h.player.defined[other])
		}
	}
	if _, err := h.oracle.language.CompileSet(append(defs, def)...); err != nil {
		return deed{}, false // such as a cycle
	}
	return deed{"segment anew", Define{Definition: def}}, true
}
