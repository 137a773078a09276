package segment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/bitset"
	"github.com/audiencekit/audiencekit/segment/internal/columns"
	"github.com/audiencekit/audiencekit/segment/internal/live"
	"github.com/audiencekit/audiencekit/store"
)

// Diff says what other definitions mean, or meant, for the live segments.
type Diff struct {
	Version uint64 // that was applied; 0: nothing was

	Added, Changed, Retired []string // names, sorted
	// Segments are those whose members differ, by name: also segments that
	// name a changed one.
	Segments []MembersDiff
	// Loaded says which columns had to be read from the store for it.
	Loaded []string
}

// MembersDiff is what one segment gains and loses.
type MembersDiff struct {
	Name          string
	Entered, Left Members
}

// String tells it in some lines for people. Nothing in it is personal.
func (d *Diff) String() string {
	var b strings.Builder
	if d.Version != 0 {
		fmt.Fprintf(&b, "version %d\n", d.Version)
	}
	for _, part := range []struct {
		what  string
		names []string
	}{{"added", d.Added}, {"changed", d.Changed}, {"retired", d.Retired}, {"read from the store", d.Loaded}} {
		if len(part.names) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", part.what, strings.Join(part.names, ", "))
		}
	}
	writeDiffs(&b, d.Segments)
	if b.Len() == 0 {
		return "no change\n"
	}
	return b.String()
}

func writeDiffs(b *strings.Builder, diffs []MembersDiff) {
	for _, s := range diffs {
		fmt.Fprintf(b, "  %s: %d enter, %d leave\n", s.Name, s.Entered.Len(), s.Left.Len())
	}
}

// Apply makes the live segments those given and no others: what is new is
// defined, what has changed is defined anew, what is missing is retired. They
// are stored as a new version, for the engines of other processes too. The old
// segments serve until the new ones are ready; then all change in one tick,
// with [CauseDefinition].
//
// Columns that live segments do not read yet are loaded from the store first,
// which takes as long as reading all contacts; [Diff.Loaded] names them.
//
// Errors: a [*SetError] that names every segment that does not compile, names
// one that is not given (a segment that another one names cannot be retired),
// or stands in a circle; those of [Moment.Match]; the store's; the context's.
// Nothing is applied then. Only what fails after the definitions were stored,
// which an evaluation can at the very instant at which they become live, leaves
// them stored and the engine stopped: see [Engine.Err].
func (e *Engine) Apply(ctx context.Context, defs ...Definition) (*Diff, error) {
	if err := e.follow(ctx); err != nil {
		return nil, err
	}
	defer e.unfollow()
	if e.Err() != nil { // start anew: the set before has to go
		return e.applyAnew(ctx, defs)
	}
	d, err := e.plan(ctx, defs)
	if e.Err() != nil {
		return e.applyAnew(ctx, defs)
	}
	if err != nil {
		return nil, err
	}
	if err := e.tryOut(d); err != nil {
		return nil, err
	}
	if d.diff.Version, err = saveDefinitions(ctx, e.aud, d.set); err != nil {
		return nil, err
	}
	return d.diff, e.publish(d)
}

// Diff tells what [Engine.Apply] would do, and does nothing. The columns that
// it loads stay until something is applied.
func (e *Engine) Diff(ctx context.Context, defs ...Definition) (*Diff, error) {
	if err := e.follow(ctx); err != nil {
		return nil, err
	}
	defer e.unfollow()
	d, err := e.plan(ctx, defs)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.settleLocked(audience.Micros(e.aud.Now())); err != nil {
		return nil, err
	}
	draft, err := e.state.Load().core.Draft(d.put, d.diff.Retired)
	if err != nil {
		return nil, err
	}
	defer draft.Drop()
	d.fill(draft.Moves(), e.position.Incarnation())
	return d.diff, nil
}

// redefinition is what a set changes.
type redefinition struct {
	set  *Set
	put  []live.Definition
	diff *Diff
}

