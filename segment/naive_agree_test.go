package segment_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones must be there on every machine

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// naiveSegment is one definition of a set.
type naiveSegment struct {
	name string
	tree *naiveNode
}

const (
	naiveContacts     = 12 // of a world
	naiveSetsPerWorld = 8
	naiveSetSize      = 4
)

// TestNaiveAgrees compares the evaluator with the naive reading of the
// language, on random audiences and sets of segments over the whole grammar,
// at instants where something changes.
//
// AUDIENCEKIT_ORACLE_PAIRS says on how many pairs of contact and expression,
// AUDIENCEKIT_ORACLE_SEED where to start.
func TestNaiveAgrees(t *testing.T) {
	if _, err := naiveCompile(nil, nil); errors.Is(err, errNaiveAlone) {
		t.Skip(err)
	}
	pairs, first := naiveEnv(t, "AUDIENCEKIT_ORACLE_PAIRS", 20_000), naiveEnv(t, "AUDIENCEKIT_ORACLE_SEED", 1)
	r := &naiveRun{t: t, seen: map[string]*naiveSeen{}, outcomes: map[string]int{}, refusals: map[string]int{}}
	for seed := first; r.pairs < pairs && r.mismatches < 5; seed++ {
		r.seed(uint64(seed))
	}
	r.report()
	require.Zero(t, r.mismatches, "the evaluator and the naive reading disagree")
	if pairs < 20_000 {
		return // too few for shares
	}
	require.Less(t, float64(r.refused), 0.01*float64(r.compiled), "refused expressions, by reason: %v", r.refusals)
	for _, outcome := range []string{"true", "false", "unknown"} {
		require.Greater(t, float64(r.outcomes[outcome]), 0.1*float64(r.evaluated), "too few are %s", outcome)
	}
	for name, s := range r.seen {
		require.GreaterOrEqual(t, s.known, pairs/20_000, "%s is too seldom known", name)
	}
}

