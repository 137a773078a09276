package segment

import (
	"context"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// How many instants at which something of one contact may change are looked
// at before it is left open when it does: for one condition, and together.
const (
	maxForeseen    = 2_000
	maxForeseenAll = 20_000
)

// never is after every instant of an engine.
const never = int64(1<<63 - 1)

// Until is when something changes by time alone, if nothing else happens.
type Until struct {
	// At is when it changes, zero when it never does. When it is not Exact
	// nothing changes before At, which is how far it was looked ahead.
	At    time.Time
	Exact bool
}

// foreseer looks ahead for one contact, with everything about her as it is.
type foreseer struct {
	set     *Set
	profile *audience.Profile
	now     int64
	members []bool // scratch, by slot
	asked   int    // instants that were looked at so far
}

// outcome is what an evaluation says, and the earliest later instant at which
// it may say something else, never when there is none.
type outcome struct {
	truth Truth
	until int64
}

// firstChange gives when an outcome is another one than it is now, of a
// condition that is asked at instants.
func (f *foreseer) firstChange(ctx context.Context, now outcome, differs func(a, b Truth) bool, ask func(at int64) (outcome, error)) (Until, error) {
	at, last := now.until, latestClock()
	for range maxForeseen {
		if at >= last {
			return Until{Exact: true}, nil
		}
		if f.asked++; f.asked > maxForeseenAll {
			break
		}
		if err := ctx.Err(); err != nil {
			return Until{}, err
		}
		next, err := ask(at)
		if err != nil {
			return Until{}, err
		}
		if differs(now.truth, next.truth) {
			return Until{Exact: true, At: audience.FromMicros(at)}, nil
		}
		at = next.until
	}
	return Until{At: audience.FromMicros(at)}, nil
}

// needed gives the slots of segments and of those that these name in turn,
// each after those that it names.
func (f *foreseer) needed(slots []int) []int {
	wanted := make([]bool, len(f.set.expressions))
	for _, i := range slots {
		wanted[i] = true
	}
	var out []int
	for _, i := range slices.Backward(f.set.order) {
		if wanted[i] {
			out = append(out, i)
			for _, j := range f.set.expressions[i].segments() {
				wanted[j] = true
			}
		}
	}
	slices.Reverse(out)
	return out
}

// segments evaluates segments in an order as of needed, and notes who is a
// member.
func (f *foreseer) segments(slots []int, at int64) (outcome, error) {
	out := outcome{until: never}
	for _, i := range slots {
		truth, until, err := f.set.expressions[i].program.At(audience.FromMicros(at)).TruthUntil(profileRow{f.profile}, f.members)
		if err != nil {
			return outcome{}, f.set.failed(i, err)
		}
		out.truth = Truth(truth)
		out.until = min(out.until, until)
		f.members[i] = out.truth == True
	}
	return out, nil
}

// atom evaluates a condition, with the segments it needs.
func (f *foreseer) atom(a *atom, needed []int, at int64) (outcome, error) {
	out, err := f.segments(needed, at)
	if err != nil || a.truth == nil {
		return outcome{until: never}, err
	}
	truth, until, err := a.truth.At(audience.FromMicros(at)).TruthUntil(profileRow{f.profile}, f.members)
	return outcome{Truth(truth), min(out.until, until)}, err
}
