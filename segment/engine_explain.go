package segment

import (
	"context"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Explanation says why a contact is in a live segment or not. Values in it do
// not print themselves; [Explanation.Reveal] does.
type Explanation struct {
	Segment  string
	Contact  audience.ContactID
	Member   bool
	At       time.Time      // the instant of the engine
	Position store.Position // the position of the engine

	// Conditions are all conditions of the expression in the order of the
	// source, also those that the outcome does not hang on.
	Conditions []ExplainedCondition
	// Until is when the contact enters or leaves by time alone.
	Until Until

	zone *time.Location
}

// ExplainedCondition is one condition with what came of it. Of tags and of
// list fields that live segments only ask for single items, Value has those
// items and no others.
type ExplainedCondition struct {
	Atom

	Counted  []Counted // the events that it counts or aggregates, in the order of the source
	Segments []string  // the segments that it names, sorted; Explain tells about them in turn
	Until    Until     // when its truth changes by time alone

	// Decides is true when changing this condition alone, wherever it is
	// written, would change the outcome; Flip is what it would have to be then.
	Decides bool
	Flip    Truth
}

// Explain says why a contact is in a live segment or not, at the position and
// the instant of the engine, moved to the clock's first, from what the engine
// holds itself. A Ref that it does not find contacts by is looked up in the
// store: see [EngineOptions.Index].
//
// It costs one evaluation of the expression and of each of its conditions, and
// some more to find out when they change by themselves: a few milliseconds at
// most for what people write. Other calls wait only while the contact is read.
//
// Errors: [audience.ErrNotFound] when there is no such segment, or no such
// contact yet; those of [Moment.Match]; the store's; the context's.
func (e *Engine) Explain(ctx context.Context, name string, ref audience.Ref) (*Explanation, error) {
	if err := e.opened(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	id, err := e.resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	for {
		set := e.currentSet()
		k, ok := set.index(name)
		if !ok {
			return nil, &audience.NotFoundError{Kind: "segment", Name: name}
		}
		slot := set.slots[k]
		set.expressions[slot].counts() // which takes a while the first time
		out, profile, err := e.look(set, name, id)
		switch {
		case err != nil:
			return nil, err
		case out == nil:
			continue // other segments are live by now
		}
		profile.Parts = set.Parts()
		x := &explainer{foreseer: foreseer{set: set, profile: profile, now: audience.Micros(out.At), members: make([]bool, len(set.expressions))}, slot: slot}
		return out, x.explain(ctx, out)
	}
}

func (e *Engine) currentSet() *Set {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.set
}

// resolve finds the contact that a Ref names.
func (e *Engine) resolve(ctx context.Context, ref audience.Ref) (audience.ContactID, error) {
	if id, ok := e.refs.find(ref); ok {
		return id, nil
	}
	var id audience.ContactID
	err := e.aud.View(ctx, func(r *store.Reader) error {
		ids, err := r.Resolve(ctx, ref)
		if err == nil {
			id = ids[0]
		}
		return err
	})
	if err == nil && id == 0 {
		err = &audience.NotFoundError{Kind: "contact"}
	}
	return id, err
}

// look reads a contact while a set is live; nothing when another one is.
func (e *Engine) look(set *Set, name string, id audience.ContactID) (*Explanation, *audience.Profile, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.set != set {
		return nil, nil, nil
	}
	if err := e.settleLocked(audience.Micros(e.aud.Now())); err != nil {
		return nil, nil, err
	}
	core := e.state.Load().core
	id = e.refs.current(id)
	if !core.Table().Exists(uint32(id)) {
		return nil, nil, &audience.NotFoundError{Kind: "contact", Name: id.String()}
	}
	out := &Explanation{
		Segment: name, Contact: id, Member: core.Segment(name).Contains(uint32(id)),
		At: audience.FromMicros(core.Now()), Position: e.position, zone: set.language.zone,
	}
	return out, core.Table().Profile(uint32(id)), nil
}

// explainer explains one segment for one contact.
type explainer struct {
	foreseer
	slot int
}

func (x *explainer) explain(ctx context.Context, out *Explanation) error {
	expression := x.set.expressions[x.slot]
	needed := x.needed([]int{x.slot})
	whole, err := x.segments(needed, x.now)
	if err != nil {
		return err
	}
	isMember := func(a, b Truth) bool { return (a == True) != (b == True) }
	out.Until, err = x.firstChange(ctx, whole, isMember, func(at int64) (outcome, error) { return x.segments(needed, at) })
	if err != nil {
		return err
	}
	for _, a := range expression.atoms() {
		c, err := x.condition(ctx, a)
		if err != nil {
			return x.set.failed(x.slot, err)
		}
		out.Conditions = append(out.Conditions, c)
	}
	return decide(ctx, expression.tree, out)
}

func (x *explainer) condition(ctx context.Context, a *atom) (ExplainedCondition, error) {
	c := ExplainedCondition{Atom: Atom{Source: a.source, Line: a.line, Column: a.column, Negated: a.negated, Compares: a.compares}}
	var slots []int
	if a.truth != nil {
		for _, m := range a.truth.Segments() {
			slots = append(slots, m.Segment)
			c.Segments = append(c.Segments, x.set.expressions[x.slot].names[m.Segment])
		}
	}
	needed := x.needed(slots)
	now, err := x.atom(a, needed, x.now)
	if err != nil {
		return c, err
	}
	c.Truth = now.truth
	at := audience.FromMicros(x.now)
	for _, part := range a.counted {
		counted, err := part.at(at, x.profile, x.members)
		if err != nil {
			return c, err
		}
		c.Counted = append(c.Counted, counted)
	}
	if a.compares && a.side != nil {
		text, known, err := a.side.At(at).Text(profileRow{x.profile}, x.members)
		if err != nil {
			return c, err
		}
		if known {
			c.Value, c.HasValue = audience.NewPrivate(text), true
		}
	}
	isOther := func(a, b Truth) bool { return a != b }
	c.Until, err = x.firstChange(ctx, now, isOther, func(at int64) (outcome, error) { return x.atom(a, needed, at) })
	return c, err
}

// decide finds the conditions that the outcome hangs on alone. One that is
// written several times is one condition.
func decide(ctx context.Context, tree *branch, out *Explanation) error {
	if tree == nil {
		return nil
	}
	places := map[string][]int{}
	truths := make([]Truth, len(out.Conditions))
	for i, c := range out.Conditions {
		places[c.Source] = append(places[c.Source], i)
		truths[i] = c.Truth
	}
	for i := range out.Conditions {
		c := &out.Conditions[i]
		same := places[c.Source]
		if i != same[0] {
			c.Decides, c.Flip = out.Conditions[same[0]].Decides, out.Conditions[same[0]].Flip
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, forced := range []Truth{True, False} {
			for _, k := range same {
				truths[k] = forced
			}
			if (tree.truth(truths) == True) != out.Member {
				c.Decides, c.Flip = true, forced
			}
		}
		for _, k := range same {
			truths[k] = c.Truth
		}
	}
	return nil
}

// truth gives the outcome of a tree over the truths of its atoms, by Kleene's
// tables.
func (b *branch) truth(atoms []Truth) Truth {
	switch b.operator {
	case "":
		return atoms[b.atom]
	case "!":
		return b.parts[0].truth(atoms).not()
	}
	decides, out := False, True // of &&
	if b.operator == "||" {
		decides, out = True, False
	}
	for _, part := range b.parts {
		truth := part.truth(atoms)
		if truth == decides {
			return decides
		}
		if truth == Unknown {
			out = Unknown
		}
	}
	return out
}

func (t Truth) not() Truth {
	switch t {
	case True:
		return False
	case False:
		return True
	default:
		return Unknown
	}
}