// plan applies everything committed, compiles definitions and prepares them.
// The caller follows.
func (e *Engine) plan(ctx context.Context, defs []Definition) (*redefinition, error) {
	for {
		if err := e.pull(ctx); err != nil {
			return nil, err
		}
		set, err := e.compile(defs)
		if err != nil {
			return nil, err
		}
		d, err := e.prepare(ctx, set)
		if err != nil || set.language.zone.String() == e.zone {
			return d, err
		}
		// The zone has changed meanwhile.
	}
}

// prepare loads what a set reads and finds out what it changes. The caller
// follows, and everything committed is applied.
func (e *Engine) prepare(ctx context.Context, set *Set) (*redefinition, error) {
	d := &redefinition{set: set, diff: &Diff{}}
	var err error
	if d.diff.Loaded, err = e.loadColumns(ctx, set.needs()); err != nil {
		return nil, err
	}
	for _, def := range set.liveDefinitions() {
		old, ok := e.set.Definition(def.Name)
		now, _ := set.Definition(def.Name)
		switch {
		case !ok:
			d.diff.Added = append(d.diff.Added, def.Name)
		case old.Source != now.Source:
			d.diff.Changed = append(d.diff.Changed, def.Name)
		case e.set.language.sameMeaning(set.language):
			// Programs of one language are as good as each other, but the
			// places of segments in them differ from set to set.
			continue
		}
		d.put = append(d.put, def)
	}
	for _, name := range e.set.Names() {
		if _, ok := set.index(name); !ok {
			d.diff.Retired = append(d.diff.Retired, name)
		}
	}
	return d, nil
}

// maxTrims is how often columns are loaded again because the feed was trimmed
// meanwhile.
const maxTrims = 3

// loadColumns loads what is needed and not there, beside the serving core. The
// caller follows.
func (e *Engine) loadColumns(ctx context.Context, needs columns.Needs) ([]string, error) {
	var loaded []string
	for trims := 0; ; {
		before := e.state.Load()
		have := before.core.Table().Needs()
		// Of a type of events that is there in part all is loaded anew: also what
		// the live segments read.
		missing := needs.Union(have).Minus(have)
		if missing.IsZero() {
			slices.Sort(loaded)
			return slices.Compact(loaded), nil
		}
		more, err := e.loadBeside(ctx, missing)
		if errors.Is(err, audience.ErrPositionGone) && ctx.Err() == nil && trims < maxTrims {
			trims++ // the feed was, while they were loaded
			continue
		}
		if err != nil {
			return nil, err
		}
		// Meanwhile another engine may have applied what reads other columns, or
		// this one may have started anew: then what was loaded may not fit.
		now := e.state.Load()
		if there := now.core.Table().Needs(); now != before || !there.Minus(have).IsZero() || !have.Minus(there).IsZero() {
			continue
		}
		for _, size := range more.Sizes() {
			loaded = append(loaded, size.Name)
		}
		if err := e.adopt(now, more); err != nil {
			return nil, err
		}
	}
}

// loadBeside loads columns and brings them to the position of the engine,
// which applies what is committed until then.
func (e *Engine) loadBeside(ctx context.Context, needs columns.Needs) (*columns.Table, error) {
	var more *columns.Table
	var position store.Position
	err := e.aud.View(ctx, func(r *store.Reader) error {
		more = columns.New(r.Schema(), r.Zone(), needs)
		var err error
		if position, err = r.Position(ctx); err != nil {
			return err
		}
		return more.Load(ctx, r, e.progress(ctx, r))
	})
	if err != nil {
		return nil, err
	}
	if err := e.pull(ctx); err != nil { // to the position of the new columns, or beyond
		return nil, err
	}
	return more, e.catchUp(ctx, more, position)
}

func (e *Engine) adopt(s *engineState, more *columns.Table) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return s.core.Adopt(more)
}

