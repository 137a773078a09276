package segmenttest

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

// maxTries is how many scripts are played to find a short one.
const maxTries = 4000

// shrinker looks for a shorter script that shows a mismatch of the same kind. Each script that it tries is read back
// from its text, so that what it ends with is what it says.
type shrinker struct {
	t         testing.TB
	open      Opener
	functions []segment.Function
	tries     int
	best      *Script
	found     *MismatchError
	atoms     map[string][]string // of the segments of best, by name
}

// shrink gives the mismatch with the shortest script that it found. Places to compare at are expectations of the script.
func shrink(t testing.TB, open Opener, functions []segment.Function, script *Script, found *MismatchError) *MismatchError {
	t.Helper()
	s := &shrinker{t: t, open: open, functions: functions, found: found}
	var all []string
	for i := range script.Steps {
		if do, ok := script.Steps[i].Do.(Define); ok && !slices.Contains(all, do.Definition.Name) {
			all = append(all, do.Definition.Name)
		}
	}
	one := all[:0:0]
	if found.Segment != "" {
		one = []string{found.Segment}
	}
	whole := expectAt(script, all)
	if !s.try(expectAt(script, one)) && !s.try(whole) {
		found.Detail += "\nIt did not come again when the same was played once more."
		found.Script = whole
		return found
	}
	for before := -1; s.tries < maxTries && before != len(unexpected(s.best)); {
		before = len(unexpected(s.best))
		s.dropSegments()
		s.dropContacts()
		s.dropSteps()
		s.simplify()
	}
	s.dropDeclarations()
	s.found.Seed, s.found.Step, s.found.Script = found.Seed, found.Step, s.best
	return s.found
}

// expectAt puts expectations of segments where everything was compared.
func expectAt(script *Script, names []string) *Script {
	out := *script
	out.Steps = nil
	for _, step := range script.Steps {
		if do, ok := step.Do.(Expect); !ok || do.Segment != "" {
			out.Steps = append(out.Steps, step)
			continue
		}
		for _, name := range names {
			out.Steps = append(out.Steps, Step{Do: Expect{Segment: name, How: Equals}})
		}
	}
	return &out
}

// try plays a script and takes it for the best one if it shows the mismatch.
func (s *shrinker) try(c *Script) bool {
	if s.tries >= maxTries {
		return false
	}
	s.tries++
	text := unexpected(c)
	if s.best != nil && len(text) >= len(unexpected(s.best)) {
		return false
	}
	c, err := Parse(c.File, text)
	if err != nil {
		return false
	}
	found, atoms := s.replay(c)
	if found == nil || found.Kind != s.found.Kind {
		return false
	}
	s.best, s.found, s.atoms = c, found, atoms
	return true
}

// unexpected gives the text of a script without who is expected: that is not known before it is played.
func unexpected(c *Script) string {
	c = withSteps(c, slices.Clone(c.Steps))
	for i := range c.Steps {
		if do, ok := c.Steps[i].Do.(Expect); ok {
			do.People = People{}
			c.Steps[i].Do = do
		}
	}
	return c.String()
}

// replay plays a script up to the first mismatch, after which it cuts it, and says in its expectations what the
// reference finds.
func (s *shrinker) replay(c *Script) (*MismatchError, map[string][]string) {
	room := &room{TB: s.t}
	defer room.leave()
	ctx := s.t.Context()
	g, err := newStage(room, c, s.open, s.functions)
	if err != nil {
		return nil, nil
	}
	since := 0
	for i := range c.Steps {
		do, ok := c.Steps[i].Do.(Expect)
		if !ok {
			if g.do(ctx, &c.Steps[i]) != nil {
				return nil, nil
			}
			since++
			continue
		}
		_, err := g.compare(ctx, []string{do.Segment}, since)
		since = 0
		if g.oracle.set != nil {
			do.People = g.names(do.Segment)
			c.Steps[i].Do = do
		}
		if found, ok := errors.AsType[*MismatchError](err); ok {
			c.Steps = c.Steps[:i+1]
			return found, s.atomsOf(g)
		}
		if err != nil {
			return nil, nil
		}
	}
	return nil, nil
}

