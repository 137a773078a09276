package celenv

import (
	"time"

	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/internal/decimal"
)

// stateName is how nodes within macros find the state; it cannot be written
// in an expression.
const stateName = "@state"

// state is one evaluation under way: what nodes read, and scratch space. It
// is the activation that cel-go passes around.
type state struct {
	row     Row
	contact *audience.Contact
	moment  *Moment
	members []bool
	steps   int  // that are left
	text    int  // bytes of text that may still be made
	event   item // within where
	status  ref.Val
	facts   []factAnswer // what is known already of the program's
	timed   bool         // until is wanted
	until   int64        // the first instant after now at which what was read may change, as far as is known

	statusUntil time.Time

	frame   *interpreter.ExecutionFrame
	items   []item // a stack
	high    int    // how high it was
	texts   []string
	many    int // how many texts there were
	numbers []uint64
	sum     decimal.Sum
	times   []movingTime // a stack, of those that were shifted
	spans   []movingSpan // a stack
	edges   []edge       // a stack, of windows when until is wanted
}

// item is an event of a stream and the place of its type among the types of
// the stream.
type item struct {
	event *audience.Event
	place int
}

// ResolveName gives the state itself; variables of macros are resolved before.
func (s *state) ResolveName(name string) (any, bool) { return s, name == stateName }

// Parent is nil: this is the outermost activation.
func (s *state) Parent() interpreter.Activation { return nil }

// stateOf finds the state from within any number of macros.
func stateOf(f *interpreter.ExecutionFrame) *state {
	if s, ok := f.Scope().(*state); ok {
		return s
	}
	v, _ := f.ResolveName(stateName)
	return v.(*state)
}

// tooManySteps ends an evaluation by panicking: nothing in between may absorb
// it as if it were an unknown.
type tooManySteps struct{}

// tooMuchText ends an evaluation as tooManySteps does.
type tooMuchText struct{}

// functionPanicked carries a panic of a host's function to the edge, without
// what it panicked with: that may be personal.
type functionPanicked struct{ name string }

// charge counts steps.
func (s *state) charge(n int) {
	if s.steps -= n; s.steps < 0 {
		panic(tooManySteps{})
	}
}

// made counts the bytes of a text that is made: steps alone would allow
// hundreds of megabytes.
func (s *state) made(n int) {
	if s.text -= n; s.text < 0 {
		panic(tooMuchText{})
	}
}

// textCost is the number of steps of reading so many bytes.
func textCost(n int) int { return 1 + n/64 }

// open gets the state ready for a contact.
func (s *state) open(m *Moment, row Row, members []bool) {
	s.row, s.contact, s.moment, s.members = row, row.Contact(), m, members
	s.steps, s.text = m.program.env.limits.Steps, m.program.env.limits.TextBytes
	s.event, s.status = item{}, nil
	s.timed, s.until = false, never
	s.facts = append(s.facts[:0], make([]factAnswer, m.program.facts)...)
}

// lower notes an instant after now at which something that was read changes
// or may change.
func (s *state) lower(us int64) { s.until = min(s.until, us) }

// lowerTo is lower for an instant of the row; zero is never.
func (s *state) lowerTo(t time.Time) {
	if !s.timed || t.IsZero() {
		return
	}
	us := audience.Micros(t)
	if audience.FromMicros(us).Before(t) {
		us++ // the first whole microsecond that is not before it
	}
	s.lower(us)
}

// instant reads an instant of the moment.
func (s *state) instant(i int) ref.Val {
	if s.timed {
		s.lower(s.moment.change(i))
	}
	return s.moment.instants[i].value
}

// follow reads an instant of the moment for somebody who follows when it
// moves on, also by steps.
func (s *state) follow(i int) ref.Val {
	if !s.moment.instants[i].known {
		return s.instant(i)
	}
	return &s.moment.times[i]
}

// close lets go of everything of the contact.
func (s *state) close() {
	s.row, s.contact, s.moment, s.members = nil, nil, nil, nil
	s.event, s.status = item{}, nil
	clear(s.items[:s.high])
	clear(s.texts[:s.many])
	s.items, s.texts, s.high, s.many = s.items[:0], s.texts[:0], 0, 0
	if cap(s.times)+cap(s.spans)+cap(s.edges) > 0 {
		s.closeMoving()
	}
	const keep = 4096
	if cap(s.items) > keep {
		s.items = nil
	}
	if cap(s.texts) > keep {
		s.texts = nil
	}
	if cap(s.numbers) > keep {
		s.numbers = nil
	}
}

func (s *state) closeMoving() {
	clear(s.times[:cap(s.times)])
	clear(s.spans[:cap(s.spans)])
	clear(s.edges[:cap(s.edges)])
	s.times, s.spans, s.edges = s.times[:0], s.spans[:0], s.edges[:0]
}

// state takes a state from the pool.
func (e *Env) state() *state {
	if s, ok := e.states.Get().(*state); ok {
		return s
	}
	s := &state{}
	// It cannot fail: the state supplies no functions.
	s.frame, _ = interpreter.NewExecutionFrame(s)
	return s
}
