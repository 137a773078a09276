package audience

import (
	"slices"
	"time"
)

// EndedAt gives when a request or grant of a contact's own chain ended for
// good: when it expired or was taken back, or when she refused at least as much
// at its instant or later, whichever was first. False while it may count, and
// of other kinds. What ended stays so, whatever is recorded later.
func EndedAt(chain []ConsentRecord, seq uint64) (time.Time, bool) {
	i := slices.IndexFunc(chain, func(r ConsentRecord) bool { return r.Seq == seq })
	if i < 0 || chain[i].Kind != ConsentGranted && chain[i].Kind != ConsentRequested {
		return time.Time{}, false
	}
	r := &chain[i]
	end := r.Expires
	for j := range chain {
		x := &chain[j]
		tookBack := x.Kind == ConsentRetracted && x.Retracts == seq
		refused := x.Kind.IsRefusal() && x.Scope.Covers(r.Scope) && !x.Acted.Before(r.Acted)
		if (tookBack || refused) && !x.Acted.IsZero() && (end.IsZero() || x.Acted.Before(end)) {
			end = x.Acted
		}
	}
	return end, !end.IsZero()
}
