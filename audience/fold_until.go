package audience

import (
	"slices"
	"sort"
	"time"
)

// until adds to a fold over some scopes the next instant at which its status
// changes by itself.
func (h *History) until(at time.Time, fold func(time.Time) Standing, scopes ...Scope) Standing {
	now := fold(at)
	if h.isSettled(at) {
		return now
	}
	var turns []time.Time
	for _, scope := range scopes {
		turns = h.turns(scope, at, turns)
	}
	slices.SortFunc(turns, time.Time.Compare)
	turns = slices.CompactFunc(turns, time.Time.Equal)
	differs := func(i int) bool { return fold(turns[i]).Status != now.Status }
	next := 0
	if h.onlyEnds(at) {
		next = sort.Search(len(turns), differs)
	} else {
		for next < len(turns) && !differs(next) {
			next++
		}
	}
	if next < len(turns) {
		now.Until = turns[next]
	}
	return now
}

// onlyEnds reports whether all that lies ahead is consent that ends. Then a
// status that was left does not come back, and the next change can be found
// by halving. Merged histories are left out: of two contacts the worse counts,
// and a request of the one may come after the grant of the other.
func (h *History) onlyEnds(at time.Time) bool {
	return len(h.Merged) == 0 && !slices.ContainsFunc(h.Records, func(r ConsentRecord) bool { return r.Acted.After(at) })
}

// isSettled reports whether nothing at all lies ahead. Most histories are, and
// this is the cheapest look at them.
func (h *History) isSettled(at time.Time) bool {
	for i := range h.Records {
		if r := &h.Records[i]; r.Expires.After(at) || r.Acted.After(at) {
			return false
		}
	}
	for i := range h.Merged {
		if m := &h.Merged[i]; m.At.After(at) || !m.History.isSettled(at) {
			return false
		}
	}
	return true
}

// turns collects the instants after at at which the status for a scope may
// change: all of them, and few others, since each costs a fold.
func (h *History) turns(scope Scope, at time.Time, out []time.Time) []time.Time {
	rest := h.Records
	for i := range h.Merged {
		m := &h.Merged[i]
		n := m.before(rest)
		out = turnsOf(rest[:n], scope, at, out)
		rest = rest[n:]
		if m.At.After(at) {
			out = append(out, m.At)
		}
		out = m.History.turns(scope, at, out)
	}
	return turnsOf(rest, scope, at, out)
}

// turnsOf collects them for records between which there is no merge. Of the
// requests in force only the end of the last can matter, of the grants only
// the ends of those that [decisive] leaves.
func turnsOf(records []ConsentRecord, scope Scope, at time.Time, out []time.Time) []time.Time {
	var grants []*ConsentRecord
	var request *ConsentRecord
	ends := false // any of the grants
	for i := range records {
		r := &records[i]
		switch {
		case !r.speaksOf(scope) || r.isOver(at):
		case r.Acted.After(at):
			out = append(out, r.Acted)
			if !r.Kind.IsRefusal() && r.Expires.After(r.Acted) {
				out = append(out, r.Expires)
			}
		case r.Kind == ConsentRequested:
			if request == nil || endsAfter(r, request) {
				request = r
			}
		case r.Kind == ConsentGranted:
			grants = append(grants, r)
			ends = ends || !r.Expires.IsZero()
		}
	}
	if request != nil && !request.Expires.IsZero() {
		out = append(out, request.Expires)
	}
	if !ends {
		return out
	}
	for _, r := range decisive(grants) {
		if !r.Expires.IsZero() {
			out = append(out, r.Expires)
		}
	}
	return out
}

// decisive leaves out grants behind one that was made as late or later, stays
// in force as long or longer and confirms if they do.
func decisive(grants []*ConsentRecord) []*ConsentRecord {
	slices.SortFunc(grants, func(a, b *ConsentRecord) int { return b.Acted.Compare(a.Acted) })
	var longest, confirmed *ConsentRecord
	return slices.DeleteFunc(grants, func(r *ConsentRecord) bool {
		front := &longest
		if r.Mechanism.Confirms() {
			front = &confirmed
		}
		if *front != nil && !endsAfter(r, *front) {
			return true
		}
		*front = r
		if longest == nil || endsAfter(r, longest) {
			longest = r
		}
		return false
	})
}

// endsAfter reports whether a stays in force longer than b.
func endsAfter(a, b *ConsentRecord) bool {
	switch {
	case b.Expires.IsZero():
		return false
	case a.Expires.IsZero():
		return true
	}
	return a.Expires.After(b.Expires)
}
