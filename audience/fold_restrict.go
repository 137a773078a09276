package audience

import "time"

// Restricted reports whether the processing of a contact's data is restricted
// at an instant (GDPR Art. 18): then it may only be stored, whatever the fold
// says. A restriction stands until a release that acted after it, on a tie it
// stands. Of merged contacts any restriction counts, and is released in the
// chain it is in, or in that of the winner after the merge.
func (h *History) Restricted(at time.Time) bool {
	return h.restricted(at, time.Time{})
}

// restricted is Restricted under a release that a winner got after the merge.
func (h *History) restricted(at, above time.Time) bool {
	released := later(above, lastReleased(h.Records, 0, at))
	for i := range h.Records {
		if r := &h.Records[i]; r.Kind == ConsentRestricted && !r.Acted.After(at) && !released.After(r.Acted) {
			return true
		}
	}
	for i := range h.Merged {
		m := &h.Merged[i]
		if m.At.After(at) {
			break
		}
		if m.History.restricted(at, later(above, lastReleased(h.Records, m.Seq, at))) {
			return true
		}
	}
	return false
}

// lastReleased gives when the last release up to an instant acted, of the
// records above a number; the zero Time when there is none.
func lastReleased(records []ConsentRecord, above uint64, at time.Time) time.Time {
	var out time.Time
	for i := range records {
		if r := &records[i]; r.Kind == ConsentReleased && r.Seq > above && !r.Acted.After(at) {
			out = later(out, r.Acted)
		}
	}
	return out
}
