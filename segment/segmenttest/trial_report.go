package segmenttest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Report says what a trial compared.
type Report struct {
	Trials      int
	Steps       int            // after each of which everything was compared
	Comparisons int            // of one contact and one segment
	Members     int            // comparisons in which the contact was a member
	Flips       int            // comparisons in which she was one and was not the time before, or the other way round
	Transitions int            // that were checked
	Refused     int            // actions that the store refused, and that are no steps
	Actions     map[string]int // by kind
}

// Add adds what another trial compared.
func (r *Report) Add(o Report) {
	actions := r.Actions
	if actions == nil {
		actions = make(map[string]int)
	}
	for kind, n := range o.Actions {
		actions[kind] += n
	}
	*r = Report{
		Trials: r.Trials + o.Trials, Steps: r.Steps + o.Steps, Comparisons: r.Comparisons + o.Comparisons,
		Members: r.Members + o.Members, Flips: r.Flips + o.Flips, Transitions: r.Transitions + o.Transitions,
		Refused: r.Refused + o.Refused, Actions: actions,
	}
}

// add adds what one comparison saw.
func (r *Report) add(s seen) {
	r.Comparisons += s.comparisons
	r.Members += s.members
	r.Flips += s.flips
	r.Transitions += s.transitions
}

// String gives the numbers in a few lines.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d trials, %d steps, %d comparisons (%d members, %d flips), %d transitions, %d actions refused",
		r.Trials, r.Steps, r.Comparisons, r.Members, r.Flips, r.Transitions, r.Refused)
	for _, kind := range slices.Sorted(maps.Keys(r.Actions)) {
		fmt.Fprintf(&b, "\n  %-32s %d", kind, r.Actions[kind])
	}
	return b.String()
}

// MismatchError says where a system differs from the reference. It holds a script that shows it: as short as it was
// found to be, with what the reference expects. Its data are made up.
type MismatchError struct {
	Seed    uint64
	Step    int    // of the trial, from 1; 0: while the first contacts came
	Kind    string // what is wrong: "members", "transitions", "error" or "panic"
	Segment string // the segment that it is about, "" if it is about none
	Contact string // the contact that it is about, "" if it is about none
	Detail  string // what is wrong, for people
	Script  *Script
}

// Error gives the detail and the script.
func (e *MismatchError) Error() string {
	text := fmt.Sprintf("seed %d, step %d, %s: %s", e.Seed, e.Step, e.Kind, e.Detail)
	if e.Script != nil {
		text += "\n\n" + e.Script.String()
	}
	return text
}
