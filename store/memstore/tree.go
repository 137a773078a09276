package memstore

import (
	"iter"
	"slices"
)

// fan is the most entries that a node holds. Small enough that copying a node
// for one change is cheap, large enough that a million entries are four
// levels deep.
const fan = 32

// ordered is a key that knows its order. A method and not a function beside
// the tree, so that the zero tree is ready to use and a small one stays small.
type ordered[K any] interface {
	compare(K) int
}

// tree is a persistent ordered map, a B+ tree whose nodes are shared between
// versions: copying the struct makes a snapshot in no time, and a change
// copies only the path from the root to one leaf.
//
// Every node carries the number of the edit that made it. A change under the
// same number is done in place, which makes batches cheap; under another
// number the node is copied first. Edit numbers are never used twice, so what
// an earlier edit made can never change again. A caller that wants to keep
// the present state while it goes on editing takes a new number.
//
// The zero tree is empty. Reading is safe for concurrent use of snapshots
// whose edit has ended.
type tree[K ordered[K], V any] struct {
	root *node[K, V]
	len  int
}

// node is a leaf with keys and values, or an inner node with children and
// for each child a bound: its keys are not below its own bound and below the
// next one's. The bound of the first child means nothing.
type node[K ordered[K], V any] struct {
	edit uint64
	keys []K // of a leaf its keys, of an inner node the bounds of its children
	vals []V
	kids []*node[K, V] // nil in a leaf
}

// get gives the value of a key.
func (t tree[K, V]) get(k K) (v V, ok bool) {
	n := t.root
	if n == nil {
		return v, false
	}
	for n.kids != nil {
		n = n.kids[n.child(k)]
	}
	i, ok := n.find(k)
	if !ok {
		return v, false
	}
	return n.vals[i], true
}

// has reports whether there is the key.
func (t tree[K, V]) has(k K) bool {
	_, ok := t.get(k)
	return ok
}

// floor gives the greatest entry that is not above k.
func (t tree[K, V]) floor(k K) (key K, v V, ok bool) {
	if t.root == nil {
		return key, v, false
	}
	return t.root.floor(k)
}

// from gives the entries that are not below k, ascending. The tree must not
// be changed under the same edit meanwhile.
func (t tree[K, V]) from(k K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if t.root != nil {
			t.root.walk(&k, yield)
		}
	}
}

// all gives every entry, ascending. The tree must not be changed under the
// same edit meanwhile.
func (t tree[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if t.root != nil {
			t.root.walk(nil, yield)
		}
	}
}

// set stores a value, replacing the one that the key has.
func (t *tree[K, V]) set(edit uint64, k K, v V) {
	t.insert(insertion[K, V]{edit: edit, key: k, val: v})
}

// fill is set for keys that come ascending and many at a time: nodes at the
// right edge get their full size at once.
func (t *tree[K, V]) fill(edit uint64, k K, v V) {
	t.insert(insertion[K, V]{edit: edit, key: k, val: v, full: true})
}

// add stores a value unless the key has one, which it then gives.
func (t *tree[K, V]) add(edit uint64, k K, v V) (old V, added bool) {
	return t.insert(insertion[K, V]{edit: edit, key: k, val: v, keep: true})
}

func (t *tree[K, V]) insert(in insertion[K, V]) (old V, added bool) {
	if t.root == nil {
		t.root = &node[K, V]{edit: in.edit, keys: []K{in.key}, vals: []V{in.val}}
		t.len = 1
		return old, true
	}
	root, right, bound := in.into(t.root, true)
	if right != nil {
		root = &node[K, V]{edit: in.edit, keys: []K{bound, bound}, kids: []*node[K, V]{root, right}}
	}
	t.root = root
	if in.added {
		t.len++
	}
	return in.old, in.added
}

