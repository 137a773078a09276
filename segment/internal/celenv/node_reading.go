package celenv

import (
	"cmp"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/audiencekit/audiencekit/audience"
)

// reading is what a calendar getter reads of a timestamp.
type reading struct {
	tree   ast.Expr // the timestamp
	getter string
	zone   *time.Location
	get    func(time.Time) int
}

// newReading makes the reading of a getter. Months and days of the month and
// year count from 0, getDate from 1, as in CEL.
func newReading(tree ast.Expr, getter string, zone *time.Location) *reading {
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
	}[getter]
	return &reading{tree, getter, zone, get}
}

// buildGetter gives the node of a calendar getter.
func buildGetter(r *reading) builder {
	return func(args []branch) exec {
		arg := args[0]
		return func(f *frame) ref.Val {
			if n, ok := r.of(stateOf(f), arg.Exec(f), nil); ok {
				return types.Int(n)
			}
			return errUnknown
		}
	}
}

// buildReadingComparison gives the node that compares a reading with a
// constant; reverse when the constant stands first.
func buildReadingComparison(r *reading, operator string, constant int64, reverse bool) builder {
	holds := orderTest(operator)
	test := func(reading int) bool {
		d := cmp.Compare(int64(reading), constant)
		if reverse {
			d = -d
		}
		return holds(d)
	}
	return func(args []branch) exec {
		arg := args[0]
		return func(f *frame) ref.Val {
			if n, ok := r.of(stateOf(f), arg.Exec(f), test); ok {
				return types.Bool(test(n))
			}
			return errUnknown
		}
	}
}

// of reads a timestamp; false when it is unknown. Where test is given its
// outcome is all that matters of the reading.
func (r *reading) of(s *state, v ref.Val, test func(reading int) bool) (int, bool) {
	switch t := v.(type) {
	case types.Timestamp:
		return r.get(t.In(r.zone)), true
	case *movingTime:
		if s.timed {
			s.lower(t.reaches(s.moment, r.next(t.us, test)))
		}
		return r.get(t.In(r.zone)), true
	}
	return 0, false
}

// next gives the first instant after us at which the zone's clock may give
// another reading, or one for which test comes out differently.
func (r *reading) next(us int64, test func(reading int) bool) int64 {
	now := time.UnixMicro(us).In(r.zone)
	before := r.get(now)
	same := func(reading int) bool { return reading == before }
	if test != nil {
		same = func(reading int) bool { return test(reading) == test(before) }
	}
	const readings = 70 // two months of days; then it is looked at anew
	for range readings {
		wall := time.Date(now.Year(), now.Month(), now.Day(), now.Hour(), now.Minute(), now.Second(), now.Nanosecond(), time.UTC)
		next := now.Add(r.nextWall(wall).Sub(wall))
		if turn := clockTurn(now); !turn.IsZero() && turn.Before(next) {
			next = turn
		}
		if now = next; !same(r.get(now)) {
			break
		}
	}
	return audience.Micros(now)
}

// nextWall gives the next local time, as if it were UTC, at which a getter of
// hours or more gives something else.
func (r *reading) nextWall(wall time.Time) time.Time {
	year, month, day := wall.Date()
	switch r.getter {
	case "getFullYear":
		return time.Date(year+1, 1, 1, 0, 0, 0, 0, time.UTC)
	case "getMonth":
		return time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
	case "getHours":
		return time.Date(year, month, day, wall.Hour()+1, 0, 0, 0, time.UTC)
	}
	return time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
}

// clockTurn gives when the clock of the zone of t may be turned next; zero is
// never. On the last day of a leap year ZoneBounds does not look forward, and
// the offset stays until that day is over.
func clockTurn(t time.Time) time.Time {
	_, turn := t.ZoneBounds()
	if turn.IsZero() || turn.After(t) {
		return turn
	}
	const day = 24 * time.Hour
	return t.UTC().Truncate(day).Add(day).In(t.Location())
}