// atomsOf gives the conditions that each segment is made of.
func (s *shrinker) atomsOf(g *stage) map[string][]string {
	out := make(map[string][]string)
	if g.oracle.set == nil {
		return out
	}
	for _, name := range g.oracle.set.Names() {
		for _, atom := range g.oracle.atoms(s.t.Context(), name, 0) {
			out[name] = append(out[name], atom.Source)
		}
	}
	return out
}

func withSteps(s *Script, steps []Step) *Script {
	out := *s
	out.Steps = steps
	return &out
}

// cut drops groups of items from the best script, large ones first.
func cut[T any](s *shrinker, items func() []T, without func(group []T) *Script) {
	for size := max(1, len(items())/2); size > 0; size /= 2 {
		all := items()
		for from := 0; from < len(all) && s.tries < maxTries; {
			group := all[from:min(from+size, len(all))]
			if s.try(without(group)) {
				all = items()
			} else {
				from += size
			}
		}
	}
}

func (s *shrinker) dropSegments() {
	names := func() []string { return slices.Sorted(maps.Keys(s.atoms)) }
	cut(s, names, func(group []string) *Script {
		return withSteps(s.best, slices.DeleteFunc(slices.Clone(s.best.Steps), func(step Step) bool {
			switch do := step.Do.(type) {
			case Define:
				return slices.Contains(group, do.Definition.Name)
			case Expect:
				return slices.Contains(group, do.Segment)
			}
			return false
		}))
	})
}

func (s *shrinker) dropContacts() {
	names := func() []string {
		seen := make(map[string]bool)
		for i := range s.best.Steps {
			for _, name := range namesIn(s.best.Steps[i].Do) {
				seen[name] = true
			}
		}
		return slices.Sorted(maps.Keys(seen))
	}
	cut(s, names, func(group []string) *Script {
		var steps []Step
		for _, step := range s.best.Steps {
			if do, ok := withoutNames(step.Do, group); ok {
				step.Do = do
				steps = append(steps, step)
			}
		}
		return withSteps(s.best, steps)
	})
}

func (s *shrinker) dropSteps() {
	places := func() []int {
		out := make([]int, len(s.best.Steps))
		for i := range out {
			out[i] = i
		}
		return out
	}
	cut(s, places, func(group []int) *Script {
		return withSteps(s.best, slices.Delete(slices.Clone(s.best.Steps), group[0], group[len(group)-1]+1))
	})
}

// simplify says less in each step.
func (s *shrinker) simplify() {
	for i := 0; i < len(s.best.Steps); i++ {
		for again := true; again && i < len(s.best.Steps); {
			again = false
			for _, do := range s.simpler(s.best.Steps[i].Do) {
				steps := slices.Clone(s.best.Steps)
				steps[i].Do = do
				if s.try(withSteps(s.best, steps)) {
					again = true
					break
				}
			}
		}
	}
}

// dropDeclarations leaves out what nothing speaks of.
func (s *shrinker) dropDeclarations() {
	dropEach(s, func(x *audience.Schema) *[]audience.Field { return &x.Fields })
	dropEach(s, func(x *audience.Schema) *[]audience.EventType { return &x.Events })
	dropEach(s, func(x *audience.Schema) *[]audience.List { return &x.Lists })
	dropEach(s, func(x *audience.Schema) *[]audience.Purpose { return &x.Purposes })
	utc := *s.best
	utc.Zone = nil
	s.try(&utc)
}

// dropEach leaves out what it can of one kind of declarations.
func dropEach[T any](s *shrinker, list func(*audience.Schema) *[]T) {
	for i := range slices.Backward(*list(&s.best.Schema)) {
		out := *s.best
		out.Schema = out.Schema.Clone()
		kept := list(&out.Schema)
		*kept = slices.Delete(*kept, i, i+1)
		s.try(&out)
	}
}
