package segmenttest_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/segment/segmenttest"
	"github.com/audiencekit/audiencekit/store"
)

// planted is an evaluator that is right but for what is planted in it. It remembers what it saw at the reads before, as
// an incremental engine does.
type planted struct {
	aud    *store.Audience
	faults faults

	language *segment.Language
	defs     []segment.Definition
	set      *segment.Set
	head     store.Position
	now      time.Time
	profiles map[audience.ContactID]audience.Profile // of the read before
	members  map[string][]audience.ContactID
	before   map[string][]audience.ContactID // members at the read before
	log      []segment.Transition
}

// faults are what can be planted. A nil one is not there.
type faults struct {
	define  func(defs []segment.Definition) []segment.Definition
	now     func(now time.Time, moved bool) time.Time // moved: nothing but the clock has
	profile func(p *audience.Profile, before audience.Profile, known bool)
	members func(name string, ids, before []audience.ContactID, moved bool) []audience.ContactID
	restart func()
	nested  bool // nested segments are those of the read before
	tells   bool // of transitions
	log     func(log []segment.Transition, news int) []segment.Transition
}

// plant gives the opener of a system with faults.
func plant(f faults) segmenttest.Opener {
	return func(t testing.TB, opts store.Options) (*store.Audience, segmenttest.System) {
		aud, _ := segmenttest.Memory(t, opts)
		p := &planted{aud: aud, faults: f, profiles: make(map[audience.ContactID]audience.Profile)}
		if f.tells {
			return aud, telling{p}
		}
		return aud, p
	}
}

// telling tells of transitions, too.
type telling struct{ *planted }

func (p telling) Transitions(_ context.Context, after uint64) ([]segment.Transition, error) {
	return slices.Clone(p.log[after:]), nil
}

func (p *planted) Define(_ context.Context, defs ...segment.Definition) (err error) {
	if p.faults.define != nil {
		defs = p.faults.define(defs)
	}
	p.defs, p.now = defs, time.Time{}
	if p.language, err = segment.LanguageOf(p.aud, segment.Options{}); err != nil {
		return err
	}
	p.set, err = p.language.CompileSet(defs...)
	return err
}

func (p *planted) Members(ctx context.Context, name string, now time.Time) ([]audience.ContactID, error) {
	head, err := p.aud.Head(ctx)
	if err != nil {
		return nil, err
	}
	if head != p.head || !now.Equal(p.now) {
		if err := p.read(ctx, now, head == p.head && !p.now.IsZero()); err != nil {
			return nil, err
		}
		p.head = head
	}
	return p.members[name], nil
}

// Restart makes the planted evaluator a [segmenttest.Restarter].
func (p *planted) Restart(context.Context) error {
	if p.faults.restart != nil {
		p.faults.restart()
	}
	return nil
}

// read evaluates everything once more.
func (p *planted) read(ctx context.Context, now time.Time, moved bool) error {
	at, last := now, p.now
	if p.faults.now != nil {
		at = p.faults.now(now, moved)
	}
	if p.faults.nested && p.members != nil {
		if err := p.nestBefore(); err != nil {
			return err
		}
	}
	p.now, p.before = now, p.members
	profiles, err := p.readProfiles(ctx)
	if err != nil {
		return err
	}
	if moved && p.faults.tells { // deadlines one after the other, for their dates
		if err := p.settle(profiles, last, at); err != nil {
			return err
		}
	}
	next, err := p.evaluate(profiles, at, moved)
	if err != nil {
		return err
	}
	p.publish(next, now, segment.CauseField)
	return nil
}

func (p *planted) readProfiles(ctx context.Context) ([]audience.Profile, error) {
	var out []audience.Profile
	known := make(map[audience.ContactID]audience.Profile)
	err := p.aud.View(ctx, func(r *store.Reader) error {
		for x, err := range r.AllProfiles(ctx, store.ProfileQuery{Parts: p.set.Parts()}) {
			if err != nil {
				return err
			}
			before, was := p.profiles[x.Contact.ID]
			known[x.Contact.ID] = x
			if p.faults.profile != nil {
				p.faults.profile(&x, before, was)
			}
			out = append(out, x)
		}
		return nil
	})
	p.profiles = known
	return out, err
}

func (p *planted) evaluate(profiles []audience.Profile, at time.Time, moved bool) (map[string][]audience.ContactID, error) {
	next := make(map[string][]audience.ContactID)
	moment := p.set.At(at)
	for i := range profiles {
		in, err := moment.Match(&profiles[i], nil)
		if err != nil {
			return nil, err
		}
		for k, name := range p.set.Names() {
			if in[k] {
				next[name] = append(next[name], profiles[i].Contact.ID)
			}
		}
	}
	if p.faults.members != nil {
		for _, name := range p.set.Names() {
			next[name] = p.faults.members(name, next[name], p.before[name], moved)
		}
	}
	return next, nil
}

// settle goes through the instants between two reads at which anybody may move by time: events come, and leave the
// windows that tellingTrial has.
func (p *planted) settle(profiles []audience.Profile, from, to time.Time) error {
	var due []time.Time
	for i := range profiles {
		for _, stream := range profiles[i].Streams {
			for k := range stream.Events {
				for _, days := range []int{0, 7, 30} {
					if t := stream.Events[k].Time.AddDate(0, 0, days); t.After(from) && t.Before(to) {
						due = append(due, t)
					}
				}
			}
		}
	}
	slices.SortFunc(due, time.Time.Compare)
	for _, t := range slices.CompactFunc(due, time.Time.Equal) {
		next, err := p.evaluate(profiles, t, true)
		if err != nil {
			return err
		}
		p.publish(next, t, segment.CauseTime)
	}
	return nil
}

// publish makes transitions of the difference.
func (p *planted) publish(next map[string][]audience.ContactID, at time.Time, causes segment.Causes) {
	start := len(p.log)
	say := func(name string, ids, notIn []audience.ContactID, entered bool) {
		for _, id := range ids {
			if !slices.Contains(notIn, id) {
				p.log = append(p.log, segment.Transition{Segment: name, Contact: id, Entered: entered, At: at, Causes: causes})
			}
		}
	}
	for _, name := range p.set.Names() {
		say(name, p.members[name], next[name], false)
		say(name, next[name], p.members[name], true)
	}
	p.members = next
	if p.faults.log != nil {
		p.log = p.faults.log(p.log, len(p.log)-start)
	}
	for i := range p.log {
		p.log[i].Number = uint64(i + 1)
	}
}

// nestBefore compiles the segments with the members of the read before in place of those that they name.
func (p *planted) nestBefore() error {
	defs := slices.Clone(p.defs)
	for i := range defs {
		for _, other := range p.defs {
			ids := []string{"0"}
			for _, id := range p.members[other.Name] {
				ids = append(ids, id.String())
			}
			defs[i].Source = strings.ReplaceAll(defs[i].Source, `inSegment("`+other.Name+`")`, "(contact.id in ["+strings.Join(ids, ", ")+"])")
		}
	}
	var err error
	p.set, err = p.language.CompileSet(defs...)
	return err
}
