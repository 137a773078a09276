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
func buildSpans(op func(a, b ref.Val) ref.Val) builder {
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
			return op(a, b)
		}
	}
}

func subtractTimes(a, b ref.Val) ref.Val {
	x, y := audience.Micros(a.(types.Timestamp).Time), audience.Micros(b.(types.Timestamp).Time)
	const most = 1<<63/1000 - 1 // microseconds of a duration, one less to be sure of both ends
	d := x - y                  // of years 1 to 9999: no overflow
	if d < -most || d > most {
		return spanBetween(a.(types.Timestamp).Time, b.(types.Timestamp).Time)
	}
	return types.Duration{Duration: time.Duration(d) * time.Microsecond}
}

// spanBetween is for differences at the end of what a duration holds.
func spanBetween(a, b time.Time) ref.Val {
	d := a.Sub(b)
	if !b.Add(d).Equal(a) {
		return errUnknown // Sub gives the longest duration instead
	}
	return types.Duration{Duration: d}
}

func addSpan(t, d ref.Val) ref.Val { return shift(t, d.(types.Duration).Duration) }

func addTime(d, t ref.Val) ref.Val { return shift(t, d.(types.Duration).Duration) }

func subtractSpan(t, d ref.Val) ref.Val {
	return shift(t, -d.(types.Duration).Duration) // whole microseconds are never the least int64, which has no opposite
}

func shift(t ref.Val, d time.Duration) ref.Val {
	us, err := audience.Instant(t.(types.Timestamp).Time.Add(d))
	if err != nil {
		return errUnknown
	}
	return types.Timestamp{Time: us}
}

func addSpans(a, b ref.Val) ref.Val {
	n, ok := addInts(int64(a.(types.Duration).Duration), int64(b.(types.Duration).Duration))
	return span(n, ok)
}

func subtractSpans(a, b ref.Val) ref.Val {
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
			us, ok := e.calendar.Anniversary(e.calendar.DateOf(t.Time), stateOf(f).moment.now)
			if !ok {
				return errUnknown
			}
			return types.Timestamp{Time: us}
		}
	}
}

// buildGetter gives the node of a calendar getter. Months and days of the
// month and year count from 0, getDate from 1, as in CEL.
func buildGetter(name string, zone *time.Location) builder {
	get := map[string]func(time.Time) int{
		"getFullYear":     time.Time.Year,
		"getMonth":        func(t time.Time) int { return int(t.Month()) - 1 },
		"getDate":         time.Time.Day,
		"getDayOfMonth":   func(t time.Time) int { return t.Day() - 1 },
		"getDayOfWeek":    func(t time.Time) int { return int(t.Weekday()) },
		"getDayOfYear":    func(t time.Time) int { return t.YearDay() - 1 },
		"getHours":        time.Time.Hour,
		"getMinutes":      time.Time.Minute,
		"getSeconds":      time.Time.Second,
		"getMilliseconds": func(t time.Time) int { return t.Nanosecond() / int(time.Millisecond) },
	}[name]
	return func(args []branch) exec {
		arg := args[0]
		return func(f *frame) ref.Val {
			t, ok := arg.Exec(f).(types.Timestamp)
			if !ok {
				return errUnknown
			}
			return types.Int(get(t.In(zone)))
		}
	}
}
