package segmenttest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// maxFailures is how many expectations may fail before a script ends.
const maxFailures = 20

// Play does to an audience what a script says and asks the system what the script expects. The audience must be empty
// and opened with the script's schema and zone, with keys and with the clock, which must show the script's start.
//
// The error joins one error per expectation that does not hold, up to 20, each with file and line; anything else that
// goes wrong ends the script.
func Play(ctx context.Context, s *Script, aud *store.Audience, clock *Clock, system System) error {
	if err := checkWorld(ctx, s, aud); err != nil {
		return fmt.Errorf("%s: %w", s.File, err)
	}
	p := newPlayer(aud, clock, system)
	for _, d := range s.Given {
		p.define(d)
	}
	p.prepare(s.Steps)
	return p.play(ctx, s.File, s.Steps)
}

// checkWorld reports why a script cannot begin in an audience, or nil.
func checkWorld(ctx context.Context, s *Script, aud *store.Audience) error {
	if now := aud.Now(); !now.Equal(s.Start) {
		return fmt.Errorf("the clock shows %s and the script begins at %s", now.Format(time.RFC3339Nano), s.Start.Format(time.RFC3339Nano))
	}
	return aud.View(ctx, func(r *store.Reader) error {
		page, err := r.Contacts(ctx, store.ContactQuery{Limit: 1})
		if err == nil && len(page.Items) > 0 {
			err = errors.New("the audience must be empty")
		}
		return err
	})
}

// play plays steps that are prepared.
func (p *player) play(ctx context.Context, file string, steps []Step) error {
	var failed []error
	for i := range steps {
		step := &steps[i]
		err := p.step(ctx, step)
		if err == nil {
			continue
		}
		failed = append(failed, fmt.Errorf("%s:%d: %s\n%w", file, step.Line, step.Text, err))
		var missed *expectationError
		if !errors.As(err, &missed) || len(failed) == maxFailures {
			break
		}
	}
	return errors.Join(failed...)
}

// player plays the steps of one script.
type player struct {
	aud    *store.Audience
	clock  *Clock
	system System
	cast   *cast
	ids    map[string]audience.ContactID // the last one that a name was given
	names  map[audience.ContactID]string

	// What is to be defined, by name.
	defined map[string]segment.Definition
	order   []string
	checks  map[*Step]string
	dirty   bool
	errors  map[string][]*segment.CompileError // of those that did not compile
}

func newPlayer(aud *store.Audience, clock *Clock, system System) *player {
	return &player{
		aud: aud, clock: clock, system: system, cast: newCast(),
		ids: make(map[string]audience.ContactID), names: make(map[audience.ContactID]string),
		defined: make(map[string]segment.Definition), checks: make(map[*Step]string),
	}
}

// prepare collects the segments that steps speak of, so that most scripts define theirs once.
func (p *player) prepare(steps []Step) {
	for i := range steps {
		switch do := steps[i].Do.(type) {
		case Define:
			if _, known := p.defined[do.Definition.Name]; !known {
				p.define(do.Definition)
			}
		case Match:
			name := p.check(&steps[i])
			p.define(segment.Definition{Name: name, Source: do.Source})
			if do.Unknown != nil {
				p.define(segment.Definition{Name: name + "-not", Source: "!(" + do.Source + "\n)"})
			}
		case Reject:
			if do.Segment == "" {
				p.define(segment.Definition{Name: p.check(&steps[i]), Source: do.Source})
			}
		}
	}
}

// check names the segment that is made for a step.
func (p *player) check(step *Step) string {
	if p.checks[step] == "" {
		p.checks[step] = checkPrefix + strconv.Itoa(len(p.checks)+1)
	}
	return p.checks[step]
}

// define gives a name its definition.
func (p *player) define(d segment.Definition) {
	old, known := p.defined[d.Name]
	if known && old == d {
		return
	}
	if !known {
		p.order = append(p.order, d.Name)
	}
	p.defined[d.Name] = d
	p.dirty = true
}

// publish hands the definitions to the system, unless it has them.
func (p *player) publish(ctx context.Context) error {
	if !p.dirty {
		return nil
	}
	var all, good []segment.Definition
	for _, name := range p.order {
		all = append(all, p.defined[name])
	}
	err := p.system.Define(ctx, all...)
	p.errors = make(map[string][]*segment.CompileError)
	var refused *segment.SetError
	if err != nil && !errors.As(err, &refused) {
		return fmt.Errorf("define the segments: %w", err)
	}
	if refused != nil {
		for _, e := range refused.Errors {
			p.errors[e.Segment] = append(p.errors[e.Segment], e)
		}
		for _, d := range all {
			if p.errors[d.Name] == nil {
				good = append(good, d)
			}
		}
		if err := p.system.Define(ctx, good...); err != nil {
			return fmt.Errorf("define the segments: %w", err)
		}
	}
	p.dirty = false
	return nil
}

