package segment

import (
	"fmt"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
	"github.com/audiencekit/audiencekit/segment/internal/live"
)

// Plan says what keeping a segment up to date takes: how each of its
// conditions is decided, what it reads, and what makes it be looked at again.
// Nothing in it is personal, but for what somebody wrote into the expression.
type Plan struct {
	Source     string
	Conditions []PlannedCondition // in the order of the source
	Columns    []PlannedColumn    // what the engine has to hold for it
	Warnings   []string           // what makes it dear
}

// PlannedCondition is one condition of an expression, with the branches of
// ? : as conditions of their own.
type PlannedCondition struct {
	Source       string
	Line, Column int // from 1
	How          Decision
	Why          string     // of [RowByRow]: what stands in the way of an index
	Reads        []string   // the columns it reads; a change of what is in them makes it be looked at
	Segments     []string   // the segments whose members it depends on
	Time         TimeCourse // how it changes by time alone
	Access       bool       // it tells segments apart: of those that share another condition only the right ones are looked at
	Fan          int        // segments that a change of it looks at, as far as nothing tells them apart; 0 without an engine
}

// PlannedColumn is something of contacts that an engine holds for segments.
type PlannedColumn struct {
	Name   string
	Loaded bool // the engine holds it already; false without an engine
}

// Decision says how an engine decides a condition.
type Decision uint8

// The ways, from the cheapest.
const (
	Constant    Decision = iota + 1 // the same for everybody
	BySet                           // a tag, an item of a list field, a hand-picked list
	ByValue                         // a value compared with constants: only those that it crosses are looked at
	ByLedger                        // a standing that the ledger gives, kept for each contact
	ByTimeOrder                     // contacts in the order of an instant, shared by windows of every length
	BySegment                       // the members of another segment
	RowByRow                        // evaluated for a contact whenever something of hers changes that it reads
)

// String gives a few words for people.
func (d Decision) String() string {
	switch d {
	case Constant:
		return "is the same for everybody"
	case BySet:
		return "is looked up in a set of contacts"
	case ByValue:
		return "is found by the value"
	case ByLedger:
		return "is found by the standing that the ledger gives"
	case ByTimeOrder:
		return "is found by the order of time"
	case BySegment:
		return "is found by the members of the other segment"
	case RowByRow:
		return "is evaluated contact by contact"
	default:
		return "unknown"
	}
}

// TimeCourse says how time alone changes a condition.
type TimeCourse uint8

// The courses.
const (
	NotByTime      TimeCourse = iota + 1 // never
	ByEventsAhead                        // only for contacts with events dated ahead, one instant each
	BySharedOrder                        // contacts come up in one order that all share: nothing is kept for each
	ByOwnInstant                         // each contact for whom it will change has an instant of her own
	AsOtherSegment                       // when the other segment does
)

// String gives a few words for people.
func (c TimeCourse) String() string {
	switch c {
	case NotByTime:
		return "time does not change it"
	case ByEventsAhead:
		return "time changes it only when an event that was dated ahead takes place"
	case BySharedOrder:
		return "time changes it for one contact after the other, in an order that all share"
	case ByOwnInstant:
		return "time changes it at an instant that is kept for each contact"
	case AsOtherSegment:
		return "time changes it as it changes the other segment"
	default:
		return "unknown"
	}
}

// String tells the plan in lines for people.
func (p *Plan) String() string {
	var b strings.Builder
	for _, c := range p.Conditions {
		b.WriteString(onOneLine(c.Source) + "\n  " + c.How.String())
		if c.Why != "" {
			b.WriteString(": " + c.Why)
		}
		if len(c.Reads) > 0 {
			b.WriteString("; reads " + strings.Join(c.Reads, ", "))
		}
		if len(c.Segments) > 0 {
			b.WriteString("; depends on " + strings.Join(c.Segments, ", "))
		}
		b.WriteString("; " + c.Time.String())
		if c.Access {
			b.WriteString("; tells segments apart")
		}
		b.WriteString("\n")
	}
	var missing []string
	for _, c := range p.Columns {
		if !c.Loaded {
			missing = append(missing, c.Name)
		}
	}
	if len(missing) > 0 {
		b.WriteString("To be loaded: " + strings.Join(missing, ", ") + "\n")
	}
	for _, w := range p.Warnings {
		b.WriteString("Note: " + w + "\n")
	}
	return b.String()
}

