package segment_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

// TestUntil follows random expressions for random contacts through years, from
// each instant to the next at which the outcome may change, and probes between
// them: at every instant of the contact, moved by everything in the expression
// that has to do with time, with a microsecond on both sides. Between two such
// instants nothing may change.
//
// AUDIENCEKIT_UNTIL_PROBES says how many probes, AUDIENCEKIT_UNTIL_SEED where
// to start.
func TestUntil(t *testing.T) {
	probes, first := naiveEnv(t, "AUDIENCEKIT_UNTIL_PROBES", 30_000), naiveEnv(t, "AUDIENCEKIT_UNTIL_SEED", 1)
	r := &untilRun{t: t}
	for seed := uint64(first); r.probes < probes && r.failures < 5; seed++ {
		r.seed(seed)
	}
	r.report()
	require.Zero(t, r.failures)
	require.Greater(t, r.changes, r.steps/10, "most wakes are for nothing")
	require.Greater(t, r.changes, probes/200, "too little happens")
}

// untilRun counts what was followed.
type untilRun struct {
	t                                           *testing.T
	pairs, refused, probes, changes, steps, far int
	failures                                    int
	worst                                       []untilWaste
}

// untilWaste is a pair that was looked at much more often than it changed.
type untilWaste struct {
	wasted, changes int
	source, zone    string
}

func (r *untilRun) seed(seed uint64) {
	random := rand.New(rand.NewPCG(seed, 3))
	w := naiveNewWorld(random, 6)
	g := &untilGen{naiveGen{naiveWorld: w, random: random, segments: []string{"a", "b"}}}
	language, err := segment.NewLanguage(w.schema, segment.Options{Zone: w.zone})
	require.NoError(r.t, err)
	for range 40 {
		tree := g.tree()
		e, err := language.CompileWithin(tree.String(), g.segments)
		if err != nil {
			r.refused++
			continue
		}
		for number, p := range w.profiles {
			path := untilPath{
				world: w, tree: tree, profile: p, members: []bool{number%2 == 0, number%3 == 0}, random: rand.New(rand.NewPCG(seed, 4)),
				now: audience.Micros(w.naiveEdge(tree, p)),
			}
			path.probes = path.findProbes()
			r.follow(language, path, seed, e)
		}
	}
}

func (r *untilRun) follow(language *segment.Language, path untilPath, seed uint64, e *segment.Expression) {
	f := path.follow(e)
	r.pairs++
	r.probes += f.probes
	r.changes += f.changes
	r.steps += f.steps
	if f.steps == untilSteps {
		r.far++
	}
	waste := untilWaste{f.steps - f.changes, f.changes, path.tree.String(), path.world.zone.String()}
	if i := slices.IndexFunc(r.worst, func(w untilWaste) bool { return w.source == waste.source }); i < 0 {
		r.worst = append(r.worst, waste)
	} else if r.worst[i].wasted < waste.wasted {
		r.worst[i] = waste
	}
	slices.SortStableFunc(r.worst, func(a, b untilWaste) int { return b.wasted - a.wasted })
	r.worst = r.worst[:min(len(r.worst), 12)]
	if f.failure == "" {
		return
	}
	r.failures++
	failing := func(set []naiveSegment) bool {
		e, err := language.CompileWithin(set[0].tree.String(), []string{"a", "b"})
		path.tree = set[0].tree
		return err == nil && path.follow(e).failure != ""
	}
	tree := path.tree
	small := naiveShrink([]naiveSegment{{name: "s", tree: tree}}, failing)
	e, err := language.CompileWithin(small[0].tree.String(), []string{"a", "b"})
	require.NoError(r.t, err)
	facts := naiveComparison{world: path.world, contact: slices.Index(path.world.profiles, path.profile), set: small}.facts(small)
	r.t.Errorf("seed %d, zone %s: %s\n%s\nshrunk: %s\n%s\n%s", seed, path.world.zone, f.failure, tree, path.follow(e).failure, small[0].tree, facts)
}

func (r *untilRun) report() {
	r.t.Logf("%d pairs (%d expressions refused), %d probes, %d changes by time, %d steps: %d wakes for nothing; %d pairs not followed to the end",
		r.pairs, r.refused, r.probes, r.changes, r.steps, r.steps-r.changes, r.far)
	for _, w := range r.worst {
		r.t.Logf("%d wakes for nothing, %d changes, %s: %s", w.wasted, w.changes, w.zone, w.source)
	}
}

const (
	untilSteps = 500
	untilYears = 4
)

// untilPath is one expression and one contact, from an instant on.
type untilPath struct {
	world   *naiveWorld
	tree    *naiveNode
	profile *audience.Profile
	members []bool
	random  *rand.Rand
	now     int64
	probes  []int64 // ascending, after now
}

// untilFollowed is what came of it.
type untilFollowed struct {
	probes, changes, steps int
	failure                string
}

