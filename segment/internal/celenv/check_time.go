package celenv

import (
	"errors"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/audiencekit/audiencekit/audience"
)

// timeConstant checks timestamp("..."), duration("...") and date("...").
func (c *checker) timeConstant(e ast.Expr, name string) value {
	example := map[string]string{
		"timestamp": `timestamp("2026-01-31T00:00:00Z")`, "duration": `duration("36h")`, "date": `date("2026-01-31")`,
	}[name]
	if !c.arity(e, 1, example) {
		return value{}
	}
	arg := e.AsCall().Args()[0]
	text, ok := c.written(arg, name, "the argument of "+name, example)
	if !ok {
		return value{}
	}
	at := c.at(arg)
	switch name {
	case "timestamp":
		return c.timestamp(e, at, text)
	case "duration":
		return c.duration(e, at, text)
	}
	return c.date(e, at, text)
}

func (c *checker) timestamp(e ast.Expr, at int, text string) value {
	t, err := audience.ParseInstant(text)
	if f, ok := errors.AsType[*audience.FieldError](err); ok && f.Rule == "format" {
		hint := "RFC 3339, such as 2026-01-31T09:30:00Z"
		if _, err := audience.ParseDate(text); err == nil {
			hint = "date(" + strconv.Quote(text) + ")"
		}
		c.fail(at, ruleTime, "this is no timestamp", hint)
		return value{}
	}
	if err != nil {
		c.fail(at, ruleTime, "the timestamp is out of range", "the years 1 to 9999")
		return value{}
	}
	if isFine(text) {
		c.fail(at, ruleTime, "a timestamp has at most six decimals of a second", "")
		return value{}
	}
	v := c.constant(e.ID(), types.Timestamp{Time: t}, timeKind)
	v.instant = true
	return v
}

// isFine reports whether a timestamp has decimals beyond microseconds.
func isFine(text string) bool {
	_, fraction, _ := strings.Cut(text, ".")
	fraction = fraction[:len(fraction)-len(strings.TrimLeft(fraction, "0123456789"))]
	const micros = 6
	return len(fraction) > micros && strings.Trim(fraction[micros:], "0") != ""
}

func (c *checker) duration(e ast.Expr, at int, text string) value {
	d, err := time.ParseDuration(text)
	if err != nil {
		hint := "hours, minutes and seconds, such as 36h or 1h30m"
		if p, err := audience.ParsePeriod(text); err == nil {
			if fixed, ok := p.Fixed(); ok {
				hint = "duration(" + strconv.Quote(fixed.String()) + ")"
			}
		}
		c.fail(at, ruleDuration, "this is no duration", hint)
		return value{}
	}
	if d%time.Microsecond != 0 || !isExactly(text, d) {
		c.fail(at, ruleDuration, "a duration is of whole microseconds", "")
		return value{}
	}
	return c.constant(e.ID(), types.Duration{Duration: d}, spanKind)
}

// isExactly reports whether the text of a duration is d: reading it drops
// what is finer than a nanosecond.
func isExactly(text string, d time.Duration) bool {
	sum := new(big.Rat)
	for rest := strings.TrimLeft(text, "+-"); rest != "" && rest != "0"; {
		number := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789."))]
		rest = rest[len(number):]
		unit := rest
		if i := strings.IndexAny(rest, "0123456789."); i >= 0 {
			unit = rest[:i]
		}
		rest = rest[len(unit):]
		n, ok := new(big.Rat).SetString("0" + number)
		one, err := time.ParseDuration("1" + unit)
		if !ok || err != nil {
			return false
		}
		sum.Add(sum, n.Mul(n, new(big.Rat).SetInt64(int64(one))))
	}
	want := new(big.Rat).SetInt64(int64(d))
	return sum.Cmp(want.Abs(want)) == 0
}

func (c *checker) date(e ast.Expr, at int, text string) value {
	d, err := audience.ParseDate(text)
	if err != nil {
		c.fail(at, ruleDate, "this is no date", hintOf(err))
		return value{}
	}
	t, ok := c.env.calendar.StartOfDate(d)
	if !ok {
		c.fail(at, ruleDate, "the date is out of range", "the years 1 to 9999")
		return value{}
	}
	v := c.constant(e.ID(), types.Timestamp{Time: t}, timeKind)
	v.instant, v.date = true, true
	return v
}

// hintOf gives what an error of package audience says is expected.
func hintOf(err error) string {
	if f, ok := errors.AsType[*audience.FieldError](err); ok {
		return f.Hint
	}
	return ""
}

// period reads a period that is written out.
func (c *checker) period(e ast.Expr, example string) (audience.Period, bool) {
	text, ok := c.written(e, rulePeriod, "the period", example)
	if !ok {
		return audience.Period{}, false
	}
	p, err := audience.ParsePeriod(text)
	if err != nil {
		c.fail(c.at(e), rulePeriod, "this is no period", hintOf(err))
		return audience.Period{}, false
	}
	return p, true
}

// fixedPeriod reads a period without a calendar part.
func (c *checker) fixedPeriod(e ast.Expr, example string) (time.Duration, bool) {
	p, ok := c.period(e, example)
	if !ok {
		return 0, false
	}
	d, ok := p.Fixed()
	if !ok {
		c.fail(c.at(e), rulePeriod, "this period has no fixed length", "days instead of months and years")
	}
	return d, ok
}