// catchUp applies to a table what was committed between its position and the
// engine's.
func (e *Engine) catchUp(ctx context.Context, t *columns.Table, at store.Position) error {
	for at != e.position {
		commits, err := e.aud.Commits(ctx, at, followLimit)
		if err != nil {
			return err
		}
		if len(commits) == 0 {
			return &audience.ConflictError{Kind: "feed", Hint: "it ends before a position that it gave; open the engine anew"}
		}
		for _, c := range commits {
			for i := range c.Changes {
				if err := t.Apply(&c.Changes[i]); err != nil {
					return err
				}
			}
			if at = c.Position; at == e.position {
				break
			}
		}
	}
	return nil
}

// tryOut evaluates what can fail before anything is stored.
func (e *Engine) tryOut(d *redefinition) error {
	if !slices.ContainsFunc(d.put, func(def live.Definition) bool { return live.CanFail(def.Program) }) {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	draft, err := e.state.Load().core.Draft(d.put, d.diff.Retired)
	if err != nil {
		return err
	}
	draft.Drop()
	return nil
}

// publish makes a set the live one.
func (e *Engine) publish(d *redefinition) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.settleLocked(audience.Micros(e.aud.Now())); err != nil {
		return err
	}
	core := e.state.Load().core
	draft, err := core.Draft(d.put, d.diff.Retired)
	if err != nil {
		return e.fail(err)
	}
	moves := draft.Moves()
	draft.Publish()
	core.Drop(d.set.needs())
	e.ticks.add(tick{at: core.Now(), position: e.position, moves: movesOf(moves)})
	e.set, e.version = d.set, max(e.version, d.diff.Version)
	e.state.Store(&engineState{core: core}) // so that whoever holds a segment looks for it again
	d.fill(moves, e.position.Incarnation())
	return nil
}

// applyAnew is Apply after the engine stopped.
func (e *Engine) applyAnew(ctx context.Context, defs []Definition) (*Diff, error) {
	set, err := e.compile(defs)
	if err != nil {
		return nil, err
	}
	old := e.set
	l, err := e.read(ctx, set)
	if err != nil {
		return nil, err
	}
	number, err := saveDefinitions(ctx, e.aud, l.set)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.replace(l)
	e.version = number
	d := &Diff{Version: number}
	for _, name := range set.Names() {
		now, _ := set.Definition(name)
		switch def, ok := old.Definition(name); {
		case !ok:
			d.Added = append(d.Added, name)
		case def.Source != now.Source:
			d.Changed = append(d.Changed, name)
		}
	}
	for _, name := range old.Names() {
		if _, ok := set.index(name); !ok {
			d.Retired = append(d.Retired, name)
		}
	}
	return d, nil
}

// adoptDefinitions makes those live that another engine has applied. The
// caller follows.
func (e *Engine) adoptDefinitions(ctx context.Context) error {
	v, err := loadDefinitions(ctx, e.aud)
	if err != nil || v.Number <= e.LatestVersion() {
		return e.stopUnlessStore(err)
	}
	set, err := e.compileVersion(v)
	if err != nil {
		return e.stopUnlessStore(err)
	}
	d, err := e.prepare(ctx, set)
	if err != nil || v.Number <= e.LatestVersion() { // or it was done while columns were loaded
		return err
	}
	d.diff.Version = v.Number
	if err := e.publish(d); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ticks.lose(tick{at: e.state.Load().core.Now(), position: e.position})
	return nil
}

// fill says who enters and leaves which segment.
func (d *redefinition) fill(moves []live.Move, incarnation store.Incarnation) {
	type sides struct{ in, out bitset.Builder }
	bySegment := map[string]*sides{}
	for _, m := range moves {
		s := bySegment[m.Segment.Name()]
		if s == nil {
			s = &sides{}
			bySegment[m.Segment.Name()] = s
		}
		if m.Entered {
			s.in.Add(m.Contact)
		} else {
			s.out.Add(m.Contact)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(bySegment)) {
		s := bySegment[name]
		d.diff.Segments = append(d.diff.Segments, MembersDiff{
			Name: name, Entered: Members{ids: s.in.Build(), audience: incarnation}, Left: Members{ids: s.out.Build(), audience: incarnation},
		})
	}
}
