package segment_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
	"github.com/audiencekit/audiencekit/store"
)

// TestPredicateAtNaive (G2) holds the predicates of random segments at random instants to the reference evaluator: the
// same contacts without a rest, all of the members with one.
//
// AUDIENCEKIT_PREDICATE_PAIRS says on how many pairs of a contact and a segment, AUDIENCEKIT_ORACLE_SEED where to start.
func TestPredicateAtNaive(t *testing.T) {
	pairs, first := naiveEnv(t, "AUDIENCEKIT_PREDICATE_PAIRS", 60_000), naiveEnv(t, "AUDIENCEKIT_ORACLE_SEED", 1)
	r := predicateRun{t: t}
	for seed := uint64(first); r.pairs < pairs; seed++ {
		r.seed(seed)
	}
	t.Log(r.String())
	if pairs < 60_000 {
		return // too few for shares
	}
	require.Greater(t, r.exact, r.segments/3, "segments without a rest")
	require.Greater(t, r.narrowing, r.segments/50, "segments with a rest and a predicate")
	require.Greater(t, r.members, r.pairs/5)
	require.Less(t, r.members, r.pairs*4/5)
	require.Greater(t, r.turned, r.exact/20, "segments without a rest that name others, negated or not")
}

// predicateRun counts what was compared.
type predicateRun struct {
	t                                  *testing.T
	pairs, members, spared             int
	segments, exact, narrowing, turned int
}

func (r *predicateRun) String() string {
	return fmt.Sprintf("%d pairs, %d members, %d others that predicates leave out; %d segments, %d of them exact, %d narrowed; %d exact ones name others",
		r.pairs, r.members, r.spared, r.segments, r.exact, r.narrowing, r.turned)
}

func (r *predicateRun) seed(seed uint64) {
	random := rand.New(rand.NewPCG(seed, 32))
	w := naiveNewWorld(random, naiveContacts)
	g := &naiveGen{naiveWorld: w, random: random}
	language, err := segment.NewLanguage(w.schema, segment.Options{Zone: w.zone})
	require.NoError(r.t, err)
	for range naiveSetsPerWorld {
		g.segments = nil
		var defs []segment.Definition
		trees := map[string]*naiveNode{}
		for i := range naiveSetSize {
			name := "s" + strconv.Itoa(i)
			tree := g.simple()
			if g.chance(0.2) {
				tree = g.expression()
			}
			with := append(defs, segment.Definition{Name: name, Source: tree.String()})
			if _, err := language.CompileSet(with...); err != nil {
				continue
			}
			defs, trees[name] = with, tree
			g.segments = append(g.segments, name)
		}
		set, err := language.CompileSet(defs...)
		require.NoError(r.t, err)
		for _, def := range defs {
			r.segments++
			r.compare(w, set, def, trees[def.Name], seed)
		}
	}
}

// compare asks for all contacts of a world.
func (r *predicateRun) compare(w *naiveWorld, set *segment.Set, def segment.Definition, tree *naiveNode, seed uint64) {
	exact, narrowing := true, false
	for _, p := range w.profiles {
		for range 2 {
			now := w.naiveEdge(tree, p)
			if w.chance(0.03) {
				now = naivePick(w.random, []time.Time{audience.MinInstant(), audience.MaxInstant(), audience.MinInstant().AddDate(0, 0, 20), audience.MaxInstant().AddDate(0, -2, 0)})
			}
			predicate, rest, err := set.PredicateAt(def.Name, now)
			require.NoError(r.t, err)
			truth, err := set.At(now).Truth(def.Name, p)
			require.NoError(r.t, err)
			in, holds := truth == segment.True, store.Match(predicate, p, now)
			if in && !holds || len(rest) == 0 && in != holds {
				require.Fail(r.t, "they differ", "seed %d, contact %s, at %s in %s: %s is %s, the predicate %#v is %v, rest %q",
					seed, p.Contact.ID, now.Format(time.RFC3339Nano), w.zone, def.Source, truth, predicate, holds, rest)
			}
			r.pairs++
			exact = exact && len(rest) == 0
			narrowing = narrowing || len(rest) > 0 && predicate != nil
			switch {
			case in:
				r.members++
			case !holds:
				r.spared++
			}
		}
	}
	if exact {
		r.exact++
		if strings.Contains(def.Source, "inSegment") {
			r.turned++
		}
	}
	if narrowing {
		r.narrowing++
	}
}

// simple makes a condition as people write them: mostly of one level.
func (g *naiveGen) simple() *naiveNode {
	part := func() *naiveNode {
		for range 20 {
			n := g.atom(g.random.IntN(2))
			plain := true
			n.walk(func(n *naiveNode) {
				plain = plain && n.op != "where" && n.op != "then" && n.op != "without" && n.op != "?:" && n.op != "orValue" && n.op != "getter"
			})
			if plain {
				return n
			}
		}
		return g.atom(0)
	}
	n := part()
	for range g.random.IntN(4) {
		switch g.random.IntN(5) {
		case 0, 1:
			n = naiveMake("&&", naiveBool, n, part())
		case 2, 3:
			n = naiveMake("||", naiveBool, n, part())
		default:
			n = naiveMake("!", naiveBool, n)
		}
	}
	return n
}