// shiftedNow checks ago("6mo") and ahead("7d").
func (c *checker) shiftedNow(e ast.Expr, name string) value {
	example := name + `("30d")`
	if !c.arity(e, 1, example) {
		return value{}
	}
	p, ok := c.period(e.AsCall().Args()[0], example)
	if !ok {
		return value{}
	}
	follows := course{kind: agoCourse, period: p}
	if name == "ahead" {
		follows.kind = aheadCourse
	}
	c.moments = append(c.moments, follows)
	return value{
		tree: c.moment(e.ID(), len(c.moments)-1), typ: typ{kind: timeKind}, motion: moving, instant: true,
		move: &Movement{Period: p, Forward: name == "ahead"}, edge: &Edge{course: &follows},
	}
}

// startOf checks startOf("d").
func (c *checker) startOf(e ast.Expr) value {
	const example = `startOf("mo")`
	if !c.arity(e, 1, example) {
		return value{}
	}
	arg := e.AsCall().Args()[0]
	text, ok := c.written(arg, rulePeriod, "the unit", example)
	if !ok {
		return value{}
	}
	unit, err := audience.ParseCalendarUnit(text)
	if err != nil {
		c.failf(c.at(arg), rulePeriod, hintOf(err), "there is no unit %s", strconv.Quote(text))
		return value{}
	}
	start := course{kind: startCourse, unit: unit}
	c.moments = append(c.moments, start)
	i := len(c.moments) - 1
	steps := c.node(e.ID(), leaf(func(s *state) ref.Val { return s.follow(i) }))
	return value{tree: c.moment(e.ID(), i), steps: steps, typ: typ{kind: timeKind}, instant: true, edge: &Edge{course: &start}}
}

// timeSteps gives the operands of arithmetic, and what comes of it for those
// who follow the start of a unit, or nil. Two durations that move cannot be
// put together, and none can shift a timestamp.
func (c *checker) timeSteps(e ast.Expr, build builder, out, a, b value) (value, value, ast.Expr) {
	x, y := a.followed(), b.followed()
	if out.kind == timeKind && a.kind == spanKind {
		x = a.tree
	}
	if out.kind == timeKind && b.kind == spanKind {
		y = b.tree
	}
	if x == a.tree && y == b.tree || a.kind == spanKind && a.steps != nil && b.steps != nil {
		return a, b, nil
	}
	if out.motion == combined { // whoever reads it follows it
		a.tree, b.tree = x, y
		return a, b, nil
	}
	return a, b, c.node(e.ID(), build, x, y)
}

// anniversary checks anniversary(d).
func (c *checker) anniversary(e ast.Expr) value {
	if !c.arity(e, 1, "anniversary(contact.birthday)") {
		return value{}
	}
	arg := e.AsCall().Args()[0]
	v := c.still(arg)
	if !c.want(arg, v, typ{kind: timeKind}, "the argument of anniversary") {
		return value{}
	}
	c.timed = true
	out := value{tree: c.node(e.ID(), buildAnniversary(c.env), v.tree), typ: typ{kind: timeKind}}
	if of := v.edgeOf(); of != nil {
		out.edge = of.then(edgeStep{yearly: true})
	}
	return out
}

func getterNames() []string {
	return []string{
		"getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours",
		"getMinutes", "getSeconds", "getMilliseconds",
	}
}

// getter checks t.getHours() and its like.
func (c *checker) getter(e ast.Expr, name string, target value) value {
	call := e.AsCall()
	if !c.want(call.Target(), target, typ{kind: timeKind}, "what "+name+" is called on") {
		return value{}
	}
	fine := slices.Index(getterNames(), name) > slices.Index(getterNames(), "getHours")
	if fine && target.motion != still {
		c.failf(c.nameAt(e), ruleNow, "getters of now go down to hours", "%s cannot be read of what moves with now", name)
		return value{}
	}
	zone := c.env.zone
	switch len(call.Args()) {
	case 0:
	case 1:
		z, ok := c.zone(call.Args()[0])
		if !ok {
			return value{}
		}
		zone = z
	default:
		c.failf(c.nameAt(e), ruleType, "the name of a zone, or nothing", "%s takes at most one argument", name)
		return value{}
	}
	r := newReading(target.followed(), name, zone)
	out := value{tree: c.node(e.ID(), buildGetter(r), target.tree), typ: typ{kind: intKind}}
	if target.follows() && !fine {
		out.reading = r
	}
	return out
}

// zone reads the name of a zone that is written out.
func (c *checker) zone(e ast.Expr) (*time.Location, bool) {
	const example = `"Europe/Berlin"`
	text, ok := c.written(e, ruleZone, "the zone", example)
	if !ok {
		return nil, false
	}
	if text != "" && text != "Local" {
		if zone, err := time.LoadLocation(text); err == nil {
			return zone, true
		}
	}
	c.failf(c.at(e), ruleZone, "a name of the tz database, such as Europe/Berlin or UTC", "there is no zone %s", strconv.Quote(text))
	return nil, false
}
