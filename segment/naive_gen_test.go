package segment_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// naiveGen makes random expressions that the language accepts. A depth says
// how far an expression may still grow.
type naiveGen struct {
	*naiveWorld
	random   *rand.Rand
	segments []string // that may be named
	vars     []*naiveNode
	made     int       // variables so far
	event    *naiveRow // within where
}

// naiveRow is the event that a predicate of where is about.
type naiveRow struct {
	variable string
	types    []string
}

// naiveMaxNodes bounds an expression.
const naiveMaxNodes = 70

// expression makes a whole one.
func (g *naiveGen) expression() *naiveNode {
	for {
		g.vars, g.event, g.made = nil, nil, 0
		if n := g.bool(naivePick(g.random, []int{0, 1, 2, 2, 3, 3, 4})); n.size() <= naiveMaxNodes {
			return n
		}
	}
}

func (g *naiveGen) chance(p float64) bool { return g.random.Float64() < p }

func naiveMake(op string, kind naiveKind, kids ...*naiveNode) *naiveNode {
	return &naiveNode{op: op, kind: kind, kids: kids}
}

// pick evaluates one of the given makers. Those that give nil do not apply.
func (g *naiveGen) pick(makers ...func() *naiveNode) *naiveNode {
	for {
		if n := naivePick(g.random, makers)(); n != nil {
			return n
		}
	}
}

// of makes an expression of a kind.
func (g *naiveGen) of(kind naiveKind, depth int) *naiveNode {
	makers := map[naiveKind]func(int) *naiveNode{
		naiveBool: g.bool, naiveInt: g.int, naiveDouble: g.double, naiveString: g.string, naiveSpan: g.span,
		naiveStrings: g.strings, naiveInts: g.ints,
		naiveTime: func(depth int) *naiveNode { return g.time(depth, false) },
	}
	return makers[kind](depth)
}

func (g *naiveGen) bool(depth int) *naiveNode {
	if depth <= 0 || g.chance(0.4) {
		return g.atom(depth)
	}
	kid := func() *naiveNode { return g.bool(depth - 1) }
	and := func() *naiveNode { return naiveMake("&&", naiveBool, kid(), kid()) }
	or := func() *naiveNode { return naiveMake("||", naiveBool, kid(), kid()) }
	not := func() *naiveNode { return naiveMake("!", naiveBool, kid()) }
	return g.pick(and, and, or, or, not,
		func() *naiveNode { return g.conditional(naiveBool, depth) },
		func() *naiveNode {
			return naiveMake(naivePick(g.random, []string{"==", "!="}), naiveBool, kid(), kid())
		},
	)
}

func (g *naiveGen) conditional(kind naiveKind, depth int) *naiveNode {
	return naiveMake("?:", kind, g.bool(depth-1), g.of(kind, depth-1), g.of(kind, depth-1))
}

// atom makes what is true or false without the logical operators.
func (g *naiveGen) atom(depth int) *naiveNode {
	compare := func() *naiveNode { return g.comparison(depth) }
	times := func() *naiveNode { return g.timeComparison(depth) }
	data := func() *naiveNode { return g.data(naiveBool) }
	makers := []func() *naiveNode{
		compare, compare, compare, times, times, data,
		func() *naiveNode { return g.membership(depth) },
		func() *naiveNode { return g.stringTest(depth) },
		g.addressOrStatus,
		g.has,
		func() *naiveNode { return g.orValue(naiveBool, depth) },
		func() *naiveNode { return g.macroTest(depth) },
		func() *naiveNode {
			if !g.chance(0.2) {
				return nil
			}
			return &naiveNode{op: "bool", kind: naiveBool, num: int64(g.random.IntN(2))}
		},
	}
	if g.event == nil {
		anyNone := func() *naiveNode {
			return naiveMake(naivePick(g.random, []string{"any", "none"}), naiveBool, g.stream(g.types(), depth))
		}
		measured := func() *naiveNode { return g.aggregateComparison(depth) }
		makers = append(makers, anyNone, anyNone, measured, measured, measured, g.standing, g.standing,
			func() *naiveNode { return g.aggregateOf(naiveBool, depth, "latest") })
	}
	return g.pick(makers...)
}

// comparison compares two of a kind; an int literal stands for a double now
// and then.
func (g *naiveGen) comparison(depth int) *naiveNode {
	kind := naivePick(g.random, []naiveKind{naiveInt, naiveInt, naiveDouble, naiveDouble, naiveString, naiveSpan})
	a, b := g.of(kind, depth), g.of(kind, depth-1)
	if g.chance(0.5) {
		b = g.literal(kind)
	}
	a, b = g.besideDouble(a, b)
	return naiveMake(g.comparator(), naiveBool, a, b)
}

func (g *naiveGen) comparator() string {
	return naivePick(g.random, []string{"==", "!=", "<", "<=", ">", ">="})
}

// besideDouble replaces, sometimes, one of two doubles by an int literal.
func (g *naiveGen) besideDouble(a, b *naiveNode) (*naiveNode, *naiveNode) {
	if a.kind != naiveDouble || !g.chance(0.3) {
		return a, b
	}
	n := &naiveNode{op: "int as double", kind: naiveDouble, num: int64(g.random.IntN(8) - 2)}
	if g.chance(0.5) {
		return n, b
	}
	return a, n
}