func naiveEnv(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

// naiveRun counts what was compared.
type naiveRun struct {
	t                                               *testing.T
	pairs, evaluated, compiled, refused, mismatches int
	seen                                            map[string]*naiveSeen
	outcomes, refusals                              map[string]int
}

// seed compares everything that follows from one seed.
func (r *naiveRun) seed(seed uint64) {
	random := rand.New(rand.NewPCG(seed, 2))
	w := naiveNewWorld(random, naiveContacts)
	g := &naiveGen{naiveWorld: w, random: random}
	for range naiveSetsPerWorld {
		set := r.newSet(g)
		order := slices.Clone(set)
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		subject, err := naiveCompile(w, order)
		if err != nil {
			r.refused += r.countRefusals(w, set, seed)
			continue
		}
		for number, p := range w.profiles {
			for _, s := range set {
				r.pairs++
				for range 2 {
					r.compare(naiveComparison{w, seed, set, s, number, w.naiveEdge(s.tree, p)}, subject)
				}
			}
		}
	}
}

// newSet makes definitions that may name those before them.
func (r *naiveRun) newSet(g *naiveGen) []naiveSegment {
	g.segments = nil
	var set []naiveSegment
	for i := range naiveSetSize {
		s := naiveSegment{name: "s" + strconv.Itoa(i), tree: g.expression()}
		set = append(set, s)
		g.segments = append(g.segments, s.name)
	}
	r.compiled += len(set)
	return set
}

// countRefusals finds out which of a set were refused, and why.
func (r *naiveRun) countRefusals(w *naiveWorld, set []naiveSegment, seed uint64) int {
	refused := 0
	for i, s := range set {
		known := make([]naiveSegment, i, i+1)
		for j := range known {
			known[j] = naiveSegment{set[j].name, &naiveNode{op: "bool", kind: naiveBool}}
		}
		if _, err := naiveCompile(w, append(known, s)); err != nil {
			refused++
			reason := err.Error()
			if r.refusals[reason]++; len(r.refusals) < 20 {
				r.t.Logf("seed %d refused: %s\n\t%s", seed, s.tree, reason)
			}
		}
	}
	return refused
}

// naiveComparison is one question to both.
type naiveComparison struct {
	world   *naiveWorld
	seed    uint64
	set     []naiveSegment
	segment naiveSegment
	contact int // in the world
	now     time.Time
}

// naive gives the naive answer.
func (c naiveComparison) naive(seen map[string]*naiveSeen) string {
	v := &naiveEval{
		world: c.world, profile: c.world.profiles[c.contact], now: c.now,
		segments: map[string]*naiveNode{}, vars: map[string]any{}, seen: seen,
	}
	for _, s := range c.set {
		v.segments[s.name] = s.tree
	}
	switch v.truth(v.segments[c.segment.name]) {
	case true:
		return "true"
	case false:
		return "false"
	}
	return "unknown"
}

func (r *naiveRun) compare(c naiveComparison, subject naiveSubject) {
	want := c.naive(r.seen)
	r.evaluated++
	r.outcomes[want]++
	got := subject(c.segment.name, c.world.profiles[c.contact], c.now)
	if got == want {
		return
	}
	if r.mismatches++; r.mismatches > 5 {
		return
	}
	r.t.Errorf("seed %d, contact %d, at %s, zone %s: evaluator says %s, naive reading %s\n%s",
		c.seed, c.contact, c.now.Format(time.RFC3339Nano), c.world.zone, got, want, naiveListing(c.set, c.segment.name))
	smallest := naiveShrink(c.set, func(set []naiveSegment) bool {
		answer, wanted := c.both(set)
		return answer != wanted
	})
	answer, wanted := c.both(smallest)
	r.t.Errorf("shrunk: evaluator says %s, naive reading %s\n%s\n%s", answer, wanted, naiveListing(smallest, c.segment.name), c.facts(smallest))
}

// both asks both about a smaller set; when that cannot be asked they agree.
func (c naiveComparison) both(set []naiveSegment) (answer, wanted string) {
	names := map[string]bool{}
	for _, s := range set {
		names[s.name] = true
	}
	for _, s := range set {
		s.tree.walk(func(n *naiveNode) {
			names[c.segment.name] = names[c.segment.name] && (n.op != "inSegment" || names[n.name])
		})
	}
	if !names[c.segment.name] {
		return "", ""
	}
	subject, err := naiveCompile(c.world, set)
	if err != nil {
		return "", ""
	}
	c.set = set
	return subject(c.segment.name, c.world.profiles[c.contact], c.now), c.naive(nil)
}

// facts prints what the random contact has of the fields and events that
// are named. All of it is made up.
func (c naiveComparison) facts(set []naiveSegment) string {
	p := c.world.profiles[c.contact]
	v := &naiveEval{world: c.world, profile: p, now: c.now}
	var b strings.Builder
	for _, s := range set {
		s.tree.walk(func(n *naiveNode) {
			switch n.op {
			case "field", "orValue", "has":
				fmt.Fprintf(&b, "contact.%s = %v\n", n.name, v.field(n.name))
			case "events":
				for _, s := range p.Streams {
					for _, e := range s.Events {
						if slices.Contains(n.names, s.Type) {
							fmt.Fprintf(&b, "%s %s %s %s\n", e.Type, e.ID, e.Time.Format(time.RFC3339Nano), v.propsOf(e))
						}
					}
				}
			case "consent", "onList":
				fmt.Fprintf(&b, "ledger %s\n", naiveLedger(p.History))
			}
		})
	}
	return b.String()
}

func (v *naiveEval) propsOf(e audience.Event) string {
	out := map[string]any{}
	t, _ := v.world.schema.EventNamed(e.Type)
	for _, p := range t.Props {
		if x := v.prop(e, p.Name); x != nil {
			out[p.Name] = x
		}
	}
	return fmt.Sprint(out)
}

func naiveLedger(h audience.History) string {
	var b strings.Builder
	for _, r := range h.Records {
		fmt.Fprintf(&b, "\n  %d %s %+v by %s acted %s recorded %s expires %s evidence %t of %d", r.Seq, r.Kind, r.Scope, r.Mechanism,
			r.Acted.Format(time.RFC3339Nano), r.Recorded.Format(time.RFC3339Nano), r.Expires.Format(time.RFC3339Nano), r.Evidence != [32]byte{}, r.Retracts)
	}
	for _, m := range h.Merged {
		fmt.Fprintf(&b, "\n  merged at %s after %d: {%s}", m.At.Format(time.RFC3339Nano), m.Seq, naiveLedger(m.History))
	}
	return b.String()
}

func naiveListing(set []naiveSegment, name string) string {
	var b strings.Builder
	for _, s := range set {
		mark := " "
		if s.name == name {
			mark = "*"
		}
		fmt.Fprintf(&b, "%s %s: %s\n", mark, s.name, s.tree)
	}
	return b.String()
}

func (r *naiveRun) report() {
	r.t.Logf("%d pairs, %d evaluations, %d expressions, %d refused; outcomes %v", r.pairs, r.evaluated, r.compiled, r.refused, r.outcomes)
	for reason, n := range r.refusals {
		r.t.Logf("refused %d times: %s", n, reason)
	}
	for _, name := range slices.Sorted(maps.Keys(r.seen)) {
		r.t.Logf("%-28s known %8d  unknown %8d", name, r.seen[name].known, r.seen[name].unknown)
	}
}