// findProbes gives the instants at which something may well change.
func (p *untilPath) findProbes() []int64 {
	moves := p.world.naiveMovesOf(p.tree)
	moves = append(moves, func(t time.Time) time.Time { return t })
	times := p.world.naiveTimesOf(p.profile)
	var out []int64
	last := audience.FromMicros(p.now).AddDate(untilYears, 0, 0)
	for range 150 {
		t := naivePick(p.random, times)
		if p.random.IntN(3) == 0 {
			t = naivePick(p.random, moves)(t)
		}
		if t = naivePick(p.random, moves)(t); t.Before(last) {
			us := audience.Micros(t)
			out = append(out, us-1, us, us+1)
		}
	}
	for range 30 { // and anywhere
		out = append(out, p.now+p.random.Int64N(audience.Micros(last)-p.now))
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.DeleteFunc(out, func(us int64) bool { return us <= p.now })
}

func (p *untilPath) follow(e *segment.Expression) (f untilFollowed) {
	at := e.Instants(p.profile, p.members)
	fail := func(format string, args ...any) untilFollowed {
		f.failure = fmt.Sprintf(format, args...)
		return f
	}
	show := func(us int64) string { return audience.FromMicros(us).Format(time.RFC3339Nano) }
	now, probes := p.now, p.probes
	before, end := segment.Truth(0), p.probes[len(p.probes)-1]
	for f.steps = 0; f.steps < untilSteps; f.steps++ {
		truth, until, err := at.TruthUntil(now)
		if err != nil {
			return fail("at %s: %s", show(now), err)
		}
		if plain, err := at.At(audience.FromMicros(now)); err != nil || plain != truth {
			return fail("at %s: %s, but by itself %s, %v", show(now), truth, plain, err)
		}
		if f.steps > 0 && truth != before {
			f.changes++
		}
		if until <= now || until != math.MaxInt64 && until > audience.Micros(audience.MaxInstant()) {
			return fail("at %s: until %d", show(now), until)
		}
		if until != math.MaxInt64 && !e.Timed() {
			return fail("at %s: until %s, but not timed", show(now), show(until))
		}
		n, _ := slices.BinarySearch(probes, until)
		within := slices.Clone(probes[:n])
		if until-1 > now && until < math.MaxInt64 {
			within = append(within, until-1, now+1+p.random.Int64N(until-1-now))
		}
		for _, us := range within {
			f.probes++
			if got, err := at.Truth(us); err != nil || got != truth {
				return fail("at %s it is %s until %s, but at %s it is %s, %v", show(now), truth, show(min(until, end+1)), show(us), got, err)
			}
		}
		probes = probes[n:]
		if len(probes) == 0 {
			f.steps++
			return f
		}
		now, before = until, truth
	}
	return f
}

// untilGen makes expressions that depend on time more than others do.
type untilGen struct{ naiveGen }

func (g *untilGen) tree() *naiveNode {
	if g.chance(0.25) {
		return g.expression()
	}
	for {
		g.vars, g.event, g.made = nil, nil, 0
		n := g.timed()
		for g.chance(0.4) {
			op := naivePick(g.random, []string{"&&", "||", "!="})
			n = naiveMake(op, naiveBool, n, g.timed())
		}
		if g.chance(0.2) {
			n = naiveMake("!", naiveBool, n)
		}
		if n.size() <= naiveMaxNodes && !strings.Contains(n.String(), "1e400") {
			return n
		}
	}
}

// timed makes a condition on time.
func (g *untilGen) timed() *naiveNode {
	depth := g.random.IntN(3)
	return g.pick(
		func() *naiveNode { return g.timeComparison(depth) },
		func() *naiveNode {
			return naiveMake(naivePick(g.random, []string{"any", "none"}), naiveBool, g.narrowed(g.stream(g.types(), depth), depth))
		},
		func() *naiveNode {
			n := naiveMake("count", naiveInt, g.narrowed(g.stream(g.types(), depth), depth))
			return naiveMake(g.comparator(), naiveBool, n, &naiveNode{op: "int", kind: naiveInt, num: int64(g.random.IntN(4))})
		},
		func() *naiveNode { return g.aggregateComparison(depth) },
		g.standing,
		g.reading,
		g.difference,
		func() *naiveNode { // both sides move
			return naiveMake(g.comparator(), naiveBool, g.shifted(g.moving()), g.shifted(g.moving()))
		},
		func() *naiveNode {
			a := naiveMake("anniversary", naiveTime, g.data(naiveTime))
			return naiveMake(g.comparator(), naiveBool, a, g.time(depth, false))
		},
		func() *naiveNode {
			op := naivePick(g.random, []string{"first", "last"})
			return naiveMake(g.comparator(), naiveBool, naiveMake(op, naiveTime, g.stream(g.types(), depth)), g.time(depth, false))
		},
	)
}

func (g *untilGen) shifted(n *naiveNode) *naiveNode {
	for g.chance(0.3) {
		n = naiveMake(naivePick(g.random, []string{"t+d", "t-d"}), naiveTime, n, g.literal(naiveSpan))
	}
	return n
}

// reading compares a getter of what moves with a constant.
func (g *untilGen) reading() *naiveNode {
	n := naiveMake("getter", naiveInt, g.shifted(naivePick(g.random, []*naiveNode{g.moving(), {op: "now", kind: naiveTime}})))
	n.name = naivePick(g.random, []string{"getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours"})
	if g.chance(0.5) {
		n.text = naivePick(g.random, naiveZones())
	}
	return naiveMake(g.comparator(), naiveBool, n, &naiveNode{op: "int", kind: naiveInt, num: int64(g.random.IntN(12))})
}

// difference compares a difference of what moves with a constant.
func (g *untilGen) difference() *naiveNode {
	a, b := g.shifted(g.moving()), g.time(1, false)
	if g.chance(0.5) {
		a, b = b, a
	}
	n := naiveMake("t-t", naiveSpan, a, b)
	for g.chance(0.4) {
		kids := []*naiveNode{n, g.literal(naiveSpan)}
		if g.chance(0.5) {
			kids[0], kids[1] = kids[1], kids[0]
		}
		n = naiveMake(naivePick(g.random, []string{"d+d", "d-d"}), naiveSpan, kids...)
	}
	return naiveMake(g.comparator(), naiveBool, n, g.literal(naiveSpan))
}
