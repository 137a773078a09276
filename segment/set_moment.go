package segment

import (
	"fmt"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// SetMoment evaluates a [Set] at one instant. It is immutable and safe for
// concurrent use.
type SetMoment struct {
	set     *Set
	now     time.Time
	moments []*Moment // by slot; nil where the set has no segment
}

// At fixes the instant of evaluation, truncated to the microsecond. What
// depends on it alone is computed once. An instant outside the years 1 to
// 9999 makes every call of the SetMoment fail.
func (s *Set) At(now time.Time) *SetMoment {
	m := &SetMoment{set: s, now: audience.FromMicros(audience.Micros(now)), moments: make([]*Moment, len(s.expressions))}
	for _, i := range s.order {
		m.moments[i] = s.expressions[i].At(now)
	}
	return m
}

// Now gives the instant of evaluation.
func (m *SetMoment) Now() time.Time { return m.now }

// Match says for each segment, in the order of [Set.Names], whether the
// contact is a member. The result is into, made longer when it is too short;
// giving the result of the call before makes it free of allocations. The
// profile must bring [Set.Parts].
//
// Each segment is evaluated once, after those that it names. An error is
// that of [Moment.Match] with the segment's name; there is no result then.
func (m *SetMoment) Match(p *audience.Profile, into []bool) ([]bool, error) {
	into = slices.Grow(into[:0], len(m.moments))[:len(m.moments)]
	for _, i := range m.set.order {
		truth, err := m.moments[i].truth(p, into)
		if err != nil {
			return nil, m.failed(i, err)
		}
		into[i] = truth == True
	}
	for k, i := range m.set.slots { // k <= i
		into[k] = into[i]
	}
	return into[:len(m.set.slots)], nil
}

// Truth gives the outcome of one segment for a contact, which tells false
// from unknown. Only it and the segments that it needs are evaluated. A name
// that is not in the set is [audience.ErrNotFound]; other errors are those of
// [SetMoment.Match].
func (m *SetMoment) Truth(name string, p *audience.Profile) (Truth, error) {
	i, members, err := m.prepare(name, p)
	if err != nil {
		return Unknown, err
	}
	truth, err := m.moments[i].truth(p, members)
	if err != nil {
		return Unknown, m.failed(i, err)
	}
	return truth, nil
}

// prepare finds a segment and evaluates those that it needs.
func (m *SetMoment) prepare(name string, p *audience.Profile) (slot int, members []bool, err error) {
	slot, err = m.set.slot(name)
	if err != nil {
		return 0, nil, err
	}
	members = make([]bool, len(m.moments))
	if len(m.set.expressions[slot].segments()) == 0 {
		return slot, members, nil
	}
	needed := m.set.neededFor(slot)
	for _, i := range m.set.order {
		if !needed[i] || i == slot {
			continue
		}
		truth, err := m.moments[i].truth(p, members)
		if err != nil {
			return 0, nil, m.failed(i, err)
		}
		members[i] = truth == True
	}
	return slot, members, nil
}

func (m *SetMoment) failed(slot int, err error) error { return m.set.failed(slot, err) }

// failed says whose evaluation failed.
func (s *Set) failed(slot int, err error) error {
	k, _ := slices.BinarySearch(s.slots, slot)
	return fmt.Errorf("segment %q: %w", s.definitions[k].Name, err)
}
