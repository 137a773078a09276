package celenv

import (
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/audiencekit/audiencekit/audience"
)

// buildSpans gives the node of a sum or difference with timestamps or
// durations. cel-go's own would do, but its overflow error is one value that
// every goroutine writes to.
func buildSpans(op func(s *state, a, b ref.Val) ref.Val) builder {
	return func(args []branch) exec {
		left, right := args[0], args[1]
		return func(f *frame) ref.Val {
			a := left.Exec(f)
			if isUnknown(a) {
				return errUnknown
			}
			b := right.Exec(f)
			if isUnknown(b) {
				return errUnknown
			}
			return op(stateOf(f), a, b)
		}
	}
}

func subtractTimes(s *state, a, b ref.Val) ref.Val {
	x, ok1 := placeOf(a)
	y, ok2 := placeOf(b)
	if !ok1 || !ok2 {
		return errUnknown
	}
	if x.course != nil || y.course != nil {
		return s.keepSpan(movingSpan{x: x, y: y, lo: -boundless, hi: boundless})
	}
	d := x.us - y.us // of years 1 to 9999: no overflow
	if d < -longest || d > longest {
		return errUnknown
	}
	return types.Duration{Duration: time.Duration(d) * time.Microsecond}
}

func addSpan(s *state, t, d ref.Val) ref.Val { return shift(s, t, d.(types.Duration).Duration) }

func addTime(s *state, d, t ref.Val) ref.Val { return shift(s, t, d.(types.Duration).Duration) }

func subtractSpan(s *state, t, d ref.Val) ref.Val {
	return shift(s, t, -d.(types.Duration).Duration) // whole microseconds are never the least int64, which has no opposite
}

func shift(s *state, t ref.Val, d time.Duration) ref.Val {
	if moves, ok := t.(*movingTime); ok {
		return s.keepTime(moves, d.Microseconds())
	}
	us, err := audience.Instant(t.(types.Timestamp).Time.Add(d))
	if err != nil {
		return errUnknown
	}
	return types.Timestamp{Time: us}
}

func addSpans(s *state, a, b ref.Val) ref.Val {
	if moves, ok := a.(*movingSpan); ok {
		return s.addToSpan(moves, b)
	}
	if moves, ok := b.(*movingSpan); ok {
		return s.addToSpan(moves, a)
	}
	n, ok := addInts(int64(a.(types.Duration).Duration), int64(b.(types.Duration).Duration))
	return span(n, ok)
}

// addToSpan adds a constant duration to one that moves.
func (s *state) addToSpan(d *movingSpan, by ref.Val) ref.Val {
	sum := *d
	sum.plus += by.(types.Duration).Microseconds()
	return s.keepSpan(sum)
}

func subtractSpans(s *state, a, b ref.Val) ref.Val {
	if moves, ok := a.(*movingSpan); ok {
		rest := *moves
		rest.plus -= b.(types.Duration).Microseconds()
		return s.keepSpan(rest)
	}
	if moves, ok := b.(*movingSpan); ok {
		rest := *moves
		rest.reverse, rest.plus = !rest.reverse, a.(types.Duration).Microseconds()-rest.plus
		return s.keepSpan(rest)
	}
	n, ok := subtractInts(int64(a.(types.Duration).Duration), int64(b.(types.Duration).Duration))
	return span(n, ok)
}

func span(n int64, ok bool) ref.Val {
	if !ok {
		return errUnknown
	}
	return types.Duration{Duration: time.Duration(n)}
}

// buildAnniversary gives the node of anniversary(d).
func buildAnniversary(e *Env) builder {
	return func(args []branch) exec {
		arg := args[0]
		return func(f *frame) ref.Val {
			t, ok := arg.Exec(f).(types.Timestamp)
			if !ok {
				return errUnknown
			}
			s, day := stateOf(f), e.calendar.DateOf(t.Time)
			if s.timed {
				over, _ := e.calendar.AnniversaryOver(day, s.moment.now)
				s.lowerTo(over)
			}
			us, ok := e.calendar.Anniversary(day, s.moment.now)
			if !ok {
				return errUnknown
			}
			return types.Timestamp{Time: us}
		}
	}
}
