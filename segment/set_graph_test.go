package segment

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// reach gives what can be reached from v by one edge or more, the slow way.
func (g graph) reach(v int) map[int]bool {
	seen := map[int]bool{}
	for queue := slices.Clone(g[v]); len(queue) > 0; queue = queue[1:] {
		if w := queue[0]; !seen[w] {
			seen[w] = true
			queue = append(queue, g[w]...)
		}
	}
	return seen
}

func randomGraph(r *rand.Rand) graph {
	g := make(graph, 1+r.IntN(12))
	for v := range g {
		for w := range g {
			if r.IntN(len(g)*2) < 2 {
				g[v] = append(g[v], w)
			}
		}
	}
	return g
}

// TestGraphComponents compares with the definition: two vertices are in one
// component when each reaches the other.
func TestGraphComponents(t *testing.T) {
	for seed := range uint64(500) {
		g := randomGraph(rand.New(rand.NewPCG(seed, 7)))
		components := g.components()
		place := make([]int, len(g))
		total := 0
		for i, members := range components {
			require.True(t, slices.IsSorted(members))
			total += len(members)
			for _, v := range members {
				place[v] = i
			}
		}
		require.Equal(t, len(g), total)
		for v := range g {
			reached := g.reach(v)
			for w := range g {
				together := v == w || reached[w] && g.reach(w)[v]
				require.Equal(t, together, place[v] == place[w], "%v: %d and %d", g, v, w)
				if reached[w] && !together {
					require.Greater(t, place[v], place[w], "%v: %d names %d", g, v, w)
				}
			}
			require.Equal(t, reached[v], g.isCycle(components[place[v]]), "%v: %d", g, v)
		}
	}
}

func TestGraphCycles(t *testing.T) {
	found := 0
	for seed := range uint64(500) {
		g := randomGraph(rand.New(rand.NewPCG(seed, 8)))
		components := g.components()
		c := g.cycles(components)
		for _, members := range components {
			if !g.isCycle(members) {
				continue
			}
			for _, v := range members {
				found++
				requireCycle(t, g, v, c.through(v))
			}
		}
	}
	require.Greater(t, found, 500)
}

// requireCycle checks that the members name each other in turn and none
// twice, from v back to v.
func requireCycle(t *testing.T, g graph, v int, cycle []int) {
	t.Helper()
	require.NotEmpty(t, cycle)
	require.Equal(t, v, cycle[0], "%v", g)
	for i, w := range cycle {
		require.Contains(t, g[w], cycle[(i+1)%len(cycle)], "%v: %v", g, cycle)
		require.NotContains(t, cycle[:i], w, "%v: %v", g, cycle)
	}
}

// TestGraphOfLargeSets has shapes that are slow for whoever recurses or
// searches anew for each member.
func TestGraphOfLargeSets(t *testing.T) {
	const n = 2_000
	chain, ring, star := make(graph, maxSegments), make(graph, n), make(graph, n)
	for v := range chain {
		chain[v] = []int{max(v-1, 0)}
	}
	chain[0] = nil
	for v := range n {
		ring[v] = []int{(v + 1) % n}
		star[v] = []int{0, (v + 1) % n}
	}
	require.Len(t, chain.components(), maxSegments)
	for _, g := range []graph{ring, star} {
		components := g.components()
		require.Len(t, components, 1)
		c := g.cycles(components)
		for _, v := range components[0] {
			require.Equal(t, v, c.through(v)[0])
		}
		requireCycle(t, g, n/2, c.through(n/2))
	}
}
