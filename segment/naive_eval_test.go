package segment_test

import (
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// naiveEval evaluates expressions for one contact at one instant. A value is
// nil when it is unknown, else a bool, int64, float64, string, time.Time,
// time.Duration, []any or, of a stream, []audience.Event.
type naiveEval struct {
	world    *naiveWorld
	profile  *audience.Profile
	now      time.Time
	segments map[string]*naiveNode
	vars     map[string]any
	seen     map[string]*naiveSeen // by coverage name
}

// naiveSeen counts what became of one kind of node.
type naiveSeen struct{ known, unknown int }

// truth gives true, false or nil for an expression.
func (v *naiveEval) truth(n *naiveNode) any { return v.eval(n) }

func (v *naiveEval) eval(n *naiveNode) any {
	out := v.compute(n)
	if v.seen != nil {
		name := n.coverage()
		s := v.seen[name]
		if s == nil {
			s = &naiveSeen{}
			v.seen[name] = s
		}
		if out == nil {
			s.unknown++
		} else {
			s.known++
		}
	}
	return out
}

func (v *naiveEval) compute(n *naiveNode) any {
	switch n.op {
	// The operators that make something of the unknown come first, for their kids are looked at one by one.
	case "&&", "||":
		return naiveJunction(n.op == "||", v.eval(n.kids[0]), v.eval(n.kids[1]))
	case "?:":
		condition := v.eval(n.kids[0])
		if condition == nil {
			return nil
		}
		return v.eval(n.kids[map[bool]int{true: 1, false: 2}[condition.(bool)]])
	case "exists", "all", "exists_one", "filter", "map":
		return v.macro(n)
	case "events", "within", "since", "before", "between", "where", "then", "without":
		return v.stream(n)
	case "any", "none", "count", "first", "last", "sum", "avg", "min", "max", "distinct", "latest":
		return v.aggregate(n)
	case "orValue":
		if x := v.field(n.name); x != nil {
			return x
		}
		return v.eval(n.kids[0])
	case "propOrValue":
		if x := v.prop(v.vars[n.text].(audience.Event), n.name); x != nil {
			return x
		}
		return v.eval(n.kids[0])
	}
	kids := make([]any, len(n.kids))
	for i, k := range n.kids {
		if kids[i] = v.eval(k); kids[i] == nil {
			return nil
		}
	}
	return v.strict(n, kids)
}

// naiveJunction is Kleene's || with the value that decides it, and && with
// the other.
func naiveJunction(decides bool, a, b any) any {
	switch {
	case a == decides || b == decides:
		return decides
	case a == nil || b == nil:
		return nil
	}
	return !decides
}

// strict evaluates what is unknown when any of its parts is.
func (v *naiveEval) strict(n *naiveNode, kids []any) any {
	switch n.op {
	case "bool":
		return n.num == 1
	case "int":
		return n.num
	case "int as double":
		return float64(n.num)
	case "double":
		return n.real
	case "string":
		return n.text
	case "timestamp":
		return n.at
	case "duration":
		return n.span
	case "list":
		return kids
	case "field":
		return v.field(n.name)
	case "has":
		return v.field(n.name) != nil
	case "prop":
		return v.prop(v.vars[n.text].(audience.Event), n.name)
	case "hasProp":
		return v.prop(v.vars[n.text].(audience.Event), n.name) != nil
	case "e.type":
		return v.vars[n.text].(audience.Event).Type
	case "e.time":
		return v.vars[n.text].(audience.Event).Time
	case "var":
		return v.vars[n.name]
	case "!":
		return !kids[0].(bool)
	case "==":
		return naiveEqual(kids[0], kids[1])
	case "!=":
		return !naiveEqual(kids[0], kids[1])
	case "<":
		return naiveLess(kids[0], kids[1])
	case ">":
		return naiveLess(kids[1], kids[0])
	case "<=":
		return !naiveLess(kids[1], kids[0])
	case ">=":
		return !naiveLess(kids[0], kids[1])
	case "in":
		return slices.ContainsFunc(kids[1].([]any), func(x any) bool { return naiveEqual(kids[0], x) })
	case "onList":
		return v.onList(n.name)
	case "inSegment":
		return v.truth(v.segments[n.name]) == true
	case "consent":
		return naiveStatus(v.profile, n.name, v.now) == "subscribed"
	case "suppressed":
		return !v.profile.SuppressedFrom.IsZero() && !v.now.Before(v.profile.SuppressedFrom)
	case "bucket":
		sum := sha256.Sum256([]byte(n.text + "\x00" + strconv.Itoa(int(v.profile.Contact.ID))))
		return int64(binary.BigEndian.Uint64(sum[:8]) % uint64(n.num))
	}
	if x, ok := v.strictTime(n, kids); ok {
		return x
	}
	if x, ok := naiveStrictString(n, kids); ok {
		return x
	}
	return naiveArithmetic(n, kids)
}

func (v *naiveEval) onList(name string) bool {
	list, _ := v.world.schema.ListNamed(name)
	if list.Kind == audience.ListTopic {
		return naiveOnTopic(v.profile, list, v.now)
	}
	return slices.Contains(v.profile.Lists, name)
}

// strictTime evaluates what has to do with the calendar.
func (v *naiveEval) strictTime(n *naiveNode, kids []any) (any, bool) {
	var t time.Time
	zone := v.world.zone
	switch n.op {
	case "now":
		t = v.now
	case "date":
		day, _ := time.Parse("2006-01-02", n.text)
		t = naiveShowing(day, zone)
	case "ago":
		t = naiveShift(v.now, naiveParsePeriod(n.text), -1, zone)
	case "ahead":
		t = naiveShift(v.now, naiveParsePeriod(n.text), 1, zone)
	case "startOf":
		t = naiveStartOf(v.now, n.text, zone)
	case "anniversary":
		if year := kids[0].(time.Time).In(zone).Year(); year < 1 || year > 9999 {
			return nil, true // the date is none of the library's
		}
		t = naiveAnniversary(v.now, kids[0].(time.Time), zone)
	case "t+d":
		t = kids[0].(time.Time).Add(kids[1].(time.Duration))
	case "t-d":
		t = kids[0].(time.Time).Add(-kids[1].(time.Duration))
	case "t-t":
		return naiveSpanOf(new(big.Int).Sub(naiveNanos(kids[0]), naiveNanos(kids[1]))), true
	case "d+d":
		return naiveSpanOf(new(big.Int).Add(naiveNanos(kids[0]), naiveNanos(kids[1]))), true
	case "d-d":
		return naiveSpanOf(new(big.Int).Sub(naiveNanos(kids[0]), naiveNanos(kids[1]))), true
	case "getter":
		return naiveGetter(n.name, kids[0].(time.Time), v.zoneNamed(n.text)), true
	default:
		return nil, false
	}
	if !naiveInRange(t) {
		return nil, true
	}
	return t, true
}

// naiveNanos gives an instant or a duration as a number without bounds.
func naiveNanos(x any) *big.Int {
	if d, ok := x.(time.Duration); ok {
		return big.NewInt(int64(d))
	}
	t := x.(time.Time)
	n := new(big.Int).Mul(big.NewInt(t.Unix()), big.NewInt(1e9))
	return n.Add(n, big.NewInt(int64(t.Nanosecond())))
}

// naiveSpanOf gives a duration, or nil when there is no such one.
func naiveSpanOf(nanos *big.Int) any {
	if !nanos.IsInt64() {
		return nil
	}
	return time.Duration(nanos.Int64())
}

func (v *naiveEval) zoneNamed(name string) *time.Location {
	if name == "" {
		return v.world.zone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return zone
}

// naiveGetter reads one hand of the clock, counted from 0 except for the
// year and the date.
func naiveGetter(name string, t time.Time, zone *time.Location) int64 {
	t = t.In(zone)
	of := map[string]int{
		"getFullYear": t.Year(), "getMonth": int(t.Month()) - 1, "getDate": t.Day(), "getDayOfMonth": t.Day() - 1,
		"getDayOfWeek": int(t.Weekday()), "getDayOfYear": t.YearDay() - 1, "getHours": t.Hour(),
		"getMinutes": t.Minute(), "getSeconds": t.Second(), "getMilliseconds": t.Nanosecond() / 1e6,
	}
	return int64(of[name])
}

// naiveStrictString evaluates what has to do with strings and sizes.
func naiveStrictString(n *naiveNode, kids []any) (any, bool) {
	if n.op == "size" {
		if l, ok := kids[0].([]any); ok {
			return int64(len(l)), true
		}
		return int64(len([]rune(kids[0].(string)))), true
	}
	if len(kids) == 0 {
		return nil, false
	}
	s, ok := kids[0].(string)
	if !ok {
		return nil, false
	}
	switch n.op {
	case "startsWith":
		return strings.HasPrefix(s, kids[1].(string)), true
	case "endsWith":
		return strings.HasSuffix(s, kids[1].(string)), true
	case "contains":
		return strings.Contains(s, kids[1].(string)), true
	case "matches":
		return regexp.MustCompile(n.text).MatchString(s), true
	case "+":
		return s + kids[1].(string), true
	case "trim":
		return strings.TrimSpace(s), true
	case "lowerAscii", "upperAscii":
		low, high, by := 'A', 'Z', 'a'-'A'
		if n.op == "upperAscii" {
			low, high, by = 'a', 'z', 'A'-'a'
		}
		return strings.Map(func(r rune) rune {
			if r >= low && r <= high {
				return r + by
			}
			return r
		}, s), true
	}
	return nil, false
}

// macro evaluates the list macros. Only exists and all absorb the unknown.
func (v *naiveEval) macro(n *naiveNode) any {
	list, ok := v.eval(n.kids[0]).([]any)
	if !ok {
		return nil
	}
	outer, hides := v.vars[n.name]
	defer func() {
		if delete(v.vars, n.name); hides {
			v.vars[n.name] = outer
		}
	}()
	results := make([][]any, len(list)) // per element, of each further kid
	unknown := false
	for i, x := range list {
		for _, k := range n.kids[1:] {
			v.vars[n.name] = x // a macro within may have a variable of the same name
			r := v.eval(k)
			results[i] = append(results[i], r)
			unknown = unknown || r == nil
			if r == nil || len(n.kids) == 3 && r == false {
				break // an element that is filtered out is not mapped
			}
		}
	}
	if n.op == "exists" || n.op == "all" {
		decides := n.op == "exists"
		var out any = !decides
		for _, r := range results {
			out = naiveJunction(decides, out, r[0])
		}
		return out
	}
	if unknown {
		return nil
	}
	kept := []any{}
	for i, r := range results {
		switch {
		case n.op == "map" && len(n.kids) == 2:
			kept = append(kept, r[0])
		case n.op == "map" && r[0] == true:
			kept = append(kept, r[1])
		case n.op != "map" && r[0] == true:
			kept = append(kept, list[i])
		}
	}
	if n.op == "exists_one" {
		return len(kept) == 1
	}
	return kept
}
