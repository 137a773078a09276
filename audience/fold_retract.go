package audience

import (
	"slices"
	"time"
)

// Resolved gives the history as the fold reads it, in which retractions are
// applied and left out: a request, grant or relation that one names expires when the
// retraction acted, or earlier if it does by itself. Like every record a
// retraction is known from when it acted on. It says nothing about refusals,
// restrictions, other retractions, or records of another chain.
//
// A history without retractions is given as it is; otherwise the result
// shares nothing with it that is changed.
func (h *History) Resolved() *History {
	if !h.retracts() {
		return h
	}
	out := h.resolved()
	return &out
}

// retracts is all that a history without retractions costs.
func (h *History) retracts() bool {
	for i := range h.Records {
		if h.Records[i].Kind == ConsentRetracted {
			return true
		}
	}
	for i := range h.Merged {
		if h.Merged[i].History.retracts() {
			return true
		}
	}
	return false
}

func (h *History) resolved() History {
	out := History{Records: make([]ConsentRecord, 0, len(h.Records)), Merged: slices.Clone(h.Merged)}
	ends := make(map[uint64]time.Time) // by Seq
	for i := range h.Records {
		r := &h.Records[i]
		if r.Kind != ConsentRetracted || r.Acted.IsZero() { // who acted then counts for nothing, here too
			continue
		}
		if end, ok := ends[r.Retracts]; !ok || r.Acted.Before(end) {
			ends[r.Retracts] = r.Acted
		}
	}
	for i := range h.Records {
		r := h.Records[i]
		if r.Kind == ConsentRetracted {
			continue
		}
		if end, ok := ends[r.Seq]; ok && !r.isOver(end) && r.Kind.CanEnd() {
			r.Expires = end
		}
		out.Records = append(out.Records, r)
	}
	for i := range out.Merged {
		out.Merged[i].History = h.Merged[i].History.resolved()
	}
	return out
}
