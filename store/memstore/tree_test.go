package memstore

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

type testKey int

func (a testKey) compare(b testKey) int { return cmp.Compare(a, b) }

type testTree = tree[testKey, int]

func TestTreeKeepsSnapshotsAndOrder(t *testing.T) {
	tests := []struct {
		name string
		key  func(r *rand.Rand, i int) testKey
		drop int // deletions per hundred operations
	}{
		{"ascending", func(_ *rand.Rand, i int) testKey { return testKey(i) }, 0},
		{"descending", func(_ *rand.Rand, i int) testKey { return testKey(-i) }, 0},
		{"random", func(r *rand.Rand, _ int) testKey { return testKey(r.IntN(5000)) }, 20},
		{"mostly deleting", func(r *rand.Rand, _ int) testKey { return testKey(r.IntN(3000)) }, 55},
		{"falling blocks", func(_ *rand.Rand, i int) testKey { return testKey(i/40*40 - i%40) }, 10},
		{"a window that moves on", func(r *rand.Rand, i int) testKey { return testKey(i + r.IntN(300)) }, 48},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			var tr testTree
			model := map[testKey]int{}
			edit := uint64(1)
			type snapshot struct {
				tree  testTree
				model map[testKey]int
			}
			var held []snapshot
			for i := range 6000 {
				k := tt.key(r, i)
				if r.IntN(100) < tt.drop {
					_, had := model[k]
					require.Equal(t, had, tr.delete(edit, k))
					delete(model, k)
				} else {
					tr.set(edit, k, i)
					model[k] = i
				}
				if r.IntN(200) == 0 {
					held = append(held, snapshot{tr, maps.Clone(model)})
					edit++
				}
			}
			requireSame(t, tr, model)
			for _, s := range held {
				requireSame(t, s.tree, s.model)
			}
		})
	}
}

// TestTreeWaves deletes whole ranges and fills them again from above, so that
// inner nodes lose their first child, get keys below what was its bound, and
// are joined.
func TestTreeWaves(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var tr testTree
	model := map[testKey]int{}
	for wave := range 60 {
		edit := uint64(wave + 1)
		from := r.IntN(30_000)
		to := from + r.IntN(9_000)
		for k := to; k >= from; k-- {
			switch {
			case wave%3 == 1: // a hole
				tr.delete(edit, testKey(k))
				delete(model, testKey(k))
			case r.IntN(4) == 0: // thin rows
				tr.set(edit, testKey(k), wave)
				model[testKey(k)] = wave
			}
		}
		if wave%6 == 5 {
			requireSame(t, tr, model)
		}
	}
}

// TestTreeJoinTakesTheBoundFromAbove: an inner node that lost its first child
// keeps a bound too high for the keys that come back. It must not be believed
// when the node becomes the right half of another.
func TestTreeJoinTakesTheBoundFromAbove(t *testing.T) {
	const leaf, inner = fan, fan * fan // keys below a full leaf and a full node of leaves
	var tr testTree
	model := map[testKey]int{}
	for k := range testKey(4 * inner) {
		tr.set(1, k, int(k))
		model[k] = int(k)
	}
	drop := func(from, to testKey) {
		for k := from; k < to; k++ { // rising: a leaf empties beside a full one, so the two are not joined
			tr.delete(1, k)
			delete(model, k)
		}
	}
	drop(inner, inner+leaf)
	back := testKey(inner + leaf/2)
	tr.set(1, back, -1)
	model[back] = -1
	drop(inner+16*leaf, 2*inner)
	drop(0, (fan-fan/4)*leaf)
	require.Less(t, len(tr.root.kids), 4, "two nodes have been joined")
	requireSame(t, tr, model)
}

func TestTreeUsesItsSpace(t *testing.T) {
	var up testTree
	for i := range 10_000 {
		up.set(1, testKey(i), i)
	}
	require.LessOrEqual(t, leaves(up.root), 10_000/fan+1, "ascending keys fill their leaves")

	var down testTree
	for i := range 10_000 {
		down.set(1, testKey(-i), i)
	}
	require.LessOrEqual(t, leaves(down.root), 10_000/(fan/2)+1)

	// Falling keys behind a full leaf, once the worst case of a split at the
	// right end of any leaf.
	var gaps testTree
	for i := range 32 {
		gaps.set(1, testKey(i), i)
	}
	for i := range 5000 {
		gaps.set(1, testKey(100_000-i), i)
	}
	require.LessOrEqual(t, leaves(gaps.root), 5032/(fan/2)+2)

	for i := range 9_900 {
		require.True(t, up.delete(1, testKey(i*9901%9900)))
	}
	require.LessOrEqual(t, leaves(up.root), 40, "what is left after deleting is joined")
	for i := range 100 {
		require.True(t, up.delete(1, testKey(9900+i)))
	}
	require.Nil(t, up.root)
	require.Zero(t, up.len)
}

