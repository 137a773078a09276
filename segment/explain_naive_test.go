package segment_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/segment"
)

// naiveLeaf is a part of a tree under && || and ! that is none of these.
type naiveLeaf struct {
	*naiveNode
	negated bool
}

func (n *naiveNode) leaves(negated bool) []naiveLeaf {
	switch n.op {
	case "&&", "||":
		return append(n.kids[0].leaves(negated), n.kids[1].leaves(negated)...)
	case "!":
		return n.kids[0].leaves(!negated)
	}
	return []naiveLeaf{{n, negated}}
}

func (n *naiveNode) compares() bool {
	return slices.Contains([]string{"==", "!=", "<", "<=", ">", ">=", "in"}, n.op)
}

// reads reports whether the value of the node can differ between contacts.
func (n *naiveNode) reads() bool {
	found := false
	n.walk(func(n *naiveNode) {
		found = found || slices.Contains([]string{
			"field", "has", "orValue", "events", "onList", "inSegment", "consent", "suppressed", "bucket",
		}, n.op)
	})
	return found
}

// naiveShown is the text form of a value that has one here.
func naiveShown(x any) (string, bool) {
	switch x := x.(type) {
	case bool:
		return strconv.FormatBool(x), true
	case int64:
		return strconv.FormatInt(x, 10), true
	case float64:
		if x == 0 {
			return "0", true // also that below zero
		}
		return strconv.FormatFloat(x, 'g', -1, 64), true
	case string:
		return x, true
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano), true
	}
	return "", false
}

// TestExplainNaive compares the atoms of random expressions with the leaves
// of their trees, read naively.
func TestExplainNaive(t *testing.T) {
	checked, values := 0, 0
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 6))
		w := naiveNewWorld(random, 4)
		g := &naiveGen{naiveWorld: w, random: random}
		language, err := segment.NewLanguage(w.schema, segment.Options{Zone: w.zone})
		require.NoError(t, err)
		for range 60 {
			g.segments = nil
			trees := map[string]*naiveNode{"s0": g.expression()}
			g.segments = []string{"s0"}
			trees["s1"] = g.expression()
			set, err := language.CompileSet(define("s0", trees["s0"].String(), "s1", trees["s1"].String())...)
			if err != nil {
				continue // how many are refused is another test's
			}
			for _, p := range w.profiles {
				now := w.naiveEdge(trees["s1"], p)
				v := &naiveEval{world: w, profile: p, now: now, segments: trees, vars: map[string]any{}}
				atoms, err := set.At(now).Explain("s1", p)
				require.NoError(t, err)
				values += requireLeaves(t, trees["s1"], v, atoms)
				checked += len(atoms)
			}
		}
	}
	require.Greater(t, checked, 3_000)
	require.Greater(t, values, 500)
}

// requireLeaves gives how many values were compared.
func requireLeaves(t *testing.T, tree *naiveNode, v *naiveEval, atoms []segment.Atom) (values int) {
	t.Helper()
	leaves := tree.leaves(false)
	require.Len(t, atoms, len(leaves), tree)
	for i, leaf := range leaves {
		a := atoms[i]
		require.Contains(t, []string{a.Source, "(" + a.Source + ")"}, leaf.String(), tree)
		require.Equal(t, leaf.negated, a.Negated, tree)
		require.Equal(t, leaf.compares(), a.Compares, a.Source)
		want := map[any]segment.Truth{nil: segment.Unknown, false: segment.False, true: segment.True}[v.truth(leaf.naiveNode)]
		require.Equal(t, want, a.Truth, "%s at %s", a.Source, v.now.Format(time.RFC3339Nano))
		require.Equal(t, 1, a.Line)
		require.True(t, strings.HasPrefix(string([]rune(tree.String())[a.Column-1:]), a.Source), tree)
		if !a.Compares {
			continue
		}
		side := leaf.kids[0]
		if !side.reads() && leaf.kids[1].reads() {
			side = leaf.kids[1]
		}
		shown := v.eval(side)
		text, ok := naiveShown(shown)
		switch {
		case shown == nil:
			require.False(t, a.HasValue, a.Source)
		case ok:
			values++
			require.True(t, a.HasValue, a.Source)
			require.Equal(t, text, a.Value.Reveal(), a.Source)
		}
	}
	return values
}