// Plan says what keeping an expression up to date would take. The language
// should be that of an audience ([LanguageOf]): fields and properties without
// the store's numbers have no index. Which columns are there, and how many
// segments share a condition, an engine knows: [Engine.Plan]. The error is a [*CompileError].
func (l *Language) Plan(expression string) (*Plan, error) {
	e, err := l.Compile(expression)
	if err != nil {
		return nil, err
	}
	return e.plan(nil), nil
}

// Plan says what keeping a live segment up to date takes;
// [audience.ErrNotFound] when there is none of the name.
func (e *Engine) Plan(name string) (*Plan, error) {
	if err := e.opened(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	compiled, ok := e.set.Expression(name)
	core := e.state.Load().core
	s := core.Segment(name)
	if !ok || s == nil {
		return nil, &audience.NotFoundError{Kind: "segment", Name: name}
	}
	have := core.Table().Needs()
	p := compiled.plan(&have)
	for i, fan := range core.Fans(s) {
		c := &p.Conditions[i]
		if c.Fan = fan; fan > manySegments {
			p.Warnings = append(p.Warnings, fmt.Sprintf(
				"each change of %s looks at %d segments, which have no other condition that tells them apart", onOneLine(c.Source), fan))
		}
	}
	return p, nil
}

// manySegments is from where on it is worth a warning that they are looked at
// one by one.
const manySegments = 64

// plan makes the plan of an expression. have is what an engine holds, nil
// without one.
func (e *Expression) plan(have *columns.Needs) *Plan {
	p := &Plan{Source: e.source}
	w := planner{expression: e, plan: p}
	w.formula(e.program.Formula(), false, true)
	for _, c := range columnsOf(e.language.schema, live.NeedsOf(e.program)) {
		p.Columns = append(p.Columns, PlannedColumn{Name: c.name, Loaded: have != nil && have.Covers(c.needs)})
	}
	rows, timed := 0, 0
	for _, c := range p.Conditions {
		if c.How == RowByRow {
			rows++
			if c.Time == ByOwnInstant {
				timed++
			}
		}
	}
	if rows > 0 {
		p.Warnings = append(p.Warnings, fmt.Sprintf("%s evaluated contact by contact, some microseconds at each change of what %s", counted(rows, "condition is", "conditions are"), plural(rows, "it reads", "they read")))
	}
	if timed > 0 {
		p.Warnings = append(p.Warnings, "for that an instant has to be kept for each contact for whom time will change it, some 20 bytes")
	}
	return p
}

func counted(n int, one, many string) string { return fmt.Sprintf("%d %s", n, plural(n, one, many)) }

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// planner goes through a formula as an engine compiles it: with negations
// pushed to the conditions.
type planner struct {
	expression *Expression
	plan       *Plan
}

// formula plans a part. Within a conjunction, or alone, a condition can tell
// segments apart.
func (w *planner) formula(f *celenv.Formula, negated, joined bool) {
	switch f.Op {
	case celenv.Not:
		w.formula(f.Parts[0], !negated, joined)
	case celenv.All, celenv.Some:
		for _, p := range f.Parts {
			w.formula(p, negated, (f.Op == celenv.All) != negated)
		}
	case celenv.Choice:
		w.formula(f.Parts[0], false, true)
		w.formula(f.Parts[1], negated, true)
		w.formula(f.Parts[2], negated, true)
	default:
		w.condition(f.Atom, negated, joined)
	}
}

func (w *planner) condition(a *celenv.Atom, negated, joined bool) {
	c := PlannedCondition{Source: a.Source, Line: a.Line, Column: a.Column}
	for _, n := range columnsOf(w.expression.language.schema, live.NeedsOfAtom(a)) {
		c.Reads = append(c.Reads, n.name)
	}
	c.How, c.Time = howOf(a.Test)
	switch t := a.Test.(type) {
	case celenv.MemberTest:
		c.Segments = []string{w.expression.names[t.Segment]}
	case nil:
		w.rowByRow(&c, a)
	}
	c.Access = joined && isSelective(a.Test, negated)
	w.plan.Conditions = append(w.plan.Conditions, c)
}

func (w *planner) rowByRow(c *PlannedCondition, a *celenv.Atom) {
	c.Why, c.Time = reasonOf(a.Source), NotByTime
	timed := a.Program.Timed() // that of the whole expression
	if alone, errs := w.expression.language.env.Compile(a.Source, w.expression.names); len(errs) == 0 {
		timed = alone.Timed()
	}
	if timed {
		c.Time = ByOwnInstant
	}
	for _, r := range a.Reads {
		if r.Kind == celenv.ReadMember {
			c.Segments = append(c.Segments, w.expression.names[r.Place])
		}
	}
	slices.Sort(c.Segments)
	c.Segments = slices.Compact(c.Segments)
}