// step plays one step.
func (p *player) step(ctx context.Context, step *Step) error {
	switch do := step.Do.(type) {
	case Define:
		p.define(do.Definition)
		return nil
	case Expect:
		return p.expect(ctx, do)
	case Match:
		return p.match(ctx, p.check(step), do)
	case Reject:
		name := do.Segment
		if name == "" {
			name = p.check(step)
		}
		return p.reject(ctx, name, do)
	}
	err := p.change(ctx, step.Do)
	switch {
	case step.Refused == nil:
		return err
	case err == nil:
		return &expectationError{fmt.Sprintf("was accepted; want it refused: %v", step.Refused)}
	case !errors.Is(err, step.Refused):
		return &expectationError{fmt.Sprintf("was refused: %v; want: %v", err, step.Refused)}
	}
	return nil
}

// change does what one step says.
func (p *player) change(ctx context.Context, action Action) error {
	switch do := action.(type) {
	case Advance:
		if !p.clock.MoveTo(do.To) {
			return errors.New("the clock never goes back")
		}
		return nil
	case Put:
		return p.put(ctx, do)
	case Append:
		_, err := p.aud.Append(ctx, do.Write)
		return err
	case Record:
		_, err := p.aud.Record(ctx, p.consent(do.Write))
		return err
	case Together:
		return p.changeTogether(ctx, do.Do)
	case Restart:
		if x, ok := p.system.(Restarter); ok {
			return x.Restart(ctx)
		}
		return nil
	}
	_, err := p.aud.Update(ctx, func(tx *store.Tx) error { return p.changeIn(ctx, tx, action) })
	if err == nil {
		p.follow(action)
	}
	return err
}

// changeTogether does several things in one commit.
func (p *player) changeTogether(ctx context.Context, all []Action) error {
	var put map[string]audience.ContactID
	_, err := p.aud.Update(ctx, func(tx *store.Tx) error {
		put = make(map[string]audience.ContactID)
		for _, action := range all {
			if do, ok := action.(Put); ok {
				results, err := tx.Put(ctx, do.Write)
				if err != nil {
					return err
				}
				put[do.Name] = results[0].ID
			} else if err := p.changeIn(ctx, tx, action); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, action := range all {
		if do, ok := action.(Put); ok {
			p.meet(do.Name, put[do.Name])
		}
		p.follow(action)
	}
	return nil
}

// changeIn does in a transaction what no call on the audience does.
func (p *player) changeIn(ctx context.Context, tx *store.Tx, action Action) error {
	var source audience.Source
	switch do := action.(type) {
	case Append:
		_, err := tx.Append(ctx, do.Write)
		return err
	case Record:
		_, err := tx.Record(ctx, p.consent(do.Write))
		return err
	case Suppress:
		return tx.Suppress(ctx, do.Write)
	case AddToList:
		return tx.AddToList(ctx, do.List, source, refs(do.Names)...)
	case RemoveFromList:
		return tx.RemoveFromList(ctx, do.List, source, refs(do.Names)...)
	case Merge:
		return tx.Merge(ctx, audience.Key(do.Winner), audience.Key(do.Loser), source)
	case Unmerge:
		return tx.Unmerge(ctx, p.ids[do.Loser], source)
	case Delete:
		return tx.Delete(ctx, source, audience.Key(do.Name))
	case Erase:
		return tx.Erase(ctx, source, audience.Key(do.Name))
	}
	return fmt.Errorf("no such action: %T", action)
}

// follow keeps track of who is there.
func (p *player) follow(action Action) {
	switch do := action.(type) {
	case Merge:
		p.cast.merge(do.Loser, do.Winner)
	case Unmerge:
		p.cast.unmerge(do.Loser)
	case Delete:
		p.cast.remove(do.Name)
	case Erase:
		p.cast.remove(do.Name)
	}
}

// consent gives the write of a statement. A retraction names its contact by id.
func (p *player) consent(w audience.ConsentWrite) audience.ConsentWrite {
	if w.Kind == audience.ConsentRetracted {
		w.Contact = audience.ID(p.ids[keyOf(w.Contact)])
	}
	return w
}

func (p *player) put(ctx context.Context, do Put) error {
	result, err := p.aud.Put(ctx, do.Write)
	if err != nil {
		return err
	}
	p.meet(do.Name, result.ID)
	return nil
}

// meet takes note of a contact, unless the name leads to one that she was merged into.
func (p *player) meet(name string, id audience.ContactID) {
	p.cast.add(name)
	if p.cast.lives(name) {
		p.ids[name], p.names[id] = id, name
	}
}

func refs(names []string) []audience.Ref {
	out := make([]audience.Ref, len(names))
	for i, name := range names {
		out[i] = audience.Key(name)
	}
	return out
}

// expectationError is an expectation that does not hold.
type expectationError struct{ message string }

func (e *expectationError) Error() string { return "  " + strings.ReplaceAll(e.message, "\n", "\n  ") }
