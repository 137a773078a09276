package celenv

import (
	"slices"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/audiencekit/audiencekit/audience"
)

// Moment is a program at an instant. It is immutable and safe for concurrent
// use, but for [Program.AtInto].
type Moment struct {
	program  *Program
	now      time.Time
	us       int64 // now
	instants []instant
	times    []movingTime // what instants point to
	err      error
}

// instant is what depends on now alone.
type instant struct {
	value  ref.Val // a timestamp, or unknown
	micros int64
	known  bool
}

// At fixes the instant of evaluation.
func (p *Program) At(now time.Time) *Moment {
	m := &Moment{}
	p.AtInto(m, now)
	return m
}

// AtInto makes m the program at an instant, as At does, in the memory that m
// has. Nothing else may use m meanwhile.
func (p *Program) AtInto(m *Moment, now time.Time) {
	m.program = p
	if m.now, m.err = audience.Instant(now); m.err != nil {
		m.now = now
		return
	}
	m.us = audience.Micros(m.now)
	n := len(p.moments)
	m.instants = slices.Grow(m.instants[:0], n)[:n]
	m.times = slices.Grow(m.times[:0], n)[:n]
	for i := range p.moments {
		c := &p.moments[i]
		t, ok := c.at(p.env.calendar, m.now)
		m.instants[i].set(c, &m.times[i], t, ok)
	}
}

// set takes over an instant. Timestamps that move lie in room.
func (i *instant) set(c *course, room *movingTime, t time.Time, ok bool) {
	before := *i
	*i = instant{value: errUnknown, known: ok}
	if !ok {
		return
	}
	i.micros = audience.Micros(t)
	*room = movingTime{types.Timestamp{Time: t}, place{us: i.micros, course: c}}
	if c.kind != startCourse {
		i.value = room
		return
	}
	if _, ok := before.value.(types.Timestamp); ok && before.micros == i.micros {
		i.value = before.value // as it is mostly: the start of a day, a month
		return
	}
	i.value = types.Timestamp{Time: t}
}

// Now gives the instant of evaluation.
func (m *Moment) Now() time.Time { return m.now }

// Truth evaluates a condition for a row. members says which of the segments
// given to Compile she is in.
func (m *Moment) Truth(row Row, members []bool) (Truth, error) {
	v, _, err := m.eval(row, members, false)
	if err != nil {
		return Unknown, err
	}
	return truthOf(v), nil
}

// TruthUntil is Truth, and gives besides the earliest instant in microseconds
// after the moment's at which the outcome may differ although nothing of the
// row and of members changes; math.MaxInt64 when it never does. It may be
// early, where several changes cancel out, and is never late: at all whole
// microseconds before it the outcome is the same.
func (m *Moment) TruthUntil(row Row, members []bool) (Truth, int64, error) {
	v, until, err := m.eval(row, members, true)
	if err != nil {
		return Unknown, 0, err
	}
	if until > audience.Micros(audience.MaxInstant()) {
		until = never
	}
	return truthOf(v), max(until, m.us+1), nil
}

func truthOf(v ref.Val) Truth {
	switch v {
	case types.True:
		return True
	case types.False:
		return False
	}
	return Unknown
}

// eval evaluates the program; until is of use when it is wanted. Whatever
// panics on the way is an error.
func (m *Moment) eval(row Row, members []bool, timed bool) (v ref.Val, until int64, err error) {
	if m.err != nil {
		return nil, 0, m.err
	}
	s := m.program.env.state()
	s.open(m, row, members)
	s.timed = timed
	done := false
	defer func() {
		if done {
			until = s.until
			s.close()
			m.program.env.states.Put(s)
			return
		}
		err = evaluationError(recover())
	}()
	v = plainValue(m.program.root.Exec(s.frame))
	done = true
	return v, 0, nil
}
