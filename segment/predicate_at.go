package segment

import (
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// PredicateAt is [Expression.Predicate] for one instant, truncated to the
// microsecond: to be asked with it as the instant of the query. Whatever moves
// with now stands where it is then, so that stores also know the counts, sums,
// means, rates, first and last times of events within windows that depend on
// now alone, and comparisons with ago, ahead, startOf and now.
//
// What stays in the rest: events that are chosen by where, then or without, or
// by instants of the contact; min, max, distinct and latest; computed values
// and texts; inSegment, which [Set.PredicateAt] knows. An instant outside the
// years 1 to 9999 leaves everything there.
func (e *Expression) PredicateAt(now time.Time) (p store.Predicate, rest []string) {
	at, err := audience.Instant(now)
	if err != nil {
		return nil, []string{e.source}
	}
	out := e.translate(&translator{dated: true, now: audience.Micros(at)})
	return out.predicate, out.rest
}

// PredicateAt is [Expression.PredicateAt] for a segment of the set, with the
// segments that it names put in the place of their names. One that stores know
// but for a rest is put there where membership is wanted, and stays in the
// rest with what it is wanted for; where membership is not wanted it is left
// out, for who is in is then not known exactly. What would make the predicate
// larger than 5,000 leaves is left out.
//
// A name that is not in the set is [audience.ErrNotFound], an instant outside
// the years 1 to 9999 [audience.ErrInvalid].
func (s *Set) PredicateAt(name string, now time.Time) (p store.Predicate, rest []string, err error) {
	slot, err := s.slot(name)
	if err != nil {
		return nil, nil, err
	}
	at, err := audience.Instant(now)
	if err != nil {
		return nil, nil, err
	}
	needed := s.neededFor(slot)
	done := make(map[int]translation)
	for _, i := range s.order {
		if needed[i] {
			done[i] = s.expressions[i].translate(&translator{dated: true, now: audience.Micros(at), others: done})
		}
	}
	return done[slot].predicate, slices.Clone(done[slot].rest), nil
}

// slot gives the slot of a segment.
func (s *Set) slot(name string) (int, error) {
	k, ok := s.index(name)
	if !ok {
		return 0, &audience.NotFoundError{Kind: "segment", Name: name}
	}
	return s.slots[k], nil
}

// neededFor says by slot which segments are needed to evaluate one, itself
// included.
func (s *Set) neededFor(slot int) []bool {
	needed := make([]bool, len(s.expressions))
	needed[slot] = true
	for _, i := range slices.Backward(s.order) { // those that a segment names come before it in order
		if needed[i] {
			for _, j := range s.expressions[i].segments() {
				needed[j] = true
			}
		}
	}
	return needed
}
