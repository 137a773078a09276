package segment

import "slices"

// graph says of each segment of a set, by position, which ones it names.
type graph [][]int

// components gives the strongly connected components, each after those that
// it names: segments in no cycle come alone, in the order in which they can
// be evaluated. Nesting has no bound, so nothing recurses. (Tarjan's
// algorithm.)
func (g graph) components() [][]int {
	t := tarjan{graph: g, number: make([]int, len(g)), low: make([]int, len(g)), next: make([]int, len(g)), isOpen: make([]bool, len(g))}
	for start := range g {
		if t.number[start] == 0 {
			t.walk(start)
		}
	}
	return t.out
}

type tarjan struct {
	graph
	out    [][]int
	visits int
	number []int  // of the visit, from 1; 0 before
	low    []int  // the least number that can be reached
	next   []int  // the edge to follow next
	path   []int  // the way from the start
	open   []int  // visited, component not complete
	isOpen []bool // is in open
}

func (t *tarjan) visit(v int) {
	t.visits++
	t.number[v], t.low[v] = t.visits, t.visits
	t.open, t.isOpen[v] = append(t.open, v), true
	t.path = append(t.path, v)
}

func (t *tarjan) walk(start int) {
	t.visit(start)
	for len(t.path) > 0 {
		v := t.path[len(t.path)-1]
		if t.next[v] < len(t.graph[v]) {
			w := t.graph[v][t.next[v]]
			t.next[v]++
			if t.number[w] == 0 {
				t.visit(w)
			} else if t.isOpen[w] {
				t.low[v] = min(t.low[v], t.number[w])
			}
			continue
		}
		t.path = t.path[:len(t.path)-1]
		if len(t.path) > 0 {
			up := t.path[len(t.path)-1]
			t.low[up] = min(t.low[up], t.low[v])
		}
		if t.low[v] == t.number[v] {
			t.complete(v)
		}
	}
}

// complete takes the component whose first visited member is v.
func (t *tarjan) complete(v int) {
	from := len(t.open) - 1
	for t.open[from] != v {
		from--
	}
	component := slices.Clone(t.open[from:])
	t.open = t.open[:from]
	for _, w := range component {
		t.isOpen[w] = false
	}
	slices.Sort(component)
	t.out = append(t.out, component)
}

// isCycle reports whether the members of a component name each other, or the
// only one itself.
func (g graph) isCycle(component []int) bool {
	return len(component) > 1 || slices.Contains(g[component[0]], component[0])
}

// cycles finds a cycle through each member of a component: from the member a
// shortest way to the component's root and back, cut short where the two
// meet. So two passes over a component serve all of its members.
type cycles struct {
	forward, reverse graph
	component        []int  // the number of each vertex's component
	root             int    // of the component that was searched last
	back             search // from root to v
	on               search // from v to root, backwards
	at               []int  // where a vertex stands on the way home, 0 elsewhere
	way, cycle       []int  // buffers
}

// search is what a search found: the vertex before each one, and how far that is
// from the start.
type search struct{ before, distance []int }

func (g graph) cycles(components [][]int) *cycles {
	c := &cycles{
		forward: g, reverse: make(graph, len(g)), component: make([]int, len(g)), root: -1, at: make([]int, len(g)),
		back: search{make([]int, len(g)), make([]int, len(g))}, on: search{make([]int, len(g)), make([]int, len(g))},
	}
	for number, members := range components {
		for _, v := range members {
			c.component[v] = number
			c.back.distance[v], c.on.distance[v] = -1, -1
		}
	}
	for v, named := range g {
		for _, w := range named {
			c.reverse[w] = append(c.reverse[w], v)
		}
	}
	return c
}

// through gives the members of a cycle from v to the one that names v again.
// The result is valid until the next call.
func (c *cycles) through(v int) []int {
	if c.root < 0 || c.component[c.root] != c.component[v] {
		c.root = v
		c.search(c.forward, c.back)
		c.search(c.reverse, c.on)
	}
	if v == c.root {
		around := c.home(c.nearest())
		slices.Reverse(around)
		return around
	}
	home := c.home(v)
	for i, w := range home {
		c.at[w] = i
	}
	c.cycle = append(c.cycle[:0], v)
	for w := c.on.before[v]; ; w = c.on.before[w] {
		if i := c.at[w]; i > 0 { // root is always there, at the end
			for ; i > 0; i-- {
				c.cycle = append(c.cycle, home[i])
			}
			break
		}
		c.cycle = append(c.cycle, w)
	}
	for _, w := range home {
		c.at[w] = 0
	}
	return c.cycle
}

// home gives the way that leads from root to v, from its end.
func (c *cycles) home(v int) []int {
	c.way = append(c.way[:0], v)
	for v != c.root {
		v = c.back.before[v]
		c.way = append(c.way, v)
	}
	return c.way
}

// nearest gives the member nearest to root of those that name it.
func (c *cycles) nearest() int {
	nearest := -1
	for _, v := range c.reverse[c.root] {
		if c.component[v] == c.component[c.root] && (nearest < 0 || c.back.distance[v] < c.back.distance[nearest]) {
			nearest = v
		}
	}
	return nearest
}

// search goes through the component of root, nearest members first.
func (c *cycles) search(edges graph, found search) {
	found.distance[c.root] = 0
	for queue := []int{c.root}; len(queue) > 0; queue = queue[1:] {
		v := queue[0]
		for _, w := range edges[v] {
			if c.component[w] == c.component[v] && found.distance[w] < 0 {
				found.before[w], found.distance[w] = v, found.distance[v]+1
				queue = append(queue, w)
			}
		}
	}
}