func TestTreeChangesInPlaceWithinAnEdit(t *testing.T) {
	var tr testTree
	for i := range 100_000 {
		tr.set(1, testKey(i), i)
	}
	i := 0
	inPlace := testing.AllocsPerRun(1000, func() { tr.set(1, testKey(i), -1); i++ })
	require.Zero(t, inPlace)
	edit := uint64(2)
	kept := testing.AllocsPerRun(1000, func() { tr.add(edit, testKey(50_000), -1); edit++ })
	require.Zero(t, kept, "what is there already copies nothing")
	copied := testing.AllocsPerRun(1000, func() { tr.set(edit, testKey(50_000), -1); edit++ })
	require.Positive(t, copied)
	require.LessOrEqual(t, copied, 4*3.0, "one path of four nodes, three allocations each")
}

func FuzzTree(f *testing.F) {
	f.Add([]byte("\x01abc\x01abd\x02abc"))
	f.Add([]byte{})
	seed := make([]byte, 0, 3000)
	for i := range 1000 {
		seed = append(seed, byte(i%5), byte(i*7), byte(i*13>>4))
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, ops []byte) {
		var tr, frozen testTree
		model, frozenModel := map[testKey]int{}, map[testKey]int{}
		edit := uint64(1)
		for ; len(ops) >= 3; ops = ops[3:] {
			k := testKey(binary.BigEndian.Uint16(ops[1:]) % 512)
			switch ops[0] % 8 {
			case 0, 1, 2:
				tr.set(edit, k, int(ops[0]))
				model[k] = int(ops[0])
			case 3:
				want, had := model[k]
				old, added := tr.add(edit, k, int(ops[0]))
				require.Equal(t, !had, added)
				require.Equal(t, want, old)
				if added {
					model[k] = int(ops[0])
				}
			case 4, 5:
				_, had := model[k]
				require.Equal(t, had, tr.delete(edit, k))
				delete(model, k)
			case 6: // freeze
				frozen, frozenModel = tr, maps.Clone(model)
				edit++
			case 7: // go back, as a rollback does
				tr, model = frozen, maps.Clone(frozenModel)
				edit++
			}
		}
		requireSame(t, tr, model)
		requireSame(t, frozen, frozenModel)
	})
}

// requireSame compares every read of a tree with a map and checks the shape
// of its nodes.
func requireSame(t *testing.T, tr testTree, model map[testKey]int) {
	t.Helper()
	require.Len(t, model, tr.len)
	keys := slices.Sorted(maps.Keys(model))
	i := 0
	for k, v := range tr.all() {
		if k != keys[i] || v != model[k] { // not with require, which is slow by the million
			t.Fatalf("entry %d is %d: %d, not %d: %d", i, k, v, keys[i], model[keys[i]])
		}
		i++
	}
	require.Len(t, keys, i)
	if tr.root != nil {
		checkNode(t, tr.root, nil, nil)
	}
	for i, k := range keys {
		probe(t, tr, model, keys, k-1)
		if i%16 == 0 || i == len(keys)-1 {
			probe(t, tr, model, keys, k)
			probe(t, tr, model, keys, k+1)
		}
	}
}

// probe reads around one key.
func probe(t *testing.T, tr testTree, model map[testKey]int, keys []testKey, k testKey) {
	t.Helper()
	v, ok := tr.get(k)
	if want, has := model[k]; has != ok || want != v {
		t.Fatalf("get %d gives %d, %t, not %d, %t", k, v, ok, want, has)
	}
	at, found := slices.BinarySearch(keys, k)
	next := keys[at:]
	for k := range tr.from(k) {
		if len(next) == 0 || k != next[0] {
			t.Fatalf("from %d comes %d, not %v", k, k, next[:min(1, len(next))])
		}
		if next = next[1:]; len(next) < len(keys)-at-3 {
			break
		}
	}
	if !found {
		at--
	}
	below, _, ok := tr.floor(k)
	if ok != (at >= 0) || ok && below != keys[at] {
		t.Fatalf("below %d is %d, %t", k, below, ok)
	}
}

// checkNode checks bounds, sizes and depth, and gives the depth.
func checkNode(t *testing.T, n *node[testKey, int], low, high *testKey) int {
	t.Helper()
	require.NotEmpty(t, n.keys)
	require.LessOrEqual(t, len(n.keys), fan)
	if n.kids == nil {
		require.Len(t, n.vals, len(n.keys))
		require.True(t, slices.IsSorted(n.keys))
		require.True(t, low == nil || *low <= n.keys[0])
		require.True(t, high == nil || n.keys[len(n.keys)-1] < *high)
		return 1
	}
	require.Empty(t, n.vals)
	require.Len(t, n.kids, len(n.keys))
	depth := 0
	for i, kid := range n.kids {
		lo, hi := low, high
		if i > 0 {
			lo = &n.keys[i]
		}
		if i+1 < len(n.keys) {
			hi = &n.keys[i+1]
		}
		d := checkNode(t, kid, lo, hi)
		require.True(t, depth == 0 || d == depth, "leaves of different depth")
		depth = d
	}
	return depth + 1
}

func leaves[K ordered[K], V any](n *node[K, V]) int {
	if n.kids == nil {
		return 1
	}
	sum := 0
	for _, kid := range n.kids {
		sum += leaves(kid)
	}
	return sum
}