// membership asks for an element of a list.
func (g *naiveGen) membership(depth int) *naiveNode {
	switch g.random.IntN(4) {
	case 0:
		return naiveMake("in", naiveBool, g.int(depth), g.ints(depth))
	case 1:
		list := naiveMake("list", naiveStrings)
		for range 1 + g.random.IntN(3) {
			k, _ := g.besideDouble(g.double(depth-2), g.literal(naiveDouble))
			list.kids = append(list.kids, k)
		}
		return naiveMake("in", naiveBool, g.data(naiveDouble), list)
	}
	return naiveMake("in", naiveBool, g.string(depth-1), g.strings(depth))
}

func (g *naiveGen) stringTest(depth int) *naiveNode {
	if g.chance(0.3) {
		n := naiveMake("matches", naiveBool, g.string(depth))
		n.text = naivePick(g.random, []string{"^a", "b$", "[A-Z]+", "(?i)ab", "^$", ".", `\d+`, "é", "^(a|b).*", `\bb`, `^\pL+$`})
		return n
	}
	op := naivePick(g.random, []string{"startsWith", "endsWith", "contains"})
	return naiveMake(op, naiveBool, g.string(depth), g.string(depth-1))
}

// addressOrStatus makes atoms of what the compiler knows the constants of.
func (g *naiveGen) addressOrStatus() *naiveNode {
	field, known := "email", []string{"ann@example.com", "bob@example.org", "zoë@xn--bcher-kva.example", "nobody@example.com"}
	switch {
	case g.event != nil && g.chance(0.6):
		return naiveMake(naivePick(g.random, []string{"==", "!="}), naiveBool,
			&naiveNode{op: "e.type", kind: naiveString, text: g.event.variable}, naiveText(naivePick(g.random, g.event.types)))
	case g.chance(0.6):
		field = "status"
		known = []string{"none", "pending", "subscribed", "unsubscribed", "bounced", "complained"}
	}
	subject := naiveField(field, naiveString)
	switch g.random.IntN(5) {
	case 0:
		return naiveMake("in", naiveBool, subject, naiveMake("list", naiveStrings, naiveText(known[0]), naiveText(naivePick(g.random, known))))
	case 1:
		op := naivePick(g.random, []string{"startsWith", "endsWith", "contains"})
		return naiveMake(op, naiveBool, subject, naiveText(naivePick(g.random, []string{"un", "ed", "b", "@example.com"})))
	case 2:
		return naiveMake(g.comparator(), naiveBool, naiveMake("size", naiveInt, subject), g.literal(naiveInt))
	}
	return naiveMake(naivePick(g.random, []string{"==", "!="}), naiveBool, subject, naiveText(naivePick(g.random, known)))
}

func naiveText(s string) *naiveNode { return &naiveNode{op: "string", kind: naiveString, text: s} }

func naiveField(name string, kind naiveKind) *naiveNode {
	return &naiveNode{op: "field", kind: kind, name: name}
}

func (g *naiveGen) has() *naiveNode {
	if g.event != nil && g.chance(0.7) {
		p, ok := g.propOf(g.event.types, 0)
		if !ok || p.Name == "utm-source" {
			return nil
		}
		return &naiveNode{op: "hasProp", kind: naiveBool, name: p.Name, text: g.event.variable}
	}
	names := []string{"id", "email", "first_name", "last_name", "phone", "status", "tags", "created_at", "frequency"}
	for _, f := range g.schema.Fields {
		names = append(names, f.Name, f.Name)
	}
	return &naiveNode{op: "has", kind: naiveBool, name: naivePick(g.random, names)}
}

// orValue gives a default to a field, or to a property of an event.
func (g *naiveGen) orValue(kind naiveKind, depth int) *naiveNode {
	fallback := g.literal(kind)
	if g.chance(0.3) {
		fallback = g.of(kind, depth-1)
	} else if kind == naiveDouble {
		fallback, _ = g.besideDouble(fallback, fallback)
	}
	n := naiveMake("orValue", kind, fallback)
	if g.event != nil && g.chance(0.6) {
		p, ok := g.propOf(g.event.types, naiveTypeOf(g.random, kind))
		if ok && p.Name != "utm-source" {
			n.op, n.name, n.text = "propOrValue", p.Name, g.event.variable
			return n
		}
	}
	f := g.dataField(kind)
	if f == nil {
		return nil
	}
	n.name = f.name
	return n
}

// standing makes what only the ledger, the lists and the other segments
// know.
func (g *naiveGen) standing() *naiveNode {
	named := func(op string, names ...string) func() *naiveNode {
		return func() *naiveNode {
			if len(names) == 0 {
				return nil
			}
			return &naiveNode{op: op, kind: naiveBool, name: naivePick(g.random, names)}
		}
	}
	segment := named("inSegment", g.segments...)
	return g.pick(segment, segment, segment, named("onList", "news", "deals", "vip-by-hand", "never", "qa"),
		named("consent", "marketing", "offers"), named("suppressed", ""))
}

