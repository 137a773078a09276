package segment_test

import (
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

func (g *naiveGen) int(depth int) *naiveNode {
	leaf := func() *naiveNode { return g.data(naiveInt) }
	if depth <= 0 {
		return g.pick(leaf, leaf, func() *naiveNode { return g.literal(naiveInt) })
	}
	arithmetic := func() *naiveNode {
		op := naivePick(g.random, []string{"+", "-", "*", "/", "%"})
		return naiveMake(op, naiveInt, g.int(depth-1), g.int(depth-1))
	}
	makers := []func() *naiveNode{
		leaf, arithmetic, arithmetic, arithmetic,
		func() *naiveNode { return naiveMake("neg", naiveInt, g.data(naiveInt)) },
		func() *naiveNode { return g.conditional(naiveInt, depth) },
		func() *naiveNode { return g.orValue(naiveInt, depth) },
		func() *naiveNode {
			n := naiveMake("size", naiveInt, g.of(naivePick(g.random, []naiveKind{naiveString, naiveStrings, naiveStrings, naiveInts}), depth-1))
			n.alt = g.chance(0.5)
			return n
		},
		func() *naiveNode { return g.getter(depth) },
		func() *naiveNode {
			return naiveMake("int()", naiveInt, g.of(naivePick(g.random, []naiveKind{naiveDouble, naiveString}), depth-1))
		},
	}
	if g.event == nil {
		count := func() *naiveNode { return naiveMake("count", naiveInt, g.stream(g.types(), depth)) }
		makers = append(makers, count, count,
			func() *naiveNode { return g.aggregateOf(naiveInt, depth, "min", "max", "latest") },
			func() *naiveNode { return g.distinct(depth) },
			func() *naiveNode {
				return &naiveNode{op: "bucket", kind: naiveInt, text: naivePick(g.random, []string{"holdout", "ab", "é"}), num: naivePick(g.random, []int64{1, 2, 10, 100, 1e6})}
			})
	}
	return g.pick(makers...)
}

func (g *naiveGen) double(depth int) *naiveNode {
	leaf := func() *naiveNode { return g.data(naiveDouble) }
	if depth <= 0 {
		return g.pick(leaf, leaf, func() *naiveNode { return g.literal(naiveDouble) })
	}
	arithmetic := func() *naiveNode {
		a, b := g.besideDouble(g.double(depth-1), g.double(depth-1))
		return naiveMake(naivePick(g.random, []string{"+", "-", "*", "/"}), naiveDouble, a, b)
	}
	makers := []func() *naiveNode{
		leaf, arithmetic, arithmetic,
		func() *naiveNode { return naiveMake("neg", naiveDouble, g.data(naiveDouble)) },
		func() *naiveNode {
			n := g.conditional(naiveDouble, depth)
			n.kids[1], n.kids[2] = g.besideDouble(n.kids[1], n.kids[2])
			return n
		},
		func() *naiveNode { return g.orValue(naiveDouble, depth) },
		func() *naiveNode {
			return naiveMake("double()", naiveDouble, g.of(naivePick(g.random, []naiveKind{naiveInt, naiveString}), depth-1))
		},
	}
	if g.event == nil {
		number := func() *naiveNode {
			kind := naivePick(g.random, []naiveKind{naiveInt, naiveDouble, naiveDouble})
			n := g.aggregateOf(kind, depth, "sum", "sum", "avg")
			n.kind = naiveDouble
			return n
		}
		makers = append(makers, number, number, number,
			func() *naiveNode { return g.aggregateOf(naiveDouble, depth, "min", "max", "latest") },
			func() *naiveNode {
				return naiveMake("rate", naiveDouble, g.stream(g.types(), depth-1), g.stream(g.types(), depth-1))
			},
			func() *naiveNode {
				a, b := g.besideDouble(g.double(depth-1), g.double(depth-1))
				return naiveMake("ratio", naiveDouble, a, b)
			})
	}
	return g.pick(makers...)
}

func (g *naiveGen) string(depth int) *naiveNode {
	leaf := func() *naiveNode { return g.data(naiveString) }
	if depth <= 0 {
		return g.pick(leaf, leaf, func() *naiveNode { return g.literal(naiveString) })
	}
	makers := []func() *naiveNode{
		leaf, leaf,
		func() *naiveNode {
			op := naivePick(g.random, []string{"lowerAscii", "upperAscii", "trim"})
			return naiveMake(op, naiveString, g.string(depth-1))
		},
		func() *naiveNode { return naiveMake("+", naiveString, g.string(depth-1), g.string(depth-1)) },
		func() *naiveNode { return g.conditional(naiveString, depth) },
		func() *naiveNode { return g.orValue(naiveString, depth) },
		func() *naiveNode {
			return naiveMake("string()", naiveString, g.of(naivePick(g.random, []naiveKind{naiveInt, naiveBool}), depth-1))
		},
	}
	if g.event == nil {
		makers = append(makers, func() *naiveNode { return g.aggregateOf(naiveString, depth, "latest") })
	}
	return g.pick(makers...)
}

func (g *naiveGen) strings(depth int) *naiveNode {
	leaf := func() *naiveNode { return g.data(naiveStrings) }
	mixed := func() *naiveNode {
		n := naiveMake("list", naiveStrings)
		for range 1 + g.random.IntN(3) {
			n.kids = append(n.kids, g.string(depth-1))
		}
		return n
	}
	makers := []func() *naiveNode{leaf, leaf, leaf, mixed, func() *naiveNode { return g.literal(naiveStrings) }}
	if depth > 0 && len(g.vars) < 2 {
		makers = append(makers,
			func() *naiveNode {
				return g.macro("filter", naiveStrings, g.strings(depth-1), func() *naiveNode { return g.bool(min(depth-1, 1)) })
			},
			func() *naiveNode {
				return g.macro("map", naiveStrings, g.strings(depth-1), func() *naiveNode { return g.string(min(depth-1, 1)) })
			})
	}
	return g.pick(makers...)
}

func (g *naiveGen) ints(depth int) *naiveNode {
	mixed := func() *naiveNode {
		n := naiveMake("list", naiveInts)
		for range 1 + g.random.IntN(3) {
			n.kids = append(n.kids, g.int(depth-1))
		}
		return n
	}
	if depth <= 0 || len(g.vars) > 1 {
		return mixed()
	}
	return g.pick(mixed,
		func() *naiveNode {
			return g.macro("map", naiveInts, g.strings(depth-1), func() *naiveNode { return g.int(min(depth-1, 1)) })
		},
		func() *naiveNode {
			return g.macro("map", naiveInts, g.strings(depth-1),
				func() *naiveNode { return g.bool(0) }, func() *naiveNode { return g.int(min(depth-1, 1)) })
		})
}

// types gives one to three event types whose properties do not contradict
// each other.
func (g *naiveGen) types() []string {
	first := naivePick(g.random, []string{"visit", "signup", "quiz", "ping", "purchase", "refund", "email.opened", "email.sent"})
	out := []string{first}
	for g.chance(0.2) && len(out) < 3 {
		out = g.union(out, naivePick(g.random, []string{"visit", "signup", "ping", "purchase", "refund", "email.opened", "email.sent"}))
	}
	return out
}

// union adds a type where that makes sense.
func (g *naiveGen) union(types []string, one string) []string {
	for _, t := range types {
		if t == one || t == "quiz" || one == "quiz" { // its score is not that of a signup
			return types
		}
	}
	return append(slices.Clip(types), one)
}

// propOf gives a property of a type (0: any) that one of the event types has.
func (g *naiveGen) propOf(types []string, want audience.Type) (audience.Prop, bool) {
	var all []audience.Prop
	for _, name := range types {
		t, _ := g.schema.EventNamed(name)
		for _, p := range t.Props {
			if want == 0 || p.Type == want {
				all = append(all, p)
			}
		}
	}
	if len(all) == 0 {
		return audience.Prop{}, false
	}
	return naivePick(g.random, all), true
}

// aggregateOf makes an aggregate over a property of a kind.
func (g *naiveGen) aggregateOf(kind naiveKind, depth int, ops ...string) *naiveNode {
	for {
		types := g.types()
		if p, ok := g.propOf(types, naiveTypeOf(g.random, kind)); ok {
			n := naiveMake(naivePick(g.random, ops), kind, g.stream(types, depth))
			n.name = p.Name
			return n
		}
	}
}

func (g *naiveGen) distinct(depth int) *naiveNode {
	for {
		types := g.types()
		if p, ok := g.propOf(types, 0); ok && p.Type != audience.TypeStringList {
			n := naiveMake("distinct", naiveInt, g.stream(types, depth))
			n.name = p.Name
			return n
		}
	}
}

// aggregateComparison compares an aggregate with a constant near what it may
// be.
func (g *naiveGen) aggregateComparison(depth int) *naiveNode {
	var n *naiveNode
	kind := naivePick(g.random, []naiveKind{naiveInt, naiveDouble, naiveDouble})
	limit := g.literal(kind)
	switch g.random.IntN(6) {
	case 0:
		kind = naiveInt
		n = naiveMake("count", naiveInt, g.stream(g.types(), depth))
		limit = &naiveNode{op: "int", kind: naiveInt, num: int64(g.random.IntN(4))}
	case 1, 2:
		n = g.aggregateOf(kind, depth, "sum", "avg")
		n.kind, limit = naiveDouble, g.literal(naiveDouble)
		limit, _ = g.besideDouble(limit, limit)
	case 3:
		n = g.distinct(depth)
		limit = &naiveNode{op: "int", kind: naiveInt, num: int64(g.random.IntN(4))}
	case 4:
		n = g.aggregateOf(kind, depth, "min", "max", "latest")
	case 5:
		n = naiveMake("rate", naiveDouble, g.stream(g.types(), depth-1), g.stream(g.types(), depth-1))
		limit = &naiveNode{op: "double", kind: naiveDouble, real: naivePick(g.random, []float64{0.5, 1, 0.25, 1.0 / 3})}
	}
	return naiveMake(g.comparator(), naiveBool, n, limit)
}
