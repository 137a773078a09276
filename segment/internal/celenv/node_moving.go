package celenv

import (
	"cmp"
	"math"
	"time"

	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/audiencekit/audiencekit/audience"
)

const (
	// longest is the longest duration in microseconds.
	longest = math.MaxInt64 / int64(time.Microsecond)
	// boundless is beyond every difference of timestamps and what may be added.
	boundless = 1 << 60
)

// movingSpan is a difference of timestamps that moves with now: x - y, or y - x
// when reverse, plus a constant.
type movingSpan struct {
	types.Duration
	x, y    place
	reverse bool
	plus    int64
	lo, hi  int64 // where x - y must stay for the duration to be known
}

// differences gives for which x - y the duration is from lo to hi.
func (d *movingSpan) differences(lo, hi int64) (int64, int64) {
	if d.reverse {
		return d.plus - hi, d.plus - lo
	}
	return lo - d.plus, hi - d.plus
}

// keepSpan computes a moving duration and keeps it; it is unknown when no
// duration is so long.
func (s *state) keepSpan(d movingSpan) ref.Val {
	value := d.x.us - d.y.us
	lo, hi := d.differences(-longest, longest)
	switch {
	case value < lo:
		s.leave(d.x, d.y, d.lo, lo-1)
		return errUnknown
	case value > hi:
		s.leave(d.x, d.y, hi+1, d.hi)
		return errUnknown
	}
	d.lo, d.hi = max(d.lo, lo), min(d.hi, hi)
	if d.reverse {
		value = -value
	}
	d.Duration = types.Duration{Duration: time.Duration(value+d.plus) * time.Microsecond}
	s.spans = append(s.spans, d)
	return &s.spans[len(s.spans)-1]
}

// keepTime shifts a moving timestamp and keeps it.
func (s *state) keepTime(t *movingTime, by int64) ref.Val {
	p := t.place
	p.us, p.shift = p.us+by, p.shift+by
	p.high = max(p.high, p.shift)
	first, last := audience.Micros(audience.MinInstant()), audience.Micros(audience.MaxInstant())
	switch {
	case p.us > last:
		return errUnknown // for ever
	case p.us < first:
		if s.timed {
			s.lower(p.reaches(s.moment, first))
		}
		return errUnknown
	}
	s.times = append(s.times, movingTime{types.Timestamp{Time: audience.FromMicros(p.us)}, p})
	return &s.times[len(s.times)-1]
}

// leave notes when x - y is not from lo to hi any more.
func (s *state) leave(x, y place, lo, hi int64) {
	if s.timed {
		s.lower(s.moment.leaves(x, y, lo, hi))
	}
}

// plainValue gives a value that holds when the evaluation is over.
func plainValue(v ref.Val) ref.Val {
	switch x := v.(type) {
	case *movingTime:
		return x.Timestamp
	case *movingSpan:
		return x.Duration
	}
	return v
}

// buildMovingComparison gives the node of a comparison of timestamps or
// durations of which one moves with now.
func buildMovingComparison(k kind, operator string) builder {
	compare := compareTimes
	if k == spanKind {
		compare = compareSpans
	}
	holds := orderTest(operator)
	return func(args []branch) exec {
		left, right := args[0], args[1]
		return func(f *frame) ref.Val {
			s := stateOf(f)
			times, spans := len(s.times), len(s.spans)
			order, ok := compare(s, operator, left.Exec(f), right.Exec(f))
			s.times, s.spans = s.times[:times], s.spans[:spans]
			if !ok {
				return errUnknown
			}
			return types.Bool(holds(order))
		}
	}
}

func compareTimes(s *state, operator string, a, b ref.Val) (order int, ok bool) {
	x, ok1 := placeOf(a)
	y, ok2 := placeOf(b)
	if !ok1 || !ok2 {
		return 0, false
	}
	d := x.us - y.us
	if s.timed {
		lo, hi := stretch(operator, d)
		s.leave(x, y, lo, hi)
	}
	return cmp.Compare(d, 0), true
}

// compareSpans compares a duration that moves with a constant, or the other
// way round.
func compareSpans(s *state, operator string, a, b ref.Val) (order int, ok bool) {
	x, ok1 := microsOf(a)
	y, ok2 := microsOf(b)
	if !ok1 || !ok2 {
		return 0, false
	}
	d := x - y
	if s.timed {
		lo, hi := stretch(operator, d)
		if m, ok := a.(*movingSpan); ok {
			s.leaveSpan(m, y+lo, y+hi)
		}
		if m, ok := b.(*movingSpan); ok {
			s.leaveSpan(m, x-hi, x-lo)
		}
	}
	return cmp.Compare(d, 0), true
}

// leaveSpan notes when a duration is not from lo to hi any more.
func (s *state) leaveSpan(d *movingSpan, lo, hi int64) {
	lo, hi = d.differences(lo, hi)
	s.leave(d.x, d.y, max(lo, d.lo), min(hi, d.hi))
}

func microsOf(v ref.Val) (int64, bool) {
	switch d := v.(type) {
	case *movingSpan:
		return d.Microseconds(), true
	case types.Duration:
		return d.Microseconds(), true
	}
	return 0, false
}

// stretch gives around a difference those for which a comparison comes out
// the same.
func stretch(operator string, d int64) (lo, hi int64) {
	switch operator {
	case operators.Equals, operators.NotEquals:
		switch {
		case d < 0:
			return -boundless, -1
		case d > 0:
			return 1, boundless
		}
		return 0, 0
	case operators.Less, operators.GreaterEquals:
		if d < 0 {
			return -boundless, -1
		}
		return 0, boundless
	default: // <= and >
		if d <= 0 {
			return -boundless, 0
		}
		return 1, boundless
	}
}