// macroTest makes exists, all and exists_one.
func (g *naiveGen) macroTest(depth int) *naiveNode {
	if len(g.vars) > 1 {
		return nil
	}
	list := g.listNode(depth)
	op := naivePick(g.random, []string{"exists", "all", "exists_one"})
	return g.macro(op, naiveBool, list, func() *naiveNode { return g.bool(min(depth-1, 1)) })
}

func (g *naiveGen) listNode(depth int) *naiveNode {
	if g.chance(0.25) {
		return g.ints(depth - 1)
	}
	return g.strings(depth - 1)
}

// macro makes a macro whose bodies know one more variable.
func (g *naiveGen) macro(op string, kind naiveKind, list *naiveNode, bodies ...func() *naiveNode) *naiveNode {
	g.made++
	variable := &naiveNode{op: "var", kind: naiveString, name: "v" + strconv.Itoa(g.made)}
	if list.kind == naiveInts {
		variable.kind = naiveInt
	}
	n := naiveMake(op, kind, list)
	n.name = variable.name
	g.vars = append(g.vars, variable)
	for _, body := range bodies {
		n.kids = append(n.kids, body())
	}
	g.vars = g.vars[:len(g.vars)-1]
	return n
}

// naiveTypeOf gives a type of the schema whose values are of a kind.
func naiveTypeOf(random *rand.Rand, kind naiveKind) audience.Type {
	types := map[naiveKind][]audience.Type{
		naiveBool: {audience.TypeBool}, naiveInt: {audience.TypeInt}, naiveDouble: {audience.TypeDouble},
		naiveString: {audience.TypeString}, naiveStrings: {audience.TypeStringList},
		naiveTime: {audience.TypeTimestamp, audience.TypeDate},
	}
	return naivePick(random, types[kind])
}

// dataField makes a field of a kind, or nil.
func (g *naiveGen) dataField(kind naiveKind) *naiveNode {
	names := map[naiveKind][]string{
		naiveString:  {"first_name", "last_name", "phone", "frequency"},
		naiveInt:     {"id"},
		naiveTime:    {"created_at", "updated_at"},
		naiveStrings: {"tags"},
	}[kind]
	if g.chance(0.25) && len(names) > 0 {
		return naiveField(naivePick(g.random, names), kind)
	}
	want := naiveTypeOf(g.random, kind)
	names = nil
	for _, f := range g.schema.Fields {
		if f.Type == want {
			names = append(names, f.Name)
		}
	}
	return naiveField(naivePick(g.random, names), kind)
}

// data makes a field, or within where a property of the event.
func (g *naiveGen) data(kind naiveKind) *naiveNode {
	if v := g.variable(kind); v != nil {
		return v
	}
	if g.event != nil && g.chance(0.7) {
		if kind == naiveTime && g.chance(0.5) {
			return &naiveNode{op: "e.time", kind: naiveTime, text: g.event.variable}
		}
		if p, ok := g.propOf(g.event.types, naiveTypeOf(g.random, kind)); ok {
			return &naiveNode{op: "prop", kind: kind, name: p.Name, text: g.event.variable, alt: g.chance(0.2)}
		}
	}
	return g.dataField(kind)
}

// variable gives, often, a variable in scope.
func (g *naiveGen) variable(kind naiveKind) *naiveNode {
	if !g.chance(0.6) {
		return nil
	}
	i := slices.IndexFunc(g.vars, func(v *naiveNode) bool { return v.kind == kind })
	if i < 0 {
		return nil
	}
	return naivePick(g.random, g.vars[i:i+1])
}

// literal makes a constant.
func (g *naiveGen) literal(kind naiveKind) *naiveNode {
	n := &naiveNode{kind: kind}
	switch kind {
	case naiveBool:
		n.op, n.num = "bool", int64(g.random.IntN(2))
	case naiveInt:
		n.op, n.num = "int", g.naiveWorld.int()
	case naiveDouble:
		n.op, n.real = "double", g.naiveWorld.double()
	case naiveString:
		n.op, n.text = "string", g.str()
	case naiveTime:
		n.op, n.at = "timestamp", g.instant()
		if g.chance(0.3) {
			n.op, n.text = "date", naiveWall(g.instant(), g.zone).Format("2006-01-02")
		}
	case naiveSpan:
		n.op, n.alt = "duration", g.chance(0.5)
		n.span = naivePick(g.random, []time.Duration{
			time.Microsecond, time.Second, time.Hour, 90 * time.Minute, 24 * time.Hour, 168 * time.Hour, 720 * time.Hour,
			0, -time.Hour, 87600 * time.Hour, time.Hour + time.Microsecond, 24*time.Hour - time.Microsecond, 4 * time.Hour,
		})
	case naiveStrings, naiveInts, naiveStream: // of streams there are none
		n.op = "list"
		element := map[naiveKind]naiveKind{naiveStrings: naiveString, naiveInts: naiveInt}[kind]
		for range 1 + g.random.IntN(3) {
			n.kids = append(n.kids, g.literal(element))
		}
	}
	return n
}
