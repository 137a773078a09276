package segment_test

// stream makes a stream of events of the types.
func (g *naiveGen) stream(types []string, depth int) *naiveNode {
	n := &naiveNode{op: "events", kind: naiveStream, names: types}
	for range 3 {
		if !g.chance(0.45) {
			break
		}
		n = g.narrowed(n, depth)
	}
	return n
}

// narrowed puts one more condition on a stream. What types its events have
// stays the same.
func (g *naiveGen) narrowed(n *naiveNode, depth int) *naiveNode {
	within := func() *naiveNode {
		w := naiveMake("within", naiveStream, n)
		w.text = naivePick(g.random, naivePeriods(true))
		return w
	}
	makers := []func() *naiveNode{
		within, within, within,
		func() *naiveNode { return naiveMake("since", naiveStream, n, g.windowInstant(depth)) },
		func() *naiveNode { return naiveMake("before", naiveStream, n, g.windowInstant(depth)) },
		func() *naiveNode {
			return naiveMake("between", naiveStream, n, g.windowInstant(depth), g.windowInstant(depth))
		},
	}
	if depth > 0 {
		where := func() *naiveNode { return g.where(n, min(depth-1, 2)) }
		makers = append(makers, where, where, where, where, where, where,
			func() *naiveNode {
				return g.pair("then", g.stream(g.types(), depth-1), n)
			},
			func() *naiveNode {
				return g.pair("without", n, g.stream(g.types(), depth-1))
			})
	}
	return g.pick(makers...)
}

func (g *naiveGen) pair(op string, a, b *naiveNode) *naiveNode {
	n := naiveMake(op, naiveStream, a, b)
	n.text = naivePick(g.random, naivePeriods(false))
	return n
}

func (g *naiveGen) where(in *naiveNode, depth int) *naiveNode {
	n := naiveMake("where", naiveStream, in)
	n.name = naivePick(g.random, []string{"e", "e", "ev"})
	vars := g.vars
	g.vars, g.event = nil, &naiveRow{variable: n.name, types: in.streamTypes()}
	n.kids = append(n.kids, g.bool(depth))
	g.vars, g.event = vars, nil
	return n
}

// windowInstant makes what may be the edge of a window.
func (g *naiveGen) windowInstant(depth int) *naiveNode {
	field := func() *naiveNode { return g.dataField(naiveTime) }
	return g.pick(field, field, g.moving, g.moving,
		func() *naiveNode { return g.literal(naiveTime) },
		func() *naiveNode {
			if depth <= 0 {
				return nil
			}
			return naiveMake(naivePick(g.random, []string{"first", "last"}), naiveTime, g.stream(g.types(), depth-2))
		})
}

// moving makes an instant that moves with now.
func (g *naiveGen) moving() *naiveNode {
	n := &naiveNode{op: naivePick(g.random, []string{"ago", "ago", "ahead", "startOf"}), kind: naiveTime}
	n.text = naivePick(g.random, naivePeriods(true))
	if n.op == "startOf" {
		n.text = naivePick(g.random, []string{"d", "w", "mo", "y"})
	}
	return n
}

// time makes an instant; a still one does not move with now by itself.
func (g *naiveGen) time(depth int, still bool) *naiveNode {
	leaf := func() *naiveNode { return g.data(naiveTime) }
	makers := []func() *naiveNode{leaf, leaf, func() *naiveNode { return g.literal(naiveTime) }}
	if !still {
		makers = append(makers, g.moving, g.moving)
	}
	if depth > 0 {
		makers = append(makers,
			func() *naiveNode {
				op := naivePick(g.random, []string{"t+d", "t-d"})
				return naiveMake(op, naiveTime, g.time(depth-1, still), g.literal(naiveSpan))
			},
			func() *naiveNode {
				return naiveMake("?:", naiveTime, g.bool(depth-1), g.time(depth-1, still), g.time(depth-1, still))
			},
			func() *naiveNode {
				if still {
					return nil
				}
				return naiveMake("anniversary", naiveTime, g.data(naiveTime))
			},
			func() *naiveNode {
				f := g.dataField(naiveTime)
				n := naiveMake("orValue", naiveTime, g.time(depth-1, still))
				n.name = f.name
				return n
			})
	}
	if depth > 0 && g.event == nil {
		firstLast := func() *naiveNode {
			return naiveMake(naivePick(g.random, []string{"first", "last"}), naiveTime, g.stream(g.types(), depth-1))
		}
		makers = append(makers, firstLast, firstLast,
			func() *naiveNode { return g.aggregateOf(naiveTime, depth-1, "min", "max", "latest") })
	}
	return g.pick(makers...)
}

// timeComparison compares instants, among them now, and differences of
// instants.
func (g *naiveGen) timeComparison(depth int) *naiveNode {
	now := &naiveNode{op: "now", kind: naiveTime}
	a := g.time(depth, false)
	switch g.random.IntN(6) {
	case 0:
		return naiveMake(g.comparator(), naiveBool, a, now)
	case 1:
		return naiveMake(g.comparator(), naiveBool, now, a)
	case 2: // a difference with now, and a constant
		kids := []*naiveNode{now, a}
		if g.chance(0.4) {
			kids = []*naiveNode{a, now}
		}
		return naiveMake(g.comparator(), naiveBool, naiveMake("t-t", naiveSpan, kids...), g.literal(naiveSpan))
	case 3:
		shifted := naiveMake(naivePick(g.random, []string{"t+d", "t-d"}), naiveTime, now, g.literal(naiveSpan))
		return naiveMake(g.comparator(), naiveBool, shifted, a)
	}
	return naiveMake(g.comparator(), naiveBool, a, g.time(depth, false))
}

// span makes a duration of what does not move with now.
func (g *naiveGen) span(depth int) *naiveNode {
	if depth <= 0 {
		return g.literal(naiveSpan)
	}
	difference := func() *naiveNode {
		return naiveMake("t-t", naiveSpan, g.time(depth-1, true), g.time(depth-1, true))
	}
	return g.pick(difference, difference, difference,
		func() *naiveNode { return g.literal(naiveSpan) },
		func() *naiveNode {
			return naiveMake(naivePick(g.random, []string{"d+d", "d-d"}), naiveSpan, g.span(depth-1), g.span(depth-1))
		})
}

// getter reads a hand of the clock, of now and what moves with it no finer
// than hours.
func (g *naiveGen) getter(depth int) *naiveNode {
	names := []string{"getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours"}
	t := &naiveNode{op: "now", kind: naiveTime}
	if g.chance(0.7) {
		t = g.time(depth-1, true)
		names = append(names, "getMinutes", "getSeconds", "getMilliseconds")
	}
	n := naiveMake("getter", naiveInt, t)
	n.name = naivePick(g.random, names)
	if g.chance(0.4) {
		n.text = naivePick(g.random, []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"})
	}
	return n
}
