package segment_test

// naiveShrink makes a set of segments that fails as small as it can be found
// to fail: it puts parts of an expression in the place of the whole, and
// constants in the place of conditions, while failing stays true.
func naiveShrink(set []naiveSegment, failing func([]naiveSegment) bool) []naiveSegment {
	for budget := 3000; budget > 0; {
		smaller := naiveSmaller(set)
		i := 0
		for ; i < len(smaller) && budget > 0; i++ {
			budget--
			if failing(smaller[i]) {
				break
			}
		}
		if i == len(smaller) || budget == 0 {
			return set
		}
		set = smaller[i]
	}
	return set
}

// naiveSmaller gives the sets that have one definition less or one that is
// smaller.
func naiveSmaller(set []naiveSegment) [][]naiveSegment {
	var out [][]naiveSegment
	for i := range set {
		if len(set) > 1 {
			out = append(out, append(append([]naiveSegment(nil), set[:i]...), set[i+1:]...))
		}
	}
	for i, s := range set {
		for _, tree := range naiveSmallerTrees(s.tree) {
			c := append([]naiveSegment(nil), set...)
			c[i].tree = tree
			out = append(out, c)
		}
	}
	return out
}

func naiveSmallerTrees(n *naiveNode) []*naiveNode {
	var out []*naiveNode
	for _, part := range naiveParts(n) {
		if part.kind == n.kind {
			out = append(out, part)
		}
	}
	if n.kind == naiveBool && n.op != "bool" {
		out = append(out, &naiveNode{op: "bool", kind: naiveBool}, &naiveNode{op: "bool", kind: naiveBool, num: 1})
	}
	for i, k := range n.kids {
		for _, smaller := range naiveSmallerTrees(k) {
			out = append(out, n.with(i, smaller))
		}
	}
	return out
}

// naiveParts gives everything below a node, the biggest cuts first.
func naiveParts(n *naiveNode) []*naiveNode {
	var out []*naiveNode
	for level := n.kids; len(level) > 0; {
		out = append(out, level...)
		var next []*naiveNode
		for _, k := range level {
			next = append(next, k.kids...)
		}
		level = next
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 { // leaves first
		out[i], out[j] = out[j], out[i]
	}
	return out
}
