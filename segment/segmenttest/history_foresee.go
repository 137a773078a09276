package segmenttest

import (
	"cmp"
	"maps"
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// mostGuesses is how many actions are made up to find one that moves somebody.
const mostGuesses = 8

// telling makes one action up or several, until one moves the contact it is about into a segment or out of one.
func (h *history) telling(maker func() (deed, bool)) (deed, bool) {
	first, ok := maker()
	if !ok || h.chance(0.4) || h.oracle.set == nil || !h.oracle.now.Equal(h.now()) {
		return first, ok
	}
	a := first
	for range mostGuesses {
		if h.foresee(a.do) {
			return a, true
		}
		if a, ok = maker(); !ok {
			break
		}
	}
	return first, true
}

// foresee reports whether an action is about to move the contact it is about. It is a guess: the store decides.
func (h *history) foresee(a Action) bool {
	names := namesIn(a)
	if len(names) == 0 || !h.player.cast.known(names[0]) {
		return false
	}
	id := h.player.ids[h.player.cast.root(names[0])]
	i, found := slices.BinarySearchFunc(h.oracle.rows, id, func(row oracleRow, id audience.ContactID) int {
		return cmp.Compare(row.profile.Contact.ID, id)
	})
	if !found {
		return false
	}
	p := h.oracle.rows[i].profile
	switch do := a.(type) {
	case Put:
		next, _, err := do.Write.Apply(p.Contact, h.schema.FieldNamed, h.now(), audience.Limits{})
		if err != nil {
			return false
		}
		p.Contact = next
	case Append:
		h.foreseeEvent(&p, do.Write)
	case Record:
		h.foreseeRecord(&p, do.Write)
	case AddToList:
		p.Lists = append(slices.Clone(p.Lists), do.List)
		slices.Sort(p.Lists)
		p.Lists = slices.Compact(p.Lists)
	case RemoveFromList:
		p.Lists = slices.DeleteFunc(slices.Clone(p.Lists), func(list string) bool { return list == do.List })
	default:
		return false
	}
	in, err := h.oracle.set.At(h.now()).Match(&p, nil)
	return err == nil && differences(in, h.oracle.rows[i].in) > 0
}

// foreseeEvent puts an event in place of the one with its id.
func (h *history) foreseeEvent(p *audience.Profile, w audience.EventWrite) {
	streams := make(map[string][]audience.Event)
	for _, s := range p.Streams {
		streams[s.Type] = slices.DeleteFunc(slices.Clone(s.Events), func(e audience.Event) bool { return e.ID == w.ID })
	}
	t, _ := h.schema.EventNamed(w.Type)
	if e, err := w.Event(p.Contact.ID, t); err == nil && !w.Retract {
		streams[w.Type] = append(streams[w.Type], e)
	}
	p.Streams = nil
	for _, name := range slices.Sorted(maps.Keys(streams)) {
		events := streams[name]
		slices.SortFunc(events, func(a, b audience.Event) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
		if len(events) > 0 {
			p.Streams = append(p.Streams, audience.EventStream{Type: name, Events: events})
		}
	}
}

// foreseeRecord puts a record at the end of the ledger.
func (h *history) foreseeRecord(p *audience.Profile, w audience.ConsentWrite) {
	r := audience.ConsentRecord{
		Contact: p.Contact.ID, Recorded: h.now(), Acted: h.now(), Kind: w.Kind, Scope: w.Scope, Mechanism: w.Mechanism,
		Expires: w.Expires, Evidence: [32]byte{1}, Retracts: w.Retracts,
	}
	if !w.Acted.IsZero() {
		r.Acted = w.Acted
	}
	if n := len(p.History.Records); n > 0 {
		r.Seq = p.History.Records[n-1].Seq
	}
	r.Seq++
	p.History.Records = append(slices.Clone(p.History.Records), r)
}