// delete removes a key and reports whether it was there.
func (t *tree[K, V]) delete(edit uint64, k K) bool {
	if !t.has(k) { // nothing is copied for nothing
		return false
	}
	t.root = t.root.remove(edit, k)
	t.len--
	for len(t.root.kids) == 1 {
		t.root = t.root.kids[0]
	}
	if len(t.root.keys) == 0 {
		t.root = nil
	}
	return true
}

// find gives the place of a key in a leaf, or where it would go.
func (n *node[K, V]) find(k K) (int, bool) {
	lo, hi := 0, len(n.keys)
	for lo < hi {
		mid := (lo + hi) / 2
		switch c := n.keys[mid].compare(k); {
		case c == 0:
			return mid, true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false
}

// child gives the place of the child in which a key belongs.
func (n *node[K, V]) child(k K) int {
	lo, hi := 1, len(n.keys)
	for lo < hi {
		mid := (lo + hi) / 2
		if n.keys[mid].compare(k) <= 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

func (n *node[K, V]) floor(k K) (key K, v V, ok bool) {
	if n.kids == nil {
		i, found := n.find(k)
		if !found {
			i--
		}
		if i < 0 {
			return key, v, false
		}
		return n.keys[i], n.vals[i], true
	}
	// The child in which k belongs may hold only keys above it.
	for i := n.child(k); i >= 0; i-- {
		if key, v, ok = n.kids[i].floor(k); ok {
			return key, v, true
		}
	}
	return key, v, false
}

// walk visits the entries from a key on, or all when it is nil.
func (n *node[K, V]) walk(from *K, yield func(K, V) bool) bool {
	i := 0
	switch {
	case from == nil:
	case n.kids == nil:
		i, _ = n.find(*from)
	default:
		i = n.child(*from)
	}
	for ; i < len(n.keys); i++ {
		if n.kids == nil {
			if !yield(n.keys[i], n.vals[i]) {
				return false
			}
			continue
		}
		if !n.kids[i].walk(from, yield) {
			return false
		}
		from = nil // only the first child visited can hold keys below it
	}
	return true
}

// editable gives the node itself when the edit made it, else a copy with
// room for more entries.
func (n *node[K, V]) editable(edit uint64, room int) *node[K, V] {
	if n.edit == edit {
		return n
	}
	c := &node[K, V]{edit: edit, keys: copyOf(n.keys, room)}
	if n.kids == nil {
		c.vals = copyOf(n.vals, room)
	} else {
		c.kids = copyOf(n.kids, room)
	}
	return c
}

// insertion is one set or add on its way down.
type insertion[K ordered[K], V any] struct {
	edit  uint64
	key   K
	val   V
	keep  bool // leave the value of a key that is there
	full  bool // make nodes at the right edge of their full size
	old   V
	added bool // the key is new
}

// into gives the node with the entry and, when it had to be split, the node
// to the right of it with that one's bound. last says that nothing in the
// tree is to the right of n.
func (in *insertion[K, V]) into(n *node[K, V], last bool) (self, right *node[K, V], bound K) {
	if n.kids == nil {
		i, found := n.find(in.key)
		if found {
			in.old = n.vals[i]
			if !in.keep {
				n = n.editable(in.edit, 0)
				n.vals[i] = in.val
			}
			return n, nil, bound
		}
		in.added = true
		return in.add(n, i, in.key, nil, last)
	}
	i := n.child(in.key)
	kid, right, bound := in.into(n.kids[i], last && i == len(n.kids)-1)
	if right == nil {
		if kid != n.kids[i] {
			n = n.editable(in.edit, 0)
			n.kids[i] = kid
		}
		return n, nil, bound
	}
	n = n.editable(in.edit, 1)
	n.kids[i] = kid
	return in.add(n, i+1, bound, right, last)
}

// add puts an entry at place i of a node: the value into a leaf, kid into an
// inner node.
func (in *insertion[K, V]) add(n *node[K, V], i int, k K, kid *node[K, V], last bool) (self, right *node[K, V], bound K) {
	if len(n.keys) < fan {
		n = n.editable(in.edit, 1)
		in.put(n, i, k, kid)
		return n, nil, bound
	}
	if last && i == len(n.keys) {
		// Ascending keys, the usual case, leave full nodes behind. Only at the
		// right edge: elsewhere falling keys would leave nodes of one entry.
		right = &node[K, V]{edit: in.edit}
		if in.full && kid == nil {
			right.keys, right.vals = make([]K, 0, fan), make([]V, 0, fan)
		}
		in.put(right, 0, k, kid)
		return n, right, k
	}
	self, right = n.halves(in.edit)
	if half := len(self.keys); i <= half {
		in.put(self, i, k, kid)
	} else {
		in.put(right, i-half, k, kid)
	}
	return self, right, right.keys[0]
}

func (in *insertion[K, V]) put(n *node[K, V], i int, k K, kid *node[K, V]) {
	n.keys = insertAt(n.keys, i, k)
	if kid == nil {
		n.vals = insertAt(n.vals, i, in.val)
	} else {
		n.kids = insertAt(n.kids, i, kid)
	}
}

// halves splits a full node into two new ones.
func (n *node[K, V]) halves(edit uint64) (left, right *node[K, V]) {
	const half = fan / 2
	left = &node[K, V]{edit: edit, keys: copyOf(n.keys[:half], 1)}
	right = &node[K, V]{edit: edit, keys: copyOf(n.keys[half:], 1)}
	if n.kids == nil {
		left.vals, right.vals = copyOf(n.vals[:half], 1), copyOf(n.vals[half:], 1)
	} else {
		left.kids, right.kids = copyOf(n.kids[:half], 1), copyOf(n.kids[half:], 1)
	}
	return left, right
}

// remove takes away a key that is there. The node may be left empty.
func (n *node[K, V]) remove(edit uint64, k K) *node[K, V] {
	n = n.editable(edit, 0)
	if n.kids == nil {
		i, _ := n.find(k)
		n.keys = slices.Delete(n.keys, i, i+1)
		n.vals = slices.Delete(n.vals, i, i+1)
		return n
	}
	i := n.child(k)
	n.kids[i] = n.kids[i].remove(edit, k)
	switch kept := len(n.kids[i].keys); {
	case kept == 0:
		n.drop(i)
	case kept > fan/4:
	case i+1 < len(n.kids) && kept+len(n.kids[i+1].keys) <= fan*3/4:
		n.join(edit, i)
	case i > 0 && kept+len(n.kids[i-1].keys) <= fan*3/4:
		n.join(edit, i-1)
	}
	return n
}

// drop takes away the child at place i.
func (n *node[K, V]) drop(i int) {
	n.keys = slices.Delete(n.keys, i, i+1)
	n.kids = slices.Delete(n.kids, i, i+1)
}

// join makes one child of those at i and i+1.
func (n *node[K, V]) join(edit uint64, i int) {
	right := n.kids[i+1]
	left := n.kids[i].editable(edit, len(right.keys))
	at := len(left.keys)
	left.keys = append(left.keys, right.keys...)
	if left.kids == nil {
		left.vals = append(left.vals, right.vals...)
	} else {
		left.keys[at] = n.keys[i+1] // the first bound of right meant nothing so far
		left.kids = append(left.kids, right.kids...)
	}
	n.kids[i] = left
	n.drop(i + 1)
}

// copyOf gives a copy of a slice with room for more.
func copyOf[T any](s []T, room int) []T {
	out := make([]T, len(s), len(s)+room)
	copy(out, s)
	return out
}

// insertAt inserts into a slice that the caller owns. It grows by a quarter:
// nodes are small, and most of them stay as they are for long.
func insertAt[T any](s []T, i int, x T) []T {
	if len(s) < cap(s) {
		s = s[:len(s)+1]
		copy(s[i+1:], s[i:])
		s[i] = x
		return s
	}
	out := make([]T, len(s)+1, len(s)+1+len(s)/4)
	copy(out, s[:i])
	out[i] = x
	copy(out[i+1:], s[i:])
	return out
}
